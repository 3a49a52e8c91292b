"""What clients speak, each dialect in its own module: pure translators between it and `core.chat`."""

"""Writing a file that the person has named, and never over one that is there."""

from __future__ import annotations

from freellm_cli.core.errors import UsageError


def write_new(path: str, text: str) -> None:
    """Raises UsageError when the file exists or cannot be written."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already", hint="choose another name") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be written: {reason}") from error

"""What others have written, on a person's terminal: models, providers, files, the person's own pasting."""

from __future__ import annotations

_KEPT = frozenset("\n\t")
# In JSON only these stand as they are; a carriage return there stands between values, and says nothing.
_ESCAPED = {13: "", **{code: f"\\u{code:04x}" for code in range(127, 160)}}


def harmless(text: str) -> str:
    """Without control characters, so that nothing that is shown can drive the terminal: paint over it, type
    into its clipboard, name its window (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html)."""
    if text.isprintable():
        return text
    return "".join(
        char for char in text if char in _KEPT or not (ord(char) < 32 or 127 <= ord(char) < 160)
    )


def harmless_json(text: str) -> str:
    """The same values, written without control characters: what a program reads back is what was there."""
    return text.translate(_ESCAPED)

"""Letters for terminals and files that know no better: an encoding without them gets the nearest it has."""

from __future__ import annotations

import codecs

ERRORS = "freellm.plain"
_NEAREST = {
    "·": "-", "•": "*", "★": "*", "…": "...", "→": "->", "–": "-", "—": "-", "─": "-", "×": "x",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "✓": "+", "✗": "x", "█": "#", "≥": ">=",
    "≤": "<=", "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ",
}  # fmt: skip


def plainly(error: UnicodeError) -> tuple[str, int]:
    """A codec's error handler (https://docs.python.org/3/library/codecs.html#codecs.register_error)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(_NEAREST.get(char, "?") for char in unknown), error.end


def register() -> str:
    """Makes the handler known; returns its name."""
    codecs.register_error(ERRORS, plainly)
    return ERRORS


def as_text(typed: str) -> str:
    """What was typed, where the locale could not read its bytes: they are UTF-8 then, or nearly."""
    if typed.isascii() or not any("\udc80" <= char <= "\udcff" for char in typed):
        return typed
    return typed.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

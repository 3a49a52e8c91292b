"""JSON out of text, for the hot path."""

from __future__ import annotations

from collections.abc import Callable
from json import JSONDecoder, loads
from typing import Any

LONG = 4096
_BLANKS = " \t\r\n"
_scan: Callable[[str, int], tuple[Any, int]] = JSONDecoder().scan_once  # type: ignore[attr-defined]


class Written(list[Any]):
    """A list that knows the JSON it was read from, so that it need not be written anew. Nobody changes it."""

    __slots__ = ("text",)

    def __init__(self, items: list[Any], text: str) -> None:
        super().__init__(items)
        self.text = text


def read_json(text: str) -> Any:
    """As `json.loads`, without its layers and its two searches for white space where there is none around
    the value. Raises ValueError (json.JSONDecodeError, with the place) or RecursionError."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end = -1
    return value if end == len(text) else loads(text)


def read_body(text: str) -> Any:
    """As `read_json`; the lists that are members of a long object are `Written`."""
    found = _members(text) if len(text) > LONG else None
    return read_json(text) if found is None else found


def _members(text: str) -> dict[str, Any] | None:
    """The object that `text` is, member by member; None when it is none, or is malformed."""
    found: dict[str, Any] = {}
    at = _next(text, 0)
    mark = "{,"
    try:
        while text[at] in mark and text[key_at := _next(text, at + 1)] == '"':
            key, at = _scan(text, key_at)
            at = _next(text, at)
            if text[at] != ":":
                return None
            begin = _next(text, at + 1)
            value, end = _scan(text, begin)
            found[key] = Written(value, text[begin:end]) if type(value) is list else value
            at, mark = _next(text, end), ","
        is_whole = found and text[at] == "}" and _next(text, at + 1) == len(text)
    except (StopIteration, ValueError, IndexError):
        return None
    return found if is_whole else None


def _next(text: str, at: int) -> int:
    """Where the next sign stands that is no white space."""
    while text[at : at + 1] and text[at] in _BLANKS:
        at += 1
    return at

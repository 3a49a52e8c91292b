"""What a use case hands to a face: data for `--json`, and the same as blocks for people.

The keys of `data` are public; `tests/contract/test_json_keys.py` freezes them for each command.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# Styles a block may name; a face maps them to colours or drops them.
STYLES = ("", "good", "bad", "warn", "dim", "strong")


class Cell(NamedTuple):
    text: str
    style: str = ""


class Table(NamedTuple):
    """`rows` hold plain strings or `Cell`s, as many as there are `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    title: str = ""
    empty: str = ""
    """Said in place of a table without rows."""
    spare: tuple[str, ...] = ()
    """Columns that a narrow terminal goes without, the first to go first."""


class Line(NamedTuple):
    text: str
    style: str = ""


class Facts(NamedTuple):
    """Names and values, one a line."""

    rows: tuple[tuple[str | Cell, str | Cell], ...]
    title: str = ""


Block = Table | Line | Facts


class Result(NamedTuple):
    """`notices` go to stderr; `exit_code` is 0 unless the answer is "no" (a key check that failed)."""

    data: dict[str, Any]
    blocks: tuple[Block, ...] = ()
    notices: tuple[str, ...] = ()
    exit_code: int = 0

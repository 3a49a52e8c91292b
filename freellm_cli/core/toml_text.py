"""TOML as text: dotted keys, and the line on which a key stands (which `tomllib` does not tell)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from freellm_cli.core.errors import UsageError

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*")
_PIECE = re.compile(_PART)


def split_key(text: str) -> tuple[str, ...]:
    """The parts of a dotted key; a part with a dot in it is quoted: `aliases."gpt-4.1"`.

    Raises UsageError.
    """
    match = _DOTTED.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is no setting's name",
            hint='write it like serve.port; quote a part with dots in it: aliases."gpt-4.1"',
        )
    return tuple(_unquoted(part) for part in _PIECE.findall(match[1]))


def join_key(parts: Sequence[str]) -> str:
    """The dotted key of these parts, quoted where TOML asks for it."""
    return ".".join(
        part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False) for part in parts
    )


def _unquoted(part: str) -> str:
    if part.startswith("'"):
        return part[1:-1]
    if part.startswith('"'):
        try:
            return str(json.loads(part))
        except ValueError:
            return part[1:-1]
    return part


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line (from 1) where the key at `path` stands; numbers count tables of an array.

    When the key itself is inside an inline table, the line of the nearest key around it.
    """
    wanted = tuple(path)
    best_length, best_line = 0, None
    for line, found in _keys(text):
        # A key below the wanted one stands for it: `models.allow = …` is where `models` is.
        length = len(wanted) if found[: len(wanted)] == wanted else len(found)
        if found[:length] == wanted[:length] and length > best_length:
            best_length, best_line = length, line
    return best_line


def _keys(text: str) -> Iterator[tuple[int, Path]]:
    """Each key and table header with its line and its full path."""
    counts: dict[Path, int] = {}
    table: Path = ()
    rest = _Rest()
    for number, line in enumerate(text.splitlines(), 1):
        if rest.is_open:
            rest.read(line)
            continue
        stripped = line.strip()
        if stripped.startswith("["):
            array = stripped.startswith("[[")
            match = _DOTTED.match(stripped, 2 if array else 1)
            if match:
                table = _entered(match[1], counts, array=array)
                yield number, table
            continue
        match = _DOTTED.match(line)
        if match and line[match.end() : match.end() + 1] == "=":
            yield number, table + tuple(_unquoted(part) for part in _PIECE.findall(match[1]))
            rest.read(line[match.end() + 1 :])


def _entered(header: str, counts: dict[Path, int], *, array: bool) -> Path:
    """The path of a header, with the index of each array of tables that it goes through."""
    path: Path = ()
    parts = [_unquoted(part) for part in _PIECE.findall(header)]
    for position, part in enumerate(parts):
        path = (*path, part)
        if array and position == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


class _Rest:
    """Follows a value over its lines: open brackets and multi-line strings."""

    _TOKENS = re.compile(
        r"""\"\"\"|'''|"(?:[^"\\]|\\.)*"|'[^']*'|[\[\]{}]|\#""",
    )

    def __init__(self) -> None:
        self._depth = 0
        self._quotes = ""

    @property
    def is_open(self) -> bool:
        return bool(self._quotes) or self._depth > 0

    def read(self, line: str) -> None:
        position = 0
        while position < len(line):
            if self._quotes:
                position = self._end_of_string(line, position)
                continue
            match = self._TOKENS.search(line, position)
            if match is None or match[0] == "#":
                return
            position = match.end()
            if match[0] in ('"""', "'''"):
                self._quotes = match[0]
            elif match[0] in "[{":
                self._depth += 1
            elif match[0] in "]}":
                self._depth -= 1

    def _end_of_string(self, line: str, position: int) -> int:
        escape = self._quotes == '"""'
        while position < len(line):
            if escape and line[position] == "\\":
                position += 2
            elif line.startswith(self._quotes, position):
                position += 3
                # Up to two more quotes may belong to the string's end.
                while line[position : position + 1] == self._quotes[0]:
                    position += 1
                self._quotes = ""
                return position
            else:
                position += 1
        return position

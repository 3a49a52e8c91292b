"""A parser for command lines that hold no surprise, driven by the table that `scripts/gen` compiles.

It accepts a subset of what Typer accepts and gives the same values; for anything else it gives None, and
Typer parses (and complains). `tests/cli/test_quick_parse.py` holds the two against each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from freellm_cli.cli.chat_options import ChatOptions
from freellm_cli.cli.quick_table import CHAT, GLOBALS


class QuickCall(NamedTuple):
    globals: dict[str, Any]
    options: ChatOptions


class _Unsure(Exception):
    """Not for this parser."""


def chat_call(argv: list[str]) -> QuickCall | None:
    """The call that `argv` (without the program's name) stands for, or None."""
    try:
        before, after = _split(argv)
        values: dict[str, Any] = {}
        _parse(before, GLOBALS, values, words=None)
        words: list[str] = []
        _parse(after, {**GLOBALS, **CHAT}, values, words)
        named = {name: value for name, value in values.items() if name in ChatOptions._fields}
        lists = {name: tuple(value) for name, value in named.items() if isinstance(value, list)}
        options = ChatOptions(prompt=tuple(words), **{**named, **lists})
    except (_Unsure, ValueError):
        return None
    return QuickCall({k: v for k, v in values.items() if k not in named}, options)


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    at = argv.index("chat")
    return argv[:at], argv[at + 1 :]


def _parse(
    argv: list[str], table: dict[str, Any], values: dict[str, Any], words: list[str] | None
) -> None:
    """Fills `values` by option name and `words` with what is no option. Raises _Unsure."""
    pending = iter(argv)
    for word in pending:
        if word == "--" and words is not None:
            words.extend(pending)
        elif word.startswith("-") and word != "-":
            flag, equals, given = word.partition("=")
            if flag not in table or (equals and not flag.startswith("--")):
                raise _Unsure
            name, kind, extra = table[flag]
            if kind == "flag":
                if equals:
                    raise _Unsure
                values[name] = extra
            else:
                text = given if equals else next(pending, None)
                _store(values, name, kind, extra, text)
        elif words is None:
            raise _Unsure
        else:
            words.append(word)


def _store(values: dict[str, Any], name: str, kind: str, extra: Any, text: str | None) -> None:
    if text is None or (text.startswith("-") and text != "-" and not _is_number(text)):
        raise _Unsure
    if kind == "list":
        values.setdefault(name, []).append(text)
    elif kind == "choice":
        if text not in extra:
            raise _Unsure
        values[name] = text
    elif kind == "float" and not text.lstrip("+-")[:1].isdecimal() and text[:1] != ".":
        raise _Unsure  # nan, infinity
    else:
        values[name] = {"str": str, "int": int, "float": float}[kind](text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

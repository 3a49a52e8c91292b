"""A line that a person types, as the words that their system's shell would make of it."""

from __future__ import annotations


def split_words(line: str, *, windows: bool) -> list[str]:
    r"""POSIX: quotes and backslashes as in a shell. Windows: a backslash is a part of a path, and only double
    quotes keep words together. Raises ValueError when a quote is not closed."""
    from shlex import shlex

    lexer = shlex(line, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if windows:
        lexer.escape = ""
        lexer.quotes = '"'
    return list(lexer)

"""What a person types, on both kinds of systems."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.shell_words import split_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"C:\Windows\notepad.exe", [r"C:\Windows\notepad.exe"]),
        (r'"C:\Program Files\Code\code.cmd" --wait', [r"C:\Program Files\Code\code.cmd", "--wait"]),
        (r'C:\"my photos"\a.png b#1.png', [r"C:\my photos\a.png", "b#1.png"]),
        ("it's here.txt", ["it's", "here.txt"]),
        ('"" x', ["", "x"]),
        ("", []),
    ],
)
def test_windows_paths_stay_whole(line: str, words: list[str]) -> None:
    assert split_words(line, windows=True) == words


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))))
def test_a_posix_line_gives_back_what_was_quoted(words: list[str]) -> None:
    assert split_words(shlex.join(words), windows=False) == words


@pytest.mark.parametrize("windows", [False, True])
def test_a_quote_that_is_not_closed_is_a_slip(windows: bool) -> None:
    with pytest.raises(ValueError, match="quot"):
        split_words('a "b', windows=windows)

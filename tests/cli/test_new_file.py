"""Files that a person names for something to be written into."""

from __future__ import annotations

from pathlib import Path

import pytest

from freellm_cli.cli.new_file import write_new
from freellm_cli.core.errors import StoreError, UsageError
from tests.support.household import Household


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_new(str(file), "yours")
    assert file.read_text() == "mine"


def test_what_cannot_be_written_to_its_end_is_not_left_half(tmp_path: Path) -> None:
    file = tmp_path / "report"
    with pytest.raises(StoreError, match="cannot be written"):
        write_new(str(file), "x" * 100_000 + "\udcff")
    assert not file.exists(), "or the next try finds that it exists already"


@pytest.mark.parametrize(
    "words", [["doctor", "--offline", "--bundle"], ["history", "export", "--all", "-o"]]
)
def test_no_place_to_write_has_its_own_exit_code(
    home: Household, tmp_path: Path, words: list[str]
) -> None:
    home.keys("gemini", "k1").run("chat", "hello")
    outcome = home.run(*words, str(tmp_path / "nowhere" / "file"))
    assert outcome.code == 3
    assert "file cannot be written: No such file or directory" in outcome.err

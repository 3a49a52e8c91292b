"""The man pages: one for the program and one a command, clean in the eyes of a strict reader."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from freellm_cli.cli.app import COMMANDS

PAGES = sorted((Path(__file__).resolve().parent.parent.parent / "man").glob("*.1"))


def test_there_is_a_page_for_every_command() -> None:
    assert {page.stem for page in PAGES} == {"freellm", *(f"freellm-{name}" for name in COMMANDS)}


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="no mandoc on this machine")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_mandoc_finds_nothing_to_complain_of(page: Path) -> None:
    done = subprocess.run(
        ["mandoc", "-Tlint", "-W", "warning", str(page)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_the_sections_that_readers_look_for(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"):
        assert f"\n.SH {section}\n" in text

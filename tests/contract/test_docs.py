"""The pages say what the program does: every error, every file, every example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from freellm_cli.core import errors
from freellm_cli.simulator.server import Simulator
from tests.support.household import Household

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def all_errors(kind: type[errors.FreellmError] = errors.FreellmError) -> Iterator[type]:
    if kind.__module__ == errors.__name__:
        yield kind
    for below in kind.__subclasses__():
        yield from all_errors(below)


def test_every_error_has_its_entry_with_its_codes_and_no_entry_is_left_over() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    stated = {
        (slug, int(code), int(status))
        for slug, code, status in re.findall(
            r"^\| \[([\w-]+)\]\(#\1\) \| (\d+) \| (\d+) \|$", page, re.MULTILINE
        )
    }
    assert stated == {(kind.slug, kind.exit_code, kind.http_status) for kind in all_errors()}
    assert set(re.findall(r"^## (\S+)$", page, re.MULTILINE)) == {row[0] for row in stated}


def test_every_path_that_the_program_names_is_explained(tmp_path: Path) -> None:
    page = (DOCS / "files.md").read_text(encoding="utf-8")
    with Simulator("generous") as sim:
        shown = Household(tmp_path, sim).run("config", "path").out
    for line in shown.splitlines():
        name, path = line.split(maxsplit=1)
        assert f"| `{name}` |" in page
        assert name == "cache" or Path(path).name in page

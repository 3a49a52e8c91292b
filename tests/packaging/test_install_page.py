"""docs/install.md: its commands run, what it names is there."""

from __future__ import annotations

import os
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT
from tests.support.household import Household
from tests.support.upstream import simulator

PAGE = (ROOT / "docs/install.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+?)(?:\s{2,}#.*)?$", PAGE.replace("\\\n", " "), re.MULTILINE)
OURS = [line for line in COMMANDS if line.startswith("freellm ")]


def test_its_commands_do_what_it_says_in_the_order_that_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # this machine's own service is left alone
    with simulator("generous") as sim:
        home = Household(tmp_path, sim)
        home.config("")
        for line in OURS:
            outcome = home.run(*shlex.split(line)[1:], env={"HOME": str(tmp_path)})
            assert outcome.code == 0, (line, outcome.err)
    assert len(OURS) == 3
    if os.name != "nt":
        assert not list(tmp_path.rglob("freellm.service")), "the last one takes it away"


def test_every_script_and_page_that_it_names_is_there() -> None:
    for name in re.findall(r"\b(?:scripts|packaging|tests)/[\w./-]+\w", PAGE):
        assert (ROOT / name).exists(), name
    for link in re.findall(r"\]\(([\w-]+\.md)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link


def test_the_container_is_started_with_what_the_dockerfile_has() -> None:
    (line,) = [line for line in COMMANDS if line.startswith("docker run")]
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    words = shlex.split(line)
    for volume in [after for word, after in pairwise(words) if word == "--volume"]:
        assert f'"{volume.partition(":")[2]}"' in text
    assert "127.0.0.1:8000:8000" in words
    assert "EXPOSE 8000" in text
    assert any(word.startswith("FREELLM_SERVE_TOKEN=") for word in words)


def test_the_places_of_the_service_are_those_of_the_code(tmp_path: Path) -> None:
    from freellm_cli.services.install_service import service_place
    from freellm_cli.storage.paths import Paths

    paths = Paths("/c", "/s", "/k")
    for platform in ("linux", "darwin"):
        place = service_place({"HOME": "/home/ann"}, paths, platform=platform)
        assert f"`{place.path.replace('/home/ann', '~')}`" in PAGE
    assert f"`{'service'}\\freellm.xml`" in PAGE

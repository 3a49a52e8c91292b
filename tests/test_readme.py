"""What the README says is true: its commands run, its settings load, its table is the code's."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.core import errors
from freellm_cli.core.settings import Settings
from tests.support.household import Household
from tests.support.upstream import simulator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+?)(?:\s{2,}#.*)?$", README, re.MULTILINE)
OURS = [line for line in COMMANDS if re.search(r"\bfreellm [a-z]", line)]
SECOND_NATURE = {"scripts/setup", "scripts/check"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Household]:
    with simulator("generous") as sim:
        household = Household(tmp_path, sim)
        household.keys("gemini", "k1", "k2").keys("nvidia_nim", "nvapi-1")
        household.config('default_model = "gemini/gemini-2.5-flash"')
        yield household
        household.forget()


def test_there_are_commands_to_try() -> None:
    assert len(OURS) >= 6


@pytest.mark.parametrize("line", OURS)
def test_every_freellm_command_of_the_readme_runs(home: Household, line: str) -> None:
    before, _, command = line.rpartition("| ")
    words = shlex.split(command)
    assert words[0] == "freellm"
    if words[1:3] == ["keys", "add"]:
        words += ["--stdin"]
    stdin = (
        "AIzaSyA-from-the-readme-0123456789abcde" if "add" in words else "a diff" if before else ""
    )
    if words[1] == "serve":  # runs until it is stopped: tests/server and tests/clients do that
        words.append("--help")
    outcome = home.run(*words[1:], stdin=stdin)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("script", sorted(SECOND_NATURE))
def test_the_two_first_commands_name_scripts_that_exist(script: str) -> None:
    assert f"python3 {script}" in README
    assert (ROOT / script).exists()


def test_every_toml_example_loads_without_a_warning() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        _, warnings = Settings.load(tomllib.loads(block), {})
        assert warnings == ()


def test_the_exit_codes_are_those_of_the_code() -> None:
    named = {int(code) for code in re.findall(r"\| (\d+) \|", README)}
    known = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert named == known


def test_every_page_that_the_readme_links_exists() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link

"""What the README and the pages of docs/ say is true: they are typed, command by command."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.core import errors
from freellm_cli.core.settings import Settings
from freellm_cli.core.templates import template_from
from tests.support.household import Household
from tests.support.typed_pages import Command, File, Typist, given_files, read_page
from tests.support.upstream import simulator

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
COOKBOOK = sorted((ROOT / "docs" / "cookbook").glob("*.md"))
TYPED = [README, *COOKBOOK]
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
# The first steps in a clone: tests of their own.
NOT_HERE = ("python3 scripts/",)
FAMILIES = ("gemini", "groq", "mistral", "nvidia_nim")

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "git", "jq", "curl")),
    reason="the pages use bash, git, jq and curl",
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def typist(tmp_path: Path) -> Iterator[Typist]:
    with simulator("generous") as sim:
        household = Household(tmp_path, sim)
        for provider in FAMILIES:
            household.keys(provider, f"{provider}-first-key-0123456789")
        household.keys("gemini", "gemini-second-key-0123456789")
        given_files(tmp_path / "work")
        person = Typist(household, tmp_path / "work")
        yield person
        person.stop()


@pytest.mark.parametrize("page", TYPED, ids=name_of)
def test_every_command_of_a_page_does_what_the_page_says(page: Path, typist: Typist) -> None:
    for step in read_page(page):
        if isinstance(step, File):
            typist.write(step)
        elif not step.line.startswith(NOT_HERE):
            typist.type(step)


def test_there_is_much_to_be_typed() -> None:
    commands = [step for page in TYPED for step in read_page(page) if isinstance(step, Command)]
    assert len(commands) > 80
    assert len(COOKBOOK) >= 10


def test_a_page_that_lies_is_found_out(typist: Typist) -> None:
    for lie in (
        Command("freellm chat hello", 5, ()),
        Command("freellm keys list", 0, ("no key of this name",)),
        Command("freellm kyes", 0, ()),
    ):
        with pytest.raises(AssertionError):
            typist.type(lie)


@pytest.mark.parametrize("script", ["scripts/setup", "scripts/check"])
def test_the_first_commands_name_scripts_that_exist(script: str) -> None:
    assert f"python3 {script}" in README.read_text(encoding="utf-8")
    assert (ROOT / script).exists()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_toml_and_json_example_loads(page: Path) -> None:
    for kind, name, text in re.findall(
        r"^```(toml|json)(?: (\S+))?\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S
    ):
        if kind == "json":
            json.loads(text)
        elif name.startswith("templates/"):
            template_from("example", tomllib.loads(text), name)
        elif page in TYPED:
            assert Settings.load(tomllib.loads(text), {})[1] == ()


def test_the_exit_codes_are_those_of_the_code() -> None:
    named = {int(code) for code in re.findall(r"\| (\d+) \|", README.read_text(encoding="utf-8"))}
    known = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert named == known


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", text):
        if link.startswith(("http", "mailto:")):
            continue
        target = page.parent / link if link else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}

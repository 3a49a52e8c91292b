"""Prompts with a name: `-t NAME`, their variables, and the commands that list, show and edit them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from freellm_cli.core.templates import KEYS
from freellm_cli.services.template_library import LIBRARY, NEW
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household

GREET = """
description = "A greeting"
system = "You speak {language}."
prompt = "Greet {input} with {{braces}} and {not a variable}."
model = "gemini/gemini-2.5-flash-lite"
think = "off"
[options]
temperature = 0.25
[defaults]
language = "English"
"""


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1").config(f'default_model = "{FLASH}"')


def write(home: Household, name: str, text: str) -> None:
    folder = Path(home.env["FREELLM_CONFIG_DIR"]) / "templates"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def test_a_template_says_what_the_command_line_does_not(home: Household, sim: Simulator) -> None:
    write(home, "greet", GREET)
    assert home.run("chat", "-t", "greet", "-p", "language=Latin", "Ada").code == 0
    seen = sim.seen[-1]
    assert seen.model == "gemini-2.5-flash-lite"
    text = seen.body["contents"][0]["parts"][0]["text"]
    assert text == "Greet Ada with {braces} and {not a variable}."
    assert "You speak Latin." in json.dumps(seen.body["systemInstruction"])
    assert seen.body["generationConfig"]["temperature"] == 0.25


def test_the_command_line_goes_before_the_template(home: Household, sim: Simulator) -> None:
    write(home, "greet", GREET)
    line = ["chat", "-t", "greet", "-m", FLASH, "-s", "be rude", "--temperature", "1", "Ada"]
    assert home.run(*line).code == 0
    seen = sim.seen[-1]
    assert seen.model == "gemini-2.5-flash"
    assert "be rude" in json.dumps(seen.body["systemInstruction"])
    assert seen.body["generationConfig"]["temperature"] == 1


def test_what_is_piped_in_is_the_input(home: Household, sim: Simulator) -> None:
    write(home, "plain", 'prompt = "Summarise {language}ly."\n')
    assert home.run("chat", "-t", "plain", "-p", "language=brief", stdin="a {text}").code == 0
    text = sim.seen[-1].body["contents"][0]["parts"][0]["text"]
    assert text == "Summarise briefly.\n\na {text}"


def test_extract_in_a_template_prints_the_block_alone(home: Household, sim: Simulator) -> None:
    sim.reply("Sure:\n```sh\nls -l\n```\n")
    assert home.run("chat", "-t", "command", "list files").out == "ls -l\n"


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_what_comes_with_freellm_works(home: Household, sim: Simulator, name: str) -> None:
    assert home.run("chat", "-t", name, stdin="some text").code == 0
    assert "some text" in json.dumps(sim.seen[-1].body)
    assert "{" not in sim.seen[-1].body["contents"][0]["parts"][0]["text"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["-t", "greet"], "wants a text"),
        (["-t", "greet", "-p", "langage=Latin", "x"], "did you mean language?"),
        (["-t", "greet", "-p", "language", "x"], "-p wants name=value"),
        (["-t", "gret", "x"], "did you mean greet?"),
        (["-t", "../config", "x"], "cannot be a template's name"),
        (["-t", "wants", "x"], "add -p tone=…"),
        (["-p", "a=b", "x"], "name the template"),
    ],
)
def test_a_wrong_use_is_told_before_anything_is_sent(
    home: Household, sim: Simulator, line: list[str], told: str
) -> None:
    write(home, "greet", GREET)
    write(home, "wants", 'prompt = "{tone}"')
    outcome = home.run("chat", *line)
    assert (outcome.code, told in outcome.err) == (2, True), outcome.err
    assert not sim.seen


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prompt = ", "is no TOML"),
        ('promt = "x"', "did you mean prompt?"),
        ("prompt = 3", "prompt must be a text"),
        ('prompt = "x"\nthink = "hard"', "think must be one of"),
        ('description = "x"', "neither a prompt nor a system prompt"),
        ('prompt = "x"\nextract = "yes"', "extract must be true or false"),
    ],
)
def test_a_broken_template_names_its_file(home: Household, text: str, told: str) -> None:
    write(home, "broken", text)
    outcome = home.run("chat", "-t", "broken", "x")
    assert (outcome.code, told in outcome.err, "broken.toml" in outcome.err) == (3, True, True)
    listed = json.loads(home.run("templates", "list", "--json").out)["templates"]
    assert {row["name"]: row["ok"] for row in listed}["broken"] is False


def test_ones_own_goes_before_what_comes_with_freellm(home: Household) -> None:
    write(home, "commit", 'prompt = "mine: {input}"\n')
    shown = json.loads(home.run("templates", "show", "commit", "--json").out)
    assert shown["text"] == 'prompt = "mine: {input}"\n'
    assert shown["wants_input"] is True
    names = [row["name"] for row in json.loads(home.run("templates", "--json").out)["templates"]]
    assert names.count("commit") == 1


@pytest.mark.skipif(os.name == "nt", reason="the editor is a POSIX command line")
def test_edit_keeps_what_is_right_and_refuses_what_is_not(home: Household, tmp_path: Path) -> None:
    def editor(text: str) -> dict[str, str]:
        script = tmp_path / "editor.py"
        script.write_text(f"import sys\nopen(sys.argv[1], 'w').write({text!r})\n")
        return {"EDITOR": f"{sys.executable} {script}"}

    assert home.run("templates", "edit", "mine", env=editor('prompt = "hi"\n')).code == 0
    refused = home.run("templates", "edit", "mine", env=editor("prompt ="))
    assert refused.code == 3
    file = Path(home.env["FREELLM_CONFIG_DIR"]) / "templates" / "mine.toml"
    assert file.read_text() == 'prompt = "hi"\n'


def test_a_new_template_begins_with_every_key() -> None:
    assert all(key in NEW for key in KEYS)


def test_what_was_typed_is_saved_as_a_template_and_nothing_is_asked(
    home: Household, sim: Simulator
) -> None:
    saved = home.run(
        "chat", "--save", "hail", "Hail {input} in {tongue}\nloudly", "-s", "You are brief.",
        "-m", FLASH, "-p", "tongue=French", "--think", "off", "-x", "-o", 'more={"a": [1, null]}',
        "--temperature", "0.5",
    )  # fmt: skip
    assert (saved.code, saved.err) == (0, "")
    assert sim.counts.requests == 0
    shown = home.run("templates", "show", "hail").out
    assert "Hail {input} in {tongue}\nloudly" in shown
    assert home.run("chat", "-t", "hail", "Bob").code == 0
    body = sim.seen[-1].body
    assert body["contents"][-1]["parts"][0]["text"] == "Hail Bob in French\nloudly"
    assert body["generationConfig"]["temperature"] == 0.5


def test_a_template_is_not_saved_over_another_nor_without_a_word(home: Household) -> None:
    write(home, "greet", GREET)
    taken = home.run("chat", "--save", "greet", "something else")
    assert taken.code == 2
    assert "templates edit greet" in taken.err
    assert "Greet {input}" in home.run("templates", "show", "greet").out
    nothing = home.run("chat", "--save", "empty")
    assert nothing.code == 2
    assert "`freellm chat --save empty " in nothing.err
    assert home.run("chat", "--save", "../escape", "x").code == 2

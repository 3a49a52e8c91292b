"""What models, providers and files say cannot drive the terminal it is shown on; a pipe gets all of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.cli.chat_options import ChatOptions
from freellm_cli.cli.chat_print import print_status
from freellm_cli.cli.face import Face
from freellm_cli.cli.oauth_talk import TerminalTalk
from freellm_cli.cli.session_output import MarkdownPrinter
from freellm_cli.core.errors import EXIT_INTERNAL
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household
from tests.support.terminal import Terminal

DRIVING = "x\x1b]0;title\x07\x9b2J\x7fy"
HARMLESS = "x]0;title2Jy"


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1").config(f'default_model = "{FLASH}"')


@pytest.fixture
def face(home: Household) -> Face:
    return Face({**home.env, "TERM": "xterm"}, io.StringIO(), Terminal(), Terminal())


def written(stream: Any) -> str:
    return str(stream.getvalue())


def is_harmless(text: str) -> bool:
    return not any(char in text for char in "\x07\x7f\x9b") and "\x1b]" not in text


def test_the_name_of_a_called_tool(home: Household, sim: Simulator, face: Face) -> None:
    sim.reply(calls=[(DRIVING, {})])
    MarkdownPrinter(face).show(home.ask())
    assert f"calls {HARMLESS}" in written(face.out)
    assert is_harmless(written(face.out))


def test_the_name_of_who_answered(home: Household, face: Face) -> None:
    answer = home.ask()
    answer.completion()
    answer.answerer = answer.answerer._replace(model_id=DRIVING)
    print_status(face, ChatOptions(), answer)
    assert HARMLESS in written(face.err)
    assert is_harmless(written(face.err))


def test_an_error_of_ours_that_quotes_it(face: Face) -> None:
    assert face.show_crash(ValueError(DRIVING)) == EXIT_INTERNAL
    assert f"ValueError: {HARMLESS}\n" in written(face.err)


def test_what_a_login_is_told(face: Face) -> None:
    TerminalTalk(face).say(DRIVING)
    assert written(face.err) == HARMLESS + "\n"


def test_exported_history(home: Household, sim: Simulator) -> None:
    sim.reply(DRIVING)
    home.run("chat", "hello")
    for words in (["export"], ["export", "--format", "jsonl"]):
        shown = home.run("history", *words, "--all", terminal=True).out
        assert "title" in shown
        assert is_harmless(shown)
    assert DRIVING in home.run("history", "export", "--all").out


def test_json_is_the_same_value_written_without_it(home: Household, sim: Simulator) -> None:
    sim.reply(DRIVING + "é", times=None)
    for words in (["chat", "hello", "--json"], ["batch", "-"]):
        shown = home.run(*words, stdin="a\n", terminal=True).out
        assert json.loads(shown)["text"] == DRIVING + "é"
        assert "\\u009b2J\\u007fyé" in shown
        assert is_harmless(shown)
        assert "\x9b2J\x7fy" in home.run(*words, stdin="a\n").out


def test_a_value_that_fits_a_schema(home: Household, sim: Simulator, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object"}')
    text = '{"name":\r"Ada\x9b2J"}'
    sim.reply(text, times=None)
    words = ["chat", "--json-schema", str(schema), "who?"]
    assert home.run(*words, terminal=True).out == '{"name":"Ada\\u009b2J"}\n'
    assert home.run(*words).out == text + "\n"

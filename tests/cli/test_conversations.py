"""Conversations from the command line: carried on, listed, found, forgotten, and not kept when not wanted."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.simulator.server import Simulator
from freellm_cli.storage.history_schema import HISTORY
from tests.support.household import FLASH, Household


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1").keys("groq", "g1").config(f'default_model = "{FLASH}"')


def history_file(home: Household) -> Path:
    return Path(home.env["FREELLM_STATE_DIR"]) / "history.db"


def heads(home: Household) -> list[dict[str, Any]]:
    outcome = home.run("history", "list", "--json")
    assert outcome.code == 0
    found: list[dict[str, Any]] = json.loads(outcome.out)["conversations"]
    return found


def asked(sim: Simulator) -> list[tuple[str, str]]:
    """(role, text) of the last request, in Google's shape."""
    body = sim.seen[-1].body
    return [(turn["role"], turn["parts"][0]["text"]) for turn in body["contents"]]


def test_continue_sends_what_was_said(home: Household, sim: Simulator) -> None:
    sim.reply("Blue.")
    assert home.run("chat", "-s", "be brief", "what colour is the sky?").code == 0
    assert home.run("chat", "-c", "why?").code == 0
    assert asked(sim) == [
        ("user", "what colour is the sky?"),
        ("model", "Blue."),
        ("user", "why?"),
    ]
    assert "be brief" in json.dumps(sim.seen[-1].body["systemInstruction"])
    assert [head["turns"] for head in heads(home)] == [2]


def test_a_conversation_stays_with_its_model_until_another_is_named(
    home: Household, sim: Simulator
) -> None:
    assert home.run("chat", "-m", "groq/openai/gpt-oss-120b", "one").code == 0
    assert home.run("chat", "-c", "two").code == 0
    assert sim.seen[-1].body["model"] == "openai/gpt-oss-120b"
    assert home.run("chat", "-c", "-m", FLASH, "three").code == 0
    assert [text for role, text in asked(sim) if role == "user"] == ["one", "two", "three"]


def test_the_list_says_who_answered_and_beside_it_what_was_asked(home: Household) -> None:
    home.config('[aliases]\nquick = "groq/openai/gpt-oss-120b"\n' + home._extra)
    home.run("chat", "--conversation", "plain", "one")
    home.run("chat", "--conversation", "alias", "-m", "quick", "two")
    found = {head["id"]: (head["model"], head["answered_by"]) for head in heads(home)}
    assert found == {"plain": ("", FLASH), "alias": ("quick", "groq/openai/gpt-oss-120b")}
    listed = home.run("history").out
    assert FLASH in listed
    assert "groq/openai/gpt-oss-120b" in listed
    assert "asks quick" in home.run("history", "show", "alias").out
    assert "asks the default model" in home.run("history", "show", "plain").out


def test_a_named_conversation_begins_with_a_notice_and_goes_on(
    home: Household, sim: Simulator
) -> None:
    first = home.run("chat", "--conversation", "blacksmith", "who are you?")
    assert (first.code, first.err) == (0, "freellm: a new conversation begins: blacksmith\n")
    again = home.run("chat", "--conversation", "blacksmith", "and now?")
    assert (again.code, again.err) == (0, "")
    assert len(asked(sim)) == 3
    other = home.run("chat", "--conversation", "black", "hello")
    assert "a new conversation begins: black" in other.err
    assert len(asked(sim)) == 1


def test_an_id_may_be_shortened(home: Household, sim: Simulator) -> None:
    home.run("chat", "one")
    name = heads(home)[0]["id"]
    assert home.run("chat", "--conversation", name[:6], "two").code == 0
    assert len(asked(sim)) == 3
    outcome = home.run("chat", "--conversation", "c_zzz", "three")
    assert (outcome.code, len(sim.seen)) == (2, 2)
    assert "no conversation is called 'c_zzz'" in outcome.err


def test_no_log_and_history_false_keep_nothing(home: Household) -> None:
    assert home.run("chat", "--no-log", "a secret").code == 0
    assert not history_file(home).exists()
    home.config(f'default_model = "{FLASH}"\nhistory = false')
    assert home.run("chat", "another secret").code == 0
    assert not history_file(home).exists()
    assert "history = false" in home.run("history").out


def test_no_log_goes_on_without_adding(home: Household, sim: Simulator) -> None:
    home.run("chat", "one")
    assert home.run("chat", "-c", "--no-log", "two").code == 0
    assert len(asked(sim)) == 3
    assert heads(home)[0]["turns"] == 1


def test_continue_without_a_conversation_is_told(home: Household, sim: Simulator) -> None:
    outcome = home.run("chat", "-c", "why?")
    assert outcome.code == 2
    assert "no conversation to continue" in outcome.err
    assert not sim.seen


def test_json_tells_the_conversation(home: Household) -> None:
    kept = json.loads(home.run("chat", "--json", "one").out)
    assert kept["conversation"] == heads(home)[0]["id"]
    assert json.loads(home.run("chat", "--json", "--no-log", "one").out)["conversation"] is None


def test_a_failed_question_is_not_kept(home: Household, sim: Simulator) -> None:
    sim.fail("bad_request", times=None)
    assert home.run("chat", "one").code == 7
    assert not history_file(home).exists()


def test_a_newer_history_costs_no_answer_and_is_left_alone(home: Household) -> None:
    home.run("chat", "one")
    with sqlite3.connect(history_file(home)) as connection:
        connection.execute(f"PRAGMA user_version = {HISTORY.version + 1}")
    outcome = home.run("chat", "two")
    assert outcome.code == 0
    assert "two" in outcome.out
    assert "not kept" in outcome.err
    assert "newer freellm" in outcome.err
    for command in (["history"], ["history", "show"], ["chat", "-c", "three"]):
        refused = home.run(*command)
        assert (refused.code, "newer freellm" in refused.err) == (3, True)
    with sqlite3.connect(history_file(home)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM message").fetchone() == (2,)


def test_show_search_and_export_tell_what_was_said(home: Household, sim: Simulator) -> None:
    sim.reply("Because of Rayleigh scattering.")
    home.run("chat", "why is the sky blue?")
    home.run("chat", "something else")
    name = heads(home)[1]["id"]
    shown = home.run("history", "show", name).out
    assert "why is the sky blue?" in shown
    assert "Rayleigh" in shown
    assert FLASH in shown
    assert "something else" in home.run("history", "show").out
    found = json.loads(home.run("history", "search", "rayleigh", "--json").out)["hits"]
    assert [(hit["conversation"], hit["role"]) for hit in found] == [(name, "assistant")]
    assert "nothing found" in home.run("history", "search", "zebra").out
    document = home.run("history", "export", name).out
    assert document.startswith("# why is the sky blue?\n")
    assert "## gemini/gemini-2.5-flash" in document
    lines = home.run("history", "export", "--all", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["messages"][0]["content"] for line in lines] == [
        "something else",
        "why is the sky blue?",
    ]


def test_export_never_writes_over_a_file(home: Household, tmp_path: Path) -> None:
    home.run("chat", "one")
    out = str(tmp_path / "out.md")
    assert home.run("history", "export", "--all", "-o", out).code == 0
    before = Path(out).read_bytes()
    refused = home.run("history", "export", "--all", "-o", out)
    assert (refused.code, "exists already" in refused.err) == (2, True)
    assert Path(out).read_bytes() == before


def test_delete_forgets_and_wants_to_know_which(home: Household) -> None:
    for text in ("one", "two", "three"):
        home.run("chat", text)
    assert home.run("history", "delete").code == 2
    latest = heads(home)[0]["id"]
    refused = home.run("history", "delete", latest[:8])
    assert (refused.code, len(heads(home))) == (2, 3)
    assert f"1 conversation ({latest}) would be forgotten" in refused.err
    assert f"`freellm history delete {latest[:8]} --yes`" in refused.err
    assert home.run("history", "delete", latest[:8], "--yes").code == 0
    assert [head["title"] for head in heads(home)] == ["two", "one"]
    assert home.run("history", "delete", "--older-than", "1d").code == 0
    assert len(heads(home)) == 2
    assert home.run("history", "delete", "--older-than", "soon").code == 2
    assert home.run("history", "delete", "--all", "-y").code == 0
    assert heads(home) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_history_is_for_its_owner_alone(home: Household) -> None:
    home.run("chat", "one")
    assert history_file(home).stat().st_mode & 0o777 == 0o600

"""`freellm demo`: every scene ends as it says, and nothing is left behind."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from freellm_cli.providers.registry import load_catalog
from freellm_cli.services.demo import run_demo
from freellm_cli.services.results import Block, Line, Table
from freellm_cli.simulator.server import Simulator
from tests.support.household import Household


class Recorder:
    """A stage that remembers."""

    def __init__(self) -> None:
        self.scenes: list[str] = []
        self.commands: list[str] = []
        self.text = ""
        self.blocks: list[Block] = []

    def scene(self, title: str) -> None:
        self.scenes.append(title)

    def command(self, line: str) -> None:
        self.commands.append(line)

    def say(self, piece: str) -> None:
        self.text += piece

    def show(self, *blocks: Block) -> None:
        self.blocks += blocks


def lines(stage: Recorder) -> list[str]:
    return [block.text for block in stage.blocks if isinstance(block, Line)]


def test_every_question_is_answered_and_no_limit_is_hit() -> None:
    stage = Recorder()
    data = run_demo(stage, fast=True).data
    assert [scene["scene"] for scene in data["scenes"]] == [
        "chat",
        "rotation",
        "bad_key",
        "closed_service",
        "silent_host",
    ]
    assert all(scene["answered"] == scene["asked"] for scene in data["scenes"])
    assert data["upstream"]["refused_for_limits"] == 0
    assert stage.text.count("You asked") == 4


def test_who_answers_is_served_today_by_the_catalog() -> None:
    catalog = load_catalog()
    scenes = run_demo(Recorder(), fast=True).data["scenes"]
    by = {model_id for scene in scenes for model_id in scene["by"]}
    assert {model_id: spec.status for model_id in by if (spec := catalog.model(model_id))} == (
        dict.fromkeys(by, "active")
    )


def test_ten_questions_spread_over_three_keys_and_spill_over_to_the_next_model() -> None:
    stage = Recorder()
    rotation = run_demo(stage, fast=True).data["scenes"][1]
    assert rotation["by"] == {"gemini/gemini-2.5-flash": 9, "groq/openai/gpt-oss-20b": 1}
    assert any(
        "3 by gemini-1, 3 by gemini-2, 3 by gemini-3, 1 by groq-1" in x for x in lines(stage)
    )
    shown = next(block for block in stage.blocks if isinstance(block, Table))
    assert len(shown.rows) == 3


def test_the_revoked_key_the_closed_service_and_the_silent_host_are_told_of() -> None:
    stage = Recorder()
    scenes = run_demo(stage, fast=True).data["scenes"]
    told = "\n".join(lines(stage))
    assert "mistral-2, attempt 2" in told
    assert "iFlow closed on 2026-04-17; huggingface/moonshotai/Kimi-K2-Instruct answers" in told
    assert scenes[4]["by"] == {"groq/openai/gpt-oss-20b": 1}


def test_nothing_is_left_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run_demo(Recorder(), fast=True)
    assert list(tmp_path.iterdir()) == []


def test_the_command_shows_it_plainly_in_a_pipe_and_leaves_the_pool_alone(tmp_path: Path) -> None:
    with Simulator("generous") as sim:
        home = Household(tmp_path, sim)
        shown = home.run("demo", "--fast")
        assert (shown.code, shown.err) == (0, "")
        assert "\x1b" not in shown.out
        assert shown.out.index("1. A question") < shown.out.index("5. A local host")
        assert sim.counts.requests == 0
        assert not list(tmp_path.rglob("*"))


def test_as_json_it_says_nothing_else(tmp_path: Path) -> None:
    with Simulator("generous") as sim:
        outcome = Household(tmp_path, sim).run("demo", "--fast", "--json")
    assert outcome.err == ""
    assert set(json.loads(outcome.out)) == {"scenes", "upstream"}

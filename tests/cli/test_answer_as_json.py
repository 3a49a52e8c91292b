"""`--json-schema`: a value that fits or an error, with one correction between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household

SCHEMA = {
    "title": "A person",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
PLAIN = "groq/allam-2-7b"  # takes no schema


@pytest.fixture
def home(home: Household, tmp_path: Path) -> Household:
    home.keys("gemini", "k1")
    home.config(f'default_model = "{FLASH}"')
    (tmp_path / "person.json").write_text(json.dumps(SCHEMA))
    return home


@pytest.fixture
def schema(tmp_path: Path, home: Household) -> str:
    return str(tmp_path / "person.json")


def test_the_schema_goes_with_the_request_and_the_answer_fits(
    home: Household, sim: Simulator, schema: str
) -> None:
    outcome = home.run("chat", "--json-schema", schema, "who?")
    assert outcome.code == 0
    assert set(json.loads(outcome.out)) == {"name", "age"}
    config = sim.seen[0].body["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert config["responseJsonSchema"]["required"] == ["name", "age"]
    assert "systemInstruction" not in sim.seen[0].body


def test_a_fenced_answer_is_unwrapped(home: Household, sim: Simulator, schema: str) -> None:
    sim.reply('Here you are:\n```json\n{"name": "Ada", "age": 36}\n```\nEnjoy!')
    outcome = home.run("chat", "--json-schema", schema, "who?")
    assert (outcome.code, outcome.out) == (0, '{"name": "Ada", "age": 36}\n')


def test_a_wrong_answer_is_corrected_once(home: Household, sim: Simulator, schema: str) -> None:
    sim.reply('{"name": "Ada"}')
    sim.reply('{"name": "Ada", "age": 36}')
    outcome = home.run("chat", "--json-schema", schema, "who?")
    assert (outcome.code, json.loads(outcome.out)) == (0, {"name": "Ada", "age": 36})
    assert "was corrected" in outcome.err
    said = [turn["parts"][0]["text"] for turn in sim.seen[-1].body["contents"]]
    assert said[:2] == ["who?", '{"name": "Ada"}']
    assert "$ lacks 'age'" in said[2]
    shown = home.run("history", "show", "--json").out
    assert [message["role"] for message in json.loads(shown)["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize("answer", ["no idea", '{"name": 3, "age": "x"}', '{"age": NaN}'])
def test_an_answer_that_never_fits_is_refused(
    home: Household, sim: Simulator, schema: str, answer: str
) -> None:
    sim.reply(answer, times=2)
    outcome = home.run("chat", "--json-schema", schema, "who?")
    assert (outcome.code, outcome.out, len(sim.seen)) == (7, "", 2)
    assert "corrected once" in outcome.err
    assert answer[:8] in outcome.err


def test_a_model_without_schemas_is_told_in_words(
    home: Household, sim: Simulator, schema: str
) -> None:
    home.keys("groq", "g1")
    sim.reply('{"name": "Ada", "age": 36}')
    outcome = home.run("chat", "-m", PLAIN, "-s", "be brief", "--json-schema", schema, "who?")
    assert outcome.code == 0, outcome.err
    body: dict[str, Any] = sim.seen[-1].body
    assert "response_format" not in body
    system = body["messages"][0]
    assert system["role"] == "system"
    assert system["content"].startswith("be brief\n\n")
    assert '"required": ["name", "age"]' in system["content"]


def test_json_holds_the_value(home: Household, sim: Simulator, schema: str) -> None:
    sim.reply('{"name": "Ada", "age": 36}')
    data = json.loads(home.run("chat", "--json", "--json-schema", schema, "who?").out)
    assert data["data"] == {"name": "Ada", "age": 36}
    assert data["model"] == FLASH


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no JSON:"),
        ('["list"]', "is no JSON schema: # is an array"),
        ('{"type": "strnig"}', "#/type is 'strnig'"),
        ('{"$ref": "https://example.com/x"}', "leads nowhere within the schema"),
    ],
)
def test_a_schema_that_is_none_costs_no_question(
    home: Household, sim: Simulator, tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "bad.json").write_text(text)
    outcome = home.run("chat", "--json-schema", str(tmp_path / "bad.json"), "who?")
    assert (outcome.code, told in outcome.err) == (2, True), outcome.err
    missing = home.run("chat", "--json-schema", str(tmp_path / "gone.json"), "who?")
    assert (missing.code, "No such file" in missing.err) == (2, True)
    assert not sim.seen

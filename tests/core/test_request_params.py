"""Parameters of any dialect: what is taken as it is meant, and what is refused by its name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.registry import face
from freellm_cli.core.request_params import without
from tests.support.faces import asked

TOOL = {"type": "function", "function": {"name": "f"}}


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


@pytest.mark.parametrize(
    ("dialect", "fields", "path"),
    [
        ("openai", {"stream": "yes"}, "stream"),
        ("openai", {"stream": {}}, "stream"),
        ("openai", {"max_tokens": "lots"}, "max_tokens"),
        ("openai", {"max_tokens": -5}, "max_tokens"),
        ("openai", {"max_tokens": True}, "max_tokens"),
        ("openai", {"max_tokens": [5]}, "max_tokens"),
        ("openai", {"max_completion_tokens": "lots"}, "max_completion_tokens"),
        ("openai", {"temperature": "warm"}, "temperature"),
        ("openai", {"temperature": math.nan}, "temperature"),
        ("openai", {"top_p": math.inf}, "top_p"),
        ("openai", {"top_p": "1e999"}, "top_p"),
        ("openai", {"presence_penalty": {"a": 1}}, "presence_penalty"),
        ("openai", {"seed": "x"}, "seed"),
        ("openai", {"n": 2}, "n"),
        ("openai", {"n": "two"}, "n"),
        ("openai", {"stop": 5}, "stop"),
        ("openai", {"stop": ["a", 5]}, "stop"),
        ("openai", {"response_format": "json"}, "response_format"),
        ("openai", {"messages": 5}, "messages"),
        ("openai", {"tools": "f"}, "tools"),
        ("openai", {"tools": [{"what": 1}]}, "tools[0].function"),
        ("openai", {"tools": [{"function": {"name": ""}}]}, "tools[0].function.name"),
        (
            "openai",
            {"tools": [{"function": {"name": "f", "parameters": "none"}}]},
            "tools[0].function.parameters",
        ),
        ("openai", {"tools": [TOOL], "tool_choice": 5}, "tool_choice"),
        ("openai", {"functions": [5]}, "functions[0]"),
        ("completions", {"n": 2}, "n"),
        ("completions", {"stream": "yes"}, "stream"),
        ("completions", {"max_tokens": "lots"}, "max_tokens"),
        ("responses", {"stream": "yes"}, "stream"),
        ("responses", {"max_output_tokens": "lots"}, "max_output_tokens"),
        ("responses", {"max_output_tokens": -5}, "max_output_tokens"),
        ("responses", {"temperature": "warm"}, "temperature"),
        ("anthropic", {"stream": "yes"}, "stream"),
        ("anthropic", {"max_tokens": "lots"}, "max_tokens"),
        ("anthropic", {"top_p": []}, "top_p"),
        ("gemini", config(maxOutputTokens="lots"), "generationConfig.maxOutputTokens"),
        ("gemini", config(candidateCount=2), "generationConfig.candidateCount"),
        ("gemini", config(stopSequences=5), "generationConfig.stopSequences"),
        ("gemini", {"tools": [{"functionDeclarations": [{}]}]}, "tools.functionDeclarations.name"),
        ("ollama_chat", {"stream": "yes"}, "stream"),
        ("ollama_chat", {"options": {"num_predict": "lots"}}, "options.num_predict"),
    ],
)
def test_what_no_model_could_take_is_refused_by_its_name(
    dialect: str, fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(BadField) as refused:
        asked(dialect, **fields)
    assert refused.value.path == path
    assert path in refused.value.message


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"max_tokens": 100.0}, {"max_tokens": 100}),
        ({"max_tokens": "100"}, {"max_tokens": 100}),
        ({"max_tokens": ""}, {}),
        ({"max_tokens": 0}, {}),
        ({"max_tokens": -1}, {}),
        ({"temperature": "0.7", "top_p": 1}, {"temperature": 0.7, "top_p": 1}),
        ({"top_k": "40", "seed": 5.0}, {"top_k": 40, "seed": 5}),
        ({"n": 1.0}, {}),
        ({"response_format": ""}, {}),
        ({"tools": {}, "functions": []}, {}),
        ({"stream": "true"}, {}),
        ({"tools": [{"name": "f", "parameters": []}]}, {"tools": [TOOL]}),
        ({"tools": [{"type": "browser_search"}]}, {"tools": [{"type": "browser_search"}]}),
    ],
)
def test_known_slips_of_clients_are_taken_as_they_are_meant(
    fields: dict[str, Any], kept: dict[str, Any]
) -> None:
    request = asked("openai", **fields).request
    assert request.params == kept
    assert request.stream is True


@pytest.mark.parametrize("nothing", [None, False, 0, "false", ""])
def test_a_stream_is_not_wanted_in_many_ways(nothing: object) -> None:
    for dialect in ("openai", "completions", "responses", "anthropic"):
        assert asked(dialect, stream=nothing).request.stream is False
    assert asked("ollama_chat", stream=nothing).request.stream is (nothing is None)


def test_ollamas_word_for_no_limit_is_known() -> None:
    assert "max_tokens" not in asked("ollama_chat", options={"num_predict": -2}).request.params


def test_a_field_can_be_left_out_where_the_question_stays_the_same() -> None:
    body = {"messages": [], "n": 2, "generationConfig": {"topP": "x", "topK": 4}, "tools": "f"}
    assert without(body, "n") == {key: body[key] for key in body if key != "n"}
    assert without(body, "tools[0].function.name") == {k: body[k] for k in body if k != "tools"}
    left = without(body, "generationConfig.topP")
    assert left is not None
    assert left["generationConfig"] == {"topK": 4}
    assert without(body, "messages[0].content") is None
    assert without(body, "absent") is None


def test_nothing_given_is_changed() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": "5"}
    face("openai").parse(body, "", None)
    assert body["max_tokens"] == "5"

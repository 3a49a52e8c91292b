"""Whatever a conversation looks like, Google's rules are kept."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from freellm_cli.core.chat import THINK_LEVELS, ChatRequest
from freellm_cli.core.errors import RequestRefused
from freellm_cli.core.gemini_face import request_from_gemini
from freellm_cli.core.messages import normalise_messages
from freellm_cli.providers.google import Google
from tests.support.google_rules import problems
from tests.support.google_talk import EVERYTHING, target

MODELS = (
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-3-flash-preview",
    "gemini-3-pro-preview",
    "gemini-3.1-pro-preview",
    "gemini-3.7-flash",
    "gemma-3-27b-it",
    "gemma-4-31b-it",
)

_words = st.sampled_from(["", " ", "hello", "{}", '{"a": 1}', '{"$ref": "#"}', "[1]", "нет", "\n"])
_ids = st.sampled_from(["", "c1", "c2", "c3", "call_0"])
_names = st.sampled_from(["f", "get weather", "x" * 90, "2nd", "ü", "ö"])
_parts = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": _words}),
    st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}),
    st.just({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}),
    st.just({"type": "file", "file": {"file_data": "data:text/plain;base64,QUJD"}}),
)
_content = st.none() | _words | st.lists(_parts, max_size=3)
_calls = st.fixed_dictionaries(
    {
        "id": _ids,
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": _names, "arguments": _words}),
    },
    optional={
        "extra_content": st.sampled_from(
            [
                None,
                {},
                {"google": {"thought_signature": "YWJj"}},
                {"google": {"thought_signature": "?"}},
            ]
        ),
        "thought_signature": st.sampled_from(["", "YWJj", "näh"]),
    },
)
_messages = st.one_of(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "developer"]), "content": _content}
    ),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": _content},
        optional={
            "tool_calls": st.lists(_calls, max_size=3),
            "reasoning_content": _words,
            "extra_content": st.just({"google": {"thought_signature": "YWJj"}}),
        },
    ),
    st.fixed_dictionaries(
        {"role": st.just("tool"), "tool_call_id": _ids, "content": _content},
        optional={"name": _names},
    ),
)
_schemas = st.sampled_from(
    [
        None,
        {},
        {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a", "b"]},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False},
        {"anyOf": [{"type": "object"}, {"type": "null"}]},
    ]
)
_tools = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": _names}, optional={"parameters": _schemas}),
        }
    ),
    max_size=4,
)
_params = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(1, 100),
        "max_tokens": st.integers(-5, 10**7),
        "stop": st.lists(_words, max_size=9),
        "seed": st.integers(-(2**63), 2**63),
        "tools": _tools,
        "tool_choice": st.sampled_from(
            ["auto", "none", "required", {"function": {"name": "f"}}, 3]
        ),
        "response_format": st.sampled_from(
            [
                {"type": "json_object"},
                {"type": "json_schema", "json_schema": {"schema": {"const": ""}}},
                {"type": "text"},
            ]
        ),
        "logprobs": st.booleans(),
        "user": _words,
        "n": st.just(1),
        "reasoning": st.fixed_dictionaries({}, optional={"max_tokens": st.integers(0, 10**6)}),
    },
)


def built(messages: list[Any], params: dict[str, Any], think: str | None, model: str) -> Any:
    """The body, or None where the request is refused with words."""
    where = target(model, capabilities=EVERYTHING)
    request = ChatRequest("m", messages, params, think)
    with contextlib.suppress(RequestRefused):
        sent = Google().chat(request, where, None, stream=True)
        return json.loads(sent.body or b"")
    return None


def _as_told(contents: list[Any]) -> list[Any]:
    """What a message of ours keeps of a turn: its words before its calls, one signature for its words."""
    turns = []
    for turn in contents:
        parts = [part if "text" not in part else {"text": part["text"]} for part in turn["parts"]]
        parts.sort(key=lambda part: "functionCall" in part)
        turns.append({"role": turn["role"], "parts": parts})
    return turns


@settings(max_examples=300)
@given(
    st.lists(_messages, max_size=9),
    _params,
    st.none() | st.sampled_from(THINK_LEVELS),
    st.sampled_from(MODELS),
)
def test_no_conversation_breaks_a_rule(
    messages: list[Any], params: dict[str, Any], think: str | None, model: str
) -> None:
    body = built(messages, params, think, model)
    if body is not None:
        assert problems(body, model) == []


@settings(max_examples=200)
@given(st.lists(_messages, min_size=1, max_size=9), _params, st.sampled_from(MODELS[:7]))
def test_what_goes_to_google_and_comes_back_goes_to_google_alike(
    messages: list[Any], params: dict[str, Any], model: str
) -> None:
    body = built(normalise_messages(messages), params, None, model)
    if body is None:
        return
    back = request_from_gemini(model, body, True)
    again = built(back.messages, back.params, back.think, model)
    assert again is not None
    assert _as_told(again["contents"]) == _as_told(body["contents"])
    assert again.get("tools") == body.get("tools")
    assert again.get("generationConfig") == body.get("generationConfig")

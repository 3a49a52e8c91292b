"""Whatever JSON a client sends: an understood request, or a refusal that names the field."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freellm_cli.core.chat import Usage
from freellm_cli.core.errors import RequestRefused
from freellm_cli.core.faces.base import ReplyStyle
from freellm_cli.core.faces.openai_embeddings import parse_embeddings
from freellm_cli.core.faces.registry import FACE_NAMES, face
from freellm_cli.core.tokens import estimate_request
from tests.core.faces.test_anthropic_request import CLAUDE_CODE
from tests.core.faces.test_responses_request import CODEX
from tests.support.faces import BODIES, HEAD, TOLD

KEYS = st.sampled_from(
    "model messages role content type text name id input tools tool_choice function arguments system "
    "source data media_type url image_url input_audio file tool_calls tool_use_id call_id output action "
    "instructions prompt suffix stop max_tokens max_output_tokens stop_sequences thinking reasoning "
    "effort budget_tokens metadata user_id output_config format schema parameters contents parts "
    "functionCall functionResponse inlineData generationConfig thinkingConfig stream_options options "
    "images think response_format extra_body functions namespace mode summary title safetySettings "
    "systemInstruction toolConfig functionCallingConfig allowedFunctionNames responseSchema".split()
)
WORDS = st.sampled_from(
    "user assistant system tool developer model text image image_url tool_use tool_result thinking "
    "document base64 message function function_call function_call_output custom custom_tool_call "
    "local_shell_call namespace additional_tools tool_search_output reasoning item_reference enabled "
    "adaptive json_schema json_object allowed_tools any auto content search_result input_text "
    "input_image local_shell tool_search application/json".split()
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**70),
    st.floats(),
    st.text(max_size=5),
    WORDS,
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
BODY = st.dictionaries(KEYS, TREES, max_size=8)


FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
PIXEL = "data:image/png;base64,QUJD"
CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "rules"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "done", "images": ["QUJD"]},
        {"role": "user", "content": [{"type": "file", "file": {"file_data": PIXEL}}]},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "stop": ["END"],
    "max_tokens": 50,
    "stream_options": {"include_usage": True},
    "thinking": {"type": "enabled", "budget_tokens": -1},
    "options": {"num_predict": 5, "stop": ["x"]},
    "extra_body": {"top_k": 1},
    "prompt": "Once",
    "suffix": "end",
}
GEMINI = {
    "systemInstruction": {"parts": [{"text": "rules"}]},
    "contents": [
        {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "c", "name": "f", "response": {"result": 1}}}],
        },
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "safetySettings": [{"category": "x", "threshold": "OFF"}],
    "generationConfig": {
        "stopSequences": ["END"],
        "maxOutputTokens": 50,
        "responseMimeType": "application/json",
        "responseSchema": {
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING", "enum": ["x"]}},
        },
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 5},
    },
}
RESULT = {
    "type": "tool_result",
    "tool_use_id": "c",
    "is_error": True,
    "content": [{"type": "text", "text": "done"}, {"type": "search_result", "content": []}],
}
ANTHROPIC = {
    **CLAUDE_CODE,
    "stop_sequences": ["END"],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "messages": [
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": PIXEL}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                RESULT,
                {"type": "document", "title": "t", "source": {"type": "text", "data": "words"}},
            ],
        },
    ],
}
RESPONSES = {
    **CODEX,
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION]},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    "input": [
        {"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"},
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [
                {"type": "input_text", "text": "x"},
                {"type": "input_image", "image_url": PIXEL},
            ],
        },
        {"type": "local_shell_call", "call_id": "d", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "additional_tools", "tools": [{"type": "namespace", "name": "n", "tools": []}]},
    ],
}
RICH = {"anthropic": ANTHROPIC, "responses": RESPONSES, "gemini": GEMINI}


def paths_of(tree: Any) -> list[tuple[Any, ...]]:
    """The way to every node of `tree`."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found: list[tuple[Any, ...]] = []
    for key, value in items:
        found.append((key,))
        if isinstance(value, dict | list):
            found += [(key, *rest) for rest in paths_of(value)]
    return found


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of `tree` with `value` at `path`."""
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = replaced(tree[path[0]], path[1:], value)
    return copy


def check(name: str, body: Any) -> None:
    """Parses, writes an answer, and leaves the body as it was; or refuses."""
    dialect = face(name)
    before = json.dumps(body)
    with contextlib.suppress(RequestRefused):
        ask = dialect.parse(body, "m", None)
        assert isinstance(ask.request.model, str)
        assert ask.request.messages
        assert all(isinstance(message["role"], str) for message in ask.request.messages)
        estimate_request(ask.request)
        writer = dialect.writer(ask, HEAD, ReplyStyle())
        assert json.loads(writer.whole(TOLD))
        assert writer.start() + writer.finish(Usage())
    assert json.dumps(body) == before, "the client's body was changed in place"


@pytest.mark.parametrize("name", FACE_NAMES)
@given(BODY, TREES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_understood_or_refused(name: str, body: dict[str, Any], other: Any) -> None:
    check(name, body)
    check(name, {**BODIES[name], **body})
    check(name, other)


@pytest.mark.parametrize("name", FACE_NAMES)
@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_good_body_with_one_thing_replaced(name: str, data: st.DataObject) -> None:
    good = RICH.get(name, CHAT)
    check(name, good)
    path = data.draw(st.sampled_from(paths_of(good)))
    check(name, replaced(good, path, data.draw(st.one_of(LEAVES, TREES))))


@pytest.mark.parametrize("name", FACE_NAMES)
@pytest.mark.parametrize("value", [0, 1.5, True, "x", [], [5], {}, {"a": 5}, math.inf, math.nan])
def test_every_place_takes_any_kind(name: str, value: Any) -> None:
    good = RICH.get(name, CHAT)
    for path in paths_of(good):
        check(name, replaced(good, path, value))


@given(BODY)
@settings(max_examples=200, deadline=None)
def test_any_embeddings_body(body: dict[str, Any]) -> None:
    with contextlib.suppress(RequestRefused):
        assert parse_embeddings(body).inputs

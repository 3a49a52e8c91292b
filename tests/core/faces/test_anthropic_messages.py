"""Anthropic Messages: what clients read."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.chat import Completion, Delta, ToolCall, ToolCallDelta, Usage
from freellm_cli.core.errors import (
    AllLimited,
    ContextTooLong,
    CredentialRefused,
    FreellmError,
    NoCredential,
    Overloaded,
    UnknownName,
    UpstreamError,
    UpstreamTimeout,
)
from freellm_cli.core.faces.anthropic_messages import count_tokens
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.core.faces.registry import face
from tests.support.faces import ASKED, STORY, TOLD, events, stream, whole, writer

NO_THOUGHTS = {"thinking": {"type": "disabled"}}


def names(body: bytes) -> list[str]:
    return [name for name, _ in events(body)]


def ending(body: bytes) -> Any:
    return next(data for name, data in events(body) if name == "message_delta")


def test_a_stream_byte_by_byte() -> None:
    body = stream("anthropic", [Delta(text="Hi "), Delta(text="you"), Delta(finish="stop")])
    assert body.decode() == (
        "event: message_start\n"
        'data: {"type":"message_start","message":{"id":"msg_0123456789abcdef0123","type":"message",'
        '"role":"assistant","model":"gemini/gemini-2.5-flash","content":[],"stop_reason":null,'
        '"stop_sequence":null,"usage":{"input_tokens":11,"cache_creation_input_tokens":0,'
        '"cache_read_input_tokens":0,"output_tokens":1}}}\n\n'
        "event: content_block_start\n"
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi "}}\n\n'
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"you"}}\n\n'
        "event: content_block_stop\n"
        'data: {"type":"content_block_stop","index":0}\n\n'
        "event: message_delta\n"
        'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        '"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":1,'
        '"output_tokens":5}}\n\n'
        "event: message_stop\n"
        'data: {"type":"message_stop"}\n\n'
    )


def test_blocks_follow_one_another() -> None:
    found = events(stream("anthropic", STORY))
    shown = [
        (data["index"], data.get("content_block", data.get("delta", {})).get("type", "stop"))
        for name, data in found
        if name.startswith("content_block")
    ]
    assert shown == [
        (0, "thinking"),
        (0, "thinking_delta"),
        (0, "thinking_delta"),
        (0, "signature_delta"),
        (0, "stop"),
        (1, "text"),
        (1, "text_delta"),
        (1, "text_delta"),
        (1, "stop"),
        (2, "tool_use"),
        (2, "input_json_delta"),
        (2, "input_json_delta"),
        (2, "stop"),
        (3, "tool_use"),
        (3, "input_json_delta"),
        (3, "stop"),
    ]
    assert ending(stream("anthropic", STORY))["delta"]["stop_reason"] == "tool_use"


def test_fragments_of_parallel_calls_do_not_mix() -> None:
    mixed = [
        Delta(tool_calls=(ToolCallDelta(0, "a", "f", ""), ToolCallDelta(1, "b", "g", "{"))),
        Delta(tool_calls=(ToolCallDelta(1, arguments='"y":2}'),)),
        Delta(text="meanwhile"),
        Delta(tool_calls=(ToolCallDelta(0, arguments='{"x":1}'),)),
    ]
    grown: dict[int, str] = {}
    for _, data in events(stream("anthropic", mixed)):
        if data["type"] == "content_block_delta":
            delta = data["delta"]
            piece = delta.get("partial_json", delta.get("text"))
            grown[data["index"]] = grown.get(data["index"], "") + piece
    assert grown == {0: '{"x":1}', 1: '{"y":2}', 2: "meanwhile"}


def test_the_second_call_flows_once_the_first_is_whole() -> None:
    made = writer("anthropic")
    made.start()
    made.delta(Delta(tool_calls=(ToolCallDelta(0, "a", "f", "{}"),)))
    frames = made.delta(Delta(tool_calls=(ToolCallDelta(1, "b", "g", '{"y"'),)))
    assert names(frames) == ["content_block_stop", "content_block_start", "content_block_delta"]


def test_thoughts_are_for_those_who_asked() -> None:
    body = stream("anthropic", STORY, **NO_THOUGHTS)
    assert b"thinking" not in body
    assert [b["type"] for b in whole("anthropic", TOLD, **NO_THOUGHTS)["content"]] == [
        "text",
        "tool_use",
        "tool_use",
    ]


def test_an_empty_answer_has_one_empty_block() -> None:
    assert names(stream("anthropic", []))[1:3] == ["content_block_start", "content_block_stop"]
    assert whole("anthropic", Completion(""))["content"] == [{"type": "text", "text": ""}]


def test_a_whole_answer() -> None:
    answer = whole("anthropic", TOLD)
    assert answer == {
        "id": "msg_0123456789abcdef0123",
        "type": "message",
        "role": "assistant",
        "model": "gemini/gemini-2.5-flash",
        "content": [
            {"type": "thinking", "thinking": "Let me think.", "signature": "ZnJlZWxsbQ=="},
            {"type": "text", "text": "Hello you"},
            {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"town": "Bern"}},
            {"type": "tool_use", "id": "call_b", "name": "clock", "input": {"zone": "UTC"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 9,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 1,
            "output_tokens": 5,
        },
    }


@pytest.mark.parametrize(
    ("arguments", "blocks"),
    [
        ("", [{"input": {}}]),
        ("null", [{"input": {}}]),
        ('{"a": 1}', [{"input": {"a": 1}}]),
        ('{"a": ', [{"text": '{"a": '}, {"input": {}}]),
        ("[1]", [{"text": "[1]"}, {"input": {}}]),
    ],
)
def test_input_is_always_an_object(arguments: str, blocks: list[dict[str, Any]]) -> None:
    content = whole("anthropic", Completion("", tool_calls=(ToolCall("c", "f", arguments),)))[
        "content"
    ]
    assert [
        {key: block[key] for key in ("text", "input") if key in block} for block in content
    ] == (blocks)


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        (None, "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
    ],
)
def test_stop_reasons(finish: str | None, reason: str) -> None:
    assert ending(stream("anthropic", [Delta(text="a", finish=finish)]))["delta"] == {
        "stop_reason": reason,
        "stop_sequence": None,
    }


def test_a_stop_text_is_named_where_it_can_be_known() -> None:
    stops = {"stop_sequences": ["END", "\n\n"]}
    told = [Delta(text="a"), Delta(extra={"stop_reason": "END"}, finish="stop")]
    left = [Delta(text="a E"), Delta(text="ND", finish="stop")]
    for deltas in (told, left):
        assert ending(stream("anthropic", deltas, **stops))["delta"] == {
            "stop_reason": "stop_sequence",
            "stop_sequence": "END",
        }
    cut = [Delta(text="a END", finish="length")]
    assert ending(stream("anthropic", cut, **stops))["delta"]["stop_reason"] == "max_tokens"
    assert whole("anthropic", Completion("x END"), **stops)["stop_sequence"] == "END"
    assert whole("anthropic", Completion("END x"), **stops)["stop_sequence"] is None


def test_an_error_in_the_stream() -> None:
    found = events(stream("anthropic", [Delta(text="a")], error=Overloaded("groq is overloaded")))
    assert found[-1] == (
        "error",
        {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "groq is overloaded"},
            "request_id": "req_0123456789abcdef0123",
        },
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (HttpRefusal("wrong token", status=401, code="invalid_api_key"), "authentication_error"),
        (HttpRefusal("foreign page", status=403, code="origin"), "permission_error"),
        (HttpRefusal("too large", status=413, code="too_large"), "request_too_large"),
        (UnknownName("no model x"), "not_found_error"),
        (ContextTooLong("the prompt is too long"), "invalid_request_error"),
        (AllLimited("all limited"), "rate_limit_error"),
        (NoCredential("no key"), "api_error"),
        (CredentialRefused("refused"), "api_error"),
        (UpstreamError("failed"), "api_error"),
        (UpstreamTimeout("late"), "timeout_error"),
        (Overloaded("busy"), "overloaded_error"),
        (FreellmError("bug"), "api_error"),
    ],
)
def test_errors_by_type(error: FreellmError, kind: str) -> None:
    assert face("anthropic").error_body(error, "req_1")["error"]["type"] == kind


def test_a_prompt_too_long_says_so_in_the_words_that_clients_wait_for() -> None:
    error = ContextTooLong("the prompt is too long: 9000 tokens > 8192 maximum")
    message = face("anthropic").error_body(error, "r")["error"]["message"]
    assert message.startswith("prompt is too long: ")
    assert "9000 tokens > 8192 maximum" in message


def test_tokens_are_counted_without_a_call() -> None:
    short = count_tokens({"messages": ASKED})["input_tokens"]
    tools = [{"name": "f", "description": "d" * 400, "input_schema": {"type": "object"}}]
    long = count_tokens({"messages": ASKED, "system": "s" * 4000, "tools": tools})["input_tokens"]
    assert 0 < short < 20
    assert long > short + 800


def test_a_ping_keeps_alive() -> None:
    assert events(writer("anthropic").keep_alive()) == [("ping", {"type": "ping"})]


def test_usage_never_falls_below_nothing() -> None:
    usage = whole("anthropic", Completion("a", usage=Usage(prompt=1, completion=1, cached=5)))
    assert usage["usage"]["input_tokens"] == 0

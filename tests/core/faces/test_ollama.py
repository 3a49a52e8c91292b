"""Ollama's own API."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.chat import Completion, Delta
from freellm_cli.core.errors import BadField, UpstreamError
from freellm_cli.core.faces.registry import face
from tests.support.faces import ASKED, STORY, TOLD, asked, lines, stream, whole, writer


def test_a_chat_request() -> None:
    ask = asked(
        "ollama_chat",
        messages=[{"role": "user", "content": "look", "images": ["/9j/QUJD"]}],
        options={"num_predict": 200, "temperature": 0.1, "stop": "END", "num_ctx": 8192},
        format={"type": "object"},
        think=False,
        keep_alive="5m",
    )
    assert ask.request == (
        "m",
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/QUJD"}},
                ],
            }
        ],
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "response", "schema": {"type": "object"}},
            },
            "max_tokens": 200,
            "temperature": 0.1,
            "stop": ["END"],
        },
        "off",
        True,
    )


def test_talkers_ollama_mode_does_not_stream() -> None:
    assert asked("ollama_chat", stream=False).request.stream is False


def test_calls_and_their_results() -> None:
    turns = asked(
        "ollama_chat",
        messages=[
            *ASKED,
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
            },
            {"role": "tool", "tool_name": "f", "content": "one"},
        ],
    ).request.messages
    call = turns[1]["tool_calls"][0]
    assert call["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert turns[2]["tool_call_id"] == call["id"]
    assert turns[2]["name"] == "f"


def test_a_generate_request() -> None:
    request = asked("ollama_generate", system="be brief", options={"num_predict": -1}).request
    assert request.messages == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
    ]
    assert request.params == {}


def test_a_stream_of_lines() -> None:
    found = lines(stream("ollama_chat", STORY))
    messages = [line["message"] for line in found]
    assert "".join(message.get("thinking", "") for message in messages) == "Let me think."
    assert "".join(message["content"] for message in messages) == "Hello you"
    assert [call for message in messages for call in message.get("tool_calls", ())] == [
        {"function": {"name": "weather", "arguments": {"town": "Bern"}}},
        {"function": {"name": "clock", "arguments": {"zone": "UTC"}}},
    ]
    assert found[-1]["done_reason"] == "stop"
    assert (found[-1]["prompt_eval_count"], found[-1]["eval_count"]) == (10, 5)
    assert found[0]["created_at"] == "2025-11-21T04:40:00Z"


def test_generated_text() -> None:
    found = lines(stream("ollama_generate", [Delta(text="a"), Delta(text="b", finish="length")]))
    assert [line["response"] for line in found] == ["a", "b", ""]
    assert found[-1]["done_reason"] == "length"
    assert whole("ollama_generate", Completion("ab"))["response"] == "ab"


def test_a_whole_answer() -> None:
    answer = whole("ollama_chat", TOLD)
    assert answer["message"]["content"] == "Hello you"
    assert answer["message"]["thinking"] == "Let me think."
    assert len(answer["message"]["tool_calls"]) == 2
    assert answer["done"] is True


def test_errors_are_texts() -> None:
    body = stream("ollama_chat", [Delta(text="a")], error=UpstreamError("broke off"))
    assert lines(body)[-1] == {"error": "broke off [req_0123456789abcdef0123]"}
    assert writer("ollama_chat").keep_alive() == b""


@pytest.mark.parametrize(
    ("name", "body", "path"),
    [
        ("ollama_chat", [], "body"),
        ("ollama_chat", {}, "messages"),
        ("ollama_chat", {"messages": [5]}, "messages[0]"),
        ("ollama_chat", {"messages": [{"role": "user", "images": "x"}]}, "messages[0].images"),
        ("ollama_generate", {}, "prompt"),
        ("ollama_generate", {"prompt": "x", "images": [5]}, "images"),
    ],
)
def test_what_is_wrong_is_named(name: str, body: Any, path: str) -> None:
    with pytest.raises(BadField) as refusal:
        face(name).parse(body, "", None)
    assert refusal.value.path == path

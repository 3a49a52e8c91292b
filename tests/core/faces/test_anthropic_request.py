"""Anthropic Messages: what clients ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.anthropic_request import parse_messages
from tests.support.faces import ASKED

PIXEL = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
IMAGE = {"type": "image", "source": PIXEL}
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
TOOL = {"name": "f", "description": "does f", "input_schema": {"type": "object"}}


def ask(*messages: Any, **more: Any) -> Any:
    return parse_messages({"model": "m", "messages": list(messages) or ASKED, **more}, "", None)


def messages(*given: Any, **more: Any) -> Any:
    return ask(*given, **more).request.messages


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def said(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def use(call_id: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": given}


def result(call_id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def test_the_plain_request() -> None:
    made = ask(max_tokens=500, temperature=0.5, top_p=0.9, top_k=40, stop_sequences=["END"])
    assert made.request == (
        "m",
        [{"role": "user", "content": "hi"}],
        {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "max_tokens": 500, "stop": ["END"]},
        None,
        False,
    )


def test_system_blocks_are_joined_and_accounting_is_left_out() -> None:
    system = [
        text("x-anthropic-billing-header: cc_version=2.1; cch=abc;"),
        {**text("You are Claude Code."), "cache_control": {"type": "ephemeral"}},
        text("Be brief."),
    ]
    assert messages(system=system)[0] == {
        "role": "system",
        "content": "You are Claude Code.\n\nBe brief.",
    }
    assert messages(system="Be brief.")[0]["content"] == "Be brief."
    assert messages(system=[])[0]["role"] == "user"


def test_a_system_message_in_the_middle() -> None:
    assert messages(*ASKED, {"role": "system", "content": [text("note")]})[1] == {
        "role": "system",
        "content": "note",
    }


def test_images_and_text() -> None:
    url = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    assert messages(user(text("look"), IMAGE, url))[0]["content"] == [
        text("look"),
        SHOWN,
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]


def test_documents() -> None:
    plain = {"type": "document", "title": "T", "source": {"type": "text", "data": "words"}}
    nested = {"type": "document", "source": {"type": "content", "content": [text("inner")]}}
    assert messages(user(plain, nested, text("?")))[0]["content"] == "T\nwords\n\ninner\n\n?"
    pdf = {
        "type": "document",
        "title": "a.pdf",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
    }
    assert messages(user(pdf))[0]["content"] == [
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"},
        }
    ]


def test_results_come_first_and_their_pictures_after() -> None:
    turns = messages(
        *ASKED,
        said(text("Let me see."), use("t1", a=1), use("t2")),
        user(
            text("And?"),
            result("t1", [text("one"), text("two"), IMAGE]),
            result("t2", "boom", is_error=True),
        ),
    )
    assert turns[1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "t1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a": 1}'},
                },
                {"id": "t2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "one\ntwo"},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: boom"},
        {"role": "user", "content": [SHOWN, text("And?")]},
    ]


def test_thoughts_come_back_as_thoughts_and_hidden_ones_go() -> None:
    turn = said(
        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
        {"type": "redacted_thinking", "data": "x"},
        text("Yes."),
    )
    assert messages(*ASKED, turn)[1] == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning_content": "Hm.",
    }


def test_blocks_of_server_tools_are_left_out() -> None:
    turn = said(
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        text("Found."),
    )
    assert messages(*ASKED, turn)[1]["content"] == "Found."


def test_tools_and_server_tools() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    params = ask(tools=[TOOL, search, {**TOOL, "name": "g", "type": "custom"}]).request.params
    assert params == {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": "does f",
                    "parameters": {"type": "object"},
                },
            }
            for name in ("f", "g")
        ]
    }
    assert ask(tools=[search], tool_choice={"type": "any"}).request.params == {}


@pytest.mark.parametrize(
    ("choice", "ours"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_tool_choices(choice: dict[str, Any], ours: Any) -> None:
    params = ask(tools=[TOOL], tool_choice={**choice, "disable_parallel_tool_use": True})
    assert params.request.params["tool_choice"] == ours
    assert params.request.params["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("fields", "level", "shown"),
    [
        ({}, None, False),
        ({"thinking": {"type": "disabled"}}, "off", False),
        ({"thinking": {"type": "adaptive"}}, "auto", True),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, "high", True),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low", True),
        ({"thinking": {"type": "enabled", "budget_tokens": 10000}}, "medium", True),
        ({"thinking": {"type": "enabled", "budget_tokens": 31999}}, "high", True),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, "off", False),
        ({"output_config": {"effort": "low"}}, None, False),
    ],
)
def test_thinking(fields: dict[str, Any], level: str | None, shown: bool) -> None:
    made = ask(max_tokens=4000, **fields)
    assert made.request.think == level
    assert made.memory["thoughts"] is shown


def test_a_probe_for_one_token_does_not_think() -> None:
    assert ask(max_tokens=1).request.think == "off"


def test_a_schema_for_the_answer() -> None:
    schema = {"type": "object", "properties": {}}
    form = {"type": "json_schema", "schema": schema}
    ours = {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}
    assert ask(output_config={"format": form}).request.params["response_format"] == ours
    assert ask(output_format=form).request.params["response_format"] == ours


def test_a_users_id_marks_the_conversation() -> None:
    short, long = ask(metadata={"user_id": "u1"}), ask(metadata={"user_id": "u" * 100})
    assert short.memory["conversation"] == "u1"
    assert short.request.params == {"user": "u1"}
    assert long.memory["conversation"] == "u" * 100
    assert long.request.params == {}


CLAUDE_CODE = {
    "model": "acme/m",
    "max_tokens": 32000,
    "stream": True,
    "messages": [
        user(
            text("<system-reminder>x</system-reminder>"),
            {**text("hi"), "cache_control": {"type": "ephemeral"}},
        )
    ],
    "system": [text("x-anthropic-billing-header: cch=1;"), text("You are Claude Code.")],
    "thinking": {"type": "adaptive"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "medium"},
    "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "session_id": "s"})},
    "tools": [{**TOOL, "eager_input_streaming": True, "cache_control": {"type": "ephemeral"}}],
}


def test_what_claude_code_sends() -> None:
    made = parse_messages(CLAUDE_CODE, "", None)
    assert made.request.stream
    assert made.request.think == "medium"
    assert set(made.request.params) == {"max_tokens", "tools"}
    assert [message["role"] for message in made.request.messages] == ["system", "user"]
    assert made.request.messages[1]["content"] == "<system-reminder>x</system-reminder>\n\nhi"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("hi", "body"),
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [user("x")]}, "messages[0].content[0]"),
        ({"messages": [user({"type": "text"})]}, "messages[0].content[0].text"),
        ({"messages": [user({"type": "image"})]}, "messages[0].content[0].source"),
        ({"messages": [user(result("", "x"))]}, "messages[0].content[0].tool_use_id"),
        ({"messages": [said({"type": "tool_use"})]}, "messages[0].content[0].name"),
        ({"messages": ASKED, "system": 5}, "system"),
        ({"messages": ASKED, "model": 5}, "model"),
        ({"messages": ASKED, "max_tokens": "many"}, "max_tokens"),
        ({"messages": ASKED, "stop_sequences": "END"}, "stop_sequences"),
        ({"messages": ASKED, "tools": {}}, "tools"),
        ({"messages": ASKED, "tools": ["f"]}, "tools[0]"),
        ({"messages": ASKED, "tools": [{"input_schema": {}}]}, "tools[0].name"),
        (
            {"messages": ASKED, "tools": [{"name": "f", "input_schema": []}]},
            "tools[0].input_schema",
        ),
        ({"messages": ASKED, "tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ],
)
def test_what_is_wrong_is_named(body: Any, path: str) -> None:
    with pytest.raises(BadField) as refusal:
        parse_messages(body, "", None)
    assert refusal.value.path == path

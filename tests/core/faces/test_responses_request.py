"""The Responses API: what clients ask, Codex among them."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.responses_request import parse_responses

FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin"},
}


def ask(given: Any = "hi", **more: Any) -> Any:
    return parse_responses({"model": "m", "input": given, **more}, "", None)


def messages(*items: Any, **more: Any) -> Any:
    return ask(list(items), **more).request.messages


def user(*parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(parts)}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "output_text", "text": text}]}


def call(call_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}", **more}


def output(call_id: str, value: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": value}


HI = user({"type": "input_text", "text": "hi"})


def test_the_plain_request() -> None:
    made = ask(instructions="be brief", max_output_tokens=500, temperature=0.5, stream=True)
    assert made.request == (
        "m",
        [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        {"temperature": 0.5, "max_tokens": 500},
        None,
        True,
    )


def test_messages_of_every_role() -> None:
    turns = messages(
        {"role": "developer", "content": "rules"},
        user(
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"},
        ),
        said("I see."),
        "and now?",
    )
    assert turns == [
        {"role": "system", "content": "rules"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"},
                },
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "I see."}]},
        {"role": "user", "content": "and now?"},
    ]


def test_calls_join_the_turn_they_belong_to() -> None:
    turns = messages(HI, said("Let me see."), call("c1"), call("c2"), output("c1", "one"))
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool"]
    assert [c["id"] for c in turns[1]["tool_calls"]] == ["c1", "c2"]
    assert turns[2] == {"role": "tool", "tool_call_id": "c1", "content": "one"}
    alone = messages(HI, call("c1"))
    assert alone[1]["content"] is None


def test_pictures_of_results_follow_all_results() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,QUJD"}
    words = {"type": "input_text", "text": "one"}
    turns = messages(HI, call("c1"), call("c2"), output("c1", [words, picture]), output("c2", "2"))
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "tool", "user"]
    assert turns[2]["content"] == "one"
    assert turns[4]["content"][0]["type"] == "image_url"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (None, ""),
        ({"content": "inner", "success": False}, "inner"),
        ({"a": 1}, '{"a": 1}'),
        ([1, 2], "[1, 2]"),
    ],
)
def test_results_are_text(value: Any, text: str) -> None:
    assert messages(HI, call("c1"), output("c1", value))[-1]["content"] == text


def test_emulated_calls_come_back_as_they_went_out() -> None:
    turns = messages(
        HI,
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** x"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        {
            "type": "local_shell_call",
            "call_id": "c2",
            "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        },
        {"type": "local_shell_call_output", "call_id": "c2", "output": "a b"},
        call("c3", namespace="mcp__files__"),
        call("c4", namespace="functions"),
    )
    called = [c["function"] for turn in turns for c in turn.get("tool_calls", ())]
    assert called == [
        {"name": "apply_patch", "arguments": '{"input": "*** x"}'},
        {"name": "local_shell", "arguments": '{"command": ["ls"]}'},
        {"name": "mcp__files__f", "arguments": "{}"},
        {"name": "f", "arguments": "{}"},
    ]


def test_items_of_openais_own_service_are_ignored() -> None:
    reasoning = {"type": "reasoning", "summary": [], "encrypted_content": "x"}
    turns = messages(HI, reasoning, {"type": "web_search_call", "status": "completed"}, said("ok"))
    assert [turn["role"] for turn in turns] == ["user", "assistant"]


def test_tools_of_every_kind() -> None:
    namespace = {"type": "namespace", "name": "mcp__files__", "tools": [FUNCTION, PATCH]}
    made = ask(
        tools=[
            FUNCTION,
            PATCH,
            namespace,
            {"type": "local_shell"},
            {"type": "web_search"},
            {"type": "image_generation", "output_format": "png"},
        ]
    )
    functions = [tool["function"] for tool in made.request.params["tools"]]
    assert [function["name"] for function in functions] == [
        "f",
        "apply_patch",
        "mcp__files__f",
        "mcp__files__apply_patch",
        "local_shell",
    ]
    assert "start: begin" in functions[1]["description"]
    assert functions[1]["parameters"]["required"] == ["input"]
    assert ask(tools=[{"type": "web_search"}], tool_choice="required").request.params == {}


def test_tools_that_come_later() -> None:
    found = {"type": "tool_search_output", "call_id": "c1", "tools": [FUNCTION]}
    search = {"type": "tool_search_call", "call_id": "c1", "arguments": {"query": "f"}}
    lite = {"type": "additional_tools", "role": "developer", "tools": [PATCH]}
    made = ask([HI, lite, search, found])
    names = [tool["function"]["name"] for tool in made.request.params["tools"]]
    assert names == ["apply_patch", "f"]
    assert made.request.messages[1]["tool_calls"][0]["function"]["arguments"] == '{"query": "f"}'


@pytest.mark.parametrize(
    ("choice", "ours"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        (
            {"type": "custom", "name": "apply_patch"},
            {"type": "function", "function": {"name": "apply_patch"}},
        ),
        ({"type": "web_search"}, None),
        (None, None),
    ],
)
def test_tool_choices(choice: Any, ours: Any) -> None:
    params = ask(tools=[FUNCTION, PATCH], tool_choice=choice).request.params
    assert params.get("tool_choice") == ours


def test_a_list_of_allowed_tools_narrows_the_offer() -> None:
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }
    params = ask(tools=[FUNCTION, PATCH], tool_choice=allowed).request.params
    assert [tool["function"]["name"] for tool in params["tools"]] == ["f"]
    assert params["tool_choice"] == "required"


def test_a_form_for_the_answer() -> None:
    schema = {"type": "object", "properties": {}}
    form = {"type": "json_schema", "name": "n", "schema": schema, "strict": True}
    assert ask(text={"format": form}).request.params["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": schema, "strict": True},
    }
    object_form = ask(text={"format": {"type": "json_object"}, "verbosity": "low"})
    assert object_form.request.params == {"response_format": {"type": "json_object"}}
    assert ask(text={"format": {"type": "text"}}).request.params == {}


@pytest.mark.parametrize(
    ("reasoning", "level"),
    [
        (None, None),
        ({"effort": None, "summary": "auto"}, None),
        ({"effort": "none"}, "off"),
        ({"effort": "minimal"}, "minimal"),
        ({"effort": "high"}, "high"),
    ],
)
def test_reasoning(reasoning: Any, level: str | None) -> None:
    made = ask(reasoning=reasoning)
    assert made.request.think == level
    assert made.request.params == {}


CODEX = {
    "model": "acme/m",
    "instructions": "You are Codex.",
    "input": [
        {
            "type": "message",
            "role": "developer",
            "content": [{"type": "input_text", "text": "<permissions>"}],
        },
        HI,
    ],
    "tools": [FUNCTION, PATCH, {"type": "web_search", "external_web_access": False}],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199-thread",
    "client_metadata": {"x": "y"},
    "service_tier": "priority",
}


def test_what_codex_sends() -> None:
    made = parse_responses(CODEX, "", None)
    assert made.request.stream
    assert made.request.think == "medium"
    assert set(made.request.params) == {"tools", "tool_choice", "parallel_tool_calls"}
    assert [message["role"] for message in made.request.messages] == ["system", "system", "user"]
    assert made.memory["conversation"] == "0199-thread"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "body"),
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input[0].role"),
        ({"input": [user({"type": "input_image"})]}, "input[0].content[0].image_url.url"),
        ({"input": [{"role": "developer", "content": "x"}]}, "input"),
        ({"input": [HI, {"type": "function_call", "call_id": "c"}]}, "input[1].name"),
        ({"input": [HI, {"type": "function_call", "name": "f"}]}, "input[1].call_id"),
        ({"input": [HI, {"type": "function_call_output"}]}, "input[1].call_id"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": "hi", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "hi", "conversation": {"id": "c"}}, "conversation"),
        ({"input": "hi", "background": True}, "background"),
        ({"input": "hi", "model": 5}, "model"),
        ({"input": "hi", "max_output_tokens": "many"}, "max_output_tokens"),
        ({"input": "hi", "tools": {}}, "tools"),
        ({"input": "hi", "tools": [5]}, "tools[0]"),
        ({"input": "hi", "tools": [{"type": "function"}]}, "tools[0].name"),
        (
            {"input": "hi", "tools": [{"type": "namespace", "name": "n", "tools": [5]}]},
            "tools[0].tools[0]",
        ),
        ({"input": "hi", "text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
    ],
)
def test_what_is_wrong_is_named(body: Any, path: str) -> None:
    with pytest.raises(BadField) as refusal:
        parse_responses(body, "", None)
    assert refusal.value.path == path
    assert refusal.value.message.startswith(f"{path} must be ")

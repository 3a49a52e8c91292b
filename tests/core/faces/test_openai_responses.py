"""The Responses API: what clients read, Codex among them."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.chat import Completion, Delta, ToolCall, ToolCallDelta
from freellm_cli.core.errors import AllLimited, ContextTooLong, FreellmError, UpstreamError
from freellm_cli.core.faces.registry import face
from tests.support.faces import STORY, TOLD, events, stream, whole, writer

PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin"'},
}
NAMESPACE = {
    "type": "namespace",
    "name": "mcp__files__",
    "description": "Files.",
    "tools": [{"type": "function", "name": "read", "parameters": {"type": "object"}}],
}
SEARCH = {
    "type": "tool_search",
    "execution": "client",
    "description": "Finds tools.",
    "parameters": {"type": "object"},
}
TOOLS = [PATCH, NAMESPACE, {"type": "local_shell"}, SEARCH]


def called(name: str, arguments: str) -> list[Delta]:
    half = len(arguments) // 2
    return [
        Delta(tool_calls=(ToolCallDelta(0, "call_1", name, arguments[:half]),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments=arguments[half:]),)),
        Delta(finish="tool_calls"),
    ]


def items(body: bytes) -> list[Any]:
    return [data["item"] for name, data in events(body) if name == "response.output_item.done"]


def test_a_stream_byte_by_byte() -> None:
    body = stream("responses", [Delta(text="Hi "), Delta(text="you"), Delta(finish="stop")])
    frames = body.decode().split("\n\n")
    assert [frame.split("\n")[0] for frame in frames[:-1]] == [
        "event: response.created",
        "event: response.in_progress",
        "event: response.output_item.added",
        "event: response.content_part.added",
        "event: response.output_text.delta",
        "event: response.output_text.delta",
        "event: response.output_text.done",
        "event: response.content_part.done",
        "event: response.output_item.done",
        "event: response.completed",
    ]
    assert frames[2] == (
        "event: response.output_item.added\n"
        'data: {"type":"response.output_item.added","sequence_number":2,"output_index":0,'
        '"item":{"id":"msg_0123456789abcdef0123_0","type":"message","status":"in_progress",'
        '"role":"assistant","content":[]}}'
    )
    assert frames[5] == (
        "event: response.output_text.delta\n"
        'data: {"type":"response.output_text.delta","sequence_number":5,'
        '"item_id":"msg_0123456789abcdef0123_0","output_index":0,"content_index":0,"delta":"you",'
        '"logprobs":[]}'
    )
    assert frames[-1] == ""


def test_items_of_every_kind_in_order() -> None:
    found = events(stream("responses", STORY))
    assert [name.removeprefix("response.") for name, _ in found[2:-1]] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    final = found[-1][1]["response"]
    assert [item["type"] for item in final["output"]] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert final["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }


def test_a_whole_answer_is_what_the_stream_ends_with() -> None:
    assert whole("responses", TOLD) == events(stream("responses", STORY))[-1][1]["response"]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_a_cut_answer_says_why(finish: str, reason: str) -> None:
    name, data = events(stream("responses", [Delta(text="a"), Delta(finish=finish)]))[-1]
    assert name == "response.incomplete"
    assert data["response"]["incomplete_details"] == {"reason": reason}
    assert data["response"]["output"][0]["status"] == "incomplete"
    assert whole("responses", Completion("a", finish=finish))["status"] == "incomplete"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (AllLimited("limited", retry_after_s=7), "rate_limit_exceeded", "Try again in 7s."),
        (AllLimited("limited", daily=True), "insufficient_quota", "limited"),
        (ContextTooLong("too long"), "context_length_exceeded", "too long"),
        (UpstreamError("groq broke off"), "server_error", "groq broke off"),
    ],
)
def test_a_failed_stream_ends_with_a_failure(error: FreellmError, code: str, words: str) -> None:
    found = events(stream("responses", [Delta(text="a")], error=error))
    name, data = found[-1]
    assert name == "response.failed"
    assert data["sequence_number"] == len(found) - 1
    assert data["response"]["status"] == "failed"
    assert data["response"]["error"]["code"] == code
    assert words in data["response"]["error"]["message"]


def test_a_custom_tools_input_is_plain_text_again() -> None:
    body = stream("responses", called("apply_patch", '{"input":"*** Begin\\n"}'), tools=TOOLS)
    assert items(body) == [
        {
            "id": "ctc_0123456789abcdef0123_0",
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "apply_patch",
            "input": "*** Begin\n",
        }
    ]
    assert [
        data.get("delta", data.get("input"))
        for name, data in events(body)
        if name.startswith("response.custom_tool_call_input")
    ] == ["*** Begin\n", "*** Begin\n"]
    bare = stream("responses", called("apply_patch", "*** Begin"), tools=TOOLS)
    assert items(bare)[0]["input"] == "*** Begin"


def test_a_namespaced_function_keeps_its_namespace() -> None:
    body = stream("responses", called("mcp__files__read", '{"p":1}'), tools=TOOLS)
    (item,) = items(body)
    assert (item["type"], item["name"], item["namespace"]) == (
        "function_call",
        "read",
        "mcp__files__",
    )


def test_a_shell_call_is_an_action() -> None:
    arguments = '{"command":["ls","-l"],"working_directory":"/","timeout_ms":5}'
    (item,) = items(stream("responses", called("local_shell", arguments), tools=TOOLS))
    assert item == {
        "id": "lsh_0123456789abcdef0123_0",
        "type": "local_shell_call",
        "status": "completed",
        "call_id": "call_1",
        "action": {
            "type": "exec",
            "command": ["ls", "-l"],
            "env": {},
            "working_directory": "/",
            "timeout_ms": 5,
        },
    }
    (item,) = items(stream("responses", called("local_shell", '{"command":"ls"}'), tools=TOOLS))
    assert item["action"]["command"] == ["bash", "-lc", "ls"]


def test_a_search_for_tools() -> None:
    (item,) = items(stream("responses", called("tool_search", '{"query":"x"}'), tools=TOOLS))
    assert (item["type"], item["execution"], item["arguments"]) == (
        "tool_search_call",
        "client",
        {"query": "x"},
    )


def test_a_function_nobody_offered_is_still_a_function() -> None:
    (item,) = items(stream("responses", called("made_up", "{}")))
    assert item["type"] == "function_call"


def test_calls_get_ids_where_the_provider_gave_none() -> None:
    answer = Completion("", tool_calls=(ToolCall("", "f", "{}"), ToolCall("", "f", "{}")))
    ids = [item["call_id"] for item in whole("responses", answer)["output"]]
    assert len(set(ids)) == 2
    assert all(ids)


def test_the_response_repeats_what_was_asked() -> None:
    asked = {
        "instructions": "be brief",
        "temperature": 0.5,
        "max_output_tokens": 500,
        "tools": TOOLS,
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
    }
    answer = whole("responses", TOLD, **asked)
    assert {name: answer[name] for name in asked} == asked
    assert (answer["store"], answer["previous_response_id"]) == (False, None)


def test_errors_are_openais() -> None:
    assert (
        face("responses").error_body(UpstreamError("x"), "r")["error"]["code"] == "upstream_error"
    )
    assert writer("responses").keep_alive().startswith(b":")

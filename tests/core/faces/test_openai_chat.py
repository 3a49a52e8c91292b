"""OpenAI chat completions: byte by byte, and as the named clients read them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.chat import Completion, Delta, ToolCall, ToolCallDelta, Usage
from freellm_cli.core.errors import AllLimited, RequestRefused, UpstreamError
from freellm_cli.core.faces.base import ReplyStyle
from freellm_cli.core.faces.registry import face
from tests.support.faces import ASKED, STORY, TOLD, asked, events, stream, whole, writer

GAME = ReplyStyle(reasoning=False, tidy=True)


def chunks(body: bytes) -> list[Any]:
    return [data for _, data in events(body)]


def deltas_of(body: bytes) -> list[Any]:
    return [c["choices"][0]["delta"] for c in chunks(body) if c != "[DONE]" and c["choices"]]


# Streams.


def test_a_stream_byte_by_byte() -> None:
    head = (
        'data: {"id":"chatcmpl-0123456789abcdef0123","object":"chat.completion.chunk",'
        '"created":1763700000,"model":"gemini/gemini-2.5-flash","choices":'
    )

    def frame(delta: str, finish: str = "null", more: str = "") -> str:
        choice = f'[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]'
        return f"{head}{choice}{more}}}\n\n"

    usage = (
        ',"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,'
        '"completion_tokens_details":{"reasoning_tokens":2},"prompt_tokens_details":{"cached_tokens":1}}'
    )
    expected = [
        frame('{"role":"assistant","content":""}'),
        frame('{"reasoning_content":"Hm."}'),
        frame('{"content":"Grüße, "}'),
        frame('{"content":"\\"Stalker\\"\\n"}'),
        frame("{}", '"stop"', usage),
        "data: [DONE]\n\n",
    ]
    said = [Delta(reasoning="Hm."), Delta(text="Grüße, "), Delta(text='"Stalker"\n')]
    assert stream("openai", [*said, Delta(finish="stop")]).decode() == "".join(expected)


def test_usage_comes_in_a_chunk_of_its_own_when_asked_for() -> None:
    body = stream("openai", [Delta(text="a")], stream_options={"include_usage": True})
    *before, last, done = chunks(body)
    assert [chunk["usage"] for chunk in before] == [None, None, None]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 15
    assert done == "[DONE]"


def test_no_chunk_without_a_choice_comes_unasked() -> None:
    """Mantella and others take the first choice of every chunk."""
    for chunk in chunks(stream("openai", STORY))[:-1]:
        assert isinstance(chunk["choices"][0]["delta"], dict)


def test_every_chunk_has_the_same_id_time_and_model() -> None:
    heads = {
        (c["id"], c["created"], c["model"], c["object"])
        for c in chunks(stream("openai", STORY))[:-1]
    }
    assert heads == {
        (
            "chatcmpl-0123456789abcdef0123",
            1763700000,
            "gemini/gemini-2.5-flash",
            "chat.completion.chunk",
        )
    }


def test_a_call_begins_empty_and_grows() -> None:
    calls = [d["tool_calls"][0] for d in deltas_of(stream("openai", STORY)) if "tool_calls" in d]
    assert calls == [
        {
            "index": 0,
            "id": "call_a",
            "type": "function",
            "function": {"name": "weather", "arguments": ""},
        },
        {"index": 0, "function": {"arguments": '{"town":'}},
        {"index": 0, "function": {"arguments": '"Bern"}'}},
        {
            "index": 1,
            "id": "call_b",
            "type": "function",
            "function": {"name": "clock", "arguments": ""},
        },
        {"index": 1, "function": {"arguments": '{"zone":"UTC"}'}},
    ]


def test_calls_have_ids_of_their_own_whatever_the_provider_gave() -> None:
    twice = [
        Delta(tool_calls=(ToolCallDelta(0, "x", "f"),)),
        Delta(tool_calls=(ToolCallDelta(1, "x", "f"),)),
        Delta(tool_calls=(ToolCallDelta(2, "", "f"),)),
    ]
    ids = [d["tool_calls"][0]["id"] for d in deltas_of(stream("openai", twice))[1:-1]]
    assert len(set(ids)) == 3
    assert all(ids)
    calls = (ToolCall("x", "f", "{}"), ToolCall("x", "f", "{}"), ToolCall("", "f", "{}"))
    message = whole("openai", Completion("", tool_calls=calls))["choices"][0]["message"]
    assert len({call["id"] for call in message["tool_calls"]} - {""}) == 3


@pytest.mark.parametrize(
    ("finish", "calls", "word"),
    [
        ("stop", False, "stop"),
        (None, False, "stop"),
        ("length", False, "length"),
        ("content_filter", False, "content_filter"),
        ("stop", True, "tool_calls"),
        ("length", True, "length"),
        ("sensitive", False, "stop"),
    ],
)
def test_only_the_four_finish_reasons_go_out(finish: str | None, calls: bool, word: str) -> None:
    deltas = [Delta(tool_calls=(ToolCallDelta(0, "c", "f", "{}"),))] if calls else []
    *_, last, _ = chunks(stream("openai", [*deltas, Delta(text="a", finish=finish)]))
    assert last["choices"][0]["finish_reason"] == word
    made = (ToolCall("c", "f", "{}"),) if calls else ()
    answer = whole("openai", Completion("a", tool_calls=made, finish=finish or "stop"))
    assert answer["choices"][0]["finish_reason"] == word


def test_a_broken_stream_ends_with_an_error_and_without_a_finish() -> None:
    fault = UpstreamError("groq broke off in mid-answer")
    *before, error, done = chunks(stream("openai", [Delta(text="Hel")], error=fault))
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in before)
    assert error == {
        "error": {
            "message": "groq broke off in mid-answer [req_0123456789abcdef0123]",
            "type": "server_error",
            "param": None,
            "code": "upstream_error",
        }
    }
    assert done == "[DONE]"


def test_provider_fields_that_clients_send_back_are_handed_on() -> None:
    extra = {"reasoning_details": [{"type": "x"}], "google": {"secret": 1}}
    assert {"reasoning_details": [{"type": "x"}]} in deltas_of(
        stream("openai", [Delta(extra=extra)])
    )
    signed = Delta(tool_calls=(ToolCallDelta(0, "c", "f", "{}", "c2ln"),))
    call = deltas_of(stream("openai", [signed]))[1]["tool_calls"][0]
    assert call["extra_content"] == {"google": {"thought_signature": "c2ln"}}


TOKEN = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}


def test_probabilities_stand_beside_their_text() -> None:
    first = Delta("Hi", extra={"logprobs": [TOKEN]})
    found = [c for c in chunks(stream("openai", [first])) if c != "[DONE]"]
    choice = found[1]["choices"][0]
    assert choice["delta"] == {"content": "Hi"}
    assert choice["logprobs"] == {"content": [TOKEN], "refusal": None}
    answer = whole("openai", Completion("Hi", extra={"logprobs": [TOKEN]}))
    assert answer["choices"][0]["logprobs"] == {"content": [TOKEN], "refusal": None}


def test_what_the_host_says_besides_never_takes_the_place_of_ours() -> None:
    told = {"citations": ["https://example.org"], "id": "theirs", "model": "theirs"}
    answer = whole("openai", Completion("Hi", extra={"answer": told}))
    assert answer["citations"] == ["https://example.org"]
    assert "theirs" not in (answer["id"], answer["model"])
    said = stream("openai", [Delta("Hi"), Delta(extra={"answer": told})])
    last = [c for c in chunks(said) if c != "[DONE]"][-1]
    assert last["citations"] == ["https://example.org"]
    assert "theirs" not in (last["id"], last["model"])
    assert last["choices"][0]["finish_reason"] == "stop"


def test_a_drawn_image_is_markdown() -> None:
    image = "data:image/png;base64,QUJD"
    assert {"content": f"![image]({image})"} in deltas_of(
        stream("openai", [Delta(images=(image,))])
    )
    message = whole("openai", Completion("Here:", images=(image,)))["choices"][0]["message"]
    assert message["content"] == f"Here:\n![image]({image})"


# Whole answers.


def test_a_whole_answer() -> None:
    assert whole("openai", TOLD) == {
        "id": "chatcmpl-0123456789abcdef0123",
        "object": "chat.completion",
        "created": 1763700000,
        "model": "gemini/gemini-2.5-flash",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello you",
                    "refusal": None,
                    "reasoning_content": "Let me think.",
                    "tool_calls": [
                        {
                            "id": "call_a",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"town":"Bern"}'},
                        },
                        {
                            "id": "call_b",
                            "type": "function",
                            "function": {"name": "clock", "arguments": '{"zone":"UTC"}'},
                        },
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "completion_tokens_details": {"reasoning_tokens": 2},
            "prompt_tokens_details": {"cached_tokens": 1},
        },
    }


def test_content_is_null_only_beside_calls() -> None:
    message = whole("openai", Completion("", tool_calls=(ToolCall("c", "f", ""),)))["choices"][0][
        "message"
    ]
    assert message["content"] is None
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"
    assert whole("openai", Completion(""))["choices"][0]["message"]["content"] == ""


def test_half_a_surrogate_pair_does_not_stop_an_answer() -> None:
    assert whole("openai", Completion("a\ud83d"))["choices"][0]["message"]["content"] == "a?"
    assert b'"content":"a?"' in stream("openai", [Delta(text="a\ud83d")])


OLD = {"functions": [{"name": "weather", "parameters": {"type": "object"}}]}


def test_clients_that_ask_with_functions_are_answered_in_kind() -> None:
    assert asked("openai", **OLD).request.params["tools"][0]["function"]["name"] == "weather"
    body = stream("openai", STORY, **OLD)
    fragments = [d["function_call"] for d in deltas_of(body) if "function_call" in d]
    assert fragments[0] == {"name": "weather", "arguments": ""}
    assert "".join(fragment["arguments"] for fragment in fragments) == '{"town":"Bern"}'
    assert b"tool_calls" not in body
    assert chunks(body)[-2]["choices"][0]["finish_reason"] == "function_call"
    choice = whole("openai", TOLD, **OLD)["choices"][0]
    assert choice["message"]["function_call"]["name"] == "weather"
    assert choice["finish_reason"] == "function_call"


# Games and chat front ends.


def herika(body: bytes) -> str:
    """CHIM/HerikaServer: six bytes off each line, what is no JSON is skipped."""
    said = ""
    for line in body.split(b"\n"):
        try:
            data = json.loads(line[6:])
        except ValueError:
            continue
        if "choices" in data:
            said += data["choices"][0]["delta"].get("content") or ""
    return said


def test_a_reader_that_cuts_six_bytes_off_each_line() -> None:
    body = stream("openai", [Delta(text="Dovah"), Delta(text="kiin\n\u2028!")])
    assert herika(b": keep-alive\n\n" + body) == "Dovahkiin\n\u2028!"
    assert all(line.startswith(b"data: ") for line in body.split(b"\n") if line)


def test_no_line_breaks_where_a_reader_might_see_one() -> None:
    body = stream("openai", [Delta(text="a\u2028b\u2029c\x85d\x0be\x1cf\rg\nh")]).decode()
    assert all(line.startswith("data: ") for line in body.splitlines() if line)


TALKER = {
    "model": "google/gemini-2.5-flash-lite-preview-06-17",
    "messages": [{"role": "system", "content": "You are a bandit"}, *ASKED],
    "temperature": 0.9,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
}


@pytest.mark.parametrize(
    ("field", "level"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": -1}}, "auto"),
        ({"reasoning_effort": "disable"}, "off"),
        ({"reasoning_effort": "medium"}, "medium"),
        ({}, None),
    ],
)
def test_talkers_reasoning_levels(field: dict[str, Any], level: str | None) -> None:
    request = face("openai").parse({**TALKER, **field}, "", None).request
    assert request.think == level
    assert request.stream is False
    assert set(request.params) == {
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
    }


def test_a_tiny_answer_is_not_eaten_by_thoughts() -> None:
    assert asked("openai", max_tokens=30).request.think == "off"
    assert asked("openai", max_completion_tokens=99).request.think == "off"
    assert asked("openai", max_tokens=100).request.think is None
    assert asked("openai", max_tokens=30, reasoning_effort="high").request.think == "high"


@pytest.mark.parametrize("nothing", [0, -1, None])
def test_front_ends_write_no_limit_as_zero(nothing: int | None) -> None:
    request = asked("openai", max_tokens=nothing).request
    assert "max_tokens" not in request.params
    assert request.think is None


def test_open_web_uis_nulls_are_absent() -> None:
    request = asked("openai", temperature=None, tools=None, stop=None, max_tokens=65536).request
    assert request.params == {"max_tokens": 65536}


def test_what_the_face_answers_for_is_not_asked_upstream() -> None:
    ask = asked("openai", n=1, stream_options={"include_usage": True}, prompt_cache_key="chat-1")
    assert not {"n", "stream_options"} & set(ask.request.params)
    assert ask.memory["conversation"] == "chat-1"


def test_a_game_gets_neither_thoughts_nor_fences() -> None:
    answer = Completion('\n```json\n{"a": 1}\n```\n', reasoning="Hm.", finish="stop")
    message = whole("openai", answer, GAME)["choices"][0]["message"]
    assert message["content"] == '{"a": 1}'
    assert "reasoning_content" not in message
    said = [Delta(reasoning="Hm."), Delta(text="\n "), Delta(text="``"), Delta(text="`json\n{")]
    said += [Delta(text='"a": 1}\n'), Delta(text="``"), Delta(text="`\n"), Delta(finish="stop")]
    body = stream("openai", said, style=GAME)
    assert herika(body) == '{"a": 1}'
    assert b"reasoning" not in body.replace(b"reasoning_tokens", b"")


def test_what_is_wrong_is_named() -> None:
    for body, path in (
        ([], "body"),
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ASKED, "model": 5}, "model"),
        ({"messages": [{"role": "wizard"}]}, "messages[0].role"),
        ({"messages": [*ASKED, {"role": "user", "content": 7}]}, "messages[1].content"),
    ):
        with pytest.raises(RequestRefused, match="must be") as refusal:
            face("openai").parse(body, "", None)
        assert face("openai").error_body(refusal.value, "r")["error"]["param"] == path


def test_a_keep_alive_is_a_comment() -> None:
    assert writer("openai").keep_alive() == b": keep-alive\n\n"


def test_an_error_body_has_all_four_keys() -> None:
    error = AllLimited("all limited", hint="see `freellm limits`", retry_after_s=5)
    assert face("openai").error_body(error, "req_1") == {
        "error": {
            "message": "all limited (see `freellm limits`) [req_1]",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


def test_estimated_usage_is_whole_numbers_too() -> None:
    usage = whole("openai", Completion("a", usage=Usage(3, 1, estimated=True)))["usage"]
    assert usage == {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}

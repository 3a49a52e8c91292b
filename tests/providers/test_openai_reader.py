"""Answers in the OpenAI dialect, as hosts really send them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.chat import Delta, ToolCall, Usage
from freellm_cli.core.http import Headers
from freellm_cli.providers.base import AnswerFault
from tests.support.openai_talk import (
    DONE,
    ask,
    chunk,
    completion,
    deltas,
    dialect,
    event,
    stream,
    target,
    usage,
)


def fault(body: bytes, size: int = 0, **changes: Any) -> AnswerFault:
    with pytest.raises(AnswerFault) as caught:
        deltas(body, size=size, where=target(**changes))
    return caught.value


def whole(message: dict[str, Any] | None = None, finish: str | None = "stop", **more: Any) -> bytes:
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    if message is not None:
        choice["message"] = message
    return json.dumps({"id": "c-1", "model": "told", "choices": [choice], **more}).encode()


# The plain case.


def test_a_stream_becomes_deltas_and_one_last_delta() -> None:
    body = stream(
        chunk(role="assistant", content=""),
        chunk(content="Hel"),
        chunk(content="lo"),
        chunk(finish="stop"),
        {"choices": [], "usage": usage(5, 2)},
    )

    assert deltas(body) == [
        Delta("Hel", model="told-model", response_id="chatcmpl-1"),
        Delta("lo"),
        Delta(finish="stop", usage=Usage(5, 2)),
    ]


def test_content_is_given_as_soon_as_its_event_is_there() -> None:
    reader = dialect().reader(ask(), target(), Headers([]))

    assert reader.feed(event(chunk(role="assistant", content=""))) == []
    assert [d.text for d in reader.feed(event(chunk(content="a")))] == ["a"]
    assert [d.text for d in reader.feed(event(chunk(content="b")) + b"data: {")] == ["b"]


def test_the_end_is_known_before_the_connection_closes() -> None:
    reader = dialect().reader(ask(), target(), Headers([]))
    found = reader.feed(stream(chunk("stop", content="a")))

    assert found[-1].finish == "stop"
    assert reader.done  # type: ignore[attr-defined]
    assert reader.feed(b"data: x\n\n") == []
    assert reader.close() == []


def test_a_whole_answer_is_read_from_the_same_bytes() -> None:
    body = whole({"role": "assistant", "content": "Hello"}, usage=usage(5, 2))

    assert deltas(body) == [
        Delta("Hello", model="told", response_id="c-1"),
        Delta(finish="stop", usage=Usage(5, 2)),
    ]
    assert deltas(body, size=1) == deltas(body)


def test_white_space_and_comments_before_the_answer_are_signs_of_life() -> None:
    body = whole({"content": "x"})

    assert completion(b"\n   \n" + body, size=1).text == "x"
    assert completion(b": OPENROUTER PROCESSING\n\n" + body).text == "x"
    assert completion(b"\xef\xbb\xbf\r\n" + stream(chunk("stop", content="x")), size=1).text == "x"


# Framing.


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize(
    "change",
    [
        lambda body: body,
        lambda body: body.replace(b"data: ", b"data:"),
        lambda body: body.replace(b"\n", b"\r\n"),
        lambda body: body.replace(b"data: ", b"id: 3\nevent: message\nretry: 5\ndata: "),
        lambda body: body.replace(b"data: ", b": ping\n\ndata: "),
        lambda body: body.removesuffix(b"\n\n"),
        lambda body: body.replace(b"}\n\ndata: {", b"}\ndata: {"),
    ],
    ids=["as is", "no space", "crlf", "fields", "comments", "no end", "no blank lines"],
)
def test_framing_does_not_matter(change: Any, size: int) -> None:
    body = change(stream(chunk(content="Ж猫"), chunk(content="😀"), chunk("length")))

    answer = completion(body, size=size)

    assert answer.text == "Ж猫😀"
    assert answer.finish == "length"


def test_empty_and_unknown_events_are_passed_over() -> None:
    body = (
        b"data:\n\ndata: ping\n\n"
        + event({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]})
        + event({"type": "ping"})
        + event({"choices": [{"index": 0, "finish_reason": None}]})
        + event({"choices": [{"index": 0, "delta": None}]})
        + event({"choices": [{"index": 0, "delta": {"content": None}}]})
        + stream(chunk("stop", content="x"))
    )

    assert completion(body).text == "x"


def test_what_follows_the_end_mark_does_not_count() -> None:
    body = stream(chunk("stop", content="a")) + event(chunk(content="b")) + event({"error": "x"})

    assert completion(body).text == "a"


# How an answer ends.


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),
        ("sensitive", "content_filter"),
        ("SAFETY", "content_filter"),
        ("function_call", "tool_calls"),
        ("model_length", "length"),
        ("MAX_TOKENS", "length"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("", "stop"),
        (None, "stop"),
    ],
)
def test_finish_reasons_become_the_four_known_ones(said: str | None, meant: str) -> None:
    assert completion(stream(chunk(content="x"), chunk(said))).finish == meant
    assert completion(whole({"content": "x"}, said)).finish == meant


@pytest.mark.parametrize("told", ["END", None, 151645])
def test_the_stop_text_that_a_host_names_is_handed_on(told: Any) -> None:
    last = chunk(finish="stop")
    last["choices"][0]["stop_reason"] = told
    extra = {"stop_reason": told} if told == "END" else None
    assert deltas(stream(chunk(content="a"), last))[-1] == Delta(finish="stop", extra=extra)


def test_a_filtered_answer_has_no_message() -> None:
    """Google's OpenAI-compatible path."""
    answer = completion(whole(None, "content_filter: PROHIBITED_CONTENT"))

    assert (answer.text, answer.finish) == ("", "content_filter")


def test_tool_calls_end_as_tool_calls_whatever_the_host_says() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    for said in ("stop", "", None):
        assert completion(stream(chunk(tool_calls=[call]), chunk(said))).finish == "tool_calls"
    assert completion(stream(chunk("length", tool_calls=[call]))).finish == "length"


@pytest.mark.parametrize(
    "word", ["error", "network_error", "abort", "insufficient_system_resource"]
)
def test_a_failed_end_is_a_fault_that_can_be_judged(word: str) -> None:
    for body in (stream(chunk(word)), whole({"content": "x"}, word)):
        error = fault(body)
        assert error.fault == "error"
        assert json.loads(error.body)["error"]["code"] == word


def test_the_end_mark_may_be_missing() -> None:
    body = stream(chunk(content="x"), chunk("stop"), done=False)

    assert completion(body).text == "x"


def test_the_finish_reason_may_be_missing_when_the_end_mark_is_there() -> None:
    assert completion(stream(chunk(content="x"))).finish == "stop"


@pytest.mark.parametrize("last", [usage(3, 1), {}])
def test_usage_at_the_end_says_that_the_answer_is_whole(last: Any) -> None:
    assert completion(stream(chunk(content="x"), chunk(usage=last), done=False)).finish == "stop"
    only = {"choices": [], "usage": last}
    assert completion(stream(chunk(content="x"), only, done=False)).finish == "stop"


def test_a_stream_without_any_end_was_cut() -> None:
    assert fault(stream(chunk(content="x"), done=False)).fault == "cut"


def test_usage_in_every_chunk_does_not_hide_a_cut() -> None:
    cut = stream(
        chunk(content="x", usage=usage(3, 1)), chunk(content="y", usage=usage(3, 2)), done=False
    )

    assert fault(cut).fault == "cut"


@pytest.mark.parametrize("tail", [b'data: {"choices":[{"de', b'data: {"id":1', b"dat"])
def test_a_stream_cut_inside_an_event_was_cut(tail: bytes) -> None:
    assert fault(event(chunk(content="x")) + tail).fault == "cut"


def test_a_cut_behind_the_finish_reason_loses_nothing() -> None:
    body = stream(chunk("stop", content="x"), done=False) + b'data: {"choices":[],"us'

    assert completion(body).finish == "stop"


def test_a_whole_answer_cut_in_the_middle_was_cut() -> None:
    assert fault(whole({"content": "x"})[:-5]).fault == "cut"


@pytest.mark.parametrize("body", [b"", b"  \n", b"\xef\xbb\xbf", b": alive\n\n: alive\n\n"])
def test_nothing_is_empty(body: bytes) -> None:
    assert fault(body).fault == "empty"


def test_an_answer_without_choices_is_empty() -> None:
    assert fault(b'{"id":"x","choices":[]}').fault == "empty"


def test_an_empty_answer_is_for_the_caller_to_judge() -> None:
    assert deltas(stream(chunk("stop", content=""))) == [Delta(finish="stop")]
    assert deltas(whole({"content": ""})) == [Delta(finish="stop")]


# Usage.


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(content="x"), chunk("stop"), {"choices": [], "usage": usage(9, 4)}],
        [chunk(content="x"), chunk("stop", usage=usage(9, 4))],
        [
            chunk(content="x", usage=usage(9, 1)),
            chunk(content="y", usage=usage(9, 2)),
            chunk("stop", usage=usage(9, 4)),
        ],
        [chunk(content="x"), {**chunk("stop"), "x_groq": {"id": "r", "usage": usage(9, 4)}}],
        [chunk(content="x"), chunk("stop", usage=usage(9, 4)), {"choices": [], "usage": {}}],
        [chunk(content="x", usage=None), chunk("stop"), {"choices": [], "usage": usage(9, 4)}],
    ],
    ids=["own chunk", "last chunk", "cumulative", "groq", "empty behind", "nulls before"],
)
def test_usage_is_taken_wherever_it_comes(chunks: list[Any]) -> None:
    found = deltas(stream(*chunks))

    assert [d.usage for d in found if d.usage] == [Usage(9, 4)]
    assert found[-1].usage == Usage(9, 4)


def test_empty_usage_is_no_usage() -> None:
    assert deltas(stream(chunk("stop", content="x", usage={})))[-1].usage is None


# Errors inside a 200.

ERRORS = {
    "top level": event({"error": {"code": 502, "message": "down"}, "choices": []}),
    "top level beside content": event({**chunk(content=""), "error": {"message": "down"}}),
    "a string": event({"error": "down"}),
    "in a list": event([{"error": {"code": 429, "message": "down"}}]),
    "in the choice": event({"choices": [{"index": 0, "error": {"message": "down"}}]}),
    "finish reason": event(chunk("error")),
    "named event": b'event: error\ndata: {"code":"1302","message":"down"}\n\n',
    "named event without json": b"event: error\ndata: down for now\n\n",
    "bare line": b'{"error":{"message":"down"}}\n',
    "bare pretty printed": b'{\n  "error": {\n    "message": "down"\n  }\n}\n',
    "groq": event({"x_groq": {"error": "down"}, "choices": []}),
    "old vllm": event({"object": "error", "message": "down", "code": 400}),
    "flat": event({"message": "down", "type": "too_many_requests_error", "code": "queue_exceeded"}),
    "iflow frame": event({"status": "434", "msg": "down", "body": None}),
    "fastapi": event({"detail": "down"}),
    "html": b"<html><body>\n\n<h1>502 down</h1>\n</body></html>\n",
}


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("body", ERRORS.values(), ids=ERRORS.keys())
def test_an_error_at_the_beginning_of_a_stream_is_a_fault(body: bytes, size: int) -> None:
    error = fault(b": alive\n\n" + body, size)

    assert error.fault == "error"
    assert any(word in error.body for word in (b"down", b"error", b"<html"))


@pytest.mark.parametrize("body", ERRORS.values(), ids=ERRORS.keys())
def test_an_error_behind_content_comes_after_the_content(body: bytes) -> None:
    reader = dialect().reader(ask(), target(), Headers([]))

    assert [d.text for d in reader.feed(event(chunk(content="x")) + body)] == ["x"]
    with pytest.raises(AnswerFault) as caught:
        reader.close()
    assert caught.value.fault == "error"


def test_an_error_behind_a_chunk_without_content_comes_at_once() -> None:
    reader = dialect().reader(ask(), target(), Headers([]))

    with pytest.raises(AnswerFault):
        reader.feed(event(chunk(role="assistant", content="")) + event({"error": "down"}))


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"down"}}',
        b'[{"error":{"message":"down"}}]',
        b'{"error":"down"}',
        b'{"id":"x","choices":[],"error":{"code":502,"message":"down"}}',
        b'{"choices":[{"index":0,"error":{"message":"down"},"finish_reason":"error"}]}',
        b'{"status":"434","msg":"down","body":null}',
        b'{"success":false,"code":"500","message":"down","data":null}',
        b'{"success":false,"errors":[{"code":4006,"message":"down"}],"result":null}',
        b'{"object":"error","message":"down","type":"invalid_model","code":"1500"}',
        b'{"detail":"down"}',
        b'{"detail":[{"loc":["body"],"msg":"down"}]}',
        b'{"message":"down","request_id":"1"}',
        b'{"id":"1","message":"down"}',
        b'{"error":{"message":"down, and then the connection',
        b'{"base_resp":{"status_code":1004,"status_msg":"down"}}',
        b'{"timestamp":1,"status":404,"error":"down","path":"/"}',
        b"<!DOCTYPE html><html>down</html>",
        b"error code: 1020 down",
        b"upstream connect error, down",
    ],
)
def test_an_error_in_place_of_an_answer_is_a_fault_with_its_body(body: bytes) -> None:
    for size in (0, 1):
        error = fault(body, size)
        assert error.fault == "error"
        assert error.body == body


@pytest.mark.parametrize("body", [b'{"hello":"world"}', b"[1,2]", b'"text"', b'{"choices":{}}'])
def test_other_json_is_malformed(body: bytes) -> None:
    assert fault(body).fault == "malformed"


def test_an_event_that_is_no_json_is_malformed() -> None:
    assert fault(event(chunk(content="x")) + b"data: {oops}\n\n" + DONE).fault == "malformed"


def test_an_event_beyond_all_measure_is_malformed() -> None:
    reader = dialect().reader(ask(), target(), Headers([]))
    for _ in range(16):
        reader.feed(b"data: " + b"x" * ((1 << 20) - 6))
    with pytest.raises(AnswerFault) as caught:
        reader.feed(b"x")
    assert caught.value.fault == "malformed"


def test_json_nested_beyond_reason_is_no_crash() -> None:
    for body in (b"[" * 100_000, b"data: " + b"[" * 100_000 + b"\n\n"):
        assert fault(body).fault in ("cut", "malformed")


# Thinking.


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_thinking_is_found_under_any_of_its_names(field: str) -> None:
    body = stream(chunk(**{field: "hm"}), chunk("stop", content="yes", **{field: None}))

    answer = completion(body)

    assert (answer.reasoning, answer.text) == ("hm", "yes")
    assert completion(whole({"content": "yes", field: "hm"})).reasoning == "hm"


def test_thinking_that_comes_under_two_names_is_taken_once() -> None:
    body = stream(chunk("stop", content="yes", reasoning_content="hm", reasoning="hm"))

    assert completion(body).reasoning == "hm"


def test_details_are_handed_on_and_read_where_nothing_else_is() -> None:
    details = [
        {"type": "reasoning.text", "text": "h"},
        {"type": "reasoning.summary", "summary": "m"},
        {"type": "reasoning.encrypted", "data": "zz"},
    ]
    both = completion(stream(chunk("stop", reasoning="hm!", reasoning_details=details)))
    alone = completion(stream(chunk("stop", reasoning_details=details)))

    assert both.reasoning == "hm!"
    assert alone.reasoning == "hm"
    assert both.extra == alone.extra == {"reasoning_details": details}


def test_a_quirk_names_the_only_fields_that_count() -> None:
    """MiniMax repeats the last fragment in reasoning_details."""
    where = target(quirks={"reasoning_fields": ["reasoning_content"]})
    body = stream(chunk("stop", content="x", reasoning="no", reasoning_details=[{"text": "no"}]))

    answer = completion(body, where=where)

    assert (answer.reasoning, answer.extra) == ("", None)


def test_content_in_parts_is_flattened() -> None:
    """Mistral's reasoning models."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    text = {"type": "text", "text": "yes"}
    for body in (
        stream(chunk(content=[thinking]), chunk(content=[text]), chunk("stop")),
        stream(
            chunk("stop", content=[thinking, text, {"type": "reference", "reference_ids": [1]}])
        ),
        whole({"role": "assistant", "content": [thinking, text]}),
    ):
        answer = completion(body)
        assert (answer.reasoning, answer.text) == ("hm", "yes")


@pytest.mark.parametrize("size", [0, 1])
def test_tags_of_a_leaking_model_are_not_text(size: int) -> None:
    body = stream(*[chunk(content=c) for c in "<think>hm</think>\n\nyes"], chunk("stop"))

    leaking = completion(body, size=size, where=target(name="deepseek-r1-distill-llama-70b"))
    other = completion(body, size=size)

    assert (leaking.reasoning, leaking.text) == ("hm", "yes")
    assert other.text == "<think>hm</think>\n\nyes"


def test_what_tags_hold_back_comes_before_the_end() -> None:
    found = deltas(stream(chunk("stop", content="<thin")), where=target(name="qwq-32b"))

    assert [(d.text, d.finish) for d in found] == [("<thin", None), ("", "stop")]


def test_google_s_thought_tags_are_named_by_a_quirk() -> None:
    where = target(quirks={"think_tags": ["thought"]})

    answer = completion(stream(chunk("stop", content="<thought>hm</thought>yes")), where=where)

    assert (answer.reasoning, answer.text) == ("hm", "yes")


# Other content.


def test_a_refusal_is_text() -> None:
    assert completion(whole({"content": None, "refusal": "I cannot."})).text == "I cannot."


def test_drawn_images_and_annotations_are_kept() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    body = whole({"content": "", "images": [picture], "annotations": [{"type": "url_citation"}]})

    answer = completion(body)

    assert answer.images == ("data:image/png;base64,AA",)
    assert answer.extra == {"annotations": [{"type": "url_citation"}]}


def test_content_in_parts_may_hold_texts_and_pictures() -> None:
    picture = {"type": "image_url", "image_url": "data:image/png;base64,AA"}
    elsewhere = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}

    answer = completion(whole({"content": ["a", {"text": "b"}, picture, elsewhere, 5]}))

    assert (answer.text, answer.images) == ("ab", ("data:image/png;base64,AA",))
    assert completion(whole({"content": {"type": "text", "text": "x"}})).text == "x"
    assert deltas(whole({"content": 5})) == [Delta(finish="stop")]


def test_odd_companions_of_the_content_do_no_harm() -> None:
    answer = completion(
        whole({"content": "x", "images": "none", "reasoning_details": {"a": 1}, "tool_calls": 3})
    )

    assert (answer.text, answer.reasoning, answer.tool_calls) == ("x", "", ())


def test_choices_that_are_none_are_passed_over() -> None:
    assert completion(stream({"choices": [None, 5]}, chunk("stop", content="x"))).text == "x"


def test_a_whole_answer_beyond_all_measure_is_refused() -> None:
    reader = dialect().reader(ask(), target(), Headers([]))
    piece = b" " * (8 << 20)
    reader.feed(b'{"choices":')
    for _ in range(7):
        reader.feed(piece)
    with pytest.raises(AnswerFault, match="larger"):
        reader.feed(piece)


def test_legacy_text_is_content() -> None:
    assert completion(b'{"choices":[{"text":"x","finish_reason":"stop"}]}').text == "x"


def test_a_stream_that_sends_messages_is_read() -> None:
    body = event({"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]})

    assert completion(body).text == "x"


def test_of_several_answers_the_first_is_read() -> None:
    second = {"index": 1, "delta": {"content": "b"}, "finish_reason": None}
    both = chunk(content="a")
    both["choices"].append(second)
    body = stream(both, {"choices": [second]}, chunk("stop"))

    assert completion(body).text == "a"


# Tool calls through the whole reader; their oddities are in test_tool_deltas.


def test_tool_calls_are_read_streamed_and_whole() -> None:
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    body = stream(
        chunk(tool_calls=[first]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"x":'}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}]),
        chunk("tool_calls"),
    )
    called = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}

    assert completion(body, size=1).tool_calls == (ToolCall("a", "f", '{"x":1}'),)
    assert completion(whole({"content": None, "tool_calls": [called]})).tool_calls == (
        ToolCall("a", "f", '{"x":1}'),
    )


def test_the_old_function_call_is_a_tool_call() -> None:
    body = stream(
        chunk(function_call={"name": "f", "arguments": ""}),
        chunk(function_call={"arguments": '{"x":1}'}),
        chunk("function_call"),
    )

    (call,) = completion(body).tool_calls
    assert (call.name, call.arguments) == ("f", '{"x":1}')
    assert call.id


# Nothing depends on where the bytes are cut.

delta_bits = st.fixed_dictionaries(
    {},
    optional={
        "content": st.sampled_from(
            ["", "x", "ж猫😀", "<think>", "</think>", None, [{"text": "p"}]]
        ),
        "reasoning_content": st.sampled_from(["", "hm", None]),
        "tool_calls": st.sampled_from(
            [
                [],
                [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}],
                [{"index": 0, "function": {"arguments": "}"}}],
                [{"function": {"name": "g", "arguments": {"x": 1}}}],
            ]
        ),
    },
)
finishes = st.sampled_from([None, None, None, "", "stop", "length", "error", "sensitive"])
usages = st.sampled_from([None, None, usage(3, 1), {}])
bits = st.one_of(
    st.builds(lambda d, f, u: event(chunk(f, u, **d)), delta_bits, finishes, usages),
    st.sampled_from(
        [
            DONE,
            b": alive\n\n",
            b"data: \r\n\r\n",
            event({"error": "down"}),
            event({"choices": [], "usage": usage(4, 4)}),
            b'{"error":"down"}\n\n',
            b'data: {"choi',
            b"<html>",
        ]
    ),
)


def outcome(body: bytes, places: list[int]) -> tuple[Any, str]:
    reader = dialect().reader(ask(), target(name="qwq"), Headers([]))
    cuts = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    found: list[Delta] = []
    fault = ""
    try:
        for start, end in pairwise(cuts):
            found += reader.feed(body[start:end])
        found += reader.close()
    except AnswerFault as error:
        fault = error.fault
    return [d for d in found if d.has_content or d.finish], fault


@given(
    body=st.lists(bits, max_size=8).map(b"".join), places=st.lists(st.integers(0, 900), max_size=6)
)
def test_any_split_of_a_stream_gives_the_same_deltas(body: bytes, places: list[int]) -> None:
    assert outcome(body, places) == outcome(body, [])


@given(body=st.binary(max_size=60), places=st.lists(st.integers(0, 60), max_size=4))
def test_any_bytes_are_an_answer_or_a_fault(body: bytes, places: list[int]) -> None:
    assert outcome(body, places) == outcome(body, [])


def test_long_streams_take_time_in_proportion() -> None:
    from time import thread_time

    def seconds(count: int) -> float:
        body = event(chunk(content="some text")) * count
        began = thread_time()
        deltas(body + DONE, size=4096)
        return thread_time() - began

    few = min(seconds(500) for _ in range(3))
    many = min(seconds(8000) for _ in range(2))

    assert many < 100 * few  # 16 times the work; a quadratic reader takes 256 times as long


TOKEN = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}


def with_logprobs(text: str, **more: Any) -> dict[str, Any]:
    made = chunk(content=text, **more)
    made["choices"][0]["logprobs"] = {"content": [{**TOKEN, "token": text}], "refusal": None}
    return made


def test_probabilities_of_tokens_come_with_their_text() -> None:
    first, second, *_ = deltas(stream(with_logprobs("Hi"), with_logprobs(" you"), chunk("stop")))
    assert first.extra == {"logprobs": [TOKEN]}
    assert (second.text, second.extra) == (" you", {"logprobs": [{**TOKEN, "token": " you"}]})
    answer = completion(stream(with_logprobs("Hi"), with_logprobs(" you"), chunk("stop")))
    assert answer.extra is not None
    assert [token["token"] for token in answer.extra["logprobs"]] == ["Hi", " you"]


def test_what_a_host_says_beside_its_choices_is_kept_once() -> None:
    same = {"system_fingerprint": "fp_1", "obfuscation": "x1"}
    body = stream(
        {**chunk(content="Hi"), **same},
        {**chunk(content=" you"), **same, "obfuscation": "y22"},
        {**chunk("stop"), **same, "timings": {"predicted_ms": 12.5}},
    )
    told = [delta.extra for delta in deltas(body) if delta.extra]
    assert told == [
        {"answer": {"system_fingerprint": "fp_1"}},
        {"answer": {"system_fingerprint": "fp_1", "timings": {"predicted_ms": 12.5}}},
    ]


def test_a_whole_answer_keeps_them_too() -> None:
    answer = completion(
        whole({"content": "Hi"}, citations=["https://example.org"], service_tier=None)
    )
    assert answer.extra == {"answer": {"citations": ["https://example.org"]}}

"""Server-sent events as bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.sse import (
    SseDecoder,
    SseEvent,
    SseOverflow,
    encode_comment,
    encode_event,
    ends_with_done,
    find_error,
    find_finish,
    find_usage,
    has_content,
)


def events(body: bytes, size: int = 0) -> list[SseEvent]:
    decoder = SseDecoder()
    found = []
    step = size or max(1, len(body))
    for start in range(0, len(body), step):
        found += decoder.feed(body[start : start + step])
    return found + decoder.close()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_ends_a_line(end: bytes) -> None:
    body = end.join([b"data: one", b"", b"data: two", b"", b""])

    assert events(body) == [SseEvent(b"one"), SseEvent(b"two")]
    assert events(body, size=1) == events(body)


def test_mixed_line_ends_are_understood() -> None:
    body = b"data: a\r\n\r\ndata: b\n\ndata: c\r\rdata: d\r\n\n"

    assert [e.data for e in events(body)] == [b"a", b"b", b"c", b"d"]


def test_only_one_space_behind_the_colon_is_taken() -> None:
    assert [e.data for e in events(b"data:x\n\ndata: x\n\ndata:  x\n\n")] == [b"x", b"x", b" x"]


def test_lines_of_one_event_are_joined_by_a_newline() -> None:
    assert events(b"data: a\ndata: b\ndata:\n\n") == [SseEvent(b"a\nb\n")]


def test_event_names_hold_for_one_event() -> None:
    assert events(b"event: error\ndata: a\n\ndata: b\n\n") == [
        SseEvent(b"a", "error"),
        SseEvent(b"b"),
    ]


def test_comments_are_counted_and_say_nothing() -> None:
    decoder = SseDecoder()

    assert decoder.feed(b": OPENROUTER PROCESSING\n\n:\n\ndata: x\n\n") == [SseEvent(b"x")]
    assert decoder.comments == 2


def test_byte_order_mark_is_skipped_even_when_it_is_cut() -> None:
    decoder = SseDecoder()

    assert decoder.feed(b"\xef") == []
    assert decoder.feed(b"\xbb\xbfdata: x\n") == []
    assert decoder.feed(b"\n") == [SseEvent(b"x")]


def test_ids_retries_and_unknown_fields_are_ignored() -> None:
    assert events(b"id: 7\nretry: 10\nfoo: bar\ndata: x\n\n") == [SseEvent(b"x")]


def test_last_event_needs_no_blank_line_and_no_newline() -> None:
    assert events(b"data: a\n\ndata: b") == [SseEvent(b"a"), SseEvent(b"b")]
    assert events(b"data: a\n") == [SseEvent(b"a")]


def test_json_without_a_field_name_comes_as_a_bare_event() -> None:
    body = b'data: a\n\n{"error": "x"}\n\ndata: b\n\n'

    assert events(body) == [SseEvent(b"a"), SseEvent(b'{"error": "x"}', "", True), SseEvent(b"b")]


def test_bare_lines_end_where_a_field_begins() -> None:
    assert events(b'{"error":\n "x"}\ndata: b\n\n') == [
        SseEvent(b'{"error":\n "x"}', "", True),
        SseEvent(b"b"),
    ]


def test_rest_of_a_pretty_printed_object_belongs_to_its_event() -> None:
    assert events(b'data: {\n  "a": 1\n}\n\n') == [SseEvent(b'{\n  "a": 1\n}')]


def test_an_event_without_end_is_refused_at_the_limit() -> None:
    decoder = SseDecoder(limit=1000)
    for _ in range(17):
        decoder.feed(b"data: " + b"x" * 50)
    with pytest.raises(SseOverflow):
        decoder.feed(b"x" * 50)


def test_many_lines_of_one_event_count_towards_the_limit() -> None:
    decoder = SseDecoder(limit=1000)
    for _ in range(17):
        decoder.feed(b"data: " + b"x" * 50 + b"\n")
    with pytest.raises(SseOverflow):
        decoder.feed(b"data: " + b"x" * 50 + b"\n")


def test_a_long_stream_of_short_events_meets_no_limit() -> None:
    decoder = SseDecoder(limit=1000)

    assert sum(len(decoder.feed(b"data: 0123456789\n\n")) for _ in range(1000)) == 1000


pieces = st.lists(
    st.sampled_from(
        [
            b"data: {}",
            "data:ж猫".encode(),
            b"data",
            b": c",
            b"event: error",
            b"{",
            b"<p>",
            b"id: 1",
            b"\n",
            b"\n",
            b"\r",
            b"\r\n",
            b"\r\n\r\n",
            b"\xef\xbb\xbf",
        ]
    ),
    max_size=40,
).map(b"".join)


@given(body=pieces, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_any_split_gives_the_same_events(body: bytes, cuts: list[int]) -> None:
    decoder = SseDecoder()
    found: list[SseEvent] = []
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in pairwise(places):
        found += decoder.feed(body[start:end])

    assert found + decoder.close() == events(body)


@given(st.text().map(lambda text: text.replace("\r", "")), st.sampled_from(["", "ping"]))
def test_what_is_encoded_is_decoded_again(text: str, name: str) -> None:
    found = events(encode_event(text, name))
    lines = text.encode("utf-8", "replace").splitlines()

    assert found == [SseEvent(b"\n".join(lines), name)]


def test_events_are_written_on_one_line_with_a_space_behind_the_colon() -> None:
    assert encode_event('{"a":1}') == b'data: {"a":1}\n\n'
    assert encode_event("{}", "message_stop") == b"event: message_stop\ndata: {}\n\n"
    assert encode_comment() == b": keep-alive\n\n"


# Looks into raw bytes.


def test_last_usage_in_raw_bytes_is_found() -> None:
    raw = (
        b'data: {"choices":[],"usage":null}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
        b'data: {"choices":[],"usage" : {"prompt_tokens":9,"completion_tokens":2}}\n\n'
        b'data: {"usage":{}}\n\ndata: [DONE]\n\n'
    )

    assert find_usage(raw) == {"prompt_tokens": 9, "completion_tokens": 2}


def test_usage_that_a_model_writes_about_is_not_usage() -> None:
    raw = rb'data: {"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":5}"}}]}'

    assert find_usage(raw) is None


def test_usage_cut_in_the_middle_is_not_found() -> None:
    assert find_usage(b'data: {"usage":{"prompt_tokens":9,') is None


def test_last_finish_reason_in_raw_bytes_is_found() -> None:
    raw = (
        b'{"finish_reason":null}{"finish_reason":"length"}{"finish_reason":""}{"finish_reason":null'
    )

    assert find_finish(raw) == "length"
    assert find_finish(b'{"finish_reason":null}') is None


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"error":{"code":502}}',
        b'data: {"choices":[],"error": "x"}',
        b'data: {"choices":[{"error":{"a":1}}]}',
        b"event: error\ndata: {}",
        b"data: {}\n\nevent:error\ndata: {}",
    ],
)
def test_errors_in_raw_bytes_are_seen(raw: bytes) -> None:
    assert find_error(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"error":null}',
        b'data: {"error":{}}',
        b'data: {"error":""}',
        rb'data: {"delta":{"content":"\"error\":{\"a\":1}"}}',
        b'data: {"kind":"error"}',
    ],
)
def test_what_is_no_error_is_not_taken_for_one(raw: bytes) -> None:
    assert not find_error(raw)


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b'{"delta":{"role":"assistant","content":""}}', False),
        (b'{"delta":{"content":null}}', False),
        (b'{"delta":{"content":"x"}}', True),
        (b'{"delta":{"content":""}}{"delta":{"content": "x"}}', True),
        (b'{"delta":{"content":"]"}}', True),
        (b'{"delta":{"reasoning_content":"x"}}', True),
        (b'{"delta":{"reasoning":"x"}}', True),
        (b'{"delta":{"content":[{"type":"text"}]}}', True),
        (b'{"delta":{"tool_calls":[{"index":0}]}}', True),
        (b'{"delta":{"tool_calls":[]}}', False),
        (b": keep-alive\n\n", False),
    ],
)
def test_first_content_in_raw_bytes_is_seen(raw: bytes, seen: bool) -> None:
    assert has_content(raw) is seen


def test_the_end_mark_is_seen() -> None:
    assert ends_with_done(b"data: {}\n\ndata: [DONE]\n\n")
    assert ends_with_done(b"data: {}\r\n\r\ndata:[DONE]")
    assert not ends_with_done(b"data: [DONE]\n\ndata: {}\n\n")
    assert not ends_with_done(b"")

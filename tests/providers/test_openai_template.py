"""Reading events by their make gives what parsing them gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.chat import Delta
from freellm_cli.core.sse import SseDecoder, SseEvent
from freellm_cli.providers.base import AnswerFault
from freellm_cli.providers.openai_reader import OpenAIReader
from freellm_cli.providers.openai_template import template_of

TEXTS = st.lists(st.text(max_size=12), max_size=12)


def event(text: str, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    body = json.dumps({"id": "x", "choices": [choice], **more}, ensure_ascii=False)
    return f"data: {body}\n\n".encode("utf-8", "surrogatepass")


END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def read(pieces: list[bytes]) -> list[Delta]:
    reader = OpenAIReader(new_id=lambda: "call_1")
    found = [delta for piece in pieces for delta in reader.feed(piece)]
    return found + reader.close()


@given(texts=TEXTS, together=st.booleans())
def test_every_text_arrives_as_it_was_sent(texts: list[str], together: bool) -> None:
    pieces = [event(text) for text in texts if text.isprintable()]
    expected = "".join(text for text in texts if text.isprintable())
    deltas = read([b"".join([*pieces, END])] if together else [*pieces, END])
    assert "".join(delta.text for delta in deltas) == expected
    assert deltas[-1].finish == "stop"


@given(texts=TEXTS)
def test_events_that_say_more_than_text_are_parsed(texts: list[str]) -> None:
    pieces = []
    for number, text in enumerate(texts):
        pieces.append(event(text))
        if number % 3 == 2:
            pieces.append(event(text, usage={"prompt_tokens": 1, "completion_tokens": number}))
    deltas = read([*pieces, END])
    counted = [number for number in range(len(texts)) if number % 3 == 2]
    usage = deltas[-1].usage
    assert (usage.completion if usage else None) == (counted[-1] if counted else None)


def test_a_make_is_learned_only_where_the_text_stands_once() -> None:
    data = b'{"choices":[{"delta":{"content":"a"}}],"echo":{"content":"a"}}'
    assert template_of(data, "a") is None
    known = template_of(b'{"choices":[{"delta":{"content":"a"}}]}', "a")
    assert known is not None
    assert known.text_of(b'{"choices":[{"delta":{"content":"b c"}}]}') == "b c"
    for other in ("b\\n", 'b","x":"', "", "b\x01"):
        raw = b'{"choices":[{"delta":{"content":"%s"}}]}' % other.encode()
        assert known.text_of(raw) is None


def test_an_error_behind_events_of_one_make_is_seen() -> None:
    reader = OpenAIReader(new_id=lambda: "call_1")
    said = reader.feed(event("one") + event("two") + event("three"))
    assert [delta.text for delta in said] == ["one", "twothree"]
    with pytest.raises(AnswerFault) as caught:
        reader.feed(b'data: {"error":{"message":"no"}}\n\n')
    assert caught.value.fault == "error"


@given(
    blocks=st.lists(
        st.sampled_from(
            [
                b"data: a",
                b"data:b",
                b": c",
                b"event: e\ndata: d",
                b"data: x\ndata: y",
                b"data: ",
                b"",
            ]
        ),
        max_size=8,
    ),
    ends=st.sampled_from([b"\n\n", b"\r\n\r\n"]),
)
def test_whole_events_are_decoded_the_same_in_one_piece_and_byte_by_byte(
    blocks: list[bytes], ends: bytes
) -> None:
    data = b"".join(block + ends for block in [b"data: first", *blocks])
    once, slow = SseDecoder(), SseDecoder()
    first, rest = data[: len(b"data: first" + ends)], data[len(b"data: first" + ends) :]
    quick: list[SseEvent] = once.feed(first) + once.feed(rest) + once.close()
    careful = [found for byte in data for found in slow.feed(bytes([byte]))] + slow.close()
    assert quick == careful


def test_an_event_that_is_to_be_parsed_ends_a_run_and_the_next_begins_behind_it() -> None:
    known = template_of(b'{"choices":[{"delta":{"content":"a"}}]}', "a")
    assert known is not None
    lines = [b'{"choices":[{"delta":{"content":"b"}}]}'] * 10
    lines.insert(4, b'{"choices":[{"delta":{"content":"\\n"}}]}')
    assert known.read(lines, 0) == ("bbbb", 4)
    assert known.read(lines, 4) == ("", 0)
    assert known.read(lines, 5) == ("bbbbbb", 6)


def test_after_a_run_that_failed_events_are_read_one_by_one() -> None:
    known = template_of(b'{"choices":[{"delta":{"content":"a"}}]}', "a")
    assert known is not None
    plain = b'{"choices":[{"delta":{"content":"b"}}]}'
    unprintable = '{"choices":[{"delta":{"content":"\u200d"}}]}'.encode()
    assert known.read([plain] * 6, 0) == ("bbbbbb", 6)
    assert known.read([plain] * 6 + [unprintable], 0) == ("b", 1)
    assert known.read([plain] * 6, 0) == ("b", 1)

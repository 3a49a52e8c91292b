"""Google's answers become deltas, however they are cut and whatever goes wrong."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.chat import ToolCall, Usage
from freellm_cli.core.http import Headers
from freellm_cli.providers.base import AnswerFault
from freellm_cli.providers.google import Google
from freellm_cli.providers.json_objects import JsonObjects, JsonOverflow
from tests.support.google_talk import WEATHER, asking, chunk, completion, read, sse, target, text

STREAM = [
    chunk(
        text("Let me think. ", thought=True),
        usageMetadata={"promptTokenCount": 9, "totalTokenCount": 12, "thoughtsTokenCount": 3},
        modelVersion="gemini-2.5-flash-001",
        responseId="r1",
    ),
    chunk(text("Привет, "), usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 2}),
    chunk(
        text("мир"),
        finish="STOP",
        usageMetadata={
            "promptTokenCount": 9,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 3,
            "totalTokenCount": 17,
        },
    ),
]


def plain_sse(*trees: dict[str, Any]) -> bytes:
    lines = [f"data: {json.dumps(tree, ensure_ascii=False)}\n\n" for tree in trees]
    return "".join(lines).encode()


def pretty_sse(*trees: dict[str, Any]) -> bytes:
    events = []
    for tree in trees:
        lines = json.dumps(tree, indent=2, ensure_ascii=False).split("\n")
        events.append("\r\n".join(f"data: {line}" for line in lines) + "\r\n\r\n")
    return "".join(events).encode()


def array(*trees: dict[str, Any]) -> bytes:
    return (
        "[" + "\n,\r\n".join(json.dumps(t, indent=1, ensure_ascii=False) for t in trees) + "\n]\n"
    ).encode()


FORMS = {"sse": plain_sse, "sse in many lines": pretty_sse, "array": array}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10**6])
def test_every_form_reads_alike_however_it_is_cut(form: str, size: int) -> None:
    answer = completion(FORMS[form](*STREAM), size=size)
    assert answer.text == "Привет, мир"
    assert answer.reasoning == "Let me think. "
    assert answer.finish == "stop"
    assert answer.usage == Usage(prompt=9, completion=8, reasoning=3, cached=4)
    assert (answer.model, answer.response_id) == ("gemini-2.5-flash-001", "r1")


def test_an_event_stream_gives_its_text_as_it_comes() -> None:
    reader = Google().reader(asking(), target(), Headers([]))
    assert [delta.reasoning for delta in reader.feed(sse(STREAM[0]))] == ["Let me think. "]
    assert [delta.text for delta in reader.feed(sse(STREAM[1]))] == ["Привет, "]


def test_an_array_gives_each_object_when_it_closes() -> None:
    reader = Google().reader(asking(), target(), Headers([]))
    assert [delta.text for delta in reader.feed(b"[" + json.dumps(STREAM[1]).encode())] == [
        "Привет, "
    ]


def test_a_whole_answer_is_read_like_a_stream() -> None:
    whole = chunk(text("a "), text("thought", thought=True), text("b"), finish="STOP")
    answer = completion(json.dumps(whole, indent=2).encode(), size=5)
    assert (answer.text, answer.reasoning, answer.finish) == ("a b", "thought", "stop")


def test_strings_with_braces_and_quotes_do_not_confuse_the_splitter() -> None:
    tricky = 'a "quoted" } { \\ "\\" end\\'
    whole = json.dumps([chunk(text(tricky), finish="STOP")]).encode()
    for size in (1, 3, 1000):
        assert completion(whole, size=size).text == tricky


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=5), st.integers(1, 40))
def test_any_text_arrives_whole_in_every_form(pieces: list[str], size: int) -> None:
    trees = [chunk(text(piece)) for piece in pieces]
    trees[-1] = chunk(text(pieces[-1]), finish="STOP")
    escaped = [json.loads(json.dumps(tree)) for tree in trees]
    for body in (sse(*escaped), json.dumps(escaped).encode()):
        assert completion(body, size=size).text == "".join(pieces)


# Function calls.


def called(name: str, signature: str = "", **made: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, **made}}
    if signature:
        part["thoughtSignature"] = signature
    return part


def test_calls_come_whole_with_rising_index_and_an_id() -> None:
    body = sse(
        chunk(called("weather", "c2ln", args={"town": "Bern"}), called("clock", id="g7")),
        chunk(called("weather", args={"town": "Köln"}), finish="STOP"),
    )
    answer = completion(body)
    assert answer.tool_calls == (
        ToolCall("call_0", "weather", '{"town": "Bern"}', "c2ln"),
        ToolCall("g7", "clock", "{}", ""),
        ToolCall("call_1", "weather", '{"town": "Köln"}', ""),
    )
    assert answer.finish == "tool_calls"
    indexes = [call.index for delta in read(body) for call in delta.tool_calls]
    assert indexes == [0, 1, 2]


def test_a_function_gets_the_name_back_that_the_caller_gave_it() -> None:
    tool = {"type": "function", "function": {"name": "clock now"}}
    body = sse(chunk(called("clock_now"), finish="STOP"))
    answer = completion(body, asking(tools=[tool, WEATHER]))
    assert answer.tool_calls[0].name == "clock now"


def test_ids_made_for_calls_differ() -> None:
    body = sse(chunk(called("f"), called("f"), finish="STOP"))
    one, other = completion(body, dialect=Google()).tool_calls
    assert one.id != other.id
    assert one.id.startswith("call_")


# Other parts.


def test_pictures_become_data_uris() -> None:
    body = sse(
        chunk({"inlineData": {"mimeType": "image/png", "data": "QUJD"}}, finish="STOP"),
    )
    assert completion(body).images == ("data:image/png;base64,QUJD",)


def test_a_picture_drawn_while_thinking_is_no_answer() -> None:
    sketch = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}, "thought": True}
    with pytest.raises(AnswerFault, match="nothing"):
        completion(sse(chunk(sketch, finish="STOP")))


def test_code_that_google_ran_is_shown() -> None:
    body = sse(
        chunk(
            {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
            finish="STOP",
        )
    )
    assert completion(body).text == "\n```python\nprint(1)\n```\n\n```\n1\n\n```\n"


def test_the_signature_of_a_text_is_handed_on_though_its_part_is_empty() -> None:
    body = sse(chunk(text("hi")), chunk(text("", thoughtSignature="c2ln"), finish="STOP"))
    answer = completion(body)
    assert answer.text == "hi"
    assert answer.extra == {"extra_content": {"google": {"thought_signature": "c2ln"}}}


def test_sources_are_handed_on() -> None:
    tree = chunk(text("hi"), finish="STOP")
    tree["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["x"]}
    assert completion(sse(tree)).extra == {
        "google": {"grounding_metadata": {"webSearchQueries": ["x"]}}
    }


def test_a_second_candidate_is_not_mixed_in() -> None:
    other = chunk(text("B"), finish="STOP")
    other["candidates"][0]["index"] = 1
    assert completion(sse(chunk(text("A"), finish="STOP"), other)).text == "A"


# How it ends.


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("IMAGE_PROHIBITED_CONTENT", "content_filter"),
        ("OTHER", "stop"),
        ("FINISH_REASON_UNSPECIFIED", "stop"),
        ("A_REASON_OF_TOMORROW", "stop"),
    ],
)
def test_finish_reasons(reason: str, finish: str) -> None:
    assert completion(sse(chunk(text("a"), finish=reason))).finish == finish


def test_a_finish_reason_on_every_event_counts_once() -> None:
    deltas = read(sse(chunk(text("a"), finish="STOP"), chunk(text("b"), finish="MAX_TOKENS")))
    assert [delta.finish for delta in deltas if delta.finish] == ["length"]


@pytest.mark.parametrize("reason", ["MAX_TOKENS", "SAFETY"])
def test_an_answer_cut_off_before_its_first_word_says_why(reason: str) -> None:
    body = sse(chunk(text("hm", thought=True)), {"candidates": [{"finishReason": reason}]})
    answer = completion(body)
    assert answer.text == ""
    assert answer.finish == ("length" if reason == "MAX_TOKENS" else "content_filter")


def test_a_blocked_prompt_is_filtered_content() -> None:
    body = sse(
        {
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
        }
    )
    answer = completion(body)
    assert (answer.finish, answer.text, answer.usage.prompt) == ("content_filter", "", 4)
    assert answer.extra == {"google": {"block_reason": "PROHIBITED_CONTENT"}}


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"promptTokenCount": 5, "candidatesTokenCount": 2}, Usage(5, 2)),
        ({"promptTokenCount": 5, "totalTokenCount": 9}, Usage(5, 4)),
        (
            {"promptTokenCount": 5, "toolUsePromptTokenCount": 3, "candidatesTokenCount": 1},
            Usage(8, 1),
        ),
        ({}, None),
        ({"promptTokenCount": None}, None),
    ],
)
def test_usage(usage: dict[str, Any], counts: Usage | None) -> None:
    assert read(sse(chunk(text("a"), finish="STOP", usageMetadata=usage)))[-1].usage == counts


# What is no answer.


def fault_of(body: bytes, size: int | None = None) -> AnswerFault:
    with pytest.raises(AnswerFault) as caught:
        completion(body, size=size)
    return caught.value


OVERLOADED = {
    "error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(OVERLOADED).encode(),
        json.dumps([OVERLOADED], indent=2).encode(),
        sse(OVERLOADED),
        sse([OVERLOADED]),  # type: ignore[arg-type]
        b"event: error\n" + plain_sse(OVERLOADED),
    ],
)
def test_an_error_inside_a_200_is_handed_on_with_its_body(body: bytes) -> None:
    fault = fault_of(body)
    assert fault.fault == "error"
    assert json.loads(fault.body) == OVERLOADED
    assert str(fault) == "The model is overloaded."


@pytest.mark.parametrize(
    "tail",
    [
        sse(OVERLOADED),
        json.dumps(OVERLOADED, indent=2).encode(),
        b"\n" + json.dumps(OVERLOADED).encode(),
    ],
)
def test_an_error_in_mid_stream_comes_after_what_was_said(tail: bytes) -> None:
    reader = Google().reader(asking(), target(), Headers([]))
    deltas = reader.feed(sse(chunk(text("Once "))) + tail)
    assert [delta.text for delta in deltas] == ["Once "]
    with pytest.raises(AnswerFault) as caught:
        reader.close()
    assert caught.value.fault == "error"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[]", "empty"),
        (b"{}", "empty"),
        (sse(chunk()), "empty"),
        (sse(chunk(finish="STOP")), "empty"),
        (sse(chunk(text("", thoughtSignature="YQ=="), finish="STOP")), "empty"),
        (sse(chunk(text("hm", thought=True), finish="STOP")), "empty"),
        (sse(chunk(text("a"))), "cut"),
        (sse(chunk(called("f"))), "cut"),
        (array(*STREAM)[:-40], "cut"),
        (plain_sse(*STREAM)[:-40], "cut"),
        (sse(chunk(text("a"), finish="MALFORMED_FUNCTION_CALL")), "malformed"),
        (sse({"candidates": [{"finishReason": "UNEXPECTED_TOOL_CALL"}]}), "malformed"),
        (b"<html>502 Bad Gateway</html>", "malformed"),
        (b"upstream connect error", "malformed"),
        (b"data: not json\n\n", "malformed"),
        (b"data: 3\n\n", "malformed"),
        (b'{"candidates": nonsense}', "malformed"),
        (b'["text"]', "malformed"),
    ],
)
@pytest.mark.parametrize("size", [1, None])
def test_what_is_no_answer_is_a_fault(body: bytes, fault: str, size: int | None) -> None:
    assert fault_of(body, size).fault == fault


def test_a_fault_shows_no_content_of_the_answer() -> None:
    body = sse(chunk(text("private words"), finish="MALFORMED_FUNCTION_CALL"))
    assert b"private" not in fault_of(body).body


def test_done_at_the_end_of_a_relays_stream_does_no_harm() -> None:
    assert completion(sse(chunk(text("a"), finish="STOP")) + b"data: [DONE]\n\n").text == "a"


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_give_an_answer_or_a_fault(junk: bytes, size: int) -> None:
    with contextlib.suppress(AnswerFault):
        assert read(junk, size=size)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
_shapes = st.fixed_dictionaries(
    {},
    optional={
        "candidates": _values
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "content": _values
                    | st.fixed_dictionaries(
                        {
                            "parts": _values
                            | st.lists(
                                st.fixed_dictionaries(
                                    {},
                                    optional={
                                        "text": _values,
                                        "thought": _values,
                                        "functionCall": _values,
                                        "inlineData": _values,
                                        "thoughtSignature": _values,
                                    },
                                ),
                                max_size=3,
                            )
                        }
                    ),
                    "finishReason": _values,
                    "index": _values,
                },
            ),
            max_size=2,
        ),
        "promptFeedback": _values,
        "usageMetadata": _values | st.dictionaries(st.just("promptTokenCount"), _values),
        "modelVersion": _values,
    },
)


@given(_shapes)
def test_an_answer_of_any_shape_gives_deltas_or_a_fault(tree: dict[str, Any]) -> None:
    with contextlib.suppress(AnswerFault):
        assert all(isinstance(delta.text, str) for delta in read(sse(tree)))


def test_an_object_without_end_is_given_up() -> None:
    objects = JsonObjects(limit=1000)
    begun = b'{"text": "' + b"x" * 989
    assert list(objects.feed(begun)) == []
    with pytest.raises(JsonOverflow):
        list(objects.feed(b"xxx"))


def test_after_a_fault_the_reader_stays_at_it() -> None:
    reader = Google().reader(asking(), target(), Headers([]))
    reader.feed(sse(chunk(text("Once "))) + sse(OVERLOADED))
    for again in (lambda: reader.feed(sse(chunk(text("more")))), reader.close):
        with pytest.raises(AnswerFault):
            again()

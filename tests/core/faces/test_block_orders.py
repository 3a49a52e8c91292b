"""Whatever deltas come, each dialect's stream has the order that its clients rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freellm_cli.core.assembly import Assembler
from freellm_cli.core.chat import Delta, ToolCallDelta
from freellm_cli.core.errors import UpstreamError
from freellm_cli.core.faces.base import ReplyStyle
from freellm_cli.core.faces.registry import FACE_NAMES
from tests.support.faces import events, lines, stream

TEXTS = st.text(max_size=12)
ARGUMENTS = st.sampled_from(["", "{}", '{"town":"Bern"}', '{"a":{"b":[1,"}"]}}', "not json"])
FINISHES = st.sampled_from([None, None, None, "stop", "length", "tool_calls", "content_filter"])
PIXEL = "data:image/png;base64,QUJD"
MARKDOWN = f"![image]({PIXEL})"
IMAGES = st.sampled_from([(), (), (PIXEL,)])


@st.composite
def fragments(draw: st.DrawFn, index: int) -> list[Delta]:
    """One call, cut anywhere; its id and name come first."""
    arguments = draw(ARGUMENTS)
    cut = draw(st.integers(0, len(arguments)))
    call_id = draw(st.sampled_from(["", "c1", "c2"]))
    first = ToolCallDelta(index, call_id, "weather", arguments[:cut])
    rest = ToolCallDelta(index, arguments=arguments[cut:])
    return [Delta(tool_calls=(first,)), *([Delta(tool_calls=(rest,))] if rest.arguments else [])]


@st.composite
def answers(draw: st.DrawFn) -> list[Delta]:
    """Words, thoughts, pictures and parallel calls, in any mixture that keeps each call in order."""
    said = st.tuples(TEXTS, TEXTS, IMAGES).map(lambda s: Delta(s[0], s[1], images=s[2]))
    tracks = [draw(st.lists(said, max_size=6))]
    tracks += [draw(fragments(index)) for index in range(draw(st.integers(0, 3)))]
    order = draw(st.permutations([at for at, track in enumerate(tracks) for _ in track]))
    mixed = [tracks[at].pop(0) for at in order]
    return [*mixed, Delta(finish=draw(FINISHES))]


ANSWERS = answers()


def clean(text: str) -> str:
    """`text` as it arrives: half a surrogate pair has no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def told(deltas: list[Delta]) -> Any:
    assembler = Assembler()
    for delta in deltas:
        assembler.add(delta)
    return assembler.completion()


@given(ANSWERS)
@settings(max_examples=300)
def test_openai_streams(deltas: list[Delta]) -> None:
    found = [data for _, data in events(stream("openai", deltas))]
    assert found.pop() == "[DONE]"
    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    finishes = [chunk["choices"][0]["finish_reason"] for chunk in found]
    assert finishes[-1] in ("stop", "length", "tool_calls", "content_filter")
    assert not any(finishes[:-1])
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in found)
    assert said.replace(MARKDOWN, "") == clean(told(deltas).text)
    grown: dict[int, str] = {}
    for chunk in found:
        for call in chunk["choices"][0]["delta"].get("tool_calls", ()):
            assert ("id" in call) == (call["index"] not in grown)
            grown[call["index"]] = grown.get(call["index"], "") + call["function"]["arguments"]
    assert list(grown) == list(range(len(grown)))
    assert sorted(grown.values()) == sorted(call.arguments for call in told(deltas).tool_calls)


@given(ANSWERS)
@settings(max_examples=300)
def test_anthropic_streams(deltas: list[Delta]) -> None:
    found = events(stream("anthropic", deltas))
    assert all(name == data["type"] for name, data in found)
    names = [name for name, _ in found]
    assert (names[0], names[-2:]) == ("message_start", ["message_delta", "message_stop"])
    open_at, opened = None, 0
    grown: dict[str, str] = {}
    kinds: list[str] = []
    for name, data in found[1:-2]:
        if name == "content_block_start":
            assert (open_at, data["index"]) == (None, opened)
            open_at, opened = opened, opened + 1
            kinds.append(data["content_block"]["type"])
        elif name == "content_block_delta":
            assert data["index"] == open_at
            kind = data["delta"]["type"]
            word = {"text_delta": "text", "thinking_delta": "thinking"}.get(kind, "partial_json")
            if kind != "signature_delta":
                assert kind.startswith({"tool_use": "input_json"}.get(kinds[-1], kinds[-1]))
                grown[word] = grown.get(word, "") + data["delta"][word]
        else:
            assert name == "content_block_stop"
            assert data["index"] == open_at
            open_at = None
    assert open_at is None
    assert opened >= 1
    whole = told(deltas)
    assert grown.get("thinking", "") == clean(whole.reasoning)
    assert grown.get("text", "").replace(MARKDOWN, "") == clean(whole.text)
    assert kinds.count("tool_use") == len(whole.tool_calls)
    sizes = sum(len(call.arguments) for call in whole.tool_calls)
    assert len(grown.get("partial_json", "")) == sizes


@given(ANSWERS)
@settings(max_examples=300)
def test_responses_streams(deltas: list[Delta]) -> None:
    found = events(stream("responses", deltas))
    assert all(name == data["type"] for name, data in found)
    assert [data["sequence_number"] for _, data in found] == list(range(len(found)))
    names = [name for name, _ in found]
    assert names[:2] == ["response.created", "response.in_progress"]
    assert names[-1] in ("response.completed", "response.incomplete")
    final = found[-1][1]["response"]
    assert final["status"] == names[-1].removeprefix("response.")
    done: list[Any] = []
    open_item: Any = None
    for name, data in found[2:-1]:
        if name == "response.output_item.added":
            assert open_item is None
            assert data["output_index"] == len(done)
            open_item = data["item"]
        elif name == "response.output_item.done":
            assert data["item"]["id"] == open_item["id"]
            done.append(data["item"])
            open_item = None
        else:
            assert data["item_id"] == open_item["id"]
            assert data["output_index"] == len(done)
    assert open_item is None
    assert done == final["output"]
    ids = [item["id"] for item in done]
    assert len(set(ids)) == len(ids)
    calls = [item["arguments"] for item in done if item["type"] == "function_call"]
    assert sorted(calls) == sorted(call.arguments for call in told(deltas).tool_calls)


@given(ANSWERS)
def test_gemini_streams(deltas: list[Delta]) -> None:
    found = [data for _, data in events(stream("gemini", deltas))]
    reasons = [response["candidates"][0].get("finishReason") for response in found]
    assert reasons[-1]
    assert not any(reasons[:-1])
    assert "usageMetadata" in found[-1]
    assert all(response["responseId"] for response in found)
    parts = [p for response in found for p in response["candidates"][0]["content"]["parts"]]
    assert sum("functionCall" in part for part in parts) >= len(told(deltas).tool_calls)


@given(ANSWERS, st.sampled_from(["ollama_chat", "ollama_generate"]))
def test_ollama_streams(deltas: list[Delta], name: str) -> None:
    found = lines(stream(name, deltas))
    assert [line["done"] for line in found] == [False] * (len(found) - 1) + [True]
    if name == "ollama_chat":
        calls = [call for line in found for call in line["message"].get("tool_calls", ())]
        assert len(calls) == len(told(deltas).tool_calls)


@given(ANSWERS, st.sampled_from(FACE_NAMES), st.booleans())
def test_no_stream_that_broke_off_looks_whole(deltas: list[Delta], name: str, tidy: bool) -> None:
    style = ReplyStyle(reasoning=not tidy, tidy=tidy)
    body = stream(name, deltas, error=UpstreamError("broke off"), style=style)
    ends = (b'"finish_reason":"', b"message_stop", b"response.completed", b"finishReason")
    assert not any(end in body for end in (*ends, b'"done":true'))
    assert b"broke off" in body


@given(ANSWERS, st.sampled_from(FACE_NAMES), st.booleans())
def test_whole_answers_are_json_objects(deltas: list[Delta], name: str, tidy: bool) -> None:
    from tests.support.faces import whole

    assert whole(name, told(deltas), ReplyStyle(reasoning=not tidy, tidy=tidy))


@pytest.mark.parametrize("name", FACE_NAMES)
def test_one_line_a_frame(name: str) -> None:
    nasty = "a\u2028b\u2029c\x85d\x0b\x0c\x1c\x1d\x1e\r\n"
    body = stream(name, [Delta(text=nasty, reasoning=nasty)])
    for line in body.decode().splitlines():
        data = line.partition("data: ")[2] if line.startswith("data: ") else line
        if data and not line.startswith("event: ") and data != "[DONE]":
            json.loads(data)

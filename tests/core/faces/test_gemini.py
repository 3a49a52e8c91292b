"""The Gemini dialect behind the contract of faces; its content is tested with `core.gemini_face`."""

from __future__ import annotations

import json

import pytest

from freellm_cli.core.chat import Delta
from freellm_cli.core.errors import RequestRefused, UpstreamError
from freellm_cli.core.faces.gemini import GeminiFaceWriter, as_array, count_tokens
from freellm_cli.core.faces.registry import face
from tests.support.faces import HEAD, STORY, TOLD, USAGE, asked, events, stream, whole

SAID = [Delta(text="Hi "), Delta(text="you", finish="stop")]


def test_a_stream_of_events() -> None:
    body = stream("gemini", SAID)
    assert body.startswith(b'data: {"candidates":[{"content":{"parts":[{"text":"Hi "}]')
    assert body.count(b"\r\n\r\n") == 3
    last = events(body)[-1][1]
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["usageMetadata"]["totalTokenCount"] == 15
    assert (last["modelVersion"], last["responseId"]) == (HEAD.model, HEAD.stem)


def test_a_stream_that_is_one_array() -> None:
    writer = GeminiFaceWriter(as_array(asked("gemini")), HEAD)
    assert writer.content_type == "application/json"
    body = writer.keep_alive() + writer.start() + b"".join(map(writer.delta, SAID))
    found = json.loads(body + writer.finish(USAGE))
    texts = [p["text"] for r in found for p in r["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == "Hi you"


def test_an_array_that_breaks_off_is_still_json() -> None:
    for started in (True, False):
        writer = GeminiFaceWriter(as_array(asked("gemini")), HEAD)
        body = writer.start() + writer.delta(SAID[0]) if started else writer.keep_alive()
        found = json.loads(body + writer.error(UpstreamError("broke off")))
        assert found[-1]["error"]["message"].startswith("broke off")


def test_the_path_names_model_and_stream() -> None:
    body = {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"candidateCount": 1}}
    request = face("gemini").parse(body, "models/gemini-2.5-flash", False).request
    assert (request.model, request.stream, request.params) == ("gemini-2.5-flash", False, {})


def test_thoughts_are_for_those_who_asked() -> None:
    assert whole("gemini", TOLD)["candidates"][0]["content"]["parts"][0]["thought"] is True
    assert b"Let me" not in stream("gemini", STORY, generationConfig={})


def test_the_client_is_told_the_heads_model() -> None:
    body = stream("gemini", [Delta(text="a", model="other", response_id="x")])
    assert {data["modelVersion"] for _, data in events(body)} == {HEAD.model}


def test_tokens_are_counted_without_a_call() -> None:
    contents = [{"parts": [{"text": "hello there"}]}]
    plain = count_tokens({"contents": contents}, "m")["totalTokens"]
    wrapped = {"generateContentRequest": {"model": "models/m", "contents": contents}}
    assert 0 < plain == count_tokens(wrapped, "m")["totalTokens"]
    with pytest.raises(RequestRefused):
        count_tokens([], "m")


def test_no_contents() -> None:
    with pytest.raises(RequestRefused, match="contents"):
        face("gemini").parse({}, "m", True)

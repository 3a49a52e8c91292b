"""Questions and answers over real sockets, in the dialect that most clients speak."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.support.serving import HELLO, MODEL, Served, served
from tests.support.upstream import simulator


def test_a_question_is_answered_and_who_answered_is_told(house: Served) -> None:
    reply = house.ask(body=HELLO)
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"].startswith("This is model-one")
    assert reply.json["choices"][0]["finish_reason"] == "stop"
    assert reply.json["model"] == MODEL
    assert reply.headers["x-freellm-model"] == MODEL
    assert reply.headers["x-freellm-credential"] == "acme-1"
    assert reply.headers["x-freellm-attempts"] == "1"
    assert reply.headers["x-request-id"].startswith("req_")
    assert int(reply.headers["content-length"]) == len(reply.body)


def test_a_stream_ends_with_done_and_holds_the_same_words(house: Served) -> None:
    whole = house.ask(body=HELLO).json["choices"][0]["message"]["content"]
    reply = house.ask(body={**HELLO, "stream": True})
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.events[-1] == "[DONE]"
    chunks = reply.events[:-1]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks) == whole
    assert [
        c["choices"][0]["finish_reason"] for c in chunks if c["choices"][0]["finish_reason"]
    ] == ["stop"]


def test_events_that_come_in_one_piece_all_arrive(house: Served) -> None:
    words = [{"choices": [{"index": 0, "delta": {"content": f"w{n} "}}]} for n in range(5)]
    frames = [*words, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    piece = "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames) + "data: [DONE]\n\n"
    house.sim.fail("frames", frames=[piece])
    reply = house.ask(body={**HELLO, "stream": True})
    said = "".join(c["choices"][0]["delta"].get("content") or "" for c in reply.events[:-1])
    assert said == "w0 w1 w2 w3 w4 "


def test_usage_comes_in_a_chunk_of_its_own_only_when_it_was_asked_for(house: Served) -> None:
    asked = house.ask(body={**HELLO, "stream": True, "stream_options": {"include_usage": True}})
    assert asked.events[-2]["choices"] == []
    assert asked.events[-2]["usage"]["total_tokens"] > 0
    silent = house.ask(body={**HELLO, "stream": True})
    assert all(chunk["choices"] for chunk in silent.events[:-1])


def test_a_bad_key_is_not_seen(house: Served) -> None:
    house.sim.key("key-acme-1-throw-away-0123456789").bad()
    reply = house.ask(body=HELLO)
    assert reply.status == 200
    assert reply.headers["x-freellm-credential"] == "acme-2"


def test_another_provider_answers_when_the_first_fails(house: Served) -> None:
    house.sim.fail("server_error", provider="acme", times=None)
    reply = house.ask(body={**HELLO, "model": "both"})
    assert reply.status == 200
    assert reply.headers["x-freellm-model"] == "other/model-two"
    assert int(reply.headers["x-freellm-attempts"]) > 1


def test_a_stream_that_is_cut_ends_with_an_error_and_no_finish_reason(house: Served) -> None:
    house.sim.fail("cut_midstream", times=None)
    reply = house.ask(body={**HELLO, "stream": True})
    assert reply.status == 200
    error, done = reply.events[-2:]
    assert done == "[DONE]"
    assert error["error"]["code"] == "upstream_error"
    assert not any(c["choices"][0]["finish_reason"] for c in reply.events[:-2])


def test_a_whole_answer_survives_a_cut_by_another_target(house: Served) -> None:
    house.sim.fail("cut_midstream")
    reply = house.ask(body=HELLO)
    assert reply.status == 200
    assert int(reply.headers["x-freellm-attempts"]) == 2


def test_an_unknown_model_is_404_with_the_nearest_names(house: Served) -> None:
    reply = house.ask(body={**HELLO, "model": "nonsense-9"})
    assert reply.status == 404
    assert reply.json["error"]["code"] == "model_not_found"
    assert reply.headers["x-should-retry"] == "false"
    assert reply.headers["x-request-id"] in reply.json["error"]["message"]


@pytest.mark.parametrize("name", ["claude-sonnet-4-5", 'a "quoted" one', "x" * 300])
def test_clients_are_told_of_an_unknown_model_what_mends_it_and_no_option_of_the_command_line(
    house: Served, name: str
) -> None:
    said = house.ask(body={**HELLO, "model": name}).json["error"]["message"]
    assert " -m" not in said
    line = said.partition("under [aliases] in config.toml: ")[2].rpartition(")")[0]
    assert tomllib.loads(line) == {name if len(name) < 80 else "*": "auto"}


def test_tokens_are_not_counted_for_a_model_that_nobody_knows(tmp_path: Path) -> None:
    turn = {"contents": [{"parts": [{"text": "hi"}]}]}
    for settings, status in (({}, 404), ({"serve.profile": "game"}, 200)):
        with simulator() as sim, served(sim, tmp_path / str(status), settings=settings) as house:
            for model, expected in ((MODEL, 200), ("claude-sonnet-4-5", status)):
                question = {**HELLO, "model": model}
                assert house.ask("/v1/messages/count_tokens", question).status == expected
                path = f"/v1beta/models/{model}:countTokens"
                assert house.ask(path, turn).status == expected


def test_what_a_provider_does_not_know_goes_to_the_alias_for_unknown_names(tmp_path: Path) -> None:
    question = {**HELLO, "model": "acme/new-one"}
    for aliases, statuses in (({}, [404, 404]), ({'aliases."*"': [MODEL]}, [200, 200])):
        with (
            simulator() as sim,
            served(sim, tmp_path / str(len(aliases)), settings=aliases) as house,
        ):
            sim.model("new-one", provider="acme").missing()
            assert [house.ask(body=question).status for _ in range(2)] == statuses


def test_an_upstream_401_is_never_the_clients_fault(house: Served) -> None:
    for number in (1, 2):
        house.sim.key(f"key-acme-{number}-throw-away-0123456789").bad()
    reply = house.ask(body=HELLO)
    assert reply.status == 502
    assert "acme" in reply.json["error"]["message"]
    assert "throw-away" not in reply.body.decode()


def test_the_default_model_answers_when_none_is_named(house: Served) -> None:
    reply = house.ask(body={"messages": HELLO["messages"]})
    assert reply.status == 200
    assert reply.json["model"] == reply.headers["x-freellm-model"]


def test_text_in_a_foreign_encoding_is_taken_as_well_as_it_can_be(house: Served) -> None:
    body = '{"messages":[{"role":"user","content":"Привет"}]}'
    for data in (body.encode("cp1251"), b"\xef\xbb\xbf" + body.encode(), b" \n" + body.encode()):
        assert house.ask(body=data, headers={"content-type": "text/plain"}).status == 200


def test_what_no_model_could_take_is_400_in_every_dialect_whoever_would_answer(
    house: Served,
) -> None:
    turn = {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"topP": "x"}}
    odd = {**HELLO, "temperature": "warm"}
    answers = [
        house.ask(body=odd),
        house.ask("/v1/completions", {"model": MODEL, "prompt": "x", "temperature": "warm"}),
        house.ask("/v1/responses", {"model": MODEL, "input": "x", "temperature": "warm"}),
        house.ask("/v1/messages", {**odd, "max_tokens": 5}),
        house.ask(f"/v1beta/models/{MODEL}:generateContent", turn),
    ]
    assert [answer.status for answer in answers] == [400] * 5
    assert [answer.json["error"]["param"] for answer in answers[:3]] == ["temperature"] * 3
    assert "temperature" in answers[3].json["error"]["message"]
    assert "generationConfig.topP" in answers[4].json["error"]["message"]
    assert house.sim.counts.requests == 0


def test_what_is_no_json_is_a_400_that_says_where(house: Served) -> None:
    for body in (b"", b"{", b'{"messages":[', b"[" * 100_000, b"nonsense", b"\x00"):
        reply = house.ask(body=body, method="POST")
        assert reply.status == 400, body[:20]
        assert reply.json["error"]["code"] == "invalid_json"
    assert house.ask(body=b'{"messages":[]}').status == 400


def test_a_body_of_twenty_megabytes_is_taken(house: Served) -> None:
    big = {**HELLO, "metadata": {"filler": "x" * 20_000_000}}
    assert house.ask(body=big).status == 200


def test_one_line_is_logged_for_each_request_and_never_what_was_said(house: Served) -> None:
    request_id = house.ask(body=HELLO).headers["x-request-id"]
    assert house.wait_for(lambda: any(request_id in text for text in house.log))
    line = next(text for text in house.log if request_id in text)
    assert MODEL in line
    assert "acme-1" in line
    assert "tokens" in line
    assert "Hello there" not in line


def test_what_became_of_a_request_can_be_asked_by_its_id(house: Served) -> None:
    request_id = house.ask(body=HELLO).headers["x-request-id"]
    trace = house.runtime.ledger.request(request_id)
    assert trace is not None
    assert trace["answerer"]["credential"] == "acme-1"

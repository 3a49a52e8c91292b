"""Every fault, seen from a bare socket."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from freellm_cli.simulator.faults import FAULTS, REFUSAL_FAULTS
from freellm_cli.simulator.server import Simulator
from tests.support.raw_client import Raw, RawClient
from tests.support.upstream import upstream

__all__ = ["upstream"]

WORDS = "This is m, simulated."


def play(sim: Simulator, fault: str, *, stream: bool = False, **options: Any) -> Raw:
    """All that comes of one chat with the fault on a connection that is not kept."""
    sim.fail(fault, **options)
    with RawClient(sim.port) as client:
        client.chat(stream=stream, keep=False)
        return client.read()


def events(body: bytes) -> list[Any]:
    lines = [line for line in body.decode().split("\n") if line.startswith("data: {")]
    return [json.loads(line[6:]) for line in lines]


def text_of(found: list[Any]) -> str:
    return "".join(
        choice.get("delta", {}).get("content") or "" for one in found for choice in one["choices"]
    )


# --- nothing is forgotten --------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path", ["/acme/v1", "/gemini/v1beta"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_plays_on_every_kind_of_answer(
    upstream: Simulator, fault: str, path: str, stream: bool
) -> None:
    upstream.fail(fault, delay_s=0.0001, size=1000, count=3, frames=["x"], payload={})
    with RawClient(upstream.port) as client:
        if path == "/acme/v1":
            client.chat(stream=stream)
        else:
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            data = b'{"contents":[{"parts":[{"text":"hi"}]}]}'
            head = f"POST {path}/models/m:{method} HTTP/1.1\r\nx-goog-api-key: k\r\n"
            client.send(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
        if fault.startswith("stall_"):
            assert upstream.wait_for(lambda counts: counts.stalled == 1)
            upstream.release()
        assert upstream.wait_for(lambda counts: counts.faults == 1)
    (seen,) = upstream.seen
    assert seen.fault == fault


def test_there_are_more_than_forty_faults_and_each_says_what_it_does() -> None:
    assert len(FAULTS) >= 100
    assert all(FAULTS.values())


# --- refusals and pages ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", REFUSAL_FAULTS)
def test_a_refusal_can_be_played_on_command(upstream: Simulator, fault: str) -> None:
    answer = play(upstream, fault, stream=True)
    assert answer.status >= 400
    assert answer.header("content-type") == "application/json"
    assert json.loads(answer.body)["error"]["message"]
    (seen,) = upstream.seen
    assert (seen.fault, seen.refusal, seen.outcome) == (fault, fault, "refused")
    assert upstream.counts.refused == 0, "nobody's limit was hit"


def test_a_played_refusal_says_what_the_script_says(upstream: Simulator) -> None:
    upstream.fail("rate_minute", provider="groq", wait_s=7.5, limit=30, headers={"x-more": "1"})
    with RawClient(upstream.port) as client:
        client.chat(path="/groq/openai/v1", keep=False)
        answer = client.read()
    assert answer.status == 429
    assert answer.header("retry-after") == "7.500"
    assert answer.header("x-more") == "1"
    assert b"Limit 30" in answer.body


@pytest.mark.parametrize("status", [200, 403, 502, 504, 524])
def test_a_gateways_page(upstream: Simulator, status: int) -> None:
    answer = play(upstream, f"html_{status}", stream=True)
    assert answer.status == status
    assert answer.header("content-type") == "text/html; charset=UTF-8"
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_any_answer_at_all(upstream: Simulator) -> None:
    answer = play(
        upstream, "status", status=418, body={"error": "teapot"}, headers={"retry-after": "3"}
    )
    assert answer.status == 418
    assert answer.header("retry-after") == "3"
    assert json.loads(answer.body) == {"error": "teapot"}


def test_any_stream_at_all(upstream: Simulator) -> None:
    answer = play(upstream, "frames", stream=True, frames=["data: 1\n\n", b"data: \xff\n\n"])
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    assert answer.unchunked() == b"data: 1\n\ndata: \xff\n\n"


# --- things inside a 200 ---------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_inside_a_200(upstream: Simulator, stream: bool) -> None:
    answer = play(upstream, "error_in_200", stream=stream)
    assert answer.status == 200
    assert answer.header(
        "content-type",
    ).startswith("application/json")  # type: ignore[union-attr]
    assert json.loads(answer.body)["error"]["message"]


def test_an_error_inside_a_choice(upstream: Simulator) -> None:
    whole = json.loads(play(upstream, "error_in_choice").body)
    assert whole["choices"][0]["error"]["code"] == 502
    (event,) = events(play(upstream, "error_in_choice", stream=True).unchunked())
    assert event["choices"][0]["finish_reason"] == "error"


def test_no_choices(upstream: Simulator) -> None:
    assert json.loads(play(upstream, "empty_choices").body)["choices"] == []
    assert "choices" not in json.loads(play(upstream, "no_choices_key").body)


@pytest.mark.parametrize(
    ("fault", "content", "finish"),
    [
        ("null_content", None, "stop"),
        ("blank_answer", "", "stop"),
        ("spent_thinking", "", "length"),
    ],
)
def test_answers_without_text(
    upstream: Simulator, fault: str, content: str | None, finish: str
) -> None:
    choice = json.loads(play(upstream, fault).body)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (content, finish)
    (event,) = events(play(upstream, fault, stream=True).unchunked())
    assert event["choices"][0]["delta"]["content"] == content


def test_a_filtered_answer_has_no_message(upstream: Simulator) -> None:
    choice = json.loads(play(upstream, "blocked").body)["choices"][0]
    assert "message" not in choice
    assert choice["finish_reason"] == "content_filter: PROHIBITED_CONTENT"


def test_a_business_error_inside_a_200(upstream: Simulator) -> None:
    answer = play(upstream, "status_frame", stream=True, code="434", msg="Invalid apiKey")
    assert json.loads(answer.body) == {"status": "434", "msg": "Invalid apiKey", "body": None}


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ("empty_body", 200, b""),
        ("no_content", 204, b""),
        ("redirect", 307, b""),
        ("not_json", 200, b"upstream connect error or disconnect/reset before headers"),
    ],
)
def test_bodies_that_are_no_answer(
    upstream: Simulator, fault: str, status: int, body: bytes
) -> None:
    answer = play(upstream, fault, stream=True)
    assert (answer.status, answer.body) == (status, body)
    if fault == "redirect":
        assert answer.header("location") == f"{upstream.url}/elsewhere"


def test_the_wrong_kind_of_answer(upstream: Simulator) -> None:
    whole = play(upstream, "json_for_stream", stream=True)
    assert json.loads(whole.body)["choices"][0]["message"]["content"].startswith(WORDS)
    stream = play(upstream, "sse_for_whole")
    assert text_of(events(stream.unchunked())).startswith(WORDS)
    lying = play(upstream, "wrong_content_type", stream=True)
    assert lying.header("content-type") == "text/plain"
    assert text_of(events(lying.unchunked())).startswith(WORDS)


@pytest.mark.parametrize("stream", [False, True])
def test_json_that_ends_too_early(upstream: Simulator, stream: bool) -> None:
    answer = play(upstream, "truncated_json", stream=stream)
    last = answer.unchunked().rpartition(b"data: ")[2] if stream else answer.body
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(last)


# --- streams that fail -----------------------------------------------------------------------------


def test_a_stream_that_starts_with_an_error(upstream: Simulator) -> None:
    (event,) = events(play(upstream, "first_event_error", stream=True).unchunked())
    assert event["error"]["message"]
    named = play(upstream, "event_error", stream=True).unchunked()
    assert named.startswith(b"event: error\ndata: {")


def test_a_stream_that_fails_after_some_tokens(upstream: Simulator) -> None:
    found = events(play(upstream, "error_after", stream=True, after=3).unchunked())
    assert text_of(found[:-1]) == "This is m,"
    assert found[-1]["error"]["message"]
    bare = play(upstream, "bare_error_line", stream=True, after=1).unchunked()
    assert bare.rstrip().rpartition(b"\n")[2].startswith(b'{"error"')
    finish = events(play(upstream, "finish_error", stream=True).unchunked())
    assert finish[-1]["choices"][0]["finish_reason"] == "error"


# --- streams that are odd --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        "no_finish",
        "missing_done",
        "duplicate_finish",
        "usage_every_chunk",
        "comments_first",
        "data_after_done",
        "no_space",
        "crlf",
        "event_names",
        "blank_lines",
        "bom",
        "empty_choices_first",
        "no_role",
        "null_fields",
        "one_byte",
        "one_chunk",
        "split_utf8",
        "early_hints",
    ],
)
def test_an_odd_stream_still_says_everything(upstream: Simulator, fault: str) -> None:
    usual = play(upstream, "delay", delay_s=0.0, stream=True).unchunked()
    answer = play(upstream, fault, stream=True)
    if fault == "early_hints":
        answer = Raw(answer.data[answer.data.rindex(b"HTTP/1.1 200") :], answer.ended)
    odd = answer.unchunked().replace(b"data:{", b"data: {").replace(b"\r\n", b"\n")
    if fault == "data_after_done":
        odd = odd.partition(b"[DONE]")[0]
    assert text_of(events(odd.removeprefix(b"\xef\xbb\xbf"))) == text_of(events(usual))
    assert answer.data != usual


def test_marks_of_the_odd_streams(upstream: Simulator) -> None:
    def body(fault: str, **options: Any) -> bytes:
        return play(upstream, fault, stream=True, **options).unchunked()

    assert b"[DONE]" not in body("missing_done")
    assert not any(one["choices"][0].get("finish_reason") for one in events(body("no_finish")))
    finishes = [one["choices"][0]["finish_reason"] for one in events(body("duplicate_finish"))]
    assert finishes.count("stop") == 2
    assert all("usage" in one for one in events(body("usage_every_chunk")))
    assert body("comments_first", count=4).startswith(b": OPENROUTER PROCESSING\n\n" * 4)
    assert body("data_after_done").rpartition(b"[DONE]")[2].strip()
    assert b"data: " not in body("no_space")
    assert b"\n" not in body("crlf").replace(b"\r\n", b"")
    assert events(body("empty_choices_first"))[0]["choices"] == []
    assert body("bom").startswith(b"\xef\xbb\xbf")
    assert b'\ndata: "' in body("multiline_data")
    assert "delta" not in events(body("delta_missing"))[-1]["choices"][0]
    assert text_of(events(body("think_tags"))).startswith("<think>Let me see.</think>This")


def test_characters_are_split_between_chunks(upstream: Simulator) -> None:
    answer = play(upstream, "split_utf8", stream=True)
    chunks = answer.body.split(b"\r\n")[1::2]
    with pytest.raises(UnicodeDecodeError):
        [chunk.decode() for chunk in chunks]
    assert "Grüße" in answer.unchunked().decode()


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    for name in ("get_weather", "get_time")
]


def fragments(sim: Simulator, fault: str) -> list[dict[str, Any]]:
    sim.fail(fault, delay_s=0.0)
    messages = [{"role": "user", "content": "get weather and get time, please"}]
    with RawClient(sim.port) as client:
        client.chat(stream=True, keep=False, messages=messages, tools=TOOLS)
        found = events(client.read().unchunked())
    return [call for one in found for call in one["choices"][0]["delta"].get("tool_calls", [])]


def test_tool_calls_in_all_their_variants(upstream: Simulator) -> None:
    usual = fragments(upstream, "delay")
    assert [call["index"] for call in usual] == [0, 0, 0, 1, 1, 1]
    assert all("index" not in call for call in fragments(upstream, "tool_no_index"))
    assert {call["index"] for call in fragments(upstream, "tool_shared_index")} == {0}
    assert all("type" not in call for call in fragments(upstream, "tool_no_type"))
    whole = fragments(upstream, "tool_whole")
    assert len(whole) == 2
    assert json.loads(whole[0]["function"]["arguments"])["city"]
    as_object = fragments(upstream, "tool_args_object")
    assert isinstance(as_object[1]["function"]["arguments"], dict)
    broken = fragments(upstream, "tool_broken_json")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads("".join(call["function"]["arguments"] for call in broken if call["index"] == 1))


# --- connections -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_connections_that_end_too_early(upstream: Simulator, stream: bool) -> None:
    assert play(upstream, "cut_before_headers", stream=stream) == Raw(b"", "closed")
    assert play(upstream, "reset_before_headers", stream=stream) == Raw(b"", "reset")
    in_headers = play(upstream, "cut_in_headers", stream=stream)
    assert b"\r\n\r\n" not in in_headers.data
    assert in_headers.data.startswith(b"HTTP/1.1 200")
    after = play(upstream, "cut_after_headers", stream=stream)
    assert (after.status, after.body, after.ended) == (200, b"", "closed")
    assert upstream.counts.cut == 4


def test_streams_that_are_cut(upstream: Simulator) -> None:
    cut = play(upstream, "cut_midstream", stream=True, after=3)
    assert cut.ended == "closed"
    assert text_of(events(cut.body)) == "This is m,"
    with pytest.raises(ValueError, match="never came"):
        cut.unchunked()
    reset = play(upstream, "reset_midstream", stream=True, after=1)
    assert reset.ended == "reset"
    assert text_of(events(reset.body)) == "This"
    json_cut = play(upstream, "cut_mid_json", stream=True)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(json_cut.body.rstrip(b"\r\n").rpartition(b"data: ")[2])
    character = play(upstream, "cut_mid_utf8", stream=True)
    with pytest.raises(UnicodeDecodeError):
        character.body.rstrip(b"\r\n").decode()
    unended = play(upstream, "unended_chunks", stream=True)
    assert unended.ended == "closed"
    assert b"[DONE]" in unended.body
    with pytest.raises(ValueError, match="never came"):
        unended.unchunked()


def test_whole_bodies_that_are_cut(upstream: Simulator) -> None:
    for fault in ("cut_midstream", "cut_mid_json", "cut_mid_utf8", "reset_midstream"):
        answer = play(upstream, fault)
        assert 0 < len(answer.body) < int(answer.header("content-length") or 0)
        assert answer.ended in ("closed", "reset")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault", ["stall_before_headers", "stall_before_first_token", "stall_midstream"]
)
def test_silence_until_released(upstream: Simulator, fault: str, stream: bool) -> None:
    upstream.fail(fault)
    with RawClient(upstream.port) as client:
        client.chat(stream=stream)
        before = client.read(0.05)
        assert before.ended == "open"
        assert bool(before.data) is (fault != "stall_before_headers")
        assert b'"stop"' not in before.data
        assert upstream.counts.stalled == 1
        upstream.release()
        after = client.read(0.1)
    whole = Raw(before.data + after.data, "open")
    said = whole.unchunked() if stream else whole.body
    assert "Grüße" in said.decode()
    assert upstream.counts.answered == 1


def test_silence_ends_when_the_client_leaves(upstream: Simulator) -> None:
    upstream.fail("stall_before_headers")
    with RawClient(upstream.port) as client:
        client.chat()
        assert upstream.wait_for(lambda counts: counts.open_requests == 1)
    assert upstream.wait_for(lambda counts: counts.aborted == 1)
    assert upstream.wait_for(lambda counts: counts.open_connections == 0)


def test_releasing_lets_go_those_that_wait_now_and_not_later_ones(upstream: Simulator) -> None:
    upstream.fail("stall_before_headers", times=2)
    with RawClient(upstream.port) as first, RawClient(upstream.port) as second:
        first.chat()
        assert upstream.wait_for(lambda counts: counts.stalled == 1)
        upstream.release()
        assert first.read_answer().status == 200
        second.chat()
        assert upstream.wait_for(lambda counts: counts.stalled == 1)
        assert second.read(0.05) == Raw(b"", "open")


def test_slow_bytes_are_right_bytes(upstream: Simulator) -> None:
    for fault in ("slow_headers", "slow_body"):
        answer = play(upstream, fault, delay_s=0.0001)
        assert json.loads(answer.body)["choices"]


def test_bytes_that_are_no_http(upstream: Simulator) -> None:
    garbage = play(upstream, "garbage")
    assert not garbage.data.startswith(b"HTTP")
    assert play(upstream, "bad_status_line").data.startswith(b"HTTP/1.1 OK")
    assert b"\r\nthis is no header\r\n" in play(upstream, "bad_header").data
    chunk = play(upstream, "bad_chunk", stream=True)
    with pytest.raises(ValueError, match="invalid literal"):
        chunk.unchunked()


def test_lengths_that_lie(upstream: Simulator) -> None:
    long = play(upstream, "length_too_long", stream=True)
    assert int(long.header("content-length") or 0) == len(long.body) + 100
    assert long.ended == "closed"
    short = play(upstream, "length_too_short")
    assert int(short.header("content-length") or 0) == len(short.body) - 20


@pytest.mark.parametrize("stream", [False, True])
def test_compressed_bodies(upstream: Simulator, stream: bool) -> None:
    answer = play(upstream, "gzip", stream=stream)
    assert answer.header("content-encoding") == "gzip"
    packed = answer.unchunked() if stream else answer.body
    assert "Grüße" in gzip.decompress(packed).decode()
    damaged = play(upstream, "gzip_damaged")
    with pytest.raises(OSError, match="Not a gzipped file"):
        gzip.decompress(damaged.body)


def test_large_things(upstream: Simulator) -> None:
    body = play(upstream, "oversized", size=3_000_000).body
    assert len(body) > 3_000_000
    assert json.loads(body)["choices"]
    assert len(play(upstream, "big_headers", count=100).head) > 100_000


def test_http_10_and_closing(upstream: Simulator) -> None:
    old = play(upstream, "http_10", stream=True)
    assert old.data.startswith(b"HTTP/1.0 200")
    assert old.ended == "closed"
    assert old.body.endswith(b"data: [DONE]\n\n")
    upstream.fail("connection_close")
    with RawClient(upstream.port) as client:
        client.chat()
        closing = client.read()
    assert closing.header("connection") == "close"
    assert closing.ended == "closed"


def test_a_kept_connection_that_is_dead(upstream: Simulator) -> None:
    upstream.fail("stale_keepalive")
    with RawClient(upstream.port) as client:
        client.chat()
        answer = client.read()
    assert answer.header("connection") == "keep-alive"
    assert json.loads(answer.body)["choices"]
    assert answer.ended == "closed"
    assert upstream.seen[0].outcome == "answered"


# --- scripting -------------------------------------------------------------------------------------


def outcomes(sim: Simulator, count: int, **more: Any) -> list[int]:
    statuses = []
    with RawClient(sim.port) as client:
        for _ in range(count):
            client.chat(**more)
            statuses.append(client.read_answer().status)
    return statuses


def test_a_fault_plays_as_often_as_told(upstream: Simulator) -> None:
    upstream.fail("overloaded", times=2)
    assert outcomes(upstream, 4) == [503, 503, 200, 200]
    rule = upstream.fail("overloaded", times=None)
    assert outcomes(upstream, 3) == [503, 503, 503]
    assert rule.played == 3
    rule.cancel()
    assert outcomes(upstream, 1) == [200]
    upstream.fail("overloaded", skip=2)
    assert outcomes(upstream, 4) == [200, 200, 503, 200]


def test_a_fault_plays_where_told(upstream: Simulator) -> None:
    upstream.fail("overloaded", model="gemini-*", times=None)
    upstream.fail("server_error", provider="groq", times=None)
    upstream.fail("bad_gateway", key="k9", times=None)
    assert outcomes(upstream, 1, model="m") == [200]
    assert outcomes(upstream, 1, model="gemini-2.5-flash") == [503]
    assert outcomes(upstream, 1, path="/groq/openai/v1") == [500]
    with RawClient(upstream.port) as client:
        client.post(
            "/acme/v1/chat/completions", {"model": "m", "messages": [{"role": "user"}]}, key="k9"
        )
        assert client.read_answer().status == 502
    upstream.heal()
    assert outcomes(upstream, 1, path="/groq/openai/v1") == [200]


def test_faults_of_other_operations(upstream: Simulator) -> None:
    upstream.fail("overloaded", on="models")
    assert outcomes(upstream, 1) == [200]
    with RawClient(upstream.port) as client:
        client.send(b"GET /acme/v1/models HTTP/1.1\r\n\r\n")
        assert client.read_answer().status == 503
        client.send(b"GET /acme/v1/models HTTP/1.1\r\n\r\n")
        assert client.read_answer().status == 200


def test_random_faults_depend_on_the_seed_alone() -> None:
    def story(seed: int) -> list[int]:
        with Simulator(seed=seed) as sim:
            sim.fail("overloaded", times=None, probability=0.5)
            return outcomes(sim, 40)

    assert story(7) == story(7)
    assert story(7) != story(8)
    assert 8 < story(7).count(503) < 32


def test_an_unknown_fault_or_operation_is_refused_at_once(upstream: Simulator) -> None:
    with pytest.raises(ValueError, match="cut_the_cable"):
        upstream.fail("cut_the_cable")
    with pytest.raises(ValueError, match="chats"):
        upstream.fail("overloaded", on="chats")

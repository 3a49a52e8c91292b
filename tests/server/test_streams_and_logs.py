"""Long silences, what is written to the log, and faults of our own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.server.access_log import AccessLog, Entry, cause_of
from tests.support.serving import HELLO, Served, asking, served
from tests.support.upstream import simulator


def test_a_silent_stream_is_kept_alive_and_then_answered(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, sign_of_life=0.1) as house:
        sim.fail("delay", delay_s=0.6)
        reply = house.ask(body={**HELLO, "stream": True})
        assert reply.status == 200
        assert reply.body.startswith(b": keep-alive\n\n")
        assert 2 <= reply.body.count(b": keep-alive\n\n") <= 7
        assert reply.events[-1] == "[DONE]"
        assert reply.events[0]["choices"][0]["delta"]["role"] == "assistant"
        assert reply.events[0]["model"] == HELLO["model"]


def test_after_a_sign_of_life_an_error_comes_in_the_stream(tmp_path: Path) -> None:
    settings = {"timeouts.first_token": 0.4, "timeouts.total": 0.5}
    with simulator() as sim, served(sim, tmp_path, settings=settings, sign_of_life=0.1) as house:
        sim.fail("stall_before_headers", times=None)
        reply = house.ask(body={**HELLO, "stream": True})
        assert reply.status == 200
        assert reply.events[-2]["error"]["code"] == "upstream_timeout"
        assert reply.events[-1] == "[DONE]"


def test_a_whole_answer_gets_no_sign_of_life(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, sign_of_life=0.05) as house:
        sim.fail("delay", delay_s=0.3)
        assert house.ask(body=HELLO).json["object"] == "chat.completion"


def test_a_silence_in_the_middle_is_filled_too(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, sign_of_life=0.1) as house:
        sim.fail("stall_midstream")
        with asking(house.port, stream=True) as sock:
            assert sim.wait_for(lambda counts: counts.stalled == 1)
            data = b""
            sock.settimeout(5)
            while b": keep-alive" not in data.partition(b"data: ")[2]:
                piece = sock.recv(65536)
                assert piece
                data += piece
            sim.release()


@pytest.mark.parametrize("written", [False, True])
def test_words_are_logged_only_when_that_was_asked_for(tmp_path: Path, written: bool) -> None:
    settings = {"serve.log_content": written}
    with simulator() as sim, served(sim, tmp_path, settings=settings) as house:
        house.ask(body=HELLO)
        house.ask(body={**HELLO, "stream": True})
        assert house.wait_for(lambda: "".join(house.log).count("chat/completions") == 2)
        log = "".join(house.log)
    assert ("Hello there" in log) is written
    assert ("This is model-one" in log) is written


def logged(entry: Entry, *, as_json: bool = False) -> str:
    lines: list[str] = []
    log = AccessLog(lines.append, as_json=as_json)
    log.start()
    log.add(entry)
    log.stop()
    return "".join(lines)


def told_of(house: Served, path: str, body: object) -> str:
    """The line of the log about one request."""
    count = len(house.log)
    house.ask(path, body)
    assert house.wait_for(lambda: len(house.log) > count)
    return house.log[-1]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_a_wait_for_a_limit_is_told(tmp_path: Path, path: str) -> None:
    settings = {"providers.acme.limits": [{"requests_per_second": 1}]}
    body = {**HELLO, "input": "hello"}
    with simulator() as sim, served(sim, tmp_path, settings=settings) as house:
        assert "limit" not in told_of(house, path, body)
        assert re.search(
            r" 200 · .* · waited (0\.[4-9]|1\.\d) s for a limit · ", told_of(house, path, body)
        )


def test_a_wait_is_a_field_of_the_json_line_and_short_ones_are_not_spoken_of() -> None:
    entry = Entry("POST", "/v1/chat/completions", "req_1")
    entry.on_wait(None, 0.06)
    assert "waited" not in logged(entry)
    entry.on_wait(None, 19.0)
    assert "waited 19 s for a limit" in logged(entry)
    assert json.loads(logged(entry, as_json=True))["waited_ms"] == 19_060.0


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/v1/chat/completions", {"model": "both", "messages": 5}, "messages must be a list"),
        ("/v1/embeddings", {"model": "both", "input": 5}, "input must be a string or"),
        ("/v1/messages", {"model": "both", "messages": []}, "messages must be a list"),
        ("/v1/chat/completions", {**HELLO, "model": "nope"}, "no model, family or alias is called"),
    ],
)
def test_the_log_says_what_was_wrong_and_which_model_was_asked(
    house: Served, path: str, body: dict[str, object], told: str
) -> None:
    line = told_of(house, path, body)
    assert f" · {body['model']} -> - · " in line
    assert re.search(rf"(invalid_request|model_not_found): {told}.* · req_", line), line


def test_words_of_providers_which_may_quote_the_question_stay_out_of_the_log(house: Served) -> None:
    house.sim.fail("bad_request", times=None, message="Hello there, how are you? is no question")
    line = told_of(house, "/v1/chat/completions", HELLO)
    assert " 400 · " in line
    assert "the provider refused the request · req_" in line
    assert "Hello" not in "".join(house.log)


def test_what_a_client_wrote_is_cut_in_the_log() -> None:
    error = HttpRefusal(f"no '{'x' * 300}' is \"{'y' * 300}\" {'z' * 300}", status=400, code="bad")
    told = cause_of(error, error.message)
    assert told.startswith(f"no '{'x' * 40}…' is \"{'y' * 40}…\" zzz")
    assert len(told) < 210


def test_a_line_of_the_log_can_be_json_and_cannot_drive_a_terminal() -> None:
    entry = Entry("POST", "/v1/\x1b[31mred", "req_1")
    entry.status, entry.asked, entry.answered = 200, "a\x07b\x9b31mü", "acme/m"
    plain, told = logged(entry), logged(entry, as_json=True)
    for text in (plain, told):
        assert text.removesuffix("\n").isprintable()
    assert json.loads(told)["asked"] == "a\x07b\x9b31mü"


def test_a_json_line_without_control_characters_stays_readable() -> None:
    entry = Entry("POST", "/v1/modèles", "req_1")
    assert "/v1/modèles" in logged(entry, as_json=True)


def test_a_request_is_one_line_however_long_it_is_and_whatever_it_holds() -> None:
    entry = Entry("POST", "/v1/models/" + "a-long-name/" * 20 + "end", "req_1")
    entry.asked = "x\n12:00:00 GET /forged 200"
    line = logged(entry)
    assert line.count("\n") == 1
    assert "a-long-name/end -" in line
    entry.path = "/" + "p" * 900
    assert "p… -" in logged(entry)


def test_a_fault_of_ours_is_a_500_in_the_clients_dialect_and_the_next_request_is_served(
    tmp_path: Path,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("key-acme-1-throw-away-0123456789")

    with simulator() as sim, served(sim, tmp_path) as house:
        house.app.handlers["healthz"] = broken
        reply = house.ask("/healthz")
        house.app.handlers.clear()
        assert reply.status == 500
        assert reply.json["error"]["type"] == "server_error"
        assert "throw-away" not in reply.body.decode()
        assert house.ask("/healthz").status == 200
        assert isinstance(house.crashes.pop(), ZeroDivisionError)


def test_thinking_is_dropped_and_switched_off_where_the_server_says_so(tmp_path: Path) -> None:
    settings = {"serve.think": "off"}
    with (
        simulator() as sim,
        served(sim, tmp_path, providers={"nvidia_nim": 1}, settings=settings) as house,
    ):
        sim.reply("Words.", reasoning="Thoughts.", times=None)
        body = {
            **HELLO,
            "model": "nvidia_nim/deepseek-ai/deepseek-v3.1",
            "reasoning_effort": "high",
        }
        message = house.ask(body=body).json["choices"][0]["message"]
        assert message["content"] == "Words."
        assert "reasoning_content" not in message


def test_a_conversation_stays_with_its_credential(house: Served) -> None:
    turns = [*HELLO["messages"], {"role": "assistant", "content": "Fine."}, HELLO["messages"][0]]
    asked = {"model": "acme/model-one", "messages": turns}
    first = house.ask(body=asked).headers["x-freellm-credential"]
    for _ in range(4):
        house.ask(body=HELLO)
        assert house.ask(body=asked).headers["x-freellm-credential"] == first

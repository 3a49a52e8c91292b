"""Everything that can go wrong upstream, for streams and whole answers, in two dialects.

With another credential free the client always has its answer, unless the stream had begun: then an honest
error. Without one, an error. Never a hang, never a wrong success.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.simulator.faults import FAULTS
from tests.support.serving import MODEL, Reply, Served, served
from tests.support.upstream import simulator

SAID = (
    "This is {}, simulated. You asked: “Count.” Ask again and you will read the very same words,"
    " which is what makes it useful in a test."
)
GOOD = (SAID.format("model-one"), SAID.format("model-two"))
# These need arguments of their own, or are no faults of the answer to a chat.
LEFT_OUT = {"status", "frames", "delay", "slow_headers"}
# The question itself is at fault here: asking elsewhere is tried once, then the client is told.
REQUESTS_FAULT = {
    "bad_field",
    "bad_request",
    "too_long",
    "too_large",
    "filtered",
    "no_model",
    "retired",
}
NAMES = sorted(set(FAULTS) - LEFT_OUT)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Served]:
    settings = {
        "aliases.both": [MODEL, "other/model-two"],
        "timeouts.first_token": 0.4,
        "timeouts.idle": 0.4,
        "timeouts.total": 4.0,
    }
    with (
        simulator() as sim,
        served(sim, tmp_path, providers={"acme": 1, "other": 1}, settings=settings) as house,
    ):
        yield house


def ask(house: Served, dialect: str, stream: bool) -> Reply:
    body: dict[str, Any] = {
        "model": "both",
        "stream": stream,
        "messages": [{"role": "user", "content": "Count."}],
    }
    if dialect == "anthropic":
        return house.ask("/v1/messages", {**body, "max_tokens": 500})
    return house.ask("/v1/chat/completions", body)


def outcome(reply: Reply, dialect: str, stream: bool) -> tuple[str, str]:
    """("answered" | "error" | "broken off", the words)"""
    if reply.status != 200:
        error = reply.json["error"]
        assert error["message"]
        assert reply.status >= 400
        return "error", ""
    if dialect == "openai":
        return _openai(reply, stream)
    return _anthropic(reply, stream)


def _openai(reply: Reply, stream: bool) -> tuple[str, str]:
    if not stream:
        choice = reply.json["choices"][0]
        assert choice["finish_reason"] in ("stop", "length", "tool_calls", "content_filter")
        return "answered", choice["message"]["content"] or ""
    assert reply.events[-1] == "[DONE]"
    chunks = [event for event in reply.events[:-1] if "choices" in event]
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)
    ends = [c["choices"][0]["finish_reason"] for c in chunks if c["choices"][0]["finish_reason"]]
    errors = [event for event in reply.events[:-1] if "error" in event]
    assert len(ends) + len(errors) == 1, "one end: good or bad"
    return ("answered" if ends else "broken off"), text


def _anthropic(reply: Reply, stream: bool) -> tuple[str, str]:
    if not stream:
        message = reply.json
        assert message["stop_reason"]
        return "answered", "".join(b.get("text", "") for b in message["content"])
    events = reply.events
    text = "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")
    last = events[-1]["type"]
    assert last in ("message_stop", "error")
    return ("answered" if last == "message_stop" else "broken off"), text


def test_the_matrix_is_large_enough() -> None:
    assert len(NAMES) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("fault", NAMES)
def test_one_fault_is_not_seen_when_another_target_is_free(house: Served, fault: str) -> None:
    for dialect in ("openai", "anthropic"):
        for stream in (False, True):
            house.sim.fail(fault, provider="acme", times=1)
            kind, text = outcome(ask(house, dialect, stream), dialect, stream)
            house.sim.heal()
            house.sim.release()
            house.runtime.ledger.wake(None)
            where = f"{dialect}, stream {stream}: {kind}, {text!r}"
            if kind == "answered":
                assert text in GOOD or fault in ODD_BUT_GOOD, where
            elif kind == "broken off":
                assert stream, where
                assert any(words.startswith(text) for words in GOOD), where
            else:
                assert fault in REQUESTS_FAULT, where
    assert not house.runtime.ledger.open_leases()


@pytest.mark.slow
@pytest.mark.parametrize("fault", NAMES)
def test_a_fault_everywhere_is_an_error_in_time_and_never_a_wrong_success(
    house: Served, fault: str
) -> None:
    for dialect in ("openai", "anthropic"):
        stream = dialect == "openai"
        house.sim.fail(fault, times=None)
        kind, text = outcome(ask(house, dialect, stream), dialect, stream)
        house.sim.heal()
        house.sim.release()
        house.runtime.ledger.wake(None)
        if kind == "answered":
            assert text in GOOD or fault in ODD_BUT_GOOD, f"{dialect}: {text!r}"
    assert not house.runtime.ledger.open_leases()


# Empty with an honest finish reason, or with the tags of a model that is not known to think.
ODD_BUT_GOOD = {"blocked", "spent_thinking", "think_tags"}


def test_errors_are_json_in_the_clients_dialect(house: Served) -> None:
    house.sim.fail("server_error", times=None)
    assert set(ask(house, "openai", False).json["error"]) == {"message", "type", "param", "code"}
    told = ask(house, "anthropic", True)
    assert told.json["type"] == "error"
    assert told.headers["request-id"] == told.json["request_id"]
    assert json.loads(told.body)["error"]["type"]

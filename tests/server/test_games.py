"""Clients that are set in their ways: game mods on bare sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import Served, served
from tests.support.upstream import simulator

GAME = {"serve.profile": "game"}
TALKER_MODELS = (
    "gemini/gemini-2.5-flash",
    "gemini/gemini-2.5-flash-lite",
    "google/gemini-2.5-flash",
    "google/gemini-2.5-flash-lite-preview-06-17",
    "google/gemini-2.0-flash-001",
    "openai/gpt-4o-mini",
)
PROVIDERS = {"gemini": 1, "nvidia_nim": 1, "mistral": 1, "openrouter": 1}


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Served]:
    with simulator() as sim, served(sim, tmp_path, providers=PROVIDERS, settings=GAME) as house:
        yield house


def talker(house: Served, **more: Any) -> Any:
    """What the mod makes of an answer: the body alone, as JSON; an `error` or the words."""
    body: dict[str, Any] = {
        "model": "gemini/gemini-2.5-flash",
        "messages": [
            {"role": "system", "content": "You are a stalker."},
            {"role": "user", "content": "Что нового?"},
        ],
        "temperature": 0.9,
        "top_p": 1,
        "frequency_penalty": 0,
        "presence_penalty": 0,
    }
    data = json.dumps({**body, **more}, ensure_ascii=False).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer VerysecretKey\r\n"
        "content-type: application/json\r\naccept: */*\r\nhost: 127.0.0.1:8000\r\n"
        f"content-length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", house.port), 10) as sock:
        sock.sendall(head.encode() + data)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += sock.recv(65536)
        start, _, rest = answer.partition(b"\r\n\r\n")
        length = int(start.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(rest) < length:
            rest += sock.recv(65536)
    reply = json.loads(rest)
    return reply["error"] if reply.get("error") else reply["choices"][0]["message"]["content"]


@pytest.mark.parametrize("model", TALKER_MODELS)
def test_talker_is_answered_whatever_model_is_written_into_it(game: Served, model: str) -> None:
    words = talker(game, model=model)
    assert isinstance(words, str)
    assert words


def test_a_model_that_its_provider_does_not_know_is_answered_each_time(game: Served) -> None:
    game.sim.model("gemini-9-flash", provider="gemini").missing()
    for _ in range(2):  # the second time, what is missing rests
        assert isinstance(talker(game, model="gemini/gemini-9-flash"), str)


@pytest.mark.parametrize(
    "model",
    [
        "gemini/gemini-2.5-flash",
        "nvidia_nim/moonshotai/kimi-k2-instruct",
        "mistral/mistral-small-latest",
        "openrouter/meta-llama/llama-3.3-70b-instruct:free",
    ],
)
@pytest.mark.parametrize(
    "thinking",
    [
        {"thinking": {"type": "enabled", "budget_tokens": -1}},
        {"reasoning_effort": "disable"},
        {"reasoning_effort": "low"},
        {"max_tokens": 30},
    ],
)
def test_talkers_odd_fields_reach_every_provider_without_a_refusal(
    game: Served, model: str, thinking: dict[str, Any]
) -> None:
    assert isinstance(talker(game, model=model, **thinking), str)
    assert game.sim.counts.refused == 0


def test_a_game_gets_words_without_fence_space_or_thoughts(game: Served) -> None:
    game.sim.reply("\n```\nGet out of here, stalker.\n```\n ", reasoning="Hm, what would he say?")
    assert talker(game) == "Get out of here, stalker."


def test_a_game_never_gets_silence_with_200(game: Served) -> None:
    game.sim.reply("", finish="length", times=None)
    error = talker(game)
    assert isinstance(error, dict)
    assert error["message"]


@pytest.mark.parametrize(
    "fault",
    ["rate_day", "html_502", "bad_key", "null_content", "empty_body", "not_json", "garbage"],
)
def test_every_failure_is_an_error_in_json(tmp_path: Path, fault: str) -> None:
    settings = {**GAME, "timeouts.total": 0.8}
    with simulator() as sim, served(sim, tmp_path, providers=PROVIDERS, settings=settings) as house:
        sim.fail(fault, times=None)
        assert set(talker(house)) == {"message", "type", "param", "code"}


def test_a_game_without_a_deadline_of_its_own_is_answered_in_finite_time(tmp_path: Path) -> None:
    settings = {**GAME, "timeouts.total": 0.5}
    with simulator() as sim, served(sim, tmp_path, providers=PROVIDERS, settings=settings) as house:
        sim.fail("stall_before_headers", times=None)
        assert talker(house)["code"] == "upstream_timeout"


def test_talkers_microphone_is_heard_by_a_model_with_ears(game: Served) -> None:
    parts = [
        {"type": "text", "text": "Transcribe"},
        {"type": "file", "file": {"file_data": "data:audio/ogg;base64,T2dnUwAC"}},
    ]
    talker(
        game, model="gemini/gemini-2.5-flash-lite", messages=[{"role": "user", "content": parts}]
    )
    heard = [seen for seen in game.sim.seen if seen.provider == "gemini"]  # others tell of meters
    assert "audio/ogg" in json.dumps(heard[-1].body)


def herika(house: Served) -> str:
    """Reads lines, drops six bytes of each, keeps what is JSON then; a status of 4xx is silence."""
    body = {
        "model": "gemini/gemini-2.5-flash",
        "messages": [{"role": "user", "content": "Lydia, what do you see?"}],
        "stream": True,
        "max_tokens": 512,
        "temperature": 0.8,
        "top_k": 0,
        "min_p": 0.1,
        "top_a": 0,
        "repetition_penalty": 1.15,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }
    data = json.dumps(body).encode()
    said = ""
    with socket.create_connection(("127.0.0.1", house.port), 10) as sock:
        sock.sendall(
            b"POST /v1/chat/completions HTTP/1.0\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer x\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)
        )
        lines = sock.makefile("rb")
        assert b" 200 " in lines.readline()
        for line in lines:
            try:
                event = json.loads(line[6:])
            except ValueError:
                continue
            said += event["choices"][0]["delta"].get("content") or ""
    return said


def test_a_game_is_answered_whatever_it_could_do_without(game: Served) -> None:
    odd = {"n": 2, "stream": "yes", "max_tokens": "lots", "temperature": "warm", "tools": "none"}
    assert isinstance(talker(game, **odd), str)
    assert talker(game, messages=5)["param"] == "messages"


def test_herika_hears_every_word(game: Served) -> None:
    game.sim.reply(pieces=["I ", "see ", "“mud”\n", "crabs."])
    assert herika(game) == "I see “mud”\ncrabs."


def test_mantella_finds_a_delta_in_every_chunk(game: Served) -> None:
    body = {
        "model": "gemini/gemini-2.5-flash",
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    chunks = game.ask("/v1/chat/completions", body).events[:-1]
    assert all("delta" in chunk["choices"][0] for chunk in chunks)


def test_outside_the_profile_an_unknown_model_is_an_error(house: Served) -> None:
    assert talker(house, model="nonsense-9")["code"] == "model_not_found"

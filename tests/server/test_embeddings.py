"""Embeddings over real sockets: which model makes them, and what is said of one that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.services.explain import why
from tests.support.raw_client import RawClient
from tests.support.serving import Reply, Served, key_text, served
from tests.support.upstream import simulator

KEYS = {"groq": 1, "mistral": 1, "gemini": 2}


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Served]:
    with simulator() as sim, served(sim, tmp_path, providers=KEYS) as house:
        yield house


@pytest.mark.parametrize("name", ["auto", "", "fast"])
def test_auto_is_the_first_embedding_model_that_a_key_reaches(pool: Served, name: str) -> None:
    reply = pool.ask("/v1/embeddings", {"model": name, "input": "hi"})
    assert reply.status == 200
    assert reply.headers["x-freellm-model"] == "gemini/gemini-embedding-2"


def test_a_chat_model_is_refused_with_those_that_embed(pool: Served) -> None:
    model = "groq/openai/gpt-oss-120b"
    error = pool.ask("/v1/embeddings", {"model": model, "input": "hi"}).json["error"]
    assert error["message"].startswith(f"{model} makes no embeddings (these do: gemini/gemini-e")
    assert error["param"] == "model"


def test_a_host_without_embeddings_is_refused_likewise(pool: Served) -> None:
    error = pool.ask("/v1/embeddings", {"model": "groq/what-is-new", "input": "hi"}).json["error"]
    assert error["message"].startswith("groq/what-is-new makes no embeddings (these do: gemini/")


def test_an_embedding_model_is_refused_a_chat(pool: Served) -> None:
    turn = [{"role": "user", "content": "hi"}]
    body = {"model": "mistral/mistral-embed", "messages": turn}
    error = pool.ask(body=body).json["error"]
    assert error["message"].startswith("mistral/mistral-embed does not chat (`auto` is")
    assert error["param"] == "model"


def test_without_a_key_for_any_the_way_to_one_is_told(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, providers={"groq": 1}) as house:
        reply = house.ask("/v1/embeddings", {"model": "auto", "input": "hi"})
    assert reply.status == 503
    assert "freellm keys add gemini" in reply.json["error"]["message"]


def test_googles_clients_embed_one_and_many(pool: Served) -> None:
    content = {"parts": [{"text": "hi"}]}
    path = "/v1beta/models/gemini-embedding-2:"
    one = pool.ask(f"{path}embedContent", {"content": content, "outputDimensionality": 128})
    assert len(one.json["embedding"]["values"]) == 128
    assert one.headers["x-freellm-model"] == "gemini/gemini-embedding-2"
    many = pool.ask(f"{path}batchEmbedContents", {"requests": [{"content": content}] * 2})
    assert len(many.json["embeddings"]) == 2
    assert many.json["embeddings"][0]["values"]
    refused = pool.ask("/v1beta/models/m:embedContent", {"content": {"parts": [{"fileData": {}}]}})
    assert refused.json["error"]["status"] == "INVALID_ARGUMENT"


# What is told of them afterwards

ASKED = "gemini/gemini-embedding-2"


def story(house: Served, reply: Reply) -> dict[str, Any]:
    told = why(house.runtime, reply.headers["x-request-id"]).data["request"]
    assert isinstance(told, dict)
    return told


def tried(told: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(item["target"], item["outcome"], item["status"]) for item in told["attempts"]]


def test_why_tells_of_an_embedding_who_was_tried_and_who_made_it(pool: Served) -> None:
    pool.sim.key(key_text("gemini", 1)).bad()
    pool.sim.key(key_text("gemini", 2)).good()
    replies = [pool.ask("/v1/embeddings", {"model": ASKED, "input": "hi"}) for _ in range(2)]
    told = next(
        found for found in (story(pool, reply) for reply in replies) if len(tried(found)) > 1
    )
    assert tried(told) == [
        (f"gemini-1/{ASKED}", "auth_invalid", 400),
        (f"gemini-2/{ASKED}", "ok", 200),
    ]
    assert (told["asked"], told["face"], told["outcome"]) == (ASKED, "embeddings", "ok")
    assert told["answerer"]["credential"] == "gemini-2"
    assert told["usage"]["prompt"] > 0
    assert [step["models"] for step in told["route"]] == [[ASKED]]


def test_why_tells_of_an_embedding_that_nobody_could_make(pool: Served) -> None:
    for number in (1, 2):
        pool.sim.key(key_text("gemini", number)).bad()
    told = story(pool, pool.ask("/v1/embeddings", {"model": ASKED, "input": "hi"}))
    assert told["outcome"] == "credential-refused"
    assert [outcome for _, outcome, _ in tried(told)] == ["auth_invalid"] * 2
    assert told["answerer"] is None


def test_why_tells_what_an_embedding_waited_for(tmp_path: Path) -> None:
    settings = {"providers.gemini.limits": [{"requests_per_second": 1}]}
    keys = {"gemini": 1}
    with simulator() as sim, served(sim, tmp_path, settings=settings, providers=keys) as house:
        for _ in range(2):
            reply = house.ask("/v1/embeddings", {"model": ASKED, "input": "hi"})
        told = story(house, reply)
        assert [item["target"] for item in told["candidates"]] == [f"gemini-1/{ASKED}"]
        assert told["answerer"]["waited_s"] > 0.3


def test_a_client_that_hangs_up_is_no_failure_of_who_embeds(pool: Served) -> None:
    pool.sim.fail("stall_before_headers", on="embeddings")
    body = json.dumps({"model": ASKED, "input": "hi"}).encode()
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with RawClient(pool.port) as client:
        client.send(head.encode() + body)
        assert pool.sim.wait_for(lambda counts: counts.stalled == 1)
    ledger = pool.runtime.ledger
    assert pool.wait_for(lambda: ledger.requests(1))
    told = ledger.requests(1)[0]
    assert (told["outcome"], told["attempts"]) == ("caller-gone", [])
    assert 'verdict="server_error"' not in pool.ask("/metrics").body.decode()
    assert ledger.open_leases() == []

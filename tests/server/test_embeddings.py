"""Embeddings over real sockets: which model makes them, and what is said of one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.serving import Served, served
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

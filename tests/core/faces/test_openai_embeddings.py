"""OpenAI embeddings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.openai_embeddings import (
    EmbeddingAsk,
    embeddings_reply,
    parse_embeddings,
)


def test_one_text_or_many() -> None:
    assert parse_embeddings({"model": " m ", "input": "a"}) == EmbeddingAsk("m", ["a"])
    asked = {"input": ["a", ""], "dimensions": 64, "encoding_format": "base64"}
    assert parse_embeddings(asked) == EmbeddingAsk("", ["a", ""], 64, True)


def test_the_answer_in_numbers() -> None:
    body = embeddings_reply(
        EmbeddingAsk("e", ["a", "b"]), [(0.1, -1.5), (2.0, 1e-9)], model="g/e", prompt_tokens=3
    )
    assert json.loads(body) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.1, -1.5]},
            {"object": "embedding", "index": 1, "embedding": [2.0, 1e-9]},
        ],
        "model": "g/e",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }


def test_the_answer_in_base64_is_little_endian() -> None:
    ask = EmbeddingAsk("e", ["a"], base64=True)
    body = json.loads(embeddings_reply(ask, [(1.0, -2.0)], model="g/e", prompt_tokens=1))
    assert body["data"][0]["embedding"] == "AACAPwAAAMA="


def test_what_json_cannot_say_becomes_null() -> None:
    body = embeddings_reply(
        EmbeddingAsk("e", ["a"]), [(float("nan"), 1.0)], model="g/e", prompt_tokens=1
    )
    assert json.loads(body)["data"][0]["embedding"] == [None, 1.0]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("a", "body"),
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": [1, 2]}, "input[0]"),
        ({"input": ["a", [1, 2]]}, "input[1]"),
        ({"input": ["a", None]}, "input[1]"),
        ({"input": "a", "model": 1}, "model"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": True}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_what_is_wrong_is_named(body: Any, path: str) -> None:
    with pytest.raises(BadField) as refusal:
        parse_embeddings(body)
    assert refusal.value.path == path

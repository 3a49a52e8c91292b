"""Embeddings in the OpenAI dialect."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from freellm_cli.core.errors import RequestRefused
from freellm_cli.core.secret import Secret
from freellm_cli.providers.base import AnswerFault
from tests.support.openai_talk import body_of, dialect, target


def body(dimensions: int | None = None, **quirks: Any) -> dict[str, Any]:
    where = target(quirks=quirks)
    return body_of(dialect().embeddings(["a", "b"], where, None, dimensions=dimensions))


def test_texts_are_sent_and_numbers_asked_for() -> None:
    call = dialect().embeddings(["a"], target(), Secret("k" * 20), dimensions=None)

    assert call.url == "https://host.example/v1/embeddings"
    assert call.auth[0][0] == "Authorization"
    assert body_of(call) == {"model": "some-model", "input": ["a"]}


def test_each_host_names_dimensions_its_own_way() -> None:
    assert body(256)["dimensions"] == 256
    assert body(256, embeddings="output_dimension")["output_dimension"] == 256
    assert "dimensions" not in body(256, embeddings="output_dimension")
    with pytest.raises(RequestRefused, match="one size"):
        body(256, embeddings="fixed")
    assert "dimensions" not in body(embeddings="fixed")


def test_nim_wants_to_know_what_a_text_is_for() -> None:
    sent = body(embeddings_input_type="query")

    assert (sent["input_type"], sent["truncate"]) == ("query", "END")


@pytest.mark.parametrize("word", ["none", False])
def test_hosts_without_embeddings_are_not_asked(word: Any) -> None:
    with pytest.raises(RequestRefused, match="no embeddings"):
        body(embeddings=word)


def test_vectors_come_in_the_order_of_the_texts() -> None:
    answer = {
        "object": "list",
        "model": "told",
        "data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2.5]}],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }

    read = dialect().read_embeddings(json.dumps(answer).encode())

    assert read.vectors == ((1.0, 2.5), (3.0, 4.0))
    assert (read.prompt_tokens, read.model) == (7, "told")


def test_rows_without_numbers_are_in_order_already() -> None:
    answer = {"data": [{"embedding": [1]}, {"embedding": [2]}], "usage": None}

    assert dialect().read_embeddings(json.dumps(answer).encode()).vectors == ((1.0,), (2.0,))


def test_base64_is_read_though_it_was_not_asked_for() -> None:
    text = base64.b64encode(struct.pack("<3f", 1.0, -2.0, 0.5)).decode()
    answer = json.dumps({"data": [{"index": 0, "embedding": text}]}).encode()

    assert dialect().read_embeddings(answer).vectors == ((1.0, -2.0, 0.5),)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b'{"error":{"message":"no"}}', "error"),
        (b'{"error":"\'input_type\' parameter is required for asymmetric models"}', "error"),
        (b'{"detail":[{"msg":"no"}]}', "error"),
        (b"<html>", "error"),
        (b'{"data":[]}', "malformed"),
        (b'{"data":[{"index":0}]}', "malformed"),
        (b'{"data":[{"embedding":["x"]}]}', "malformed"),
        (b'{"data":[{"embedding":[1]', "cut"),
        (b"", "empty"),
    ],
)
def test_what_is_no_vector_is_a_fault(answer: bytes, fault: str) -> None:
    with pytest.raises(AnswerFault) as caught:
        dialect().read_embeddings(answer)

    assert caught.value.fault == fault

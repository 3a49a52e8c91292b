"""Embeddings in Gemini's dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.gemini_embeddings import embeddings_reply, parse_embeddings

ONE, BATCH = "embedContent", "batchEmbedContents"


def content(*texts: str) -> dict[str, Any]:
    return {"parts": [{"text": text} for text in texts]}


def test_one_content_is_one_text() -> None:
    body = {"content": content("a", "b"), "outputDimensionality": 64, "taskType": "CLUSTERING"}
    ask = parse_embeddings(body, "models/gemini-embedding-2", ONE)
    assert (ask.model, ask.inputs, ask.dimensions) == ("gemini-embedding-2", ["a\nb"], 64)


def test_a_batch_keeps_its_order() -> None:
    rows = [
        {"model": "models/m", "content": content(text), "output_dimensionality": 8} for text in "ab"
    ]
    ask = parse_embeddings({"requests": rows}, "m", BATCH)
    assert (ask.inputs, ask.dimensions) == (["a", "b"], 8)


@pytest.mark.parametrize(
    ("method", "body", "path"),
    [
        (ONE, [], "body"),
        (ONE, {}, "content"),
        (ONE, {"content": {"parts": [{"inlineData": {}}]}}, "content.parts"),
        (ONE, {"content": content("a"), "outputDimensionality": "x"}, "outputDimensionality"),
        (BATCH, {}, "requests"),
        (BATCH, {"requests": [5]}, "requests[0]"),
        (BATCH, {"requests": [{"content": 5}]}, "requests[0].content"),
        (
            BATCH,
            {
                "requests": [
                    {"content": content("a")},
                    {"content": content("a"), "outputDimensionality": 8},
                ]
            },
            "requests[].outputDimensionality",
        ),
    ],
)
def test_a_refusal_names_the_field(method: str, body: Any, path: str) -> None:
    with pytest.raises(BadField) as refused:
        parse_embeddings(body, "m", method)
    assert refused.value.path == path


def test_the_answer_has_vectors_alone() -> None:
    one = json.loads(embeddings_reply(ONE, [(0.5, 1.0)], prompt_tokens=3))
    assert one == {"embedding": {"values": [0.5, 1.0]}, "usageMetadata": {"promptTokenCount": 3}}
    batch = json.loads(embeddings_reply(BATCH, [(0.5,), (1.0,)], prompt_tokens=3))
    assert batch["embeddings"] == [{"values": [0.5]}, {"values": [1.0]}]

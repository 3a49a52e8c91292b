"""Embeddings in the OpenAI dialect (https://platform.openai.com/docs/api-reference/embeddings)."""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.chat import Target
from freellm_cli.core.errors import RequestRefused, WrongModel
from freellm_cli.providers.base import AnswerFault, EmbeddingAnswer
from freellm_cli.providers.openai_faults import fault_of

_NONE = (False, "none", "no")
_PLAIN = (None, True, "", "yes", "openai")


def embeddings_body(inputs: list[str], target: Target, dimensions: int | None) -> dict[str, Any]:
    """The request's body. The quirk `embeddings` is "none", "fixed" (the size cannot be chosen),
    or the name that the host gives to `dimensions`; `embeddings_input_type` marks models that
    want to know whether a text is a query or a passage, and cuts what is too long at its end
    (https://docs.nvidia.com/nim/nemo-retriever/text-embedding/latest/reference.html). Raises
    RequestRefused."""
    kind = target.quirks.get("embeddings")
    if kind in _NONE:
        raise WrongModel(
            f"{target.provider} has no embeddings",
            hint="`auto` is the best model that makes them",
        )
    body: dict[str, Any] = {"model": target.name, "input": inputs}
    if dimensions is not None:
        if kind == "fixed":
            raise RequestRefused(
                f"{target.model_id} has vectors of one size only",
                hint="Leave dimensions out.",
            )
        body["dimensions" if kind in _PLAIN else str(kind)] = dimensions
    input_type = target.quirks.get("embeddings_input_type")
    if input_type:
        body["input_type"] = input_type
        body["truncate"] = "END"
    return body


def read_embeddings(body: bytes) -> EmbeddingAnswer:
    """Vectors in the order of the input. Raises AnswerFault."""
    try:
        answer = json.loads(body)
    except ValueError:
        raise fault_of(body) from None
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not rows:
        raise fault_of(body, answer)
    try:
        ordered = sorted((row.get("index", at), row["embedding"]) for at, row in enumerate(rows))
        vectors = tuple(_vector(values) for _, values in ordered)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise AnswerFault("malformed", body[:2048], "no embeddings in the answer") from None
    usage = answer.get("usage")
    tokens = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else 0
    return EmbeddingAnswer(
        vectors, tokens if isinstance(tokens, int) else 0, _text(answer, "model")
    )


def _vector(values: Any) -> tuple[float, ...]:
    if isinstance(values, str):  # base64 of little-endian float32, though it was not asked for
        import array
        import binascii
        import sys

        numbers = array.array("f", binascii.a2b_base64(values))
        if sys.byteorder == "big":
            numbers.byteswap()
        return tuple(numbers)
    return tuple(float(value) for value in values)


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""

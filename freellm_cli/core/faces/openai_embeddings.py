"""OpenAI embeddings, as clients ask for them and read them
(https://platform.openai.com/docs/api-reference/embeddings)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.frames import dump


class EmbeddingAsk(NamedTuple):
    """`inputs`: at least one text, in the client's order. `model`: "" when the client names none."""

    model: str
    inputs: list[str]
    dimensions: int | None = None
    base64: bool = False


def parse_embeddings(body: Any) -> EmbeddingAsk:
    """Raises BadField, naming the field."""
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise BadField("model", "a string")
    dimensions = body.get("dimensions")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        raise BadField("dimensions", "a whole number above 0")
    form = body.get("encoding_format")
    if form not in (None, "float", "base64"):
        raise BadField("encoding_format", "float or base64")
    inputs = _inputs(body.get("input"))
    return EmbeddingAsk((model or "").strip(), inputs, dimensions, form == "base64")


def _inputs(given: object) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise BadField("input", "a string or a list of strings")
    for at, text in enumerate(texts):
        if isinstance(text, int | list):
            raise BadField(
                f"input[{at}]", "a string, not token ids: these belong to one model's vocabulary"
            )
        if not isinstance(text, str):
            raise BadField(f"input[{at}]", "a string")
    return texts


def embeddings_reply(
    ask: EmbeddingAsk, vectors: Sequence[Sequence[float]], *, model: str, prompt_tokens: int
) -> bytes:
    """The body of the answer, `vectors` in the order of `ask.inputs`."""
    write = _base64 if ask.base64 else list
    rows = [
        {"object": "embedding", "index": at, "embedding": write(vector)}
        for at, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens}
    return dump({"object": "list", "data": rows, "model": model, "usage": usage})


def _base64(vector: Sequence[float]) -> str:
    """Little-endian float32, which openai-python asks for unless told otherwise."""
    import array
    import binascii
    import sys

    numbers = array.array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return binascii.b2a_base64(numbers.tobytes(), newline=False).decode("ascii")

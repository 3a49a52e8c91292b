"""Embeddings as Gemini's clients ask for them and read them (https://ai.google.dev/api/embeddings).

`taskType` and `title` are left out: of the other providers only few know such a thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.frames import dump
from freellm_cli.core.faces.openai_embeddings import EmbeddingAsk
from freellm_cli.core.gemini_turns import field

METHODS = ("embedContent", "batchEmbedContents")


def parse_embeddings(body: Any, path_model: str, method: str) -> EmbeddingAsk:
    """`method`: one of METHODS. Raises BadField, naming the field."""
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    model = path_model.removeprefix("models/")
    if method == METHODS[0]:
        return EmbeddingAsk(model, [_text(body, "")], _dimensions(body, ""))
    requests = field(body, "requests")
    if not isinstance(requests, list) or not requests:
        raise BadField("requests", "a list with at least one request")
    texts, sizes = [], set()
    for at, request in enumerate(requests):
        path = f"requests[{at}]"
        if not isinstance(request, dict):
            raise BadField(path, "an object")
        texts.append(_text(request, f"{path}."))
        sizes.add(_dimensions(request, f"{path}."))
    if len(sizes) > 1:
        raise BadField("requests[].outputDimensionality", "the same in all requests")
    return EmbeddingAsk(model, texts, sizes.pop())


def _text(request: dict[str, Any], path: str) -> str:
    content = field(request, "content")
    parts = field(content, "parts") if isinstance(content, dict) else None
    parts = [parts] if isinstance(parts, dict) else parts
    if not isinstance(parts, list) or not parts:
        raise BadField(f"{path}content", "an object with parts")
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise BadField(f"{path}content.parts", "texts: nothing else is embedded here")
    return "\n".join(map(str, texts))


def _dimensions(request: dict[str, Any], path: str) -> int | None:
    config = field(request, "embedContentConfig")
    given = field(request, "outputDimensionality")
    if given is None and isinstance(config, dict):
        given = field(config, "outputDimensionality")
    if given is not None and (type(given) is not int or given < 1):
        raise BadField(f"{path}outputDimensionality", "a whole number above 0")
    return given


def embeddings_reply(
    method: str, vectors: Sequence[Sequence[float]], *, prompt_tokens: int
) -> bytes:
    """The body of the answer, `vectors` in the order of what was asked."""
    rows = [{"values": list(vector)} for vector in vectors]
    usage = {"promptTokenCount": prompt_tokens}
    if method == METHODS[0]:
        return dump({"embedding": rows[0], "usageMetadata": usage})
    return dump({"embeddings": rows, "usageMetadata": usage})

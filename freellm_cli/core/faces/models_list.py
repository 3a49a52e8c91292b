"""Lists of models, as clients of each dialect read them; Gemini's entry is in `core.gemini_face`.

OpenAI's shape (https://platform.openai.com/docs/api-reference/models) with the further fields that front
ends use (https://openrouter.ai/docs/api-reference/list-available-models), Anthropic's
(https://docs.anthropic.com/en/api/models-list) and Ollama's
(https://github.com/ollama/ollama/blob/main/docs/api.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.errors import BadField

CREATED = 1_700_000_000
"""Epoch seconds for every model: nobody knows when they were made, and clients want a number."""
_GOOGLES_MOST = 1000
_LONGEST_NUMBER = 10
_CREATED_AT = "2023-11-14T22:13:20Z"

_PARAMETERS = (
    "max_tokens", "temperature", "top_p", "stop", "seed", "frequency_penalty", "presence_penalty",
)  # fmt: skip
_MORE = {
    "tools": ("tools", "tool_choice"),
    "json": ("response_format", "structured_outputs"),
    "thinking": ("reasoning", "reasoning_effort", "include_reasoning"),
}
_INPUTS = {"vision": "image", "audio": "audio", "pdf": "file"}


def openai_model(model_id: str, spec: ModelSpec | None = None) -> dict[str, Any]:
    """An entry of the list, and the answer of `GET /v1/models/{id}`. `spec`: what is known of the
    model; None for an alias."""
    entry: dict[str, Any] = {
        "id": model_id,
        "object": "model",
        "created": CREATED,
        "owned_by": model_id.partition("/")[0] if "/" in model_id else "freellm",
        "name": (spec.title if spec else "") or model_id,
        "pricing": {"prompt": "0", "completion": "0"},
    }
    if spec is None:
        return entry
    if spec.context:
        entry["context_length"] = entry["context_window"] = spec.context
    if spec.max_output:
        entry["max_completion_tokens"] = spec.max_output
    known = spec.capabilities
    more = [name for ability, names in _MORE.items() if ability in known for name in names]
    entry["supported_parameters"] = [*_PARAMETERS, *more]
    entry["architecture"] = {
        "input_modalities": ["text", *(kind for name, kind in _INPUTS.items() if name in known)],
        "output_modalities": ["embeddings" if "embeddings" in known else "text"],
    }
    return entry


Row = tuple[str, ModelSpec | None]
"""A model id or an alias, and what is known of it."""


def openai_list(rows: Iterable[Row]) -> dict[str, Any]:
    return {"object": "list", "data": [openai_model(name, spec) for name, spec in rows]}


def anthropic_model(model_id: str, spec: ModelSpec | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "model",
        "id": model_id,
        "display_name": (spec.title if spec else "") or model_id,
        "created_at": _CREATED_AT,
        "lifecycle": "active",
    }
    if spec is not None and spec.context:
        entry["max_input_tokens"] = spec.context
    if spec is not None and spec.max_output:
        entry["max_tokens"] = spec.max_output
    return entry


def anthropic_list(
    rows: Sequence[Row], *, limit: int = 0, after_id: str = "", before_id: str = ""
) -> dict[str, Any]:
    """`limit` and the ids are those of the query: pages, for SDKs that go through them. 0 is no limit."""
    names = [name for name, _ in rows]
    start, end = 0, len(names)
    if after_id in names:
        start = names.index(after_id) + 1
    if before_id in names:
        end = names.index(before_id)
    has_more = bool(limit) and end - start > limit
    if has_more and before_id:
        start = end - limit
    elif has_more:
        end = start + limit
    data = [anthropic_model(name, spec) for name, spec in rows[start:end]]
    return {
        "data": data,
        "has_more": has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def gemini_list(
    rows: Sequence[Row], *, page_size: str = "", page_token: str = ""
) -> dict[str, Any]:
    """The answer of `GET /v1beta/models` (https://ai.google.dev/api/models#method:-models.list): pages of
    as many as the query says, a thousand at most, which is also what a client gets that says nothing.

    `nextPageToken` stands for the last entry of a page. Raises BadField.
    """
    from freellm_cli.core.gemini_face import gemini_model

    size = int(page_size) if page_size.isdecimal() and len(page_size) < _LONGEST_NUMBER else 0
    if page_size and not size and page_size.strip("0"):
        raise BadField("pageSize", "a whole number")
    start = 0
    if page_token:
        marks = [_mark(name) for name, _ in rows]
        if page_token not in marks:
            raise BadField("pageToken", "the nextPageToken of an earlier page")
        start = marks.index(page_token) + 1
    end = start + min(size or _GOOGLES_MOST, _GOOGLES_MOST)
    page: dict[str, Any] = {"models": [gemini_model(name, spec) for name, spec in rows[start:end]]}
    if end < len(rows):
        page["nextPageToken"] = _mark(rows[end - 1][0])
    return page


def _mark(name: str) -> str:
    """A token that needs no escape in an address, whatever the name holds."""
    return name.encode("utf-8", "replace").hex()


def ollama_tags(rows: Iterable[Row]) -> dict[str, Any]:
    """The answer of `GET /api/tags`."""
    return {"models": [_ollama_entry(name, spec) for name, spec in rows]}


def ollama_show(model_id: str, spec: ModelSpec | None = None) -> dict[str, Any]:
    """The answer of `POST /api/show`."""
    known = spec.capabilities if spec else frozenset()
    abilities = ["embedding" if "embeddings" in known else "completion"]
    abilities += [name for name in ("tools", "vision", "thinking") if name in known]
    info: dict[str, Any] = {"general.architecture": "freellm"}
    if spec is not None and spec.context:
        info["freellm.context_length"] = spec.context
    entry = _ollama_entry(model_id, spec)
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": entry["details"],
        "model_info": info,
        "capabilities": abilities,
        "modified_at": _CREATED_AT,
    }


def _ollama_entry(model_id: str, spec: ModelSpec | None) -> dict[str, Any]:
    family = (spec.family if spec else "") or "freellm"
    return {
        "name": model_id,
        "model": model_id,
        "modified_at": _CREATED_AT,
        "size": 0,
        "digest": "0" * 64,
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": "",
            "quantization_level": "",
        },
    }

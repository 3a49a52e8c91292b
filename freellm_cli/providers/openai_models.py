"""Model lists, in every shape that hosts of the OpenAI dialect send:

    {"data": [{"id": …}]}             OpenAI, NIM, Groq, Mistral, OpenRouter, Hugging Face, z.ai,
    vLLM,
                                      Ollama, LM Studio, LocalAI
    [{"id": …}]                       GitHub Models, Together
    {"models": [{"name": …}], "next_page_token": …}               Cohere; Ollama's /api/tags
    {"result": [{"name": "@cf/…", "task": …}], "result_info": …}  Cloudflare

What a list says of a model goes into its `ModelSpec`. Of a model that is only named, the
capabilities are exactly {"chat"} (or {"embeddings"}), which the catalog takes as "nothing said".
"""

from __future__ import annotations

import json
import re
from typing import Any

from freellm_cli.core.catalog import ModelSpec, ProviderSpec
from freellm_cli.providers.base import ModelPage
from freellm_cli.providers.openai_faults import error_in, fault_of

Row = dict[str, Any]

SOURCE = "the provider's own list"

# Words of a name that say that the model does not converse.
_OTHER = frozenset(
    (
        "asr",
        "audio2face",
        "canary",
        "clip",
        "cogvideox",
        "cogview",
        "dall",
        "diffusion",
        "flux",
        "guard",
        "guardian",
        "image",
        "imagen",
        "lyria",
        "moderation",
        "nemoguard",
        "ocr",
        "parakeet",
        "realtime",
        "rerank",
        "reranker",
        "reranking",
        "reward",
        "robotics",
        "safeguard",
        "safety",
        "sdxl",
        "shieldgemma",
        "sora",
        "speech",
        "stt",
        "transcribe",
        "tts",
        "veo",
        "whisper",
    )
)
_EMBEDDING = re.compile(r"embed|(^|[/_-])(bge|e5|gte|minilm|mxbai|voyage|uae)([/_-]|$)")

_CONTEXT = (
    "context_length",
    "context_window",
    "max_context_length",
    "max_model_len",
    "max_input_tokens",
)
_OUTPUT = ("max_completion_tokens", "max_output_tokens", "max_tokens")

_WORDS = {
    "tools": "tools",
    "tool_use": "tools",
    "tool-calling": "tools",
    "function_calling": "tools",
    "supports_tools": "tools",
    "vision": "vision",
    "supports_vision": "vision",
    "image": "vision",
    "supports_image_input": "vision",
    "audio": "audio",
    "supports_audio_input": "audio",
    "file": "pdf",
    "pdf": "pdf",
    "reasoning": "thinking",
    "include_reasoning": "thinking",
    "thinking": "thinking",
    "response_format": "json",
    "structured_outputs": "json",
    "supports_structured_output": "json",
    "json_mode": "json",
    "json_schema": "json",
}


def read_model_list(provider: ProviderSpec, body: bytes) -> ModelPage:
    """The chat and embedding models of one page. Raises AnswerFault."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise fault_of(body) from None
    if error_in(answer) and not _rows(answer):
        raise fault_of(body, answer)
    rows = _rows(answer)
    if rows is None:
        raise fault_of(body, answer)
    paid = bool(provider.quirks.get("list_paid"))
    specs = []
    for row in _without_aliases(rows):
        if _usable(row) and (paid or not _is_paid(row)):
            spec = _spec(provider, row)
            if spec is not None:
                specs.append(spec)
    return ModelPage(tuple(specs), _next_page(answer))


def _rows(answer: Any) -> list[Row] | None:
    found = answer
    if isinstance(answer, dict):
        found = next((answer[k] for k in ("data", "models", "result") if k in answer), None)
        if found is None and answer.get("object") == "list":
            found = []  # an Ollama without models writes "data": null
    if not isinstance(found, list):
        return None
    return [{"id": row} if isinstance(row, str) else row for row in found if row]


def _name(row: Row) -> str:
    """The name on the wire. Cloudflare's `id` is a number of its own; its name starts with @."""
    name, wire = row.get("name"), row.get("id")
    if isinstance(name, str) and (name.startswith("@") or not isinstance(wire, str)):
        return name
    return wire.removeprefix("models/") if isinstance(wire, str) else ""


def _usable(row: Row) -> bool:
    return isinstance(row, dict) and bool(_name(row)) and row.get("active") is not False


def _is_paid(row: Row) -> bool:
    """OpenRouter's rows alone: free is what ends in ":free", or costs "0" to ask and to answer."""
    pricing = row.get("pricing")
    if "top_provider" not in row or not isinstance(pricing, dict):
        return False
    if _name(row).endswith(":free"):
        return False
    return any(_price(pricing.get(side)) != 0.0 for side in ("prompt", "completion"))


def _price(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 1.0


def _without_aliases(rows: list[Row]) -> list[Row]:
    """Mistral repeats a model under each of its aliases: one row of each group stays, its `-latest`
    if there is one, because dated names retire."""
    kept: list[Row] = []
    group_of: dict[str, int] = {}
    for row in rows:
        aliases = row.get("aliases") if isinstance(row, dict) else None
        if not isinstance(aliases, list) or not aliases:
            kept.append(row)
            continue
        names = [_name(row), *(alias for alias in aliases if isinstance(alias, str))]
        at = next((group_of[name] for name in names if name in group_of), None)
        if at is None:
            at = len(kept)
            kept.append(row)
        elif _name(row).endswith("-latest") and not _name(kept[at]).endswith("-latest"):
            kept[at] = row
        group_of.update(dict.fromkeys(names, at))
    return kept


def _spec(provider: ProviderSpec, row: Row) -> ModelSpec | None:
    name = _name(row)
    capabilities = _capabilities(name, row)
    if not capabilities:
        return None
    expires = _date(row.get("expiration_date") or row.get("deprecation"))
    replacement = row.get("deprecation_replacement_model")
    title = row.get("name") or row.get("display_name") or ""
    return ModelSpec(
        id=f"{provider.id}/{name}",
        provider=provider.id,
        name=name,
        title=title if isinstance(title, str) and title != name else "",
        context=_number(row, _CONTEXT),
        max_output=_number(row, _OUTPUT),
        capabilities=capabilities,
        status="restricted" if _is_paid(row) else "expires" if expires else "active",
        source=SOURCE,
        expires=expires,
        replacement=f"{provider.id}/{replacement}" if isinstance(replacement, str) else "",
        notes=_notes(row),
        discovered=True,
    )


def _notes(row: Row) -> str:
    if _is_paid(row):
        return "costs credits"
    if row.get("is_deprecated") is True:
        return "deprecated"
    aliases = row.get("aliases")
    if isinstance(aliases, list) and aliases:
        return "also called " + ", ".join(str(alias) for alias in aliases)
    return ""


def _date(value: Any) -> str:
    return value[:10] if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value) else ""


def _number(row: Row, names: tuple[str, ...]) -> int | None:
    """The first positive number under one of `names`, in the row or where hosts nest it."""
    nested = (row.get("top_provider"), row.get("limits"), row.get("model_info"), *_hosts(row))
    for place in (row, *nested, _properties(row)):
        if not isinstance(place, dict):
            continue
        for name in names:
            value = place.get(name)
            if isinstance(value, str) and value.isdigit():
                value = int(value)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None


def _hosts(row: Row) -> list[Row]:
    """Hugging Face: who serves the model behind the router."""
    hosts = row.get("providers")
    return [host for host in hosts if isinstance(host, dict)] if isinstance(hosts, list) else []


def _properties(row: Row) -> Row:
    """Cloudflare: `[{"property_id": "context_window", "value": "32000"}]`."""
    listed = row.get("properties")
    if not isinstance(listed, list):
        return {}
    return {str(p.get("property_id")): p.get("value") for p in listed if isinstance(p, dict)}


def _capabilities(name: str, row: Row) -> frozenset[str]:
    """Empty for a model that neither chats nor embeds."""
    kind = _kind(name, row)
    if kind != "chat":
        return frozenset((kind,)) if kind else frozenset()
    said = {_WORDS[word] for word in _said(row) if word in _WORDS}
    return frozenset(said | {"chat"})


def _kind(name: str, row: Row) -> str:
    """ "chat", "embeddings" or ""."""
    low = name.lower()
    if _EMBEDDING.search(low):
        return "embeddings"
    task = row.get("task")
    if isinstance(task, dict):
        task = task.get("name")
    if isinstance(task, str) and task.lower() not in ("text generation", "image-to-text", "chat"):
        return "embeddings" if "embed" in task.lower() else ""
    endpoints = row.get("endpoints")
    if isinstance(endpoints, list) and endpoints and "chat" not in endpoints:
        return "embeddings" if "embed" in endpoints else ""
    if row.get("type") in ("embeddings", "embedding"):
        return "embeddings"
    able = row.get("capabilities")
    if isinstance(able, dict) and able.get("completion_chat") is False:
        return ""
    made = _modalities(row, "output")
    if made and "text" not in made:
        return ""
    return "" if _OTHER.intersection(re.split(r"[^a-z0-9]+", low)) else "chat"


def _modalities(row: Row, side: str) -> list[str]:
    architecture = row.get("architecture")
    place = architecture if isinstance(architecture, dict) else row
    listed = place.get(f"{side}_modalities") or row.get(f"supported_{side}_modalities")
    return [str(item) for item in listed] if isinstance(listed, list) else []


def _said(row: Row) -> list[str]:
    """Every word by which a row claims an ability."""
    words = _modalities(row, "input")
    for field in ("supported_parameters", "capabilities", "features"):
        value = row.get(field)
        if isinstance(value, list):
            words += [str(item) for item in value]
        elif isinstance(value, dict):
            words += [word for word, able in value.items() if able]
    for place in (row, *_hosts(row), _properties(row)):
        words += [word for word, able in place.items() if able is True or able == "true"]
    if row.get("type") == "vlm":
        words.append("vision")
    return words


def _next_page(answer: Any) -> str:
    if not isinstance(answer, dict):
        return ""
    token = answer.get("next_page_token")
    if isinstance(token, str):
        return token
    info = answer.get("result_info")
    if not isinstance(info, dict):
        return ""
    page, size, total = (info.get(name) for name in ("page", "per_page", "total_count"))
    if isinstance(page, int) and isinstance(size, int) and isinstance(total, int):
        return str(page + 1) if size and page * size < total else ""
    return ""

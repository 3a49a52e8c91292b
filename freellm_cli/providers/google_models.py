"""What the names of Google's models say about them, and its model list.

The catalog's quirks come first; what is derived here serves models that only the live list knows and
names typed by hand. Sources: https://ai.google.dev/gemini-api/docs/thinking (which models take budgets
and which levels), https://ai.google.dev/api/models (the list).
"""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.catalog import ModelSpec, ProviderSpec
from freellm_cli.core.chat import Target
from freellm_cli.providers.base import AnswerFault, ModelPage

LATEST = 99.0
# Parts of a model's name that say it is not for conversation, though generateContent takes it.
_NOT_FOR_CHAT = frozenset(
    "tts image live robotics embedding aqa audio computer banana research veo imagen lyria".split()
)
_GEMMA_WITHOUT_EYES = frozenset(("1b", "270m"))


def derived_quirks(name: str) -> dict[str, Any]:
    """The dialect's switches (see `google_request`) that a model's name implies; {} when it says
    nothing. `name` is the name on the wire."""
    family, version = _family(name)
    parts = _parts(name)
    if family == "gemma":
        return _gemma_quirks(version)
    if family != "gemini" or version < 2.5:
        return {"think": "none"}
    if version < 3:
        return _budget_quirks(parts)
    return _level_quirks(parts, version)


def _gemma_quirks(version: float) -> dict[str, Any]:
    quirks: dict[str, Any] = {
        "json": False,
        "safety": False,
        "signatures": "optional",
        "nested_media": False,
    }
    if version >= 4:
        levels = {"off": "minimal", "low": "minimal", "medium": "high"}
        return {**quirks, "think": "gemini_level", "think_levels": levels}
    return {**quirks, "think": "none", "system": "fold", "tools": False}


def _budget_quirks(parts: list[str]) -> dict[str, Any]:
    quirks: dict[str, Any] = {"think": "gemini_budget"}
    if "pro" in parts:
        quirks["think_levels"] = {"off": 128, "high": 32768}
    return quirks


def _level_quirks(parts: list[str], version: float) -> dict[str, Any]:
    quirks: dict[str, Any] = {"think": "gemini_level"}
    # The smallest level is not offered by Pro models nor by Flash since 3.7.
    if "pro" in parts or version >= 3.7:
        quirks["think_levels"] = {"off": "low", "minimal": "low"}
    if "pro" in parts and version < 3.1:
        quirks["think_levels"]["medium"] = "high"
    return quirks


def quirks_of(target: Target) -> dict[str, Any]:
    """The target's switches, those its name implies beneath them."""
    implied = derived_quirks(target.name)
    merged = {**implied, **target.quirks}
    levels = implied.get("think_levels") if merged.get("think") == implied.get("think") else None
    levels = {**(levels or {}), **(target.quirks.get("think_levels") or {})}
    return {**merged, "think_levels": levels}


def derived_capabilities(name: str, *, thinks: bool) -> frozenset[str]:
    """`thinks`: the list's `thinking` flag."""
    family, version = _family(name)
    found = {"chat", "thinking"} if thinks else {"chat"}
    if family == "gemma":
        if version >= 4:
            found |= {"tools", "vision"}
        elif version >= 3 and not _GEMMA_WITHOUT_EYES.intersection(_parts(name)):
            found |= {"vision"}
    elif family == "gemini":
        found |= {"vision", "tools", "json", "audio", "pdf"}
    return frozenset(found)


def read_model_list(provider: ProviderSpec, body: bytes) -> ModelPage:
    """One page of `GET …/models`: what can chat and what can embed. Raises AnswerFault."""
    tree = parse_object(body)
    listed = tree.get("models", [])
    if not isinstance(listed, list) or ("models" not in tree and tree):
        raise AnswerFault("malformed", body[:2048], "the answer is no model list")
    models = [_model(provider, entry) for entry in listed if isinstance(entry, dict)]
    return ModelPage(
        tuple(model for model in models if model), str(tree.get("nextPageToken") or "")
    )


def _model(provider: ProviderSpec, entry: dict[str, Any]) -> ModelSpec | None:
    name = str(entry.get("name") or "").removeprefix("models/")
    methods = entry.get("supportedGenerationMethods")
    if not name or not isinstance(methods, list):
        return None
    for_chat = "generateContent" in methods and not _NOT_FOR_CHAT.intersection(_parts(name))
    if for_chat:
        capabilities = derived_capabilities(name, thinks=bool(entry.get("thinking")))
    elif "embedContent" in methods:
        capabilities = frozenset({"embeddings"})
    else:
        return None
    return ModelSpec(
        id=f"{provider.id}/{name}",
        provider=provider.id,
        name=name,
        title=str(entry.get("displayName") or ""),
        context=_count(entry.get("inputTokenLimit")),
        max_output=_count(entry.get("outputTokenLimit")),
        capabilities=capabilities,
        quirks=derived_quirks(name) if for_chat else {},
        discovered=True,
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a 2xx body, out of a one-element array too. Raises AnswerFault "error" for an
    error object and "malformed" for anything else."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        raise AnswerFault("malformed" if body.strip() else "empty", body[:2048]) from None
    if isinstance(tree, list) and len(tree) == 1:
        tree = tree[0]
    if not isinstance(tree, dict):
        raise AnswerFault("malformed", body[:2048])
    if tree.get("error"):
        raise AnswerFault("error", body)
    return tree


def _family(name: str) -> tuple[str, float]:
    """("gemini", 2.5) of `gemini-2.5-flash`; a name without a number is the latest of its family."""
    family, _, rest = name.lower().removeprefix("models/").partition("-")
    digits = ""
    for character in rest:
        if not (character.isascii() and character.isdigit()) and character != ".":
            break
        digits += character
    try:
        return family, float(digits)
    except ValueError:
        return family, LATEST if "latest" in rest or family == "gemini" else 0.0


def _parts(name: str) -> list[str]:
    return name.lower().removeprefix("models/").split("-")


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None

"""Model lists and account pages in each host's own shape."""

from __future__ import annotations

from typing import Any

from freellm_cli.simulator.answers import Answer
from freellm_cli.simulator.google_dialect import model_of, models_answer
from freellm_cli.simulator.hosts import Card, Host
from freellm_cli.simulator.limits import Standing
from freellm_cli.simulator.openai_dialect import CREATED
from freellm_cli.simulator.refusals import Facts, Rejected
from freellm_cli.simulator.wire import Request


def listing(host: Host, action: str, model: str, request: Request) -> Answer:
    """The list, or one entry of it when `action` is "model". Raises Rejected."""
    native = host.listing == "gemini" and "/openai/" not in request.path
    if action == "model":
        card = next((card for card in host.models if card.name == model), None)
        if card is None:
            raise Rejected("no_model", Facts(model))
        return Answer(payload=model_of(card) if native else _entry(card, host))
    if native:
        return models_answer(host, request.query)
    if request.path.startswith("/cohere/v1/"):
        return Answer(payload={"models": [_cohere(card) for card in host.models]})
    if host.listing == "cloudflare":
        return _cloudflare(host, request)
    return Answer(payload={"object": "list", "data": [_entry(card, host) for card in host.models]})


def router_account(action: str, standings: tuple[Standing, ...]) -> Answer:
    """OpenRouter's `/key` and `/credits` (openrouter.ai/docs/api-reference/limits)."""
    if action == "credits":
        return Answer(payload={"data": {"total_credits": 0, "total_usage": 0}})
    data: dict[str, Any] = {
        "label": "sk-or-v1-sim...key",
        "limit": None,
        "limit_remaining": None,
        "usage": 0,
        "usage_daily": 0,
        "is_free_tier": True,
        "rate_limit": {"requests": -1, "interval": "10s"},
    }
    for standing in standings:
        if standing.rule.window.kind == "day":
            data["free_model_daily_requests"] = {
                "used": standing.used,
                "limit": standing.rule.amount,
                "remaining": standing.remaining,
            }
    return Answer(payload={"data": data})


def _entry(card: Card, host: Host) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": f"models/{card.name}" if host.id == "gemini" else card.name,
        "object": "model",
        "created": CREATED,
        "owned_by": card.name.partition("/")[0] if "/" in card.name else host.id,
    }
    more = _MORE.get(host.listing)
    return {**entry, **more(card)} if more else entry


def _mistral(card: Card) -> dict[str, Any]:
    return {
        "capabilities": {
            "completion_chat": not card.embeds,
            "completion_fim": "codestral" in card.name,
            "function_calling": not card.embeds,
            "vision": False,
            "fine_tuning": False,
            "classification": False,
        },
        "name": card.name,
        "description": "A simulated model.",
        "max_context_length": card.context,
        "aliases": [],
        "deprecation": None,
        "type": "base",
    }


def _groq(card: Card) -> dict[str, Any]:
    return {
        "active": True,
        "context_window": card.context,
        "max_completion_tokens": card.max_output,
        "public_apps": None,
    }


def _openrouter(card: Card) -> dict[str, Any]:
    return {
        "canonical_slug": card.name.partition(":")[0],
        "name": card.name,
        "description": "A simulated model.",
        "context_length": card.context,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": {"prompt": "0", "completion": "0", "request": "0", "image": "0"},
        "top_provider": {
            "context_length": card.context,
            "max_completion_tokens": card.max_output,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": ["max_tokens", "temperature", "tools", "tool_choice", "stop"],
    }


_MORE = {"mistral": _mistral, "groq": _groq, "openrouter": _openrouter}


def _cohere(card: Card) -> dict[str, Any]:
    endpoints = ["embed"] if card.embeds else ["chat", "generate"]
    return {
        "name": card.name,
        "endpoints": endpoints,
        "context_length": card.context,
        "is_deprecated": False,
    }


def _cloudflare(host: Host, request: Request) -> Answer:
    page = int(request.query.get("page") or 1)
    size = int(request.query.get("per_page") or 50)
    cards = host.models[(page - 1) * size : page * size]
    result = [
        {
            "id": f"simulated-{place}",
            "name": card.name,
            "task": {"name": "Text Embeddings" if card.embeds else "Text Generation"},
        }
        for place, card in enumerate(cards)
    ]
    info = {"page": page, "per_page": size, "count": len(cards), "total_count": len(host.models)}
    return Answer(
        payload={
            "success": True,
            "errors": [],
            "messages": [],
            "result": result,
            "result_info": info,
        }
    )

"""OpenRouter, Groq, Cerebras, Mistral and NVIDIA as recorded: OpenRouterTeam/typescript-sdk and
pydantic/pydantic-ai cassettes, console.groq.com/docs/errors, nminaya/grammar-nazi-bot#958,
raycast/extensions#31107, coolcline/CoolCline#36, editor-code-assistant/eca#231,
Alishahryar1/free-claude-code#690, can1357/oh-my-pi#499, decolua/9router#2527."""

from __future__ import annotations

import math
from typing import Any

from freellm_cli.simulator.refusals.words import (
    Facts,
    Refused,
    Words,
    invalid,
    lean_error,
    openai_error,
    wait_text,
)


def _router(code: int, message: str, **metadata: Any) -> dict[str, Any]:
    error: dict[str, Any] = {"message": message, "code": code}
    if metadata:
        error["metadata"] = metadata
    return {"error": error}


def _router_limit(pot: str, source: str) -> Words:
    def words(facts: Facts) -> Any:
        if facts.each_model:
            return _router(429, f"Rate limit exceeded: limit_rpm/{facts.model}. High demand.")
        headers = {
            "X-RateLimit-Limit": str(facts.limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(math.ceil((facts.reset_at or 0) * 1000)),
        }
        hint = " Add 10 credits to unlock 1000 free model requests per day" if "day" in pot else ""
        return _router(
            429, f"Rate limit exceeded: {pot}.{hint}", headers=headers, limit_source=source
        )

    return words


def _with_user(words: Words) -> Words:
    """OpenRouter names the user whose key it knows."""

    def said(facts: Facts) -> Any:
        value = words(facts)
        body = value[1] if isinstance(value, tuple) else value
        body["user_id"] = f"user_{facts.account}"
        return value

    return said


_OPENROUTER: dict[str, Words] = {
    "rate_minute": _router_limit("free-models-per-min", "openrouter_free_tier"),
    "rate_day": _router_limit("free-models-per-day", "openrouter_free_tier_daily"),
    "capacity": lambda f: (
        429,
        _router(
            429,
            "Provider returned error",
            raw=f"{f.model} is temporarily rate-limited upstream. Please retry shortly, or add your"
            " own key to accumulate your rate limits: https://openrouter.ai/settings/integrations",
            provider_name="Simulated",
            limit_source="upstream_provider_shared_pool",
        ),
    ),
    "no_key": lambda f: {"error": {"message": "No cookie auth credentials found", "code": 401}},
    "bad_key": lambda f: {"error": {"message": "User not found.", "code": 401}},
    "suspended": lambda f: _router(403, "This account has been disabled."),
    "out_of_credit": lambda f: _router(
        402,
        "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
        limit_source="openrouter_credits",
    ),
    "forbidden": lambda f: _router(403, "Key limit exceeded"),
    "no_model": lambda f: _router(404, f"No endpoints found for {f.model}."),
    "retired": lambda f: (404, _router(404, f"No endpoints found for {f.model}.")),
    "no_access": lambda f: (
        404,
        _router(
            404,
            "No endpoints found matching your data policy (Free model publication). Configure:"
            " https://openrouter.ai/settings/privacy",
        ),
    ),
    "bad_field": lambda f: _router(400, f"Unrecognized key(s) in object: '{f.field}'"),
    "bad_request": lambda f: _router(400, f.message or "Invalid request."),
    "too_long": lambda f: _router(
        400,
        f"This endpoint's maximum context length is {f.limit} tokens. However, you requested about"
        f" {f.requested} tokens. Please reduce the length of either one.",
    ),
    "filtered": lambda f: (
        403,
        _router(
            403,
            f'{f.model} requires moderation on Simulated. Your input was flagged for "violence".'
            " No credits were charged.",
            reasons=["violence"],
            flagged_input="...",
        ),
    ),
    "server_error": lambda f: _router(500, "Internal Server Error"),
    "bad_gateway": lambda f: _router(
        502, "Provider returned error", error_type="provider_unavailable"
    ),
    "overloaded": lambda f: _router(503, "No instances available (yet)"),
    "timeout": lambda f: (408, _router(408, "Request timed out")),
}

OPENROUTER: dict[str, Words] = {
    kind: words if kind in ("no_key", "bad_key") else _with_user(words)
    for kind, words in _OPENROUTER.items()
}


def _groq_limit(unit: str, window: str, short: str) -> Words:
    def words(facts: Facts) -> Any:
        kind = "tokens" if unit == "tokens" else "requests"
        if unit == "tokens" and facts.requested > facts.limit:
            return 413, lean_error(
                f"Request too large for model `{facts.model}` in organization `org_{facts.account}` service"
                f" tier `on_demand` on {unit} per {window} ({short}): Limit {facts.limit}, Requested"
                f" {facts.requested}, please reduce your message size and try again.",
                kind,
                "rate_limit_exceeded",
            )
        return lean_error(
            f"Rate limit reached for model `{facts.model}` in organization `org_{facts.account}` service tier"
            f" `on_demand` on {unit} per {window} ({short}): Limit {facts.limit}, Used {facts.used},"
            f" Requested {facts.requested}.{wait_text(facts)}",
            kind,
            "rate_limit_exceeded",
        )

    return words


GROQ: dict[str, Words] = {
    "rate_minute": _groq_limit("requests", "minute", "RPM"),
    "tokens_minute": _groq_limit("tokens", "minute", "TPM"),
    "rate_day": _groq_limit("requests", "day", "RPD"),
    "tokens_day": _groq_limit("tokens", "day", "TPD"),
    "bad_key": lambda f: lean_error("Invalid API Key", "invalid_request_error", "invalid_api_key"),
    "no_key": lambda f: lean_error("Invalid API Key", "invalid_request_error", "invalid_api_key"),
    "suspended": lambda f: (
        400,
        lean_error(
            "Organization has been restricted. Please reach out to support if you believe this was"
            " in error.",
            "invalid_request_error",
            "organization_restricted",
        ),
    ),
    "retired": lambda f: (
        400,
        lean_error(
            f"The model `{f.model}` has been decommissioned and is no longer supported.",
            "invalid_request_error",
            "model_decommissioned",
        ),
    ),
    "bad_field": lambda f: invalid(f"property '{f.field}' is unsupported"),
    "overloaded": lambda f: lean_error(
        f"{f.model} is currently over capacity. Please try again.", "internal_server_error", ""
    ),
}


def _flat(message: str, type_: str, param: str, code: str) -> dict[str, Any]:
    return {"message": message, "type": type_, "param": param, "code": code}


def _cerebras_limit(unit: str, window: str) -> Words:
    many = "requests sent" if unit == "Requests" else "tokens processed"
    name = unit.lower()
    return lambda f: _flat(
        f"{unit} per {window} limit exceeded - too many {many}.",
        f"too_many_{name}_error",
        "quota",
        f"{name[:-1]}_quota_exceeded",
    )


CEREBRAS: dict[str, Words] = {
    "rate_minute": _cerebras_limit("Requests", "minute"),
    "tokens_minute": _cerebras_limit("Tokens", "minute"),
    "rate_day": _cerebras_limit("Requests", "day"),
    "tokens_day": _cerebras_limit("Tokens", "day"),
    "concurrent": lambda f: _flat(
        "We're experiencing high traffic right now! Please try again soon.",
        "too_many_requests_error",
        "queue",
        "queue_exceeded",
    ),
    "no_key": lambda f: (403, {"detail": "Not authenticated"}),
    "bad_key": lambda f: _flat(
        "Wrong API Key", "invalid_request_error", "api_key", "wrong_api_key"
    ),
    "out_of_credit": lambda f: _flat("Payment required.", "payment_required_error", "", ""),
    "no_model": lambda f: _flat(
        f"Model {f.model} does not exist or you do not have access to it.",
        "not_found_error",
        "model",
        "model_not_found",
    ),
    "bad_field": lambda f: _flat(
        f"{f.field} is not supported.", "invalid_request_error", f.field, "wrong_api_format"
    ),
    "too_long": lambda f: _flat(
        f"Please reduce the length of the messages or completion. Current length is {f.requested}"
        f" while limit is {f.limit}",
        "invalid_request_error",
        "messages",
        "context_length_exceeded",
    ),
}


def _mistral(message: str, type_: str, code: str, status: int) -> tuple[int, dict[str, Any]]:
    body = {
        "object": "error",
        "message": message,
        "type": type_,
        "param": None,
        "code": code,
        "raw_status_code": status,
    }
    return status, body


def _mistral_field(facts: Facts) -> Any:
    detail = {
        "type": "extra_forbidden",
        "loc": ["body", *facts.field.split(".")],
        "msg": "Extra inputs are not permitted",
        "input": facts.value,
    }
    body = {
        "object": "error",
        "message": {"detail": [detail]},
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    return 422, body


MISTRAL: dict[str, Words] = {
    **dict.fromkeys(
        ("rate_minute", "tokens_minute", "rate_day", "tokens_day", "concurrent"),
        lambda f: _mistral("Rate limit exceeded", "rate_limited", "1300", 429),
    ),
    "capacity": lambda f: _mistral(
        "Service tier capacity exceeded for this model.",
        "service_tier_capacity_exceeded",
        "3505",
        429,
    ),
    "no_key": lambda f: {"detail": "Unauthorized"},
    "bad_key": lambda f: {
        "message": "Unauthorized",
        "request_id": "933f233947ff6d346065bb297e4a4d56",
    },
    "no_model": lambda f: _mistral(f"Invalid model: {f.model}", "invalid_model", "1500", 400),
    "retired": lambda f: _mistral(f"Invalid model: {f.model}", "invalid_model", "1500", 400),
    "bad_field": _mistral_field,
    "bad_request": lambda f: _mistral(
        f.message or "Invalid request.", "invalid_request_error", "3230", 400
    ),
    "too_long": lambda f: _mistral(
        f"Prompt contains {f.requested} tokens and 0 draft tokens, too large for model with"
        f" {f.limit} maximum context length",
        "invalid_request_prompt",
        "3051",
        400,
    ),
    "overloaded": lambda f: _mistral("Service unavailable.", "unreachable_backend", "1100", 503),
    "server_error": lambda f: _mistral(
        "Internal server error", "internal_server_error", "1000", 500
    ),
}


def _problem(status: int, title: str, detail: str = "") -> tuple[int, dict[str, Any]]:
    body: dict[str, Any] = {"status": status, "title": title}
    if detail:
        body["detail"] = detail
    return status, body


_FUNCTION = "Function id '87ea0ddc-cff1-4bca-bf8b-3bd98a35ddd0'"

NVIDIA: dict[str, Words] = {
    **dict.fromkeys(
        ("rate_minute", "tokens_minute", "rate_day", "tokens_day", "concurrent"),
        lambda f: _problem(429, "Too Many Requests"),
    ),
    "capacity": lambda f: openai_error(
        "ResourceExhausted: Worker local total request limit reached (16/16)",
        "Service Unavailable",
        "503",
    ),
    "no_key": lambda f: _problem(401, "Unauthorized", "Bearer token is malformed"),
    "bad_key": lambda f: _problem(403, "Forbidden", "Authorization failed"),
    "no_model": lambda f: Refused(404, (), b""),
    "retired": lambda f: _problem(
        410, "Gone", f"model '{f.model}' has reached its end of life on 2026-09-01T00:00:00Z"
    ),
    "no_access": lambda f: _problem(
        404,
        "Not Found",
        f"Function '87ea0ddc-cff1-4bca-bf8b-3bd98a35ddd0': Not found for account '{f.account}'",
    ),
    "wrong_url": lambda f: Refused(404, (), b"404 page not found", "text/plain"),
    "overloaded": lambda f: openai_error(
        "ResourceExhausted: Worker local total request limit reached (16/16)",
        "Service Unavailable",
        "503",
    ),
    "server_error": lambda f: _problem(
        400, "Bad Request", f"{_FUNCTION}: DEGRADED function cannot be invoked"
    ),
    "bad_field": lambda f: (
        422,
        {
            "detail": [
                {
                    "loc": ["body", f.field],
                    "msg": "Extra inputs are not permitted",
                    "type": "extra_forbidden",
                }
            ]
        },
    ),
}

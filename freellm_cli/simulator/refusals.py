"""How each provider says no: statuses, headers and bodies in the shapes that people have recorded.

`refuse(style, kind, facts)` writes one. Kinds:
    limits       rate_minute, tokens_minute, rate_day, tokens_day, concurrent, capacity
    credential   no_key, bad_key, wrong_token_type, suspended, out_of_credit, forbidden
    model        no_model, retired, no_access
    request      bad_field, bad_request, too_long, filtered, too_large, wrong_url, method
    provider     server_error, bad_gateway, overloaded, timeout

A style that has no words of its own for a kind uses OpenAI's. Sources, by style: gemini
(continuedev/continue#10748, thooton/muse#6, google-gemini/gemini-cli#12214), groq (its error page,
console.groq.com/docs/errors), openrouter (OpenRouterTeam/typescript-sdk, pydantic/pydantic-ai cassettes),
cerebras (nminaya/grammar-nazi-bot#958), mistral (raycast/extensions#31107, coolcline/CoolCline#36),
nvidia (Alishahryar1/free-claude-code#690, can1357/oh-my-pi#499), zai (7836246/cursor2api#30), cohere
(pydantic/pydantic-ai cassettes), cloudflare (diegosouzapw/OmniRoute#6980), iflow
(router-for-me/CLIProxyAPI#1708), ollama (ollama/ollama#15934).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

LIMIT_KINDS = frozenset(
    {"rate_minute", "tokens_minute", "rate_day", "tokens_day", "concurrent", "capacity"}
)
STATUS = {
    "rate_minute": 429,
    "tokens_minute": 429,
    "rate_day": 429,
    "tokens_day": 429,
    "concurrent": 429,
    "capacity": 503,
    "no_key": 401,
    "bad_key": 401,
    "wrong_token_type": 401,
    "suspended": 403,
    "out_of_credit": 402,
    "forbidden": 403,
    "no_model": 404,
    "retired": 410,
    "no_access": 403,
    "bad_field": 400,
    "bad_request": 400,
    "too_long": 400,
    "filtered": 400,
    "too_large": 413,
    "wrong_url": 404,
    "method": 405,
    "server_error": 500,
    "bad_gateway": 502,
    "overloaded": 503,
    "timeout": 504,
}


class Facts(NamedTuple):
    """What a refusal speaks of. `wait_s`: until the request would pass, None when nobody can say.

    `key` is quoted by Google's text for a suspended key, as the real one does.
    """

    model: str = ""
    field: str = ""
    message: str = ""
    key: str = ""
    limit: int = 0
    used: int = 0
    requested: int = 1
    wait_s: float | None = None
    reset_at: float | None = None
    quotas: tuple[tuple[str, int], ...] = ()
    """(quota kind, amount) of every limit that was hit."""
    each_model: bool = False


class Refused(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    content_type: str = "application/json"


class Rejected(Exception):
    """A dialect refuses the request itself: `kind` and `facts` as `refuse` takes them."""

    def __init__(self, kind: str, facts: Facts) -> None:
        super().__init__(kind)
        self.kind = kind
        self.facts = facts


Words = Callable[[Facts], Any]
"""What a style says: a JSON value, or (status, value), or a Refused."""


def refuse(style: str, kind: str, facts: Facts) -> Refused:
    words = STYLES.get(style, {}).get(kind) or OPENAI[kind]
    said = words(facts)
    if isinstance(said, Refused):
        return said
    status, value = said if isinstance(said, tuple) else (STATUS[kind], said)
    return _as_json(status, value, _retry_headers(style, kind, facts))


def _as_json(status: int, value: Any, headers: tuple[tuple[str, str], ...] = ()) -> Refused:
    return Refused(status, headers, json.dumps(value, ensure_ascii=False).encode())


# Who sends retry-after, and how exactly: Groq fractions, Cerebras whole seconds, others nothing.
_RETRY_AFTER = {"groq": "{:.3f}", "cerebras": "{:.0f}", "openai": "{:.0f}", "sambanova": "{:.0f}"}


def _retry_headers(style: str, kind: str, facts: Facts) -> tuple[tuple[str, str], ...]:
    form = _RETRY_AFTER.get(style)
    if form is None or kind not in LIMIT_KINDS or facts.wait_s is None:
        return ()
    wait = facts.wait_s if "3f" in form else math.ceil(facts.wait_s)
    return (("retry-after", form.format(wait)),)


def duration(seconds: float) -> str:
    """Groq's way to write a wait: 7.66s, 2m59.56s, 1h3m0s, 644ms."""
    if seconds < 1:
        return f"{seconds * 1000:.6g}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{rest:.9g}s"
    if hours:
        return f"{hours:.0f}h{minutes:.0f}m{text}"
    return f"{minutes:.0f}m{text}" if minutes else text


def _openai(message: str, type_: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def _invalid(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    return _openai(message, "invalid_request_error", code, param)


def _wait_text(facts: Facts) -> str:
    return "" if facts.wait_s is None else f" Please try again in {duration(facts.wait_s)}."


def _openai_limit(window: str, unit: str) -> Words:
    def words(facts: Facts) -> Any:
        text = f"Rate limit reached for {facts.model} on {unit} per {window}: Limit {facts.limit}."
        return _openai(text + _wait_text(facts), unit, "rate_limit_exceeded")

    return words


OPENAI: dict[str, Words] = {
    "rate_minute": _openai_limit("minute", "requests"),
    "tokens_minute": _openai_limit("minute", "tokens"),
    "rate_day": _openai_limit("day", "requests"),
    "tokens_day": _openai_limit("day", "tokens"),
    "concurrent": lambda f: _openai(
        "Too many concurrent requests.", "rate_limit_error", "concurrency_limit"
    ),
    "capacity": lambda f: _openai("No capacity for this model.", "server_error", "overloaded"),
    "no_key": lambda f: _invalid("You didn't provide an API key."),
    "bad_key": lambda f: _invalid("Incorrect API key provided.", "invalid_api_key"),
    "wrong_token_type": lambda f: _invalid("Wrong kind of credential.", "invalid_api_key"),
    "suspended": lambda f: _invalid("This account has been suspended.", "account_suspended"),
    "out_of_credit": lambda f: _openai(
        "Insufficient balance.", "insufficient_quota", "insufficient_quota"
    ),
    "forbidden": lambda f: _invalid("You are not allowed to use this API.", "permission_denied"),
    "no_model": lambda f: _invalid(
        f"The model `{f.model}` does not exist or you do not have access to it.", "model_not_found"
    ),
    "retired": lambda f: _invalid(f"The model '{f.model}' has reached its end of life.", "gone"),
    "no_access": lambda f: _invalid(
        f"Project does not have access to model `{f.model}`.", "model_not_found"
    ),
    "bad_field": lambda f: _invalid(
        f"Unrecognized request argument supplied: {f.field}", None, f.field
    ),
    "bad_request": lambda f: _invalid(f.message or "Invalid request."),
    "too_long": lambda f: _invalid(
        f"This model's maximum context length is {f.limit} tokens. However, your messages resulted in"
        f" {f.requested} tokens. Please reduce the length of the messages.",
        "context_length_exceeded",
        "messages",
    ),
    "filtered": lambda f: _invalid("The prompt was filtered.", "content_filter", "prompt"),
    "too_large": lambda f: _invalid("Request body too large."),
    "wrong_url": lambda f: _invalid(f"Unknown request URL: {f.field}.", "unknown_url"),
    "method": lambda f: _invalid(f"Not allowed to {f.field} here.", "method_not_supported"),
    "server_error": lambda f: _openai("The server had an error.", "server_error", None),
    "bad_gateway": lambda f: _openai("Bad gateway.", "server_error", "bad_gateway"),
    "overloaded": lambda f: _openai("The engine is currently overloaded.", "server_error", None),
    "timeout": lambda f: _openai("The request timed out.", "server_error", "timeout"),
}


# --- Google -----------------------------------------------------------------------------------------

_TYPE = "type.googleapis.com/google.rpc."
_QUOTA_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_"
_QUOTA_IDS = {
    "rate_minute": ("requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
    "rate_day": ("requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
    "tokens_minute": (
        "input_token_count",
        "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    ),
    "tokens_day": ("input_token_count", "GenerateContentInputTokensPerModelPerDay-FreeTier"),
    "concurrent": ("requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
}


def google_error(
    code: int, status: str, message: str, details: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = details
    return {"error": error}


def _google_info(reason: str, **metadata: str) -> dict[str, Any]:
    return {
        "@type": _TYPE + "ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com", **metadata},
    }


def google_quota(facts: Facts, lie_s: float | None = None) -> dict[str, Any]:
    """A 429 with QuotaFailure and RetryInfo. `lie_s`: the short wait that Google names although a day's
    quota is spent (recorded: 8 to 60 seconds)."""
    wait = lie_s if lie_s is not None else (facts.wait_s or 0.0)
    violations, lines = [], []
    for kind, amount in facts.quotas:
        metric, quota_id = _QUOTA_IDS.get(kind, _QUOTA_IDS["rate_minute"])
        lines.append(
            f"* Quota exceeded for metric: {_QUOTA_METRIC}{metric}, limit: {amount},"
            f" model: {facts.model}"
        )
        violations.append(
            {
                "quotaMetric": _QUOTA_METRIC + metric,
                "quotaId": quota_id,
                "quotaDimensions": {"location": "global", "model": facts.model},
                "quotaValue": str(amount),
            }
        )
    message = (
        "You exceeded your current quota, please check your plan and billing details. For more"
        " information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
        " To monitor your current usage, head to: https://ai.dev/rate-limit. \n"
        + "\n".join(lines)
        + f"\nPlease retry in {wait:.9f}s."
    )
    link = "https://ai.google.dev/gemini-api/docs/rate-limits"
    details: list[dict[str, Any]] = [
        {
            "@type": _TYPE + "Help",
            "links": [{"description": "Learn more about Gemini API quotas", "url": link}],
        },
        {"@type": _TYPE + "QuotaFailure", "violations": violations},
        {"@type": _TYPE + "RetryInfo", "retryDelay": f"{int(wait)}s"},
    ]
    return google_error(429, "RESOURCE_EXHAUSTED", message, details)


def _google_limit(kind: str) -> Words:
    def words(facts: Facts) -> Any:
        quotas = facts.quotas or ((kind, facts.limit),)
        by_day = any(name.endswith("_day") for name, _ in quotas)
        short = min(facts.wait_s or 0.0, 38.941621227)
        return google_quota(facts._replace(quotas=quotas), short if by_day else None)

    return words


def _google_suspended(facts: Facts) -> Any:
    consumer = f"api_key:{facts.key}"
    return google_error(
        403,
        "PERMISSION_DENIED",
        f"Permission denied: Consumer '{consumer}' has been suspended.",
        [
            _google_info(
                "CONSUMER_SUSPENDED", consumer="projects/000000000000", containerInfo=consumer
            )
        ],
    )


def _google_bad_key(facts: Facts) -> Any:
    text = "API key not valid. Please pass a valid API key."
    local = {"@type": _TYPE + "LocalizedMessage", "locale": "en-US", "message": text}
    return 400, google_error(
        400, "INVALID_ARGUMENT", text, [_google_info("API_KEY_INVALID"), local]
    )


def _google_field(facts: Facts) -> Any:
    text = facts.message or (
        f'Invalid JSON payload received. Unknown name "{facts.field}": Cannot find field.'
    )
    details = [{"@type": _TYPE + "BadRequest", "fieldViolations": [{"description": text}]}]
    return google_error(400, "INVALID_ARGUMENT", text, details)


GEMINI: dict[str, Words] = {
    **{kind: _google_limit(kind) for kind in _QUOTA_IDS},
    "capacity": lambda f: (
        429,
        google_error(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."),
    ),
    "no_key": lambda f: (
        403,
        google_error(
            403,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity)."
            " Please use API Key or other form of API consumer identity to call this API.",
        ),
    ),
    "bad_key": _google_bad_key,
    "wrong_token_type": lambda f: google_error(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or"
        " other valid authentication credential.",
        [{"@type": _TYPE + "ErrorInfo", "reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED"}],
    ),
    "suspended": _google_suspended,
    "out_of_credit": lambda f: (
        429,
        google_error(
            429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please add credits."
        ),
    ),
    "forbidden": lambda f: (
        400,
        google_error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    ),
    "no_model": lambda f: google_error(
        404,
        "NOT_FOUND",
        f"models/{f.model} is not found for API version v1beta, or is not supported for"
        " generateContent. Call ModelService.ListModels to see the list of available models and"
        " their supported methods.",
    ),
    "retired": lambda f: (
        404,
        google_error(
            404,
            "NOT_FOUND",
            f"This model models/{f.model} is no longer available. Please update your code to use a"
            " newer model for the latest features and improvements.",
        ),
    ),
    "no_access": lambda f: google_quota(
        f._replace(quotas=(("rate_day", 0), ("rate_minute", 0), ("tokens_minute", 0))), 10.689924287
    ),
    "bad_field": _google_field,
    "bad_request": lambda f: google_error(
        400, "INVALID_ARGUMENT", f.message or "Request contains an invalid argument."
    ),
    "too_long": lambda f: google_error(
        400,
        "INVALID_ARGUMENT",
        f"The input token count ({f.requested}) exceeds the maximum number of tokens allowed"
        f" ({f.limit}).",
    ),
    "wrong_url": lambda f: google_error(404, "NOT_FOUND", "Requested entity was not found."),
    "server_error": lambda f: google_error(500, "INTERNAL", "An internal error has occurred."),
    "overloaded": lambda f: google_error(
        503, "UNAVAILABLE", "The model is overloaded. Please try again later."
    ),
    "timeout": lambda f: google_error(
        504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."
    ),
}
GEMINI["no_access"] = lambda f, words=GEMINI["no_access"]: (429, words(f))  # type: ignore[misc]


# --- OpenRouter -------------------------------------------------------------------------------------


def _router(code: int, message: str, **metadata: Any) -> dict[str, Any]:
    error: dict[str, Any] = {"message": message, "code": code}
    if metadata:
        error["metadata"] = metadata
    return {"error": error, "user_id": "user_simulated"}


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


OPENROUTER: dict[str, Words] = {
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


# --- Groq, Cerebras, Mistral, NVIDIA and the others ---------------------------------------------------


def _groq_limit(unit: str, window: str, short: str) -> Words:
    def words(facts: Facts) -> Any:
        kind = "tokens" if unit == "tokens" else "requests"
        if unit == "tokens" and facts.requested > facts.limit:
            return 413, _openai_lean(
                f"Request too large for model `{facts.model}` in organization `org_simulated` service"
                f" tier `on_demand` on {unit} per {window} ({short}): Limit {facts.limit}, Requested"
                f" {facts.requested}, please reduce your message size and try again.",
                kind,
                "rate_limit_exceeded",
            )
        return _openai_lean(
            f"Rate limit reached for model `{facts.model}` in organization `org_simulated` service tier"
            f" `on_demand` on {unit} per {window} ({short}): Limit {facts.limit}, Used {facts.used},"
            f" Requested {facts.requested}.{_wait_text(facts)}",
            kind,
            "rate_limit_exceeded",
        )

    return words


def _openai_lean(message: str, type_: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "code": code}}


GROQ: dict[str, Words] = {
    "rate_minute": _groq_limit("requests", "minute", "RPM"),
    "tokens_minute": _groq_limit("tokens", "minute", "TPM"),
    "rate_day": _groq_limit("requests", "day", "RPD"),
    "tokens_day": _groq_limit("tokens", "day", "TPD"),
    "bad_key": lambda f: _openai_lean(
        "Invalid API Key", "invalid_request_error", "invalid_api_key"
    ),
    "no_key": lambda f: _openai_lean("Invalid API Key", "invalid_request_error", "invalid_api_key"),
    "suspended": lambda f: (
        400,
        _openai_lean(
            "Organization has been restricted. Please reach out to support if you believe this was"
            " in error.",
            "invalid_request_error",
            "organization_restricted",
        ),
    ),
    "retired": lambda f: (
        400,
        _openai_lean(
            f"The model `{f.model}` has been decommissioned and is no longer supported.",
            "invalid_request_error",
            "model_decommissioned",
        ),
    ),
    "bad_field": lambda f: _invalid(f"property '{f.field}' is unsupported"),
    "overloaded": lambda f: _openai_lean(
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
        "input": None,
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
    "capacity": lambda f: _openai(
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
        "Function '87ea0ddc-cff1-4bca-bf8b-3bd98a35ddd0': Not found for account 'simulated'",
    ),
    "wrong_url": lambda f: Refused(404, (), b"404 page not found", "text/plain"),
    "overloaded": lambda f: _openai(
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


def _zai(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


ZAI: dict[str, Words] = {
    "rate_minute": lambda f: _zai("1302", "Rate limit reached for requests"),
    "tokens_minute": lambda f: _zai("1302", "Rate limit reached for requests"),
    "concurrent": lambda f: _zai("1302", "High concurrency usage of this API, please reduce"),
    "rate_day": lambda f: _zai("1304", "The daily call limit for this API has been reached"),
    "tokens_day": lambda f: _zai("1304", "The daily call limit for this API has been reached"),
    "bad_key": lambda f: _zai("1000", "Authentication Failed"),
    "no_key": lambda f: _zai("1001", "Authentication parameter not received in Header"),
    "out_of_credit": lambda f: (
        429,
        _zai("1113", "Insufficient balance or no resource package. Please recharge."),
    ),
    "no_model": lambda f: (400, _zai("1211", "Unknown Model, please check the model code.")),
    "bad_request": lambda f: _zai("1214", f.message or "Invalid API parameter"),
    "too_long": lambda f: _zai("1261", "Prompt exceeds max length"),
    "filtered": lambda f: _zai("1301", "The input may contain sensitive content."),
}


def _cohere(message: str) -> dict[str, Any]:
    return {"id": "8bd5b608-887c-49f7-a6b3-d3bd5830c3de", "message": message}


COHERE: dict[str, Words] = {
    "rate_minute": lambda f: _cohere(
        f"You are using a Trial key, which is limited to {f.limit} API calls / minute. You can"
        " continue to use the Trial key for free or upgrade to a Production key with higher rate"
        " limits."
    ),
    "rate_day": lambda f: _cohere(
        f"You are using a Trial key, which is limited to {f.limit} API calls / month. You can"
        " continue to use the Trial key for free or upgrade to a Production key with higher rate"
        " limits."
    ),
    "bad_key": lambda f: _cohere("invalid api token"),
    "no_key": lambda f: _cohere("no api key supplied"),
    "no_model": lambda f: _cohere(
        f"model '{f.model}' not found, make sure the correct model ID was used and that you have"
        " access to the model."
    ),
    "bad_field": lambda f: _cohere(f"invalid request: {f.field} is not supported."),
    "bad_request": lambda f: _cohere(f.message or "invalid request."),
}


def _cloudflare(code: int, message: str) -> dict[str, Any]:
    return {
        "success": False,
        "errors": [{"code": code, "message": message}],
        "messages": [],
        "result": None,
    }


_NEURONS = (
    "AiError: AiError: you have used up your daily free allocation of 10,000 neurons, please upgrade"
    " to Cloudflare's Workers Paid plan if you would like to continue usage. (simulated)"
)

CLOUDFLARE: dict[str, Words] = {
    "rate_day": lambda f: _cloudflare(4006, _NEURONS),
    "tokens_day": lambda f: _cloudflare(4006, _NEURONS),
    "capacity": lambda f: (429, _cloudflare(3040, "AiError: Capacity temporarily exceeded")),
    "bad_key": lambda f: _cloudflare(10000, "Authentication error"),
    "no_key": lambda f: _cloudflare(10000, "Authentication error"),
    "out_of_credit": lambda f: (403, _cloudflare(5035, "AiError: this model needs a paid plan")),
    "no_model": lambda f: (400, _cloudflare(5007, f"AiError: No such model {f.model}")),
    "too_long": lambda f: (413, _cloudflare(3006, "AiError: Request is too large")),
    "timeout": lambda f: (408, _cloudflare(3007, "AiError: Timeout")),
}

HUGGINGFACE: dict[str, Words] = {
    "bad_key": lambda f: {"error": "Invalid username or password."},
    "no_key": lambda f: {"error": "Invalid username or password."},
    "out_of_credit": lambda f: {
        "error": "You have exceeded your monthly included credits for Inference Providers."
        " Subscribe to PRO to get 20x more monthly included credits."
    },
    "no_model": lambda f: (
        400,
        {
            "error": {
                "message": f"The requested model '{f.model}' is not supported by any provider you have"
                " enabled.",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_supported",
            }
        },
    ),
}

OLLAMA: dict[str, Words] = {
    "no_model": lambda f: _openai(
        f'model "{f.model}" not found, try pulling it first', "api_error", None
    ),
    "rate_minute": lambda f: {"error": "you have reached your hourly usage limit"},
    "rate_day": lambda f: {"error": "you have reached your weekly usage limit, please upgrade"},
    "overloaded": lambda f: {
        "error": "Server overloaded, please retry shortly (ref: aaa65c70-cfa0-446b-86f1-4ab0e2deb9e4)"
    },
}

LMSTUDIO: dict[str, Words] = {
    "bad_request": lambda f: {"error": f.message or "Invalid request."},
    "wrong_url": lambda f: (200, {"error": f"Unexpected endpoint or method. ({f.field})"}),
    "no_model": lambda f: (400, {"error": f'Model "{f.model}" not found.'}),
}


def _localai(code: int, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "message": message, "type": "", "param": None}}


LOCALAI: dict[str, Words] = {
    "no_model": lambda f: _localai(
        500, f"could not load model - all backends returned error: {f.model}"
    ),
    "server_error": lambda f: _localai(500, "rpc error: code = Unavailable"),
    "bad_request": lambda f: _localai(400, f.message or "failed reading parameters from request"),
}


def _iflow(status: str, message: str) -> tuple[int, dict[str, Any]]:
    return 200, {"status": status, "msg": message, "body": None}


def _spring(facts: Facts) -> Any:
    stamp = datetime.fromtimestamp(facts.reset_at or 0, UTC).isoformat(timespec="milliseconds")
    return {"timestamp": stamp, "status": 404, "error": "Not Found", "path": facts.field}


IFLOW: dict[str, Words] = {
    "bad_key": lambda f: _iflow("434", "Invalid apiKey"),
    "no_key": lambda f: _iflow("434", "Invalid apiKey"),
    "suspended": lambda f: _iflow(
        "434", "Access to the current AK has been blocked due to unauthorized requests"
    ),
    "no_model": lambda f: _iflow("435", "Model not support"),
    "rate_minute": lambda f: _iflow("449", "You exceeded your current rate limit"),
    "wrong_url": _spring,
}

STYLES: dict[str, dict[str, Words]] = {
    "openai": OPENAI,
    "gemini": GEMINI,
    "openrouter": OPENROUTER,
    "groq": GROQ,
    "cerebras": CEREBRAS,
    "mistral": MISTRAL,
    "nvidia": NVIDIA,
    "zai": ZAI,
    "cohere": COHERE,
    "cloudflare": CLOUDFLARE,
    "huggingface": HUGGINGFACE,
    "ollama": OLLAMA,
    "lmstudio": LMSTUDIO,
    "localai": LOCALAI,
    "iflow": IFLOW,
}

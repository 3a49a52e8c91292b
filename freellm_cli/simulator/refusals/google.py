"""Google's refusals, native and nested as recorded: continuedev/continue#10748, thooton/muse#6,
google-gemini/gemini-cli#12214, n4ze3m/page-assist#418."""

from __future__ import annotations

import zlib
from typing import Any

from freellm_cli.simulator.refusals.words import Facts, Words

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


def _project(facts: Facts) -> int:
    """A project number for the account: twelve digits, the same each time."""
    return 100_000_000_000 + zlib.crc32(facts.account.encode())


def _google_suspended(facts: Facts) -> Any:
    consumer = f"api_key:{facts.key}"
    return google_error(
        403,
        "PERMISSION_DENIED",
        f"Permission denied: Consumer '{consumer}' has been suspended.",
        [
            _google_info(
                "CONSUMER_SUSPENDED", consumer=f"projects/{_project(facts)}", containerInfo=consumer
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

"""The words of refusals: what is known of one, and how OpenAI puts it (platform.openai.com error codes)."""

from __future__ import annotations

from collections.abc import Callable
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
    value: Any = None
    """Of the refused field."""
    message: str = ""
    key: str = ""
    account: str = "simulated"
    """A name for the account that tells it from others and gives no key away."""
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
    """A dialect refuses the request itself: `kind` and `facts` as `refusals.refuse` takes them."""

    def __init__(self, kind: str, facts: Facts) -> None:
        super().__init__(kind)
        self.kind = kind
        self.facts = facts


Words = Callable[[Facts], Any]
"""What a style says: a JSON value, or (status, value), or a Refused."""


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


def openai_error(
    message: str, type_: str, code: str | None, param: str | None = None
) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def invalid(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    return openai_error(message, "invalid_request_error", code, param)


def wait_text(facts: Facts) -> str:
    return "" if facts.wait_s is None else f" Please try again in {duration(facts.wait_s)}."


def _openai_limit(window: str, unit: str) -> Words:
    def words(facts: Facts) -> Any:
        text = f"Rate limit reached for {facts.model} on {unit} per {window}: Limit {facts.limit}."
        return openai_error(text + wait_text(facts), unit, "rate_limit_exceeded")

    return words


def lean_error(message: str, type_: str, code: str) -> dict[str, Any]:
    """OpenAI's error without `param`."""
    return {"error": {"message": message, "type": type_, "code": code}}


OPENAI: dict[str, Words] = {
    "rate_minute": _openai_limit("minute", "requests"),
    "tokens_minute": _openai_limit("minute", "tokens"),
    "rate_day": _openai_limit("day", "requests"),
    "tokens_day": _openai_limit("day", "tokens"),
    "concurrent": lambda f: openai_error(
        "Too many concurrent requests.", "rate_limit_error", "concurrency_limit"
    ),
    "capacity": lambda f: openai_error("No capacity for this model.", "server_error", "overloaded"),
    "no_key": lambda f: invalid("You didn't provide an API key."),
    "bad_key": lambda f: invalid("Incorrect API key provided.", "invalid_api_key"),
    "wrong_token_type": lambda f: invalid("Wrong kind of credential.", "invalid_api_key"),
    "suspended": lambda f: invalid("This account has been suspended.", "account_suspended"),
    "out_of_credit": lambda f: openai_error(
        "Insufficient balance.", "insufficient_quota", "insufficient_quota"
    ),
    "forbidden": lambda f: invalid("You are not allowed to use this API.", "permission_denied"),
    "no_model": lambda f: invalid(
        f"The model `{f.model}` does not exist or you do not have access to it.", "model_not_found"
    ),
    "retired": lambda f: invalid(f"The model '{f.model}' has reached its end of life.", "gone"),
    "no_access": lambda f: invalid(
        f"Project does not have access to model `{f.model}`.", "model_not_found"
    ),
    "bad_field": lambda f: invalid(
        f"Unrecognized request argument supplied: {f.field}", None, f.field
    ),
    "bad_request": lambda f: invalid(f.message or "Invalid request."),
    "too_long": lambda f: invalid(
        f"This model's maximum context length is {f.limit} tokens. However, your messages resulted in"
        f" {f.requested} tokens. Please reduce the length of the messages.",
        "context_length_exceeded",
        "messages",
    ),
    "filtered": lambda f: invalid("The prompt was filtered.", "content_filter", "prompt"),
    "too_large": lambda f: invalid("Request body too large."),
    "wrong_url": lambda f: invalid(f"Unknown request URL: {f.field}.", "unknown_url"),
    "method": lambda f: invalid(f"Not allowed to {f.field} here.", "method_not_supported"),
    "server_error": lambda f: openai_error("The server had an error.", "server_error", None),
    "bad_gateway": lambda f: openai_error("Bad gateway.", "server_error", "bad_gateway"),
    "overloaded": lambda f: openai_error(
        "The engine is currently overloaded.", "server_error", None
    ),
    "timeout": lambda f: openai_error("The request timed out.", "server_error", "timeout"),
}

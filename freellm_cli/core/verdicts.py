"""What an upstream answer means: `classify`, one pure function over rows of data.

    bytes -> error_body (fields) -> rows: provider's own, then general, then by status -> Verdict
                                 -> retry_hints (when), stated_limits (how much, whose)

Everything an error needs is imported when the first one comes: an answered request pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from freellm_cli.core.error_body import ErrorBody
    from freellm_cli.core.retry_hints import Hint
    from freellm_cli.core.stated_limits import LearnedLimit
    from freellm_cli.core.verdict_row import Row

KINDS = (
    "ok",
    "rate_limited_minute",
    "quota_exhausted_day",
    "auth_invalid",
    "auth_forbidden",
    "key_suspended",
    "model_not_found",
    "context_too_long",
    "content_filtered",
    "bad_request",
    "payment_required",
    "overloaded",
    "server_error",
    "timeout",
    "html_error_page",
)
SCOPES = ("key", "model", "provider", "account", "request")

MESSAGE_CHARS = 600
# A daily refusal that says "retry in 40 s" means the minute window beside it, except where the day's
# window refills continuously.
FALSE_HINT_S = 120.0
CONTINUOUS = frozenset(("groq", "openai"))
# Limits that count per model; everywhere else the whole key is meant unless the text names a model.
COUNTS_BY_MODEL = frozenset(
    "gemini gemini_cli nvidia_nim groq github_models sambanova openai azure vertex".split()
)
CHINA_TIME = frozenset(("zai", "iflow"))


class Verdict(NamedTuple):
    """What an answer means and what follows from it.

    `kind`: one of KINDS; `scope`: what it speaks of, one of SCOPES ("model" is the credential's use of that
    model). `retry_after_s`: seconds until a retry, exactly as the answer states them; `reset_at`: an
    instant that it states (UTC). `hint_believed`: False when that time must not be obeyed (a spent day
    with a retry in seconds); `core.rest.rest_for` knows. `elsewhere`: may another target help.
    `message`: the human text, without keys and account ids. `code`: the provider's own code or "".
    `reason`: the row that decided. `limits`: amounts learned from the body. `account`: the id of the
    organisation, project or user that the body names, unmasked: it tells which credentials share a pot.
    `window`: the spent window ("second", "minute", "hour", "session", "day", "week", "month",
    "concurrent") where the answer tells. `shared`: the same holds for every credential of the provider.
    `until_fixed`: waiting will not help, the owner must act; `url` is the page to act on, if named.
    `rest_s`: the rest that this reason asks for when no time is stated. `fields`: see `fields_to_drop`.
    """

    kind: str
    scope: str
    retry_after_s: float | None = None
    reset_at: datetime | None = None
    elsewhere: bool = True
    message: str = ""
    code: str = ""
    reason: str = ""
    limits: tuple[LearnedLimit, ...] = ()
    account: str | None = None
    hint_believed: bool = True
    window: str | None = None
    shared: bool = False
    until_fixed: bool = False
    url: str | None = None
    rest_s: float | None = None
    fields: tuple[str, ...] = ()
    provider: str = ""
    status: int = 0

    @property
    def reset_at_epoch(self) -> float | None:
        """`reset_at` in seconds since the epoch."""
        return None if self.reset_at is None else self.reset_at.timestamp()

    @property
    def ok(self) -> bool:
        return self.kind == "ok"


def classify(
    *,
    provider: str,
    status: int,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
) -> Verdict:
    """The verdict on an answer; never raises, whatever comes.

    `provider`: its id ("gemini", "openrouter", …; any other word is judged by the general rows).
    `status`: the HTTP status. `headers`: names in any case. `body`: the bytes as received, of which the
    first 64 KiB count; None means that it has not been read, so a 2xx is taken at its word.
    """
    from freellm_cli.core import error_body

    name = str(provider or "").strip().lower().replace("-", "_")
    code = status if isinstance(status, int) else 0
    heads = {str(key).lower(): str(value) for key, value in (headers or {}).items()}
    if 200 <= code < 300:
        return _judge_success(name, code, heads, body)
    return _judge(name, code, heads, error_body.read_body(body))


def _judge_success(
    provider: str, status: int, headers: dict[str, str], body: bytes | str | None
) -> Verdict:
    from freellm_cli.core import error_body, hidden_errors

    accepted = Verdict("ok", "request", elsewhere=False, provider=provider, status=status)
    if body is None or status in (204, 205, 304):
        return accepted
    text = error_body.body_text(body)
    content_type = headers.get("content-type", "").lower()
    if text[:1] not in ("{", "[", '"') and error_body.looks_like_html(text):
        return _judge(provider, status, headers, error_body.read_text(text))
    whole = not hasattr(body, "__len__") or len(body) <= error_body.SCAN_BYTES
    hidden = hidden_errors.find_hidden_error(text, whole=whole, content_type=content_type)
    if hidden is None:
        return accepted
    if hidden.kind == "error":
        return _judge(provider, status, headers, hidden.body)
    kind = "content_filtered" if hidden.kind == "filtered" else "server_error"
    texts = {
        "filtered": "the answer was filtered",
        "broken": "the answer breaks off or is malformed",
        "empty": "the answer is empty",
    }
    return accepted._replace(
        kind=kind, elsewhere=True, message=texts[hidden.kind], reason=f"{hidden.kind}-answer"
    )


def _judge(provider: str, status: int, headers: dict[str, str], body: ErrorBody) -> Verdict:
    from freellm_cli.core import retry_hints, row_search
    from freellm_cli.core.redaction import mask_identities

    html = body.shape == "html" or (
        # Plain words under this type are Express's way of sending a text.
        body.shape == "text"
        and "<" in body.source
        and headers.get("content-type", "").lower().startswith("text/html")
    )
    named = row_search.statuses_named(status, body)
    row = row_search.html_row() if html else row_search.find_row(provider, named, body)
    over_limits = row.kind in ("rate", "rate_limited_minute", "quota_exhausted_day")
    zone = 8 if provider in CHINA_TIME or _is_chinese(body.text) else 0
    hint = retry_hints.read_hint(
        headers, body.pairs, body.text, zone_hours=zone, use_reset_headers=over_limits
    )
    window = _spent_window(row, headers, body, hint) if over_limits else None
    kind = _kind(row, window)
    verdict = Verdict(
        kind=kind,
        scope=_limit_scope(provider, body) if row.scope == "limit" else row.scope,
        retry_after_s=hint.retry_after_s,
        reset_at=hint.reset_at,
        message=mask_identities(_printable(_message(body, status)))[:MESSAGE_CHARS],
        code=mask_identities(_printable(body.code))[:80],
        reason=row.reason,
        hint_believed=_believed(kind, provider, row, hint),
        window=window,
        shared=row.shared,
        until_fixed=row.until_fixed,
        rest_s=row.rest_s,
        provider=provider,
        status=status,
    )
    return _enrich(verdict, row, body)


def _enrich(verdict: Verdict, row: Row, body: ErrorBody) -> Verdict:
    """Adds what only some kinds have: learned limits, refused fields, a page to act on."""
    from freellm_cli.core import refused_fields, stated_limits

    kind = verdict.kind
    elsewhere = row.elsewhere if row.elsewhere is not None else kind != "bad_request"
    if kind == "bad_request":
        fields = refused_fields.refused_fields(body)
        return verdict._replace(fields=fields, elsewhere=elsewhere or bool(fields))
    verdict = verdict._replace(elsewhere=elsewhere, account=stated_limits.stated_account(body))
    if kind in ("rate_limited_minute", "quota_exhausted_day", "context_too_long"):
        return verdict._replace(limits=stated_limits.stated_limits(body, verdict.window))
    if verdict.until_fixed or kind in ("auth_forbidden", "payment_required"):
        return verdict._replace(url=_page(body))
    return verdict


def _kind(row: Row, window: str | None) -> str:
    if row.kind != "rate":
        return row.kind
    from freellm_cli.core.stated_limits import LONG_WINDOWS

    return "quota_exhausted_day" if window in LONG_WINDOWS else "rate_limited_minute"


def _spent_window(row: Row, headers: dict[str, str], body: ErrorBody, hint: Hint) -> str | None:
    from freellm_cli.core import retry_hints, stated_limits

    if row.window:
        return row.window
    window = (
        stated_limits.window_in_ids(body.codes)
        or stated_limits.window_in_prose(body.text)
        or stated_limits.window_of_free_quota(body.text)
        or stated_limits.window_in_headers(headers)
    )
    if window is None and _wait(hint, retry_hints.parse_http_date(headers.get("date", ""))):
        return "day"
    return window


def _wait(hint: Hint, sent: datetime | None) -> bool:
    """Is the stated wait longer than any minute window's?"""
    from freellm_cli.core.stated_limits import LONG_HINT_S

    if hint.retry_after_s is not None:
        return hint.retry_after_s > LONG_HINT_S
    if hint.reset_at is not None and sent is not None:
        return (hint.reset_at - sent).total_seconds() > LONG_HINT_S
    return False


def _is_chinese(text: str) -> bool:
    return not text.isascii() and any("一" <= c <= "鿿" for c in text[:400])


def _limit_scope(provider: str, body: ErrorBody) -> str:
    import re

    if provider in COUNTS_BY_MODEL:
        return "model"
    named = (
        r"\b(?:for|on|of|to|this|per|with|specific to) (?:the |this |current )*model\b|bymodel|permodel"
        r"|limit_r[pt][md]/|\brequests to \S+ for \S+|pricing tier|limit reached for \S+ in organi"
        r"|\bmodel: \S|provider returned error|模型"
    )
    if (
        body.mentions(("model", "limit reached for", "requests to", "tier", "provider", "模型"))
        and re.search(named, body.text)
    ) or any("bymodel" in code for code in body.codes):
        return "model"
    return "key"


def _believed(kind: str, provider: str, row: Row, hint: Hint) -> bool:
    if kind != "quota_exhausted_day" or hint.retry_after_s is None:
        return True
    if row.reason == "model-not-free":
        return False
    return provider in CONTINUOUS or hint.retry_after_s >= FALSE_HINT_S


def _message(body: ErrorBody, status: int) -> str:
    import re

    if body.shape == "html":
        title = re.search(r"<title>\s*([^<]+?)\s*</title>|<h1>\s*([^<]+?)\s*</h1>", body.source)
        return (
            f"HTML page: {title[1] or title[2]}" if title else "an HTML page instead of an answer"
        )
    message = " ".join(body.message[: 4 * MESSAGE_CHARS].split())
    return message or (f"HTTP {status} without a text" if status else "no text")


def _printable(text: str) -> str:
    """Upstream text goes to terminals and logs: no escape sequences, no halves of characters."""
    if text.isprintable():
        return text
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _page(body: ErrorBody) -> str | None:
    from freellm_cli.core.redaction import mask_secrets

    for key, value in body.pairs:
        if "url" in key or "link" in key:
            text = str(value)
            if text.startswith("https://") and "learn_more" not in key:
                return mask_secrets(_printable(text))
    return None


def fields_to_drop(verdict: Verdict) -> tuple[str, ...]:
    """Names of request fields that a `bad_request` calls unknown or unsupported, for one retry without
    them. A name without a dot is a top-level field; others are paths such as "messages.0.name"."""
    return verdict.fields if verdict.kind == "bad_request" else ()


_FAULTS = {
    "dns": ("server_error", "provider", "the host name was not found"),
    "connect": ("server_error", "provider", "no connection could be made"),
    "connect_timeout": ("timeout", "provider", "no connection in time"),
    "tls": ("server_error", "provider", "the secure connection failed"),
    "redirect": ("bad_request", "provider", "the host redirects elsewhere"),
    "reset": ("server_error", "provider", "the connection was reset"),
    "bad_http": ("server_error", "provider", "the answer is not HTTP"),
    "empty": ("server_error", "request", "the answer is empty"),
    "cut": ("server_error", "request", "the answer broke off"),
    "malformed": ("server_error", "request", "the answer is malformed"),
    "first_token_timeout": ("timeout", "model", "no first token in time"),
    "idle_timeout": ("timeout", "request", "the answer stalled"),
    "total_timeout": ("timeout", "request", "the answer took too long"),
}


def transport_verdict(fault: str, *, provider: str = "") -> Verdict:
    """The verdict on a call that brought no usable answer.

    `fault`: a word of `core.http.FAULTS`, or a fault of `providers.base.AnswerFault`; any other word is
    a server_error of the provider.
    """
    kind, scope, message = _FAULTS.get(fault, ("server_error", "provider", fault))
    return Verdict(
        kind,
        scope,
        message=message,
        reason=f"fault-{fault}",
        provider=provider,
        shared=scope == "model",
    )

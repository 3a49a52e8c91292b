"""Which row of the tables fits an error: the provider's own rows, the general ones, then the status."""

from __future__ import annotations

import re
from functools import lru_cache

from freellm_cli.core.error_body import ErrorBody, status_in_prose
from freellm_cli.core.provider_rows import PROVIDER_ROWS
from freellm_cli.core.verdict_row import Row, row
from freellm_cli.core.verdict_rows import GENERAL_ROWS

# A 5xx of these is one upstream's trouble among many.
AGGREGATORS = frozenset(("openrouter", "huggingface"))
UPSTREAMS_OWN = frozenset(("auth_invalid", "auth_forbidden", "key_suspended", "payment_required"))


def statuses_named(status: int, body: ErrorBody) -> frozenset[int]:
    """The statuses a row may name. Relays put the true one into the body of a 400, a 5xx or a 200."""
    inner = body.inner_status
    if inner is None and (status < 300 or status >= 500):
        inner = status_in_prose(body.text)
    if status < 300:
        return frozenset((200, inner or 200))
    if inner is None or inner == status:
        return frozenset((status,))
    if status in (500, 502, 503) or (status == 400 and inner in (401, 402, 403, 429, 503, 529)):
        return frozenset((inner,))
    return frozenset((status,))


def find_row(provider: str, statuses: frozenset[int], body: ErrorBody) -> Row:
    """The first row that fits; there always is one. `statuses` as from `statuses_named`."""
    return _whose(provider, _first_fit(provider, statuses, body), body)


def _first_fit(provider: str, statuses: frozenset[int], body: ErrorBody) -> Row:
    for candidate in _candidates(provider, statuses):
        if _speaks(candidate, body) and not _is_ruled_out(candidate, body):
            return candidate
    return _row_by_status(provider, statuses, body)


@lru_cache(maxsize=128)
def _candidates(provider: str, statuses: frozenset[int]) -> tuple[Row, ...]:
    """The rows that may fit these, in order."""
    own = [r for r in PROVIDER_ROWS if r.providers and provider in r.providers]
    general = [r for r in GENERAL_ROWS if r.providers is None or provider in r.providers]
    return tuple(r for r in own + general if not r.statuses or r.statuses & statuses)


def _whose(provider: str, found: Row, body: ErrorBody) -> Row:
    """Behind OpenRouter an upstream may refuse OpenRouter's key, not ours: then the model is out. And a
    broken upstream is not a broken OpenRouter."""
    if provider != "openrouter" or found.scope not in ("key", "provider"):
        return found
    if not body.mentions(("provider returned error",)):
        return found
    if found.kind == "server_error":
        return found._replace(scope="request")
    if found.kind not in UPSTREAMS_OWN:
        return found
    if ("is_byok", True) in body.pairs:
        return found
    return row(f"upstream-{found.reason}", "server_error", "model", shared=True)


def _speaks(candidate: Row, body: ErrorBody) -> bool:
    if not candidate.codes.isdisjoint(body.codes) or body.mentions(candidate.texts):
        return True
    if candidate.pattern and (not candidate.needs or body.mentions(candidate.needs)):
        return re.search(candidate.pattern, body.text) is not None
    return not (candidate.codes or candidate.texts or candidate.pattern)


def _is_ruled_out(candidate: Row, body: ErrorBody) -> bool:
    return body.mentions(candidate.unless) or not body.codes.isdisjoint(candidate.unless)


def _row_by_status(provider: str, statuses: frozenset[int], body: ErrorBody) -> Row:
    """What is left when no word was known."""
    status = max(statuses)
    if status == 404:
        if body.shape == "empty" and provider == "nvidia_nim":
            return row("empty-404", "model_not_found", "model")
        scope = "request" if body.shape == "json" else "provider"
        return row("status-404", "bad_request", scope, elsewhere=True)
    if 300 <= status < 400:
        return row("redirect", "bad_request", "provider", elsewhere=True)
    if 400 <= status < 500:
        return row("status-bad-request", "bad_request", "request")
    own = 200 in statuses or provider in AGGREGATORS
    return row("status-server-error", "server_error", "request" if own else "provider")


def html_row() -> Row:
    return row("html-page", "html_error_page", "provider")

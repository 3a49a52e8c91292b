"""One row of the verdict tables, and the words they use."""

from __future__ import annotations

from typing import NamedTuple

KEY, MODEL, PROVIDER, REQUEST = "key", "model", "provider", "request"
# Model or key, as the provider counts its limits.
LIMIT = "limit"

AUTH_INVALID = "auth_invalid"
AUTH_FORBIDDEN = "auth_forbidden"
KEY_SUSPENDED = "key_suspended"
PAYMENT = "payment_required"
MODEL_NOT_FOUND = "model_not_found"
CONTEXT = "context_too_long"
FILTERED = "content_filtered"
BAD_REQUEST = "bad_request"
OVERLOADED = "overloaded"
SERVER_ERROR = "server_error"
TIMEOUT = "timeout"
MINUTE = "rate_limited_minute"
DAY = "quota_exhausted_day"
# Minute or longer, as the answer's window tells.
RATE = "rate"


class Row(NamedTuple):
    """Fits when provider and status are among its own (None: any), one of its codes or texts or its
    pattern is found (none given: the status alone decides), and none of `unless` is, text or code.

    `needs`: words without which the pattern cannot be found, looked for first because it is quicker.
    `shared`: the rest holds for every credential of the provider. `until_fixed`: only the owner can
    end it. `rest_s`: seconds to rest when the answer names no time. `elsewhere`: may another target help
    (None: as usual for the kind)."""

    reason: str
    kind: str
    scope: str
    providers: frozenset[str] | None = None
    statuses: frozenset[int] | None = None
    codes: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    pattern: str = ""
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    shared: bool = False
    until_fixed: bool = False
    rest_s: float | None = None
    elsewhere: bool | None = None
    window: str | None = None


def row(
    reason: str,
    kind: str,
    scope: str,
    *,
    providers: str = "",
    statuses: tuple[int, ...] = (),
    codes: str = "",
    texts: tuple[str, ...] = (),
    pattern: str = "",
    needs: tuple[str, ...] = (),
    unless: tuple[str, ...] = (),
    shared: bool = False,
    until_fixed: bool = False,
    rest_s: float | None = None,
    elsewhere: bool | None = None,
    window: str | None = None,
) -> Row:
    return Row(
        reason,
        kind,
        scope,
        frozenset(providers.split()) or None,
        frozenset(statuses) or None,
        frozenset(codes.split()),
        texts,
        pattern,
        needs,
        unless,
        shared,
        until_fixed,
        rest_s,
        elsewhere,
        window,
    )

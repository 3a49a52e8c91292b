"""Limits that an answer's headers state.

Sources: https://console.groq.com/docs/rate-limits (requests count by the day, tokens by the minute),
https://inference-docs.cerebras.ai/support/rate-limits, https://docs.sambanova.ai (rate limits),
https://platform.openai.com/docs/guides/rate-limits, mistralai/platform-docs-public.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from freellm_cli.core.stated_limits import LearnedLimit

_PREFIX = "x-ratelimit-limit-"
# What follows the prefix -> (unit, window). A bare "requests" is a minute's, but for the hosts below.
_NAMES = {
    "requests": ("requests", "minute"),
    "tokens": ("tokens", "minute"),
    "requests-minute": ("requests", "minute"),
    "requests-hour": ("requests", "hour"),
    "requests-day": ("requests", "day"),
    "tokens-minute": ("tokens", "minute"),
    "tokens-hour": ("tokens", "hour"),
    "tokens-day": ("tokens", "day"),
    "req-minute": ("requests", "minute"),
    "req-second": ("requests", "second"),
    "tokens-month": ("tokens", "month"),
}
_BARE_REQUESTS_ARE_DAILY = frozenset(("groq",))


class Reading(NamedTuple):
    """A limit that headers name; `remaining` of it and seconds until it is whole again, where they say so."""

    limit: LearnedLimit
    remaining: int | None = None
    reset_s: float | None = None


def readings(provider: str, headers: Mapping[str, str]) -> tuple[Reading, ...]:
    """The limits named in `headers` (names in lower case). Amounts that are no positive number are
    left out.
    """
    found = []
    for name in headers:
        if not name.startswith(_PREFIX):
            continue
        value = headers[name]
        suffix = name[len(_PREFIX) :]
        known = _NAMES.get(suffix)
        if known is None or not value.strip().isdigit():
            continue
        unit, window = known
        if name == _PREFIX + "requests" and provider in _BARE_REQUESTS_ARE_DAILY:
            window = "day"
        amount = int(value)
        if amount > 0:
            limit = LearnedLimit(None, unit, window, amount, name)
            left = headers.get(f"x-ratelimit-remaining-{suffix}", "").strip()
            remaining = int(left) if left.isdigit() and int(left) <= amount else None
            found.append(Reading(limit, remaining, _reset_s(headers, suffix)))
    return tuple(found)


def limits_in_headers(provider: str, headers: Mapping[str, str]) -> tuple[LearnedLimit, ...]:
    return tuple(reading.limit for reading in readings(provider, headers))


def _reset_s(headers: Mapping[str, str], suffix: str) -> float | None:
    """Seconds, sent as "7.66s" or "45"; an instant is left aside."""
    value = headers.get(f"x-ratelimit-reset-{suffix}", "").strip()
    if not value:
        return None
    from freellm_cli.core.retry_hints import parse_duration, parse_number

    number = parse_number(value)
    if number is None:
        return parse_duration(value)
    return number if number < 1e9 else None

"""Limits that an answer's headers state.

Sources: https://console.groq.com/docs/rate-limits (requests count by the day, tokens by the minute),
https://inference-docs.cerebras.ai/support/rate-limits, https://docs.sambanova.ai (rate limits),
https://platform.openai.com/docs/guides/rate-limits, mistralai/platform-docs-public.
"""

from __future__ import annotations

from collections.abc import Mapping

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


def limits_in_headers(provider: str, headers: Mapping[str, str]) -> tuple[LearnedLimit, ...]:
    """The limits named in `headers` (names in lower case). Amounts that are no positive number are
    left out.
    """
    found = []
    for name, value in headers.items():
        if not name.startswith(_PREFIX):
            continue
        known = _NAMES.get(name[len(_PREFIX) :])
        if known is None or not value.strip().isdigit():
            continue
        unit, window = known
        if name == _PREFIX + "requests" and provider in _BARE_REQUESTS_ARE_DAILY:
            window = "day"
        amount = int(value)
        if amount > 0:
            found.append(LearnedLimit(None, unit, window, amount, name))
    return tuple(found)

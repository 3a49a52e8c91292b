"""What rests after a refusal, and for how long: a pure decision over a verdict.

A stated time is honoured where it can be believed; else a rest begins small and doubles with each refusal
in a row. Nothing rests longer than 36 hours without a trial, save what only its owner can mend.
"""

from __future__ import annotations

from typing import NamedTuple

from freellm_cli.core.verdicts import Verdict

SHORTEST_S = 1.0
LONGEST_S = 36 * 3600.0
HOUR_S, DAY_S = 3600.0, 86400.0
# A clock a little ahead of the provider's would ask again just before its midnight.
AFTER_RESET_S = 2.0
# Hints that turned out false this often in a row are stretched.
PATIENCE_WITH_HINTS = 2
CONFIRM_KEY_AFTER_S = 60.0
# A gateway's 5xx page is often gone with the next request; a 403 or a challenge at the edge stays.
GATEWAY_PAGE_S = (2.0, 300.0)

# First rest, longest rest in seconds; doubled in between.
_MINUTE_BY_WINDOW = {"second": (1.5, 60.0), "concurrent": (5.0, 60.0)}
# NVIDIA names neither limit nor wait, and forgives quickly.
_MINUTE_BY_PROVIDER = {"nvidia_nim": (10.0, 300.0)}
_LIMITED_BY_WINDOW = {
    "hour": (HOUR_S, HOUR_S),
    "week": (DAY_S, LONGEST_S),
    "month": (DAY_S, LONGEST_S),
}
_BY_KIND = {
    "rate_limited_minute": (20.0, 300.0),
    "quota_exhausted_day": (HOUR_S, DAY_S),
    "payment_required": (HOUR_S, DAY_S),
    "auth_forbidden": (HOUR_S, DAY_S),
    "model_not_found": (DAY_S, LONGEST_S),
    "overloaded": (30.0, 120.0),
    "server_error": (5.0, 120.0),
    "timeout": (5.0, 120.0),
    "html_error_page": (30.0, 900.0),
    "key_suspended": (DAY_S, LONGEST_S),
}
# Where a day begins (https://ai.google.dev/gemini-api/docs/rate-limits, https://openrouter.ai/docs/limits,
# https://developers.cloudflare.com/workers-ai/platform/pricing/); other windows roll or are unknown.
DAY_ZONES = {"gemini": "America/Los_Angeles", "openrouter": "UTC", "cloudflare": "UTC"}


class Rest(NamedTuple):
    """`scope` rests for `seconds`, until `until` (epoch seconds).

    Nothing rests when `seconds` is 0. `permanent`: until the owner changes the key or its settings; then
    `until` is None. `shared`: a "model" rests for every credential of the provider.
    """

    scope: str
    seconds: float
    until: float | None
    permanent: bool = False
    shared: bool = False


def rest_for(verdict: Verdict, *, now: float, strikes: int, jitter: float = 0.0) -> Rest:
    """The rest that `verdict` calls for.

    `now`: epoch seconds; `strikes`: refusals of this kind in a row for what would rest, this one
    included (1 or more); `jitter`: a random number in [0, 1) that stretches the rest by up to a tenth.
    """
    strikes = max(1, strikes)
    if verdict.kind in ("ok", "bad_request") or verdict.scope == "request":
        return Rest("request", 0.0, None)
    if _is_permanent(verdict):
        return Rest(verdict.scope, LONGEST_S, None, permanent=True)
    seconds = _stated(verdict, now, strikes)
    if seconds is None:
        seconds = _guessed(verdict, now, strikes)
        if seconds <= 0:
            return Rest(verdict.scope, 0.0, None)
    # At a far reset a tenth would be an hour: a minute spreads the crowd as well.
    seconds += min(seconds * 0.1, 60.0) * jitter
    seconds = min(max(seconds, SHORTEST_S), LONGEST_S)
    return Rest(verdict.scope, seconds, now + seconds, shared=verdict.shared)


def _is_permanent(verdict: Verdict) -> bool:
    return verdict.scope == "key" and verdict.until_fixed


def _stated(verdict: Verdict, now: float, strikes: int) -> float | None:
    """Seconds that the answer states, None when it states none that can be used."""
    reset = verdict.reset_at_epoch
    if reset is not None and reset > now:
        return reset - now + AFTER_RESET_S
    hint = verdict.retry_after_s
    if hint is None or not verdict.hint_believed or verdict.kind == "auth_invalid":
        return None
    if verdict.kind == "rate_limited_minute" and strikes > PATIENCE_WITH_HINTS:
        return max(hint, _grown(verdict, strikes - PATIENCE_WITH_HINTS))
    return hint


def _guessed(verdict: Verdict, now: float, strikes: int) -> float:
    if verdict.kind == "auth_invalid":
        # One 401 may be a fault of theirs; more are likely the key's, but providers have had bad days.
        grown = min(HOUR_S * 2.0 ** min(strikes - 2, 20), LONGEST_S)
        return grown if strikes > 1 else CONFIRM_KEY_AFTER_S
    if verdict.kind == "quota_exhausted_day" and verdict.rest_s is None and verdict.window == "day":
        zone = DAY_ZONES.get(verdict.provider)
        if zone is not None:
            return next_midnight(now, zone) - now + AFTER_RESET_S
    return _grown(verdict, strikes)


def _grown(verdict: Verdict, strikes: int) -> float:
    first, longest = _bounds(verdict)
    return min(first * 2.0 ** min(strikes - 1, 20), longest)


def _bounds(verdict: Verdict) -> tuple[float, float]:
    window = verdict.window or ""
    kind = verdict.kind
    if verdict.rest_s is not None:
        return verdict.rest_s, max(verdict.rest_s, min(verdict.rest_s * 8, DAY_S))
    if kind == "rate_limited_minute" and window in _MINUTE_BY_WINDOW:
        return _MINUTE_BY_WINDOW[window]
    if kind == "rate_limited_minute" and verdict.provider in _MINUTE_BY_PROVIDER:
        return _MINUTE_BY_PROVIDER[verdict.provider]
    if kind == "quota_exhausted_day" and window in _LIMITED_BY_WINDOW:
        return _LIMITED_BY_WINDOW[window]
    if kind == "html_error_page" and verdict.status >= 500:
        return GATEWAY_PAGE_S
    if kind == "auth_forbidden" and verdict.scope == "model":
        return DAY_S, LONGEST_S
    return _BY_KIND.get(kind, (20.0, 300.0))


def next_midnight(now: float, zone: str) -> float:
    """Epoch seconds of the next 00:00 in `zone` (an IANA name) after `now`.

    Without time zone data Los Angeles is taken at its winter offset: never too early.
    """
    if zone == "UTC":
        return (now // DAY_S + 1) * DAY_S
    from datetime import datetime, time, timedelta, timezone, tzinfo

    there: tzinfo
    try:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError
    except ImportError:
        there = timezone(timedelta(hours=-8))
    else:
        try:
            there = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            there = timezone(timedelta(hours=-8))
    day = datetime.fromtimestamp(now, there).date() + timedelta(days=1)
    return datetime.combine(day, time(0), there).timestamp()

"""When may we come back? Durations, `Retry-After` and absolute resets, as answers state them.

Order: `retry-after-ms`, `Retry-After`, fields of the body, prose, reset headers. A lesser source that
agrees with the better one to within a second and a half only refines it (Google rounds `retryDelay`
down, Groq rounds the header).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.error_body import mentions

if TYPE_CHECKING:
    from datetime import datetime

UNIT_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
# "ms" before "m", "minutes" before "min" before "m".
_UNIT = (
    r"(?:milliseconds?|millis|msecs?|ms|microseconds?|us|µs|ns|seconds?|secs?|minutes?|mins?"
    r"|hours?|hrs?|days?|weeks?|s|m|h|d|w)(?![a-z])"
)
_PART = r"\d{1,12}(?:\.\d{1,12})?\s*" + _UNIT
_DURATION = _PART + r"(?:(?:\s|,|and)*" + _PART + r")*"
_PROSE = (
    r"\b(?:try|retry|retrying|wait|resets?|resetting|available|access|back|renews?|cooldown)"
    r"(?:\s+(?:again|later|request|your|this|the|until|for|at least|about|approximately|in|after|within))*"
    r"\s*[:=]?\s*~?\s*"
)
# Without one of these there is no time to wait in a text.
_HINT_WORDS = (
    "try", "wait", "reset", "available", "access", "back", "renew", "cooldown", "until",
    "后", "重置", "重试",
)  # fmt: skip
RELATIVE_KEYS = frozenset(
    "retry_after retry-after retryafter retry_after_seconds retry_after_seconds_raw retrydelay "
    "retry_delay quotaresetdelay resets_in_seconds reset_in_seconds reset_after retry_in "
    "retryafterseconds wait_seconds cooldown_seconds retry_after_s timeremaining reset_in".split()
)
MILLI_KEYS = frozenset(
    "retry_after_ms retryafterms retry-after-ms retry_after_milliseconds".split()
)
ABSOLUTE_KEYS = frozenset(
    "x-ratelimit-reset ratelimit-reset reset_at resets_at resetat resetsat reset_time resettime "
    "quotaresettimestamp next_reset retry_at reset_date".split()
)
LONGEST_S = 400 * 86400.0


class Hint(NamedTuple):
    """`retry_after_s`: seconds as stated; `reset_at`: an instant as stated (UTC). Either may be None."""

    retry_after_s: float | None = None
    reset_at: datetime | None = None


NO_HINT = Hint()


def parse_duration(text: str) -> float | None:
    """Seconds of "8m45.312s", "290.97ms", "19h14m47.5s", "2 hours and 5 minutes"; None otherwise.

    A bare number is not a duration: see `parse_number`.
    """
    text = text.strip().lower().rstrip(".")
    if not text or not text[0].isdigit() or len(text) > 100:
        return None
    total, end = 0.0, 0
    for match in re.finditer(r"(\d+(?:\.\d+)?)\s*([a-zµ]+)(?:[\s,]|and\b)*", text):
        unit = _unit(match[2])
        if match.start() != end or unit is None:
            return None
        total += float(match[1]) * unit
        end = match.end()
    return total if end == len(text) and total <= LONGEST_S else None


def _unit(word: str) -> float | None:
    if word in UNIT_SECONDS:
        return UNIT_SECONDS[word]
    if word.startswith(("milli", "msec")):
        return 1e-3
    if word.startswith("micro"):
        return 1e-6
    for start in ("sec", "min", "hour", "hr", "day", "week"):
        if word.startswith(start):
            return UNIT_SECONDS[start[0]]
    return None


def parse_number(value: object) -> float | None:
    """A finite non-negative number, given as number or text."""
    if isinstance(value, bool):
        return None
    try:
        number = float(str(value).strip())
    except ValueError:
        return None
    return number if 0.0 <= number < 1e15 else None


def parse_instant(value: object, *, zone_hours: int = 0) -> datetime | None:
    """An absolute time: epoch seconds, epoch milliseconds, ISO 8601 or an HTTP-date; UTC.

    `zone_hours`: the offset of a text that names no zone. Numbers below 1e9 are no instants.
    """
    number = parse_number(value)
    if number is not None:
        return _from_epoch(number / 1000.0 if number > 1e11 else number) if number >= 1e9 else None
    text = str(value).strip()
    return parse_http_date(text) if "," in text else _parse_iso(text, zone_hours)


def _from_epoch(seconds: float) -> datetime | None:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _parse_iso(text: str, zone_hours: int) -> datetime | None:
    from datetime import UTC, datetime, timedelta, timezone

    text = re.sub(r"\s*(?:at)?\s+(?=\d\d:\d\d)", "T", text.strip())
    text = re.sub(r"\s*(?:utc|gmt)$", "Z", text, flags=re.IGNORECASE)
    text = re.sub(r"\.(\d{6})\d+", r".\1", text)
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=timezone(timedelta(hours=zone_hours)))
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_http_date(text: str) -> datetime | None:
    """`Tue, 04 Mar 2025 10:40:12 GMT`; None for anything else."""
    from datetime import UTC, datetime

    match = re.search(r"(\d{1,2})[ -]([A-Za-z]{3})[ -](\d{4}) (\d\d):(\d\d):(\d\d)", text)
    if not match:
        return None
    months = "janfebmaraprmayjunjulaugsepoctnovdec"
    place = months.find(match[2].lower())
    try:
        return datetime(
            int(match[3]),
            place // 3 + 1,
            int(match[1]),
            int(match[4]),
            int(match[5]),
            int(match[6]),
            tzinfo=UTC,
        )
    except ValueError:
        return None


def read_hint(
    headers: Mapping[str, str],
    pairs: Sequence[tuple[str, Any]],
    text: str,
    *,
    zone_hours: int = 0,
    use_reset_headers: bool = False,
) -> Hint:
    """What `headers` (names in lower case), a body's `pairs` and its folded `text` state.

    `use_reset_headers`: look at `x-ratelimit-reset-*` and their kin when nothing else speaks; they
    are on every answer, so only a refusal over limits makes them a hint.
    """
    seconds = reset = None
    for source in (
        _header_hint(headers),
        _field_hint(pairs, zone_hours),
        _prose_hint(text, zone_hours),
    ):
        reset = reset or source.reset_at
        if source.retry_after_s is None:
            continue
        if seconds is None or 0 < source.retry_after_s - seconds < 1.5:
            seconds = source.retry_after_s
    if seconds is None and reset is None and use_reset_headers:
        return reset_header_hint(headers)
    return Hint(seconds, reset)


def _header_hint(headers: Mapping[str, str]) -> Hint:
    milli = parse_number(headers.get("retry-after-ms"))
    if milli is not None:
        return Hint(milli / 1000.0)
    value = headers.get("retry-after")
    if value is None:
        return NO_HINT
    number = parse_number(value)
    if number is not None:
        return Hint(number) if number < 1e9 else Hint(None, parse_instant(number))
    spelled = parse_duration(str(value))
    if spelled is not None:
        return Hint(spelled)
    until = parse_instant(value)
    sent = parse_http_date(str(headers.get("date", "")))
    if until is None or sent is None:
        return Hint(None, until)
    return Hint(max(0.0, (until - sent).total_seconds()))


def _field_hint(pairs: Sequence[tuple[str, Any]], zone_hours: int) -> Hint:
    seconds = reset = None
    for key, value in pairs:
        if key in RELATIVE_KEYS:
            found = _relative(value)
        elif key in MILLI_KEYS:
            number = parse_number(value)
            found = None if number is None else number / 1000.0
        elif key in ABSOLUTE_KEYS:
            number = parse_number(value)
            if number is not None and number < 1e9:
                found = number
            else:
                reset = reset or parse_instant(value, zone_hours=zone_hours)
                continue
        else:
            continue
        if found is not None and (seconds is None or 0 < found - seconds < 1.5):
            seconds = found
    return Hint(seconds, reset)


def _relative(value: object) -> float | None:
    number = parse_number(value)
    return parse_duration(str(value)) if number is None else number if number < 1e9 else None


def _prose_hint(text: str, zone_hours: int) -> Hint:
    if not mentions(text, _HINT_WORDS):
        return NO_HINT
    return Hint(_prose_seconds(text), _prose_instant(text, zone_hours))


def _prose_seconds(text: str) -> float | None:
    match = re.search(_PROSE + "(" + _DURATION + ")", text)
    if match:
        return parse_duration(match[1])
    match = re.search(
        r"retry[-_ ]?after(?:['\"]?\s*[:=]\s*['\"]?|\s+)(\d{1,12}(?:\.\d{1,12})?)(?![\w.:%-]|\s+[a-z])",
        text,
    )
    if match:
        return parse_number(match[1])
    match = re.search(
        r"(\d{1,12}(?:\.\d{1,12})?)\s*(毫秒|秒|分钟|小时|天)钟?\s*(?:之?后|以后)", text
    )
    if match:
        scale = {"毫秒": 1e-3, "秒": 1.0, "分钟": 60.0, "小时": 3600.0, "天": 86400.0}
        return float(match[1]) * scale[match[2]]
    return None


def _prose_instant(text: str, zone_hours: int) -> datetime | None:
    if not mentions(text, ("-0", "-1", "-2", "-3")):
        return None
    stamp = r"(\d{4}-\d\d-\d\d(?:[t ]| at )\d\d:\d\d(?::\d\d)?(?:\.\d+)?\s*(?:z\b|utc|gmt|[+-]\d\d:?\d\d)?)"
    match = re.search(
        r"(?:reset|available|access|try again|until|renew|retry|将在|将于|请于|请在)[^.\d]{0,40}"
        + stamp,
        text,
    )
    return _parse_iso(match[1].upper().replace(" AT ", " "), zone_hours) if match else None


def reset_header_hint(headers: Mapping[str, str]) -> Hint:
    """The reset of a spent meter: of those whose `remaining` twin says 0, else the earliest."""
    spent: list[Hint] = []
    others: list[Hint] = []
    for name, value in headers.items():
        if "ratelimit" not in name and "rate-limit" not in name:
            continue
        hint = _structured_reset(str(value)) if name in ("ratelimit", "x-ratelimit") else NO_HINT
        if "reset" in name or name.endswith("timeremaining"):
            hint = _reset_value(value)
        if hint == NO_HINT:
            continue
        twin = headers.get(
            name.replace("reset-after", "remaining").replace("reset", "remaining"), ""
        )
        (spent if parse_number(twin) == 0 else others).append(hint)
    pool = spent or others
    if not pool:
        return NO_HINT
    timed = [hint for hint in pool if hint.retry_after_s is not None]
    if timed:
        choose = max if spent else min
        return choose(timed, key=lambda hint: hint.retry_after_s or 0.0)
    return pool[0]


def _structured_reset(value: str) -> Hint:
    """IETF draft form, `"api";r=0;t=295`."""
    match = re.search(r"[;,\s]t=(\d+)", value)
    return Hint(float(match[1])) if match else NO_HINT


def _reset_value(value: object) -> Hint:
    seconds = _relative(value)
    if seconds is not None:
        return Hint(seconds)
    return Hint(None, parse_instant(value))

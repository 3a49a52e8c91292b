"""What a limit is. Windows, meters and the strictest of several."""

from collections.abc import Iterable
from typing import NamedTuple

REQUESTS, TOKENS, CONCURRENT = "requests", "tokens", "concurrent"

COUNT_ONLY = -1
"""An amount that excludes nothing: the meter counts, so that usage is known before a limit is."""

LONG_WINDOW_S = 86_400.0

_NAMES = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86_400.0: "24 hours"}


class Window(NamedTuple):
    """`kind`: "sliding" (the last `seconds`), "day" or "month" (calendar, in `zone`),
    "first_use" (`seconds` from the first request), "open" (concurrency: while a lease is open)."""

    kind: str
    seconds: float = 0.0
    zone: str = "UTC"


class Limit(NamedTuple):
    """At most `amount` of `unit` per `window`, counted on `meter`.

    `meter` names what is counted together: "<scope>:<owner>|<subject>", for example
    "credential:gemini-1|gemini-2.5-flash", "account:openrouter/main|*", "provider:groq|*",
    "address:openrouter|*", subject "group:pro" for a quota group.
    `amount`: 0 allows nothing (a model without a free tier), COUNT_ONLY everything.
    `source`: "published", "learned" or "set".
    """

    meter: str
    unit: str
    window: Window
    amount: int
    source: str = "published"


def window_name(window: Window) -> str:
    """A short stable name; two limits whose windows have one name share one count."""
    if window.kind in ("day", "month"):
        return f"{window.kind}:{window.zone}"
    if window.kind == "open":
        return "open"
    return f"{window.kind}:{window.seconds:g}"


def window_named(name: str) -> Window:
    """The window whose `window_name` is `name`."""
    kind, _, rest = name.partition(":")
    if kind in ("day", "month"):
        return Window(kind, 0.0, rest)
    return Window(kind, float(rest or 0))


def guard_s(seconds: float) -> float:
    """How much longer than `seconds` a use is held to count.

    10 ms for clocks that are read in milliseconds, and 100 millionths of the window for a clock that
    runs at another rate than the provider's.
    """
    return 0.01 + seconds * 1e-4


def is_long(window: Window) -> bool:
    """Whether waiting for this window means a day or longer."""
    return window.kind in ("day", "month") or window.seconds >= LONG_WINDOW_S


def strictest(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """One limit for each meter, unit and window: the smallest amount, the first of equals.

    COUNT_ONLY gives way to every amount.
    """
    found: dict[tuple[str, str, Window], Limit] = {}
    for limit in limits:
        key = (limit.meter, limit.unit, limit.window)
        held = found.get(key)
        if held is None or _amount(limit) < _amount(held):
            found[key] = limit
    return tuple(found.values())


def spell_window(window: Window) -> str:
    """For people: "minute", "day (America/Los_Angeles)", "24 hours from the first request"."""
    if window.kind in ("day", "month"):
        return f"{window.kind} ({window.zone})"
    if window.kind == "open":
        return "moment"
    name = _NAMES.get(window.seconds) or f"{window.seconds:g} seconds"
    return f"{name} from the first request" if window.kind == "first_use" else name


def less_reserve(amount: int, reserve: float) -> int:
    """What of a limit is for somebody who leaves a share of it (`reserve`, 0 to 1) to others."""
    return amount - int(amount * reserve)


def spell_limit(limit: Limit) -> str:
    """For people: "10 requests per minute", "2 at once", "requests per day (UTC), no limit known"."""
    if limit.unit == CONCURRENT:
        return f"{limit.amount} at once"
    window = spell_window(limit.window)
    if limit.amount < 0:
        return f"{limit.unit} per {window}, no limit known"
    return f"{spell_amount(limit)} per {window}"


def spell_amount(limit: Limit) -> str:
    """For people: "1 request", "250,000 tokens"."""
    unit = limit.unit.removesuffix("s") if limit.amount == 1 else limit.unit
    return f"{limit.amount:,} {unit}"


def _amount(limit: Limit) -> float:
    return float("inf") if limit.amount < 0 else limit.amount

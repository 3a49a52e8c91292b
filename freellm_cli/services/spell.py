"""Times and windows as a person says them."""

from __future__ import annotations

from freellm_cli.core.limits import Window


def spell_seconds(seconds: float) -> str:
    """A wait: 42 s, 3 min, 5 h 20 min, 2 d 3 h."""
    whole = max(1, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{round(whole / 60)} min"
    if whole < 172_800:
        hours, rest = divmod(whole, 3600)
        return f"{hours} h {rest // 60} min"
    days, rest = divmod(whole, 86_400)
    return f"{days} d {rest // 3600} h"


def spell_until(until: float | None, now: float) -> str:
    """How long until a wall time; "until you act" for None."""
    return "until you act" if until is None else f"{spell_seconds(max(1.0, until - now))}"


def spell_window(window: Window) -> str:
    if window.kind in ("day", "month"):
        return window.kind
    if window.kind == "open":
        return "at once"
    return {1.0: "second", 60.0: "minute", 3600.0: "hour", 86_400.0: "24 h"}.get(
        window.seconds, spell_seconds(window.seconds)
    )


def short_count(number: int) -> str:
    """Where room is short: 9,999, then 12k, 250k, 1.2M, 3B. Elsewhere amounts are full, with commas."""
    if number < 10_000:
        return f"{number:,}"
    if number < 1_000_000:
        return f"{number // 1000}k"
    letter = "M" if number < 1_000_000_000 else "B"
    return f"{number // _step(number) / 10:.1f}".removesuffix(".0") + letter


def short_limit(amount: int) -> str:
    """The same for a limit, which is never rounded: 250k, but 14,400."""
    return f"{amount:,}" if amount % _step(amount) else short_count(amount)


def _step(number: int) -> int:
    """What `short_count` leaves out of such a number."""
    if number < 10_000:
        return 1
    return 1000 if number < 1_000_000 else 100_000 if number < 1_000_000_000 else 100_000_000

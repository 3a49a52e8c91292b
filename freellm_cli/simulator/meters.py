"""Meters: what has been counted, and when it stops counting.

Time is counted in whole microseconds ("ticks"), so that a request 59.999 s after another never slips
through a minute and one 60.000 s after it always does.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta, tzinfo

from freellm_cli.core.limits import Window


class Entry:
    """One thing that was counted; `amount` may still change while it counts."""

    __slots__ = ("amount", "at", "counts")

    def __init__(self, at: int, amount: int) -> None:
        self.at = at
        self.amount = amount
        self.counts = True


class Meter:
    """Counts one unit of one owner; subclasses know when things stop counting."""

    def __init__(self) -> None:
        self.total = 0
        self.told_until = 0

    def used(self, now: int) -> int:
        self._expire(now)
        return self.total

    def add(self, now: int, amount: int) -> Entry:
        self._expire(now)
        self.total += amount
        return self._keep(Entry(now, amount))

    def change(self, entry: Entry, amount: int, now: int) -> None:
        self._expire(now)
        if self._counts(entry):
            self.total += amount - entry.amount
        entry.amount = amount

    def free_at(self, now: int, need: int, amount: int) -> int | None:
        """When `need` more would fit, None when nobody can say."""
        raise NotImplementedError

    def empty_at(self, now: int) -> int:
        raise NotImplementedError

    def _expire(self, now: int) -> None:
        raise NotImplementedError

    def _keep(self, entry: Entry) -> Entry:
        return entry

    def _counts(self, entry: Entry) -> bool:
        raise NotImplementedError


class SlidingMeter(Meter):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._span = ticks(seconds)
        self._entries: deque[Entry] = deque()

    def _expire(self, now: int) -> None:
        entries = self._entries
        while entries and entries[0].at + self._span <= now:
            entry = entries.popleft()
            entry.counts = False
            self.total -= entry.amount

    def _keep(self, entry: Entry) -> Entry:
        self._entries.append(entry)
        return entry

    def _counts(self, entry: Entry) -> bool:
        return entry.counts

    def free_at(self, now: int, need: int, amount: int) -> int | None:
        if need > amount:
            return None
        total = self.used(now)
        for entry in self._entries:
            if total + need <= amount:
                break
            total -= entry.amount
            now = entry.at + self._span
        return now

    def empty_at(self, now: int) -> int:
        self._expire(now)
        return self._entries[-1].at + self._span if self._entries else now


class PeriodMeter(Meter):
    """A window that starts anew as a whole: a calendar day or month, or a span from the first use."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self._window = window
        self._start = self._end = 0

    def _expire(self, now: int) -> None:
        if now >= self._end:
            self.total = 0
            self._start, self._end = (0, 0) if self._on_first_use else period(self._window, now)

    @property
    def _on_first_use(self) -> bool:
        return self._window.kind == "first_use"

    def _keep(self, entry: Entry) -> Entry:
        if not self._end:
            self._start, self._end = entry.at, entry.at + ticks(self._window.seconds)
        return entry

    def _counts(self, entry: Entry) -> bool:
        return self._start <= entry.at < self._end

    def free_at(self, now: int, need: int, amount: int) -> int | None:
        return None if need > amount else self.empty_at(now)

    def empty_at(self, now: int) -> int:
        self._expire(now)
        return self._end or now


class OpenMeter(Meter):
    """Counts what is open at this moment."""

    def _expire(self, now: int) -> None:
        return

    def _counts(self, entry: Entry) -> bool:
        return True

    def free_at(self, now: int, need: int, amount: int) -> int | None:
        return None

    def empty_at(self, now: int) -> int:
        return now


def ticks(seconds: float) -> int:
    return round(seconds * 1_000_000)


def period(window: Window, now: int) -> tuple[int, int]:
    """Start and end, in ticks, of the calendar day or month of `window.zone` that holds `now`."""
    here = datetime.fromtimestamp(now / 1e6, zone_of(window.zone))
    start = here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if window.kind == "month":
        start = start.replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1)
    else:
        end = start + timedelta(days=1)
    return ticks(start.timestamp()), ticks(end.timestamp())


def zone_of(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def new_meter(window: Window) -> Meter:
    """The meter that counts as `window` says."""
    if window.kind == "sliding":
        return SlidingMeter(window.seconds)
    if window.kind == "open":
        return OpenMeter()
    return PeriodMeter(window)

"""Limits kept as strictly as a provider keeps them: counted at arrival, to the microsecond.

Time is counted in whole microseconds ("ticks"), so that a request 59.999 s after another never slips
through a minute and one 60.000 s after it always does.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import NamedTuple

from freellm_cli.core.clock import Clock
from freellm_cli.core.limits import CONCURRENT, REQUESTS, TOKENS, Window

SCOPES = ("key", "account", "address", "provider")

MINUTE = Window("sliding", 60.0)
DAY_UTC = Window("day", zone="UTC")
DAY_PACIFIC = Window("day", zone="America/Los_Angeles")
OPEN = Window("open")


class LimitRule(NamedTuple):
    """At most `amount` of `unit` per `window`, for each owner of `scope` apart.

    `owner`: one key text, account, address or provider; None means each of them has its own count.
    `each_model`: True counts every model apart; False counts all that match `models` together.
    `tokens`: "input" (the prompt), "total" (the answer is added when it ends) or "reserved" (prompt plus
    `max_tokens` at arrival, put right when the answer ends).
    """

    scope: str
    unit: str
    window: Window
    amount: int
    provider: str | None = None
    owner: str | None = None
    models: str = "*"
    """A shell pattern of model names."""
    each_model: bool = False
    tokens: str = "input"
    count_refused: bool = False
    """True when a refused request counts too, as OpenRouter does."""
    count_failed: bool = True
    """False gives the request back when the provider itself failed."""
    published: bool = True
    """False for a limit that nobody can know before it was hit."""


class Caller(NamedTuple):
    """Who asks for what: everything that a limit may look at."""

    provider: str
    key: str
    account: str
    address: str
    model: str
    input_tokens: int = 0
    max_tokens: int = 0


class Standing(NamedTuple):
    """How one limit stood when a request came. `reset_s`: seconds until it is empty or starts anew."""

    rule: LimitRule
    used: int
    reset_s: float

    @property
    def remaining(self) -> int:
        return max(0, self.rule.amount - self.used)


class Refusal(NamedTuple):
    """Why a request may not pass.

    `violated` holds every limit without room, the longest wait first. `retry_after_s`: until all of them
    would have let it pass; None when no time can be named. `foreseeable`: the caller could have known.
    """

    violated: tuple[Standing, ...]
    retry_after_s: float | None
    reset_at: float | None
    requested: int
    foreseeable: bool

    @property
    def rule(self) -> LimitRule:
        return self.violated[0].rule


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


class Admission:
    """A request that passed. Call `finish` exactly once, when its answer has ended."""

    __slots__ = ("_book", "_counted", "_done", "standings")

    def __init__(
        self,
        book: LimitBook,
        counted: list[tuple[LimitRule, Meter, Entry]],
        standings: tuple[Standing, ...],
    ) -> None:
        self._book = book
        self._counted = counted
        self._done = False
        self.standings = standings

    def finish(self, *, input_tokens: int, output_tokens: int, failed: bool) -> None:
        if not self._done:
            self._done = True
            self._book.settle(self._counted, input_tokens, output_tokens, failed)


class LimitBook:
    """Every limit of one simulator and what has been counted on it. Safe from any thread.

    The clock is read under the lock: two requests are counted in the order of their times.
    """

    def __init__(self, clock: Clock, rules: Iterable[LimitRule] = ()) -> None:
        self._clock = clock
        self._rules = list(rules)
        self._meters: dict[tuple[int, str, str], Meter] = {}
        self._lock = threading.Lock()

    def add(self, rule: LimitRule) -> None:
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Forgets what was counted; the limits stay."""
        with self._lock:
            self._meters.clear()

    def admit(self, caller: Caller) -> Admission | Refusal:
        """Counts a request if every limit has room for it; counts nothing of it otherwise, but for
        limits that count refusals too."""
        with self._lock:
            tick = ticks(self._clock.now())
            touched = [(rule, self._meter(place, rule, caller)) for place, rule in self._of(caller)]
            short = [pair for pair in touched if not _has_room(*pair, caller, tick)]
            if short:
                return self._refuse(short, touched, caller, tick)
            counted = [
                (rule, meter, meter.add(tick, _need(rule, caller))) for rule, meter in touched
            ]
            standings = tuple(_standing(rule, meter, tick) for rule, meter in touched)
        return Admission(self, counted, standings)

    def standings(self, caller: Caller) -> tuple[Standing, ...]:
        """How the limits of `caller` stand, without counting anything."""
        with self._lock:
            tick = ticks(self._clock.now())
            touched = [(rule, self._meter(place, rule, caller)) for place, rule in self._of(caller)]
            return tuple(_standing(rule, meter, tick) for rule, meter in touched)

    def _of(self, caller: Caller) -> list[tuple[int, LimitRule]]:
        return [pair for pair in enumerate(self._rules) if _applies(pair[1], caller)]

    def _meter(self, place: int, rule: LimitRule, caller: Caller) -> Meter:
        provider = "" if rule.scope == "address" else caller.provider
        owner = f"{provider}/{_owner(rule, caller)}"
        key = (place, owner, caller.model if rule.each_model else "")
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = _new_meter(rule.window)
        return meter

    def _refuse(
        self,
        short: list[tuple[LimitRule, Meter]],
        touched: list[tuple[LimitRule, Meter]],
        caller: Caller,
        tick: int,
    ) -> Refusal:
        waits: list[tuple[int | None, Standing]] = []
        foreseeable = False
        for rule, meter in short:
            free = meter.free_at(tick, _need(rule, caller), rule.amount)
            foreseeable = foreseeable or rule.published or tick < meter.told_until
            meter.told_until = free or tick
            waits.append((free, _standing(rule, meter, tick)))
        for rule, meter in touched:
            if rule.count_refused and rule.unit == REQUESTS:
                meter.add(tick, 1)
        waits.sort(key=lambda wait: wait[0] if wait[0] is not None else 0, reverse=True)
        free_at = waits[0][0]
        return Refusal(
            violated=tuple(standing for _, standing in waits),
            retry_after_s=None if free_at is None else (free_at - tick) / 1e6,
            reset_at=None if free_at is None else free_at / 1e6,
            requested=_need(waits[0][1].rule, caller),
            foreseeable=foreseeable,
        )

    def settle(
        self,
        counted: list[tuple[LimitRule, Meter, Entry]],
        input_tokens: int,
        output_tokens: int,
        failed: bool,
    ) -> None:
        """Puts right what an admission had counted, now that its answer has ended."""
        with self._lock:
            tick = ticks(self._clock.now())
            for rule, meter, entry in counted:
                if rule.unit == CONCURRENT or (failed and not rule.count_failed):
                    meter.change(entry, 0, tick)
                elif rule.unit == TOKENS and rule.tokens != "input":
                    meter.change(entry, input_tokens + output_tokens, tick)


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


def _new_meter(window: Window) -> Meter:
    if window.kind == "sliding":
        return SlidingMeter(window.seconds)
    if window.kind == "open":
        return OpenMeter()
    return PeriodMeter(window)


def _owner(rule: LimitRule, caller: Caller) -> str:
    return str(getattr(caller, rule.scope))


def _applies(rule: LimitRule, caller: Caller) -> bool:
    return (
        (rule.provider is None or rule.provider == caller.provider)
        and (rule.owner is None or rule.owner == _owner(rule, caller))
        and (rule.models == "*" or fnmatchcase(caller.model, rule.models))
    )


def _need(rule: LimitRule, caller: Caller) -> int:
    if rule.unit != TOKENS:
        return 1
    return caller.input_tokens + (caller.max_tokens if rule.tokens == "reserved" else 0)


def _has_room(rule: LimitRule, meter: Meter, caller: Caller, tick: int) -> bool:
    return meter.used(tick) + _need(rule, caller) <= rule.amount


def _standing(rule: LimitRule, meter: Meter, tick: int) -> Standing:
    return Standing(rule, meter.used(tick), (meter.empty_at(tick) - tick) / 1e6)

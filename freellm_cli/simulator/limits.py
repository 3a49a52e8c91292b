"""Limits kept as strictly as a provider keeps them: counted at arrival, to the microsecond."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from freellm_cli.core.clock import Clock
from freellm_cli.core.limits import CONCURRENT, REQUESTS, TOKENS, Window
from freellm_cli.simulator.meters import Entry, Meter, new_meter, ticks

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
            meter = self._meters[key] = new_meter(rule.window)
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

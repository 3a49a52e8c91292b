"""A world in simulated time: workers, the ledger they share, and an upstream that counts to the microsecond.

Nothing waits: the world goes from event to event. Each worker is a generator that yields for how long it
does nothing. Several `Ledger` objects on one file stand for several processes.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from freellm_cli.core.limits import CONCURRENT, TOKENS, Limit, Window
from freellm_cli.core.rotation import Candidate
from freellm_cli.storage.ledger import Lease, Ledger, Wait

Worker = Generator[float, None, None]


class WorldClock:
    """`leap` moves the wall clock alone, `suspend` both."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._steady = 1000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._steady

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing in a simulated world may sleep")

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._steady += seconds

    def leap(self, seconds: float) -> None:
        self._now += seconds


class World:
    """`clock` is everybody's; `true_time` is the provider's, which no leap of ours moves."""

    def __init__(self, now: float) -> None:
        self.clock = WorldClock(now)
        self._offset = now - self.clock.monotonic()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    @property
    def true_time(self) -> float:
        return self.clock.monotonic() + self._offset

    def at(self, true_time: float, event: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (true_time, self._number, event))

    def start(self, worker: Worker) -> None:
        def step() -> None:
            pause = next(worker, None)
            if pause is not None:
                self.at(self.true_time + max(0.0, pause), step)

        self.at(self.true_time, step)

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            when, _, event = heapq.heappop(self._events)
            self.clock.advance(max(0.0, when - self.true_time))
            event()
        self.clock.advance(max(0.0, until - self.true_time))


class Seen(NamedTuple):
    """What a provider saw of one request."""

    at: float
    credential: str
    admitted: bool


class Upstream:
    """Counts strictly, on the meters of the candidates' limits, at the moment of arrival. `limits` adds
    what no candidate knows of, by meter."""

    def __init__(self, world: World, limits: Iterable[Limit] = ()) -> None:
        self._world = world
        self._hidden = list(limits)
        self._uses: dict[tuple[str, Window], deque[tuple[float, int]]] = {}
        self._open: Counter[str] = Counter()
        self.seen: list[Seen] = []

    def arrive(self, candidate: Candidate, tokens: int) -> bool:
        """True: admitted and counted; `leave` when it ends."""
        now = self._world.true_time
        limits = self._limits(candidate)
        admitted = all(self._has_room(limit, tokens, now) for limit in limits)
        self.seen.append(Seen(now, candidate.credential, admitted))
        if admitted:
            for meter, window in {(limit.meter, limit.window) for limit in limits}:
                self._uses.setdefault((meter, window), deque()).append((now, tokens))
            self._open.update({limit.meter for limit in limits})
        return admitted

    def leave(self, candidate: Candidate) -> None:
        self._open.subtract({limit.meter for limit in self._limits(candidate)})

    def _limits(self, candidate: Candidate) -> list[Limit]:
        meters = {limit.meter for limit in candidate.limits}
        return [*candidate.limits, *(each for each in self._hidden if each.meter in meters)]

    def _has_room(self, limit: Limit, tokens: int, now: float) -> bool:
        if limit.unit == CONCURRENT:
            return self._open[limit.meter] < limit.amount
        uses = self._uses.setdefault((limit.meter, limit.window), deque())
        while uses and self._is_over(limit.window, uses, now):
            uses.popleft()
        if limit.unit == TOKENS:
            return sum(use[1] for use in uses) + tokens <= limit.amount
        return len(uses) < limit.amount

    @staticmethod
    def _is_over(window: Window, uses: deque[tuple[float, int]], now: float) -> bool:
        if window.kind == "sliding":
            return uses[0][0] + window.seconds <= now
        if window.kind == "first_use":
            over = uses[0][0] + window.seconds <= now
            if over:
                uses.clear()
                uses.append((now, 0))  # taken out by the caller
            return over
        zone = ZoneInfo(window.zone)
        then, here = (datetime.fromtimestamp(at, zone).date() for at in (uses[0][0], now))
        if window.kind == "month":
            return (then.year, then.month) != (here.year, here.month)
        return then != here

    @property
    def answered(self) -> int:
        return sum(each.admitted for each in self.seen)

    @property
    def refused(self) -> int:
        return len(self.seen) - self.answered

    def by_credential(self) -> Counter[str]:
        return Counter(each.credential for each in self.seen if each.admitted)


class Habits(NamedTuple):
    """How a worker behaves. `latency`: seconds from sending until arrival, until the headers, and until the
    end. `pause`: seconds between two requests."""

    tokens: Callable[[random.Random], int]
    latency: Callable[[random.Random], tuple[float, float, float]]
    patience_s: float
    pause: Callable[[random.Random], float] = lambda rng: 0.0
    lane: str = "interactive"


def work(
    world: World,
    ledger: Ledger,
    upstream: Upstream,
    candidates: Sequence[Candidate],
    habits: Habits,
    rng: random.Random,
    *,
    requests: int = 1 << 60,
) -> Worker:
    """A worker that asks again and again, never before the ledger lets it."""
    for number in range(requests):
        lease = yield from _lease(world, ledger, candidates, habits, rng, number)
        if lease is None:
            continue
        arrives, begins, ends = habits.latency(rng)
        ledger.mark_sent(lease)
        yield arrives
        admitted = upstream.arrive(lease.candidate, lease.tokens)
        yield begins
        answered_at = world.clock.now()
        ledger.answered(lease, answered_at)
        yield ends
        if admitted:
            upstream.leave(lease.candidate)
        outcome = "ok" if admitted else "rate_limited_minute"
        ledger.settle(lease, tokens=lease.tokens, answered_at=answered_at, outcome=outcome)
        yield habits.pause(rng)


def _lease(
    world: World,
    ledger: Ledger,
    candidates: Sequence[Candidate],
    habits: Habits,
    rng: random.Random,
    number: int,
) -> Generator[float, None, Lease | None]:
    ticket: int | None = None
    tokens = habits.tokens(rng)
    deadline = world.clock.now() + habits.patience_s
    while True:
        found = ledger.acquire(
            candidates,
            tokens=tokens,
            request_id=f"request-{number}",
            deadline=deadline,
            lane=habits.lane,
            ticket=ticket,
        )
        if isinstance(found, Lease):
            return found
        if not isinstance(found, Wait):
            yield 1.0 if found.wait_s is None else found.wait_s
            return None
        ticket = found.ticket
        yield found.look_in_s

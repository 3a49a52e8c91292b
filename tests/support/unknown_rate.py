"""A host that refuses what is too much a minute and never says how much that is, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import NamedTuple

from freellm_cli.core.limits import COUNT_ONLY, REQUESTS, Limit, Window
from freellm_cli.core.rest import rest_for
from freellm_cli.core.rotation import Candidate
from freellm_cli.core.verdicts import Verdict
from freellm_cli.storage.ledger import Lease, Ledger, Wait
from tests.support.strict_world import Upstream, World

START = 1_790_000_000.0
METER = "account:nvidia_nim/a|m"
MINUTE = Window("sliding", 60.0)
_LIMITED = Verdict("rate_limited_minute", "model", provider="nvidia_nim", status=429)


class Found(NamedTuple):
    """`learned`: requests in the window that are allowed after three minutes. `asked`, `refused`: later."""

    true: int
    learned: float
    asked: int
    refused: int

    @property
    def off(self) -> float:
        return abs(self.learned - self.true) / self.true


def find_rate(
    path: str,
    *,
    true: int,
    workers: int,
    latency_s: float,
    seed: int = 1,
    minutes: int = 30,
    seconds: float = 60.0,
) -> Found:
    """Keeps `workers` busy for `minutes` against a limit of `true` requests in any `seconds`."""
    world = World(START)
    ledger = Ledger(path, clock=world.clock, rng=random.Random(seed), boot="b")
    counted = Limit(METER, REQUESTS, MINUTE, COUNT_ONLY)
    candidate = Candidate(
        "k/m", 0, "k", "nvidia_nim", "a", "nvidia_nim/m", (counted,), ("target:k/m",)
    )
    upstream = Upstream(world)
    there = Limit(METER, REQUESTS, Window("sliding", seconds), true)
    known_there = candidate._replace(limits=(there,))
    for number in range(workers):
        rng = random.Random(seed * 1000 + number)
        world.start(_work(world, ledger, upstream, (candidate, known_there), latency_s, rng))
    world.run(START + 180)
    learned = next(
        (each.limit.amount * seconds / each.limit.window.seconds for each in ledger.learned()), 0.0
    )
    before, refused = len(upstream.seen), upstream.refused
    world.run(START + 60 * minutes)
    ledger.close()
    return Found(true, learned, len(upstream.seen) - before, upstream.refused - refused)


def _work(
    world: World,
    ledger: Ledger,
    upstream: Upstream,
    known: tuple[Candidate, Candidate],
    latency_s: float,
    rng: random.Random,
) -> Generator[float, None, None]:
    """`known`: the target as we know it, and as the host does."""
    ticket: int | None = None
    while True:
        found = ledger.acquire(
            known[:1], tokens=1, request_id="r", deadline=world.clock.now() + 900, ticket=ticket
        )
        if isinstance(found, Wait):
            ticket = found.ticket
            yield found.look_in_s
        elif isinstance(found, Lease):
            ticket = None
            yield from _ask(world, ledger, upstream, found, known[1], latency_s, rng)
        else:
            ticket = None
            yield 1.0


def _ask(
    world: World,
    ledger: Ledger,
    upstream: Upstream,
    lease: Lease,
    known_there: Candidate,
    latency_s: float,
    rng: random.Random,
) -> Generator[float, None, None]:
    ledger.mark_sent(lease)
    yield latency_s * rng.uniform(0.1, 0.5)
    admitted = upstream.arrive(known_there, 1)
    yield latency_s * rng.uniform(0.1, 0.5)
    now = world.clock.now()
    outcome = "ok" if admitted else "rate_limited_minute"
    with ledger.together():
        ledger.settle(lease, tokens=1, answered_at=now, outcome=outcome)
        if admitted:
            upstream.leave(known_there)
            ledger.pace_answered(METER, lease.opened)
            return
        pace = ledger.pace_refused(METER, lease.opened)
        if ledger.resting_until("target:k/m") is not None:
            return
        strikes = ledger.strikes("target:k/m") + 1
        sure = pace is not None and pace.sure
        verdict = _LIMITED._replace(window="second") if sure else _LIMITED
        rest = rest_for(verdict, now=now, strikes=strikes, jitter=rng.random())
        trial = True if pace is not None and pace.is_guess else None
        ledger.rest(
            "target:k/m",
            until=rest.until,
            reason="limited",
            kind="rate_limited_minute",
            trial=trial,
        )

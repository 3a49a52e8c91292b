"""The ledger against upstreams that count to the microsecond, in simulated time.

The one promise: a request that the ledger lets go is never refused for a limit that it knew.
"""

from __future__ import annotations

import random
import tempfile
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from freellm_cli.core.limits import REQUESTS, TOKENS, Limit, Window
from freellm_cli.core.rotation import Candidate
from freellm_cli.storage.ledger import Lease, Ledger, Wait
from tests.support.strict_world import Habits, Upstream, Worker, World, work
from tests.support.targets import (
    PACIFIC,
    at_once,
    first_use,
    per_day,
    per_minute,
    pool,
    target,
    tokens_per_minute,
)

HOUR = 3600.0
QUICK = Habits(
    tokens=lambda rng: rng.randint(100, 2000),
    latency=lambda rng: (rng.uniform(0.0, 0.3), rng.uniform(0.05, 1.0), rng.uniform(0.0, 3.0)),
    patience_s=1e7,
)


def pacific(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(PACIFIC)).timestamp()


class Town:
    """A world with `processes` ledgers on one file and a strict upstream."""

    def __init__(self, folder: Path, start: float, processes: int) -> None:
        self.world = World(start)
        self.upstream = Upstream(self.world)
        self.ledgers = [
            Ledger(
                str(folder / "ledger.db"),
                clock=self.world.clock,
                rng=random.Random(number),
                boot="this boot",
            )
            for number in range(processes)
        ]

    def work(
        self, candidates: tuple[Candidate, ...], habits: Habits = QUICK, *, seed: int = 1
    ) -> None:
        """One worker in each process, asking as fast as it is let."""
        for number, ledger in enumerate(self.ledgers):
            rng = random.Random(seed * 1000 + number)
            self.world.start(work(self.world, ledger, self.upstream, candidates, habits, rng))

    def close(self) -> None:
        for ledger in self.ledgers:
            ledger.close()


@pytest.mark.parametrize(
    ("limits", "possible"),
    [
        ((per_minute(10), tokens_per_minute(250_000), per_day(250)), 1250),
        ((per_minute(5), tokens_per_minute(250_000), per_day(20)), 100),
    ],
    ids=["250 a day", "20 a day"],
)
def test_a_day_of_far_too_much_demand_uses_all_and_is_never_refused(
    tmp_path: Path, limits: tuple[Limit, ...], possible: int
) -> None:
    midnight = pacific("2026-11-20T00:00")
    town = Town(tmp_path, midnight - 0.3 * HOUR, processes=8)
    town.work(pool(5, *limits))
    town.world.run(midnight + 2 * HOUR)
    today = [seen for seen in town.upstream.seen if seen.admitted and seen.at >= midnight]
    assert town.upstream.refused == 0
    assert len(today) >= 0.98 * possible
    town.close()


def test_a_minute_is_used_to_the_full_and_equal_keys_equally(tmp_path: Path) -> None:
    brisk = QUICK._replace(latency=lambda rng: (0.01, rng.uniform(0.02, 0.1), 0.0))
    town = Town(tmp_path, pacific("2026-11-20T12:00"), processes=4)
    town.work(pool(5, per_minute(10)), brisk)
    town.world.run(pacific("2026-11-20T12:30"))
    assert town.upstream.refused == 0
    assert town.upstream.answered >= 0.98 * 5 * 10 * 30
    used = town.upstream.by_credential().values()
    assert max(used) - min(used) <= 0.05 * max(used)
    town.close()


@pytest.mark.parametrize(
    "around", ["2026-03-08", "2026-11-01"], ids=["spring forward", "fall back"]
)
def test_every_day_of_a_week_over_a_clock_change_is_used_whole(tmp_path: Path, around: str) -> None:
    first = datetime.fromisoformat(around) - timedelta(days=3)
    start = pacific(first.isoformat())
    town = Town(tmp_path, start + 60, processes=2)
    town.work(pool(2, per_minute(10), per_day(15)), QUICK._replace(patience_s=HOUR))
    town.world.run(start + 7 * 24 * HOUR + 2 * HOUR)
    assert town.upstream.refused == 0
    zone = ZoneInfo(PACIFIC)
    days: dict[str, int] = {}
    for seen in town.upstream.seen:
        day = datetime.fromtimestamp(seen.at, zone).date().isoformat()
        days[day] = days.get(day, 0) + 1
    whole = [(first + timedelta(days=number)).date().isoformat() for number in range(7)]
    assert [days[day] for day in whole] == [30] * 7
    town.close()


@pytest.mark.parametrize(
    "around", ["2026-03-08", "2026-11-01"], ids=["spring forward", "fall back"]
)
def test_a_week_of_a_laptop_that_sleeps_and_whose_clock_is_set_uses_every_day_whole(
    tmp_path: Path, around: str
) -> None:
    first = datetime.fromisoformat(around) - timedelta(days=3)
    start = pacific(first.isoformat())
    town = Town(tmp_path, start + 60, processes=2)
    world = town.world
    there = target("gemini-1", per_minute(10), per_day(15))
    here = target("openrouter-1", per_day(12, "UTC"), provider="openrouter")
    habits = QUICK._replace(patience_s=HOUR, pause=lambda rng: rng.uniform(0.0, 900.0))
    town.work((there,), habits)
    town.work((here,), habits, seed=2)
    for day in range(7):
        noon = start + (24 * day + 12) * HOUR
        # Asleep for hours in the afternoon; set wrong by an hour or two at noon, and right again.
        world.at(noon + 3 * HOUR, lambda: world.clock.advance(1.7 * HOUR))
        wrong = (3600.0, -7200.0, 90.0, -61.0)[day % 4]
        world.at(noon, lambda wrong=wrong: world.clock.leap(wrong))
        world.at(noon + HOUR, lambda wrong=wrong: world.clock.leap(-wrong))
    world.run(start + 7 * 24 * HOUR + 2 * HOUR)
    assert town.upstream.refused == 0
    for name, zone, amount in (("gemini-1", PACIFIC, 15), ("openrouter-1", "UTC", 12)):
        days: dict[str, int] = {}
        for seen in town.upstream.seen:
            if seen.credential == name:
                day_there = datetime.fromtimestamp(seen.at, ZoneInfo(zone)).date().isoformat()
                days[day_there] = days.get(day_there, 0) + 1
        whole = [(first + timedelta(days=number)).date().isoformat() for number in range(1, 7)]
        assert [days[day] for day in whole] == [amount] * 6
    town.close()


def test_a_clock_that_leaps_about_costs_no_minute(tmp_path: Path) -> None:
    town = Town(tmp_path, pacific("2026-11-20T12:00"), processes=3)
    world = town.world
    town.work(pool(2, per_minute(6)))
    rng = random.Random(5)
    for minute in range(1, 30):
        leap = rng.choice((-7200.0, -90.0, -2.5, 3.0, 61.0, 5400.0))
        world.at(world.true_time + 60.0 * minute, lambda leap=leap: world.clock.leap(leap))
    world.run(pacific("2026-11-20T12:30"))
    assert town.upstream.refused == 0
    assert town.upstream.answered >= 0.94 * 2 * 6 * 30
    town.close()


def test_those_who_waited_go_in_their_order_and_apart_when_a_window_starts_anew(
    tmp_path: Path,
) -> None:
    midnight = pacific("2026-11-20T00:00")
    town = Town(tmp_path, midnight - 300.0, processes=4)
    keys = pool(2, per_day(20))
    served: list[tuple[int, float, str]] = []

    def wait_for_a_turn(number: int) -> Worker:
        ledger = town.ledgers[number % 4]
        yield 1.0 + number * 0.1
        deadline = town.world.clock.now() + 1e6
        found = ledger.acquire(keys, tokens=1, request_id=f"{number}", deadline=deadline)
        while isinstance(found, Wait):
            yield found.look_in_s
            found = ledger.acquire(
                keys, tokens=1, request_id=f"{number}", deadline=deadline, ticket=found.ticket
            )
        assert isinstance(found, Lease)
        served.append((number, town.world.true_time, found.candidate.key))
        ledger.mark_sent(found)
        ledger.settle(found, tokens=1, answered_at=town.world.clock.now(), outcome="ok")

    for number in range(70):
        town.world.start(wait_for_a_turn(number))
    town.world.run(midnight + 120.0)
    # 40 of the day that ends, 30 of the next.
    overtaken = [abs(number - place) for place, (number, _, _) in enumerate(served)]
    assert len(served) == 70
    assert max(overtaken) <= 1, "the two keys come free in the same moment"
    assert [at < midnight for _, at, _ in served].count(True) == 40
    after = [(key, at) for _, at, key in served if at >= midnight]
    for key in {key for key, _ in after}:
        times = [at for held, at in after if held == key]
        gaps = [late - early for early, late in pairwise(times)]
        assert min(gaps) >= 0.099, "a herd at midnight"
        assert max(gaps) <= 0.5, "nobody sleeps longer than needed"
    town.close()


LIMITS = st.one_of(
    st.integers(1, 8).map(per_minute),
    st.integers(2, 30).map(lambda amount: per_day(amount, "UTC")),
    st.builds(
        lambda amount, seconds: Limit("", REQUESTS, Window("sliding", seconds), amount),
        st.integers(1, 4),
        st.sampled_from([0.5, 1.0, 7.0, 600.0]),
    ),
    st.integers(2000, 9000).map(tokens_per_minute),
    st.builds(first_use, st.integers(1, 12), st.sampled_from([30.0, 300.0])),
    st.integers(1, 3).map(at_once),
    st.integers(2, 9).map(lambda amount: per_minute(amount, "account:gemini/shared|*")),
    st.builds(
        lambda amount: Limit("provider:gemini|*", TOKENS, Window("sliding", 20.0), amount),
        st.integers(2500, 9000),
    ),
)


def agreed(keys: list[list[Limit]]) -> list[list[Limit]]:
    """What is counted together has one limit, whoever asks."""
    said: dict[tuple[object, ...], Limit] = {}
    return [
        [
            said.setdefault((limit.meter, limit.unit, limit.window), limit)
            if limit.meter
            else limit
            for limit in limits
        ]
        for limits in keys
    ]


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@example(
    keys=[[per_minute(1)], [first_use(5, 30.0)], [tokens_per_minute(2000)]],
    processes=4,
    slowness=5.0,
    seed=0,
    leaps=[],
)
@given(
    keys=st.lists(st.lists(LIMITS, min_size=1, max_size=4), min_size=1, max_size=3),
    processes=st.integers(1, 4),
    slowness=st.sampled_from([0.001, 0.2, 5.0, 40.0]),
    seed=st.integers(0, 1000),
    leaps=st.lists(st.sampled_from([-3700.0, -5.0, 2.5, 3700.0]), max_size=3),
)
def test_whatever_the_limits_no_request_is_refused(
    keys: list[list[Limit]], processes: int, slowness: float, seed: int, leaps: list[float]
) -> None:
    habits = Habits(
        tokens=lambda rng: rng.randint(1, 2000),
        latency=lambda rng: tuple(rng.uniform(0.0, slowness) for _ in range(3)),  # type: ignore[arg-type,return-value]
        patience_s=1e6,
        pause=lambda rng: rng.choice((0.0, 0.0, rng.uniform(0.0, 30.0))),
    )
    candidates = tuple(
        target(f"gemini-{number}", *limits) for number, limits in enumerate(agreed(keys))
    )
    # A day is a matter of the wall clock: one that leaps would rightly mislead it.
    by_day = any(limit.window.kind == "day" for limits in keys for limit in limits)
    with tempfile.TemporaryDirectory() as folder:
        town = Town(Path(folder), 1_800_020_000.0 + 66_000.0, processes)
        town.work(candidates, habits, seed=seed)
        world = town.world
        for number, leap in enumerate(() if by_day else leaps):
            world.at(
                world.true_time + 100.0 * (number + 1), lambda leap=leap: world.clock.leap(leap)
            )
        world.run(world.true_time + 900.0)
        assert town.upstream.refused == 0
        assert town.upstream.answered > 0
        town.close()

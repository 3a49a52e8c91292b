"""Which clock counts while the machine sleeps."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest

from freellm_cli.services.system_clock import SystemClock, SystemDice, steady_clock


def system(**clocks: int) -> ModuleType:
    """A `time` module that answers with the number of the clock it was asked for."""
    found = ModuleType("time")
    found.__dict__.update(clocks, monotonic=lambda: 1.0, clock_gettime=float)
    return found


@pytest.mark.parametrize(
    ("platform", "clocks", "answer"),
    [
        ("linux", {"CLOCK_BOOTTIME": 7}, 7.0),
        ("linux", {}, 1.0),
        ("darwin", {"CLOCK_MONOTONIC": 6, "CLOCK_MONOTONIC_RAW": 4, "CLOCK_UPTIME_RAW": 8}, 4.0),
        ("win32", {}, 1.0),
    ],
)
def test_each_system_has_one_that_goes_on_in_its_sleep(
    platform: str, clocks: dict[str, int], answer: float
) -> None:
    assert steady_clock(platform, system(**clocks))() == answer


def test_it_goes_as_fast_as_the_wall_clock() -> None:
    clock = SystemClock()
    steady, wall = clock.monotonic(), time.monotonic()
    while time.monotonic() < wall + 0.02:
        continue
    assert clock.monotonic() - steady == pytest.approx(0.02, abs=0.01)


def test_no_two_threads_are_given_the_same_chance() -> None:
    dice = SystemDice()
    with ThreadPoolExecutor(4) as crowd:
        found = list(crowd.map(lambda _: dice.getrandbits(80), range(2000)))
    assert len(set(found)) == 2000
    assert all(0 <= each < 1 << 80 for each in found)
    assert 0.4 < sum(dice.random() for _ in range(2000)) / 2000 < 0.6
    assert {dice.getrandbits(1) for _ in range(99)} == {0, 1}

"""Which clock counts while the machine sleeps."""

from __future__ import annotations

import time
from types import ModuleType

import pytest

from freellm_cli.services.system_clock import SystemClock, steady_clock


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

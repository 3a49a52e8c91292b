"""Steady time: no leap of the clock and no restart of the machine moves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.core.limits import guard_s
from freellm_cli.storage.ledger import Lease, Refused
from freellm_cli.storage.timeline import boot_identity
from tests.support.ledgers import START, House, ask, house, refuse, spend
from tests.support.strict_world import WorldClock
from tests.support.targets import PACIFIC, per_day, per_minute, target

SPAN = 60.0 + guard_s(60.0)
DAY = 86_400.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.mark.parametrize("leap", [3600.0, -3600.0, 40 * DAY, -40 * DAY, 3.0, -3.0])
def test_a_leap_of_the_clock_neither_frees_nor_blocks(home: House, leap: float) -> None:
    ledger, one = home.ledger(), target("a", per_minute(1))
    spend(ledger, one)
    home.clock.advance(20.0)
    home.clock.leap(leap)
    assert refuse(ledger, one, wait_policy="never").wait_s == pytest.approx(SPAN - 20.0)
    newcomer = home.ledger()
    assert refuse(newcomer, one, wait_policy="never").wait_s == pytest.approx(SPAN - 20.0)
    home.clock.advance(SPAN - 20.0)
    assert isinstance(ask(newcomer, one), Lease)


def test_a_suspended_laptop_wakes_to_free_windows(home: House) -> None:
    ledger, one = home.ledger(), target("a", per_minute(1), per_day(2, PACIFIC))
    spend(ledger, one)
    home.clock.advance(9 * 3600.0)
    assert ledger.usage(one.limits)[0].used == 0
    assert ledger.usage(one.limits)[1].used == 1


class Rebooted(WorldClock):
    """The machine after a restart: its monotonic clock begins anew."""

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self._steady = 5.0


def test_a_restart_of_the_machine_forgets_nothing(home: House) -> None:
    one = target("a", per_minute(1))
    spend(home.ledger(), one)
    home.clock = Rebooted(START + 30.0)
    ledger = home.ledger(boot="next boot")
    assert refuse(ledger, one, wait_policy="never").wait_s == pytest.approx(SPAN - 30.0)


def test_a_restart_after_a_leap_goes_on_from_the_clock_as_it_was_set(home: House) -> None:
    one = target("a", per_minute(1))
    ledger = home.ledger()
    spend(ledger, one)
    home.clock.leap(7200.0)
    spend(ledger, target("other"))  # somebody notices the leap
    home.clock = Rebooted(START + 7200.0 + 30.0)
    ledger = home.ledger(boot="next boot")
    assert refuse(ledger, one, wait_policy="never").wait_s == pytest.approx(SPAN - 30.0)


def test_a_machine_that_starts_without_a_battery_clock_blocks_nobody_for_years(
    home: House,
) -> None:
    one = target("a", per_minute(1))
    spend(home.ledger(), one)
    home.clock = Rebooted(0.0)
    ledger = home.ledger(boot="next boot")
    wait_s = refuse(ledger, one, wait_policy="never").wait_s
    assert wait_s is not None
    assert wait_s == pytest.approx(SPAN)
    home.clock.leap(START + 600.0)  # the network told it the time
    home.clock.advance(wait_s)
    assert isinstance(ask(ledger, one), Lease)


def test_two_starts_of_one_machine_do_not_disturb_each_other(home: House) -> None:
    """As two containers with clocks of their own on one folder."""
    one = target("a", per_minute(2))
    here = home.ledger()
    spend(here, one)
    there_clock = Rebooted(START)
    mine, home.clock = home.clock, there_clock
    there = home.ledger(boot="another boot")
    spend(there, one)
    mine.advance(10.0)
    there_clock.advance(10.0)
    for ledger in (here, there):
        refused = ask(ledger, one, wait_policy="never")
        assert isinstance(refused, Refused)
        assert refused.wait_s == pytest.approx(SPAN - 10.0)


def test_the_day_follows_the_clock_on_the_wall(home: House) -> None:
    ledger, one = home.ledger(), target("a", per_day(1, PACIFIC))
    spend(ledger, one)
    home.clock.leap(DAY)
    spend(ledger, one)
    home.clock.leap(-DAY)
    assert refuse(ledger, one, wait_policy="never").daily
    assert ledger.usage(one.limits)[0].used == 2
    home.clock.advance(DAY)
    assert ledger.usage(one.limits)[0].used == 0


def test_this_machine_has_one_name_for_its_start() -> None:
    from freellm_cli.services.system_clock import SystemClock

    clock = SystemClock()
    assert boot_identity(clock) == boot_identity(clock) != ""

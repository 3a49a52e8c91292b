"""The line: who waits, in which order, and for how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.core.limits import guard_s
from freellm_cli.core.rotation import Candidate
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage import ledger_look
from freellm_cli.storage.ledger import Lease, Ledger, OnWait, Refused, Wait
from tests.support.ledgers import House, ask, house, refuse, spend, take, wait
from tests.support.targets import at_once, per_day, per_minute, pool, target

SPAN = 60.0 + guard_s(60.0)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def ledger(home: House) -> Ledger:
    return home.ledger()


class Waiter:
    """One who stands in line and looks whenever it said it would."""

    def __init__(self, home: House, ledger: Ledger, one: object, **more: object) -> None:
        self._home = home
        self._ask = lambda **ticket: ask(ledger, one, **more, **ticket)  # type: ignore[arg-type]
        self.found: Lease | Wait | Refused = self._ask()
        self.looks_at = self._next()

    def _next(self) -> float:
        found = self.found
        return self._home.clock.now() + (found.look_in_s if isinstance(found, Wait) else 1e9)

    def look(self) -> None:
        if isinstance(self.found, Wait):
            self.found = self._ask(ticket=self.found.ticket)
        self.looks_at = self._next()

    @property
    def is_served(self) -> bool:
        return isinstance(self.found, Lease)


def pass_time(home: House, seconds: float, *waiters: Waiter) -> None:
    """Everybody looks when it is time."""
    end = home.clock.now() + seconds
    while True:
        following = min(waiters, key=lambda waiter: waiter.looks_at)
        if following.looks_at > end:
            home.clock.advance(end - home.clock.now())
            return
        home.clock.advance(max(0.0, following.looks_at - home.clock.now()))
        following.look()


def test_a_waiter_is_told_its_place_its_time_and_why(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    first = wait(ledger, one)
    assert (first.position, first.sure) == (0, True)
    assert first.until == pytest.approx(home.clock.now() + SPAN)
    assert [reason.text for reason in first.reasons] == ["1 request per minute (1 used)"]
    second = wait(ledger, one)
    assert second.position == 1
    assert second.until == pytest.approx(home.clock.now() + 2 * SPAN)


def test_who_came_first_goes_first(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    first, second = Waiter(home, ledger, one), Waiter(home, home.ledger(), one)
    pass_time(home, SPAN + 0.01, second, first)
    assert (first.is_served, second.is_served) == (True, False)


def test_who_comes_now_leaves_to_the_waiting_what_they_will_take(
    home: House, ledger: Ledger
) -> None:
    keys = pool(2, per_minute(1))
    spend(ledger, keys)
    spend(ledger, keys)
    waiting = Waiter(home, ledger, keys)
    pass_time(home, SPAN - 0.01, waiting)
    home.clock.advance(0.02)
    assert isinstance(ask(ledger, keys), Lease)  # there is enough for both
    assert isinstance(ask(ledger, keys), Wait)
    waiting.look()
    assert waiting.is_served


def test_those_who_want_something_else_pass_by(ledger: Ledger) -> None:
    one, other = target("a", per_minute(1)), target("b", per_minute(1))
    spend(ledger, one)
    wait(ledger, one)
    assert isinstance(ask(ledger, other), Lease)


def test_interactive_goes_before_batch(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    batch = Waiter(home, ledger, one, lane="batch")
    person = Waiter(home, ledger, one)
    pass_time(home, SPAN + 0.01, batch, person)
    assert (person.is_served, batch.is_served) == (True, False)


def test_who_waits_is_counted_by_lane_as_long_as_it_looks(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    assert ledger.waiting() == {"interactive": 0, "batch": 0}
    waiters = [Waiter(home, ledger, one, lane=lane) for lane in ("interactive", "batch", "batch")]
    assert ledger.waiting() == {"interactive": 1, "batch": 2}
    home.clock.advance(max(waiter.looks_at for waiter in waiters) - home.clock.now() + 60)
    assert ledger.waiting() == {"interactive": 0, "batch": 0}


def test_a_waiter_that_does_not_look_is_passed_over_until_it_does(
    home: House, ledger: Ledger
) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    asleep = wait(ledger, one)
    home.clock.advance(SPAN + 1.0)
    spend(home.ledger(), one)
    home.clock.advance(SPAN)
    assert isinstance(ask(ledger, one, ticket=asleep.ticket), Lease)


def test_who_leaves_the_line_is_in_nobodys_way(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    ledger.leave(wait(ledger, one).ticket)
    assert wait(ledger, one).position == 0


def test_the_line_is_bounded(ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    for _ in range(ledger_look.LONGEST_LINE):
        found = ask(ledger, one, patience_s=1e9)
        assert isinstance(found, Wait)
    refused = refuse(ledger, one, patience_s=1e9)
    assert refused.full
    assert refused.wait_s is not None


def test_a_waiter_whose_time_has_come_too_late_is_refused(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    waiting = wait(ledger, one, patience_s=70.0)
    ledger.rest("credential:a", until=home.clock.now() + 300, reason="?", kind="overloaded")
    refused = ask(ledger, one, patience_s=70.0, ticket=waiting.ticket)
    assert isinstance(refused, Refused)
    assert refused.wait_s == pytest.approx(300.0)
    assert wait(ledger, one).position == 0


def test_a_guess_does_not_refuse_before_the_deadline(home: House, ledger: Ledger) -> None:
    one = target("a", at_once(1))
    take(ledger, one)
    waiting = wait(ledger, one, patience_s=1.0)
    assert not waiting.sure
    assert waiting.look_in_s == pytest.approx(0.05)
    home.clock.advance(1.5)
    assert isinstance(ask(ledger, one, patience_s=0.0, ticket=waiting.ticket), Refused)


def test_a_guess_is_looked_at_ever_more_seldom(home: House, ledger: Ledger) -> None:
    one = target("a", at_once(1))
    take(ledger, one)
    waiting = wait(ledger, one)
    looks = []
    for _ in range(40):
        home.clock.advance(waiting.look_in_s)
        waiting = wait(ledger, one, ticket=waiting.ticket)
        looks.append(waiting.look_in_s)
    assert looks == sorted(looks)
    assert looks[-1] == 0.5


def test_a_long_wait_is_slept_through(home: House, ledger: Ledger) -> None:
    one = target("a", per_day(1, "UTC"))
    spend(ledger, one)
    assert wait(ledger, one).look_in_s == 30.0


def test_waiters_at_a_reset_go_one_after_the_other(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(10), per_day(10, "UTC"))
    for _ in range(10):
        spend(ledger, one)
        home.clock.advance(10.0)
    midnight = refuse(ledger, one, wait_policy="never").wait_s
    assert midnight is not None
    waiters = [Waiter(home, ledger, one) for _ in range(3)]
    for after, served in ((0.01, 1), (0.1, 2), (0.1, 3)):
        pass_time(home, midnight + after, *waiters)
        midnight = 0.0
        assert sum(waiter.is_served for waiter in waiters) == served


def test_capacity_that_comes_back_unexpectedly_is_found_at_the_next_look(
    home: House, ledger: Ledger
) -> None:
    one = target("a", per_minute(1))
    lease = take(ledger, one)
    waiting = wait(ledger, one)
    assert waiting.look_in_s < 2.0
    ledger.release(lease)
    home.clock.advance(waiting.look_in_s)
    assert isinstance(ask(ledger, one, ticket=waiting.ticket), Lease)


# Sleeping


def sleeper(home: House, naps: list[float]) -> object:
    def pause(woken: threading.Event, seconds: float) -> None:
        naps.append(seconds)
        home.clock.advance(seconds)

    return pause


class Told:
    """An `OnWait`: the seconds that were told before each nap, and at each end."""

    def __init__(self) -> None:
        self.naps: list[float] = []
        self.ends: list[float] = []

    def __call__(self, found: Wait | None, seconds: float) -> None:
        (self.ends if found is None else self.naps).append(seconds)


def ask_and_wait(home: House, ledger: Ledger, one: Candidate, on_wait: OnWait) -> None:
    ledger.acquire_or_wait(
        [one], tokens=1, request_id="r", deadline=home.clock.now() + 100, on_wait=on_wait
    )


def spent_for_now(home: House) -> tuple[Ledger, Candidate, list[float]]:
    """A target whose minute is used up, and the naps of who waits for it."""
    naps: list[float] = []
    ledger = home.ledger(pause=sleeper(home, naps))
    one = target("a", per_minute(1))
    spend(ledger, one)
    return ledger, one, naps


def test_waiting_ends_with_the_lease(home: House) -> None:
    ledger, one, naps = spent_for_now(home)
    found = ledger.acquire_or_wait([one], tokens=1, request_id="r", deadline=home.clock.now() + 100)
    assert isinstance(found, Lease)
    assert sum(naps) == pytest.approx(SPAN, abs=0.01)


def test_a_wait_is_told_before_each_nap_and_when_it_is_over(home: House) -> None:
    ledger, one, naps = spent_for_now(home)
    told = Told()
    ask_and_wait(home, ledger, one, on_wait=told)
    assert told.naps == pytest.approx([sum(naps[:count]) for count in range(len(naps))])
    assert told.ends == pytest.approx([sum(naps)])


def test_who_need_not_wait_is_told_of_no_wait(home: House) -> None:
    told = Told()
    ask_and_wait(home, home.ledger(), target("a", per_minute(1)), on_wait=told)
    assert (told.naps, told.ends) == ([], [])


def test_waiting_can_be_given_up_and_leaves_no_ticket(home: House) -> None:
    ledger, one, naps = spent_for_now(home)
    told = Told()
    found = ledger.acquire_or_wait(
        [one],
        tokens=1,
        request_id="r",
        deadline=home.clock.now() + 100,
        abandoned=lambda: len(naps) >= 2,
        on_wait=told,
    )
    assert isinstance(found, Refused)
    assert told.ends == pytest.approx([sum(naps)])
    assert wait(ledger, one).position == 0


def test_an_error_while_waiting_leaves_no_ticket(home: House) -> None:
    def interrupted(woken: threading.Event, seconds: float) -> None:
        home.clock.advance(seconds)
        raise KeyboardInterrupt

    ledger = home.ledger(pause=interrupted)
    one = target("a", per_minute(1))
    spend(ledger, one)
    told = Told()
    with pytest.raises(KeyboardInterrupt):
        ask_and_wait(home, ledger, one, on_wait=told)
    (seconds,) = told.ends
    assert seconds > 0
    assert wait(ledger, one).position == 0


def test_a_clock_that_leaps_does_not_shorten_anybodys_patience(home: House) -> None:
    def pause(woken: threading.Event, seconds: float) -> None:
        home.clock.leap(3600.0)
        home.clock.advance(seconds)

    ledger = home.ledger(pause=pause)
    one = target("a", per_minute(1))
    spend(ledger, one)
    found = ledger.acquire_or_wait([one], tokens=1, request_id="r", deadline=home.clock.now() + 100)
    assert isinstance(found, Lease)


def test_a_thread_is_woken_when_a_lease_of_its_process_ends(tmp_path: Path) -> None:
    import random

    ledger = Ledger(str(tmp_path / "ledger.db"), clock=SystemClock(), rng=random.Random(1))
    one = target("a", at_once(1))
    lease = ledger.acquire((one,), tokens=1, request_id="r", deadline=time.time() + 30)
    assert isinstance(lease, Lease)
    waits = threading.Event()
    found: list[object] = []

    def other() -> None:
        found.append(
            ledger.acquire_or_wait(
                (one,),
                tokens=1,
                request_id="s",
                deadline=time.time() + 30,
                on_wait=lambda found, seconds: waits.set(),
            )
        )

    thread = threading.Thread(target=other)
    thread.start()
    assert waits.wait(10)
    ledger.settle(lease, tokens=1, answered_at=None, outcome="ok")
    thread.join(10)
    assert isinstance(found[0], Lease)
    ledger.close()

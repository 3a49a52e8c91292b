"""Cooldowns: stored, capped, never shortened, and healed by one trial."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.storage.ledger import Lease, Ledger, Refused, Wait
from tests.support.ledgers import House, ask, house, refuse, spend, take, wait
from tests.support.targets import per_minute, pool, target

HOUR = 3600.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def ledger(home: House) -> Ledger:
    return home.ledger()


def rest(
    home: House, ledger: Ledger, key: str, seconds: float | None, *, kind: str = "overloaded"
) -> None:
    until = None if seconds is None else home.clock.now() + seconds
    ledger.rest(key, until=until, reason="it said so", kind=kind, request_id="req_9")


def test_a_rest_excludes_its_targets_in_every_process(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 60)
    refused = refuse(home.ledger(), target("a"), wait_policy="never")
    assert refused.wait_s == pytest.approx(60)
    assert refused.reasons[0].text == "the credential rests: it said so"
    assert isinstance(ask(ledger, target("b")), Lease)


def test_a_rest_survives_a_restart(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 60)
    ledger.close()
    assert isinstance(ask(home.ledger(), target("a"), wait_policy="never"), Refused)


def test_a_rest_tells_all_about_itself(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 60)
    (found,) = ledger.rests()
    assert found.key == "credential:a"
    assert found.until == pytest.approx(home.clock.now() + 60)
    assert (found.kind, found.reason, found.request_id) == ("overloaded", "it said so", "req_9")
    assert (found.strikes, found.due, found.trying) == (1, False, False)


def test_no_rest_lasts_longer_than_a_day_and_a_half(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 400 * HOUR)
    assert ledger.rests()[0].until == pytest.approx(home.clock.now() + 36 * HOUR)


def test_a_smaller_hint_does_not_shorten_a_rest(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 5 * HOUR, kind="quota_exhausted_day")
    rest(home, ledger, "credential:a", 10, kind="rate_limited_minute")
    (found,) = ledger.rests()
    assert found.until == pytest.approx(home.clock.now() + 5 * HOUR)
    assert found.kind == "quota_exhausted_day"
    assert found.strikes == 2


def test_a_longer_hint_prolongs_it(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 10)
    rest(home, ledger, "credential:a", 100)
    assert ledger.rests()[0].until == pytest.approx(home.clock.now() + 100)


def test_a_rest_without_an_end_lasts_until_it_is_woken(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", None, kind="auth_invalid")
    home.clock.advance(1000 * HOUR)
    assert refuse(ledger, target("a")).earliest is None
    assert ledger.wake("credential:a") == 1
    assert isinstance(ask(ledger, target("a")), Lease)
    assert ledger.strikes("credential:a") == 0


def test_waking_all_wakes_all(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 60)
    rest(home, ledger, "provider:groq", 60)
    assert ledger.wake(None) == 2
    assert ledger.rests() == []


def test_a_day_rest_makes_the_wait_a_daily_one(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "target:a/gemini/gemini-2.5-flash", 5 * HOUR, kind="quota_exhausted_day")
    assert refuse(ledger, target("a"), patience_s=10).daily


# Healing


def test_when_due_one_request_tries_it_and_the_others_wait(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 10)
    home.clock.advance(10)
    trial = take(ledger, target("a"))
    assert trial.is_trial
    assert isinstance(ask(home.ledger(), target("a")), Wait)
    (found,) = ledger.rests()
    assert (found.due, found.trying) == (True, True)


def test_a_trial_that_succeeds_heals(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 10)
    home.clock.advance(10)
    trial = take(ledger, target("a"))
    ledger.settle(trial, tokens=1, answered_at=None, outcome="ok")
    assert ledger.rests() == []
    assert ledger.strikes("credential:a") == 0
    assert not take(ledger, target("a")).is_trial


def test_a_trial_that_speaks_heals_before_its_end(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 10)
    home.clock.advance(10)
    trial = take(ledger, target("a"))
    ledger.prove(trial)
    assert isinstance(ask(ledger, target("a")), Lease)


@pytest.mark.parametrize("settled_first", [True, False])
def test_a_trial_that_fails_makes_the_rest_longer(
    home: House, ledger: Ledger, settled_first: bool
) -> None:
    rest(home, ledger, "credential:a", 10)
    home.clock.advance(10)
    trial = take(ledger, target("a"))
    if settled_first:
        ledger.settle(trial, tokens=0, answered_at=None, outcome="overloaded")
    rest(home, ledger, "credential:a", 20)
    if not settled_first:
        ledger.settle(trial, tokens=0, answered_at=None, outcome="overloaded")
    assert ledger.strikes("credential:a") == 2
    assert isinstance(ask(ledger, target("a"), wait_policy="never"), Refused)
    home.clock.advance(20)
    assert take(ledger, target("a")).is_trial


@pytest.mark.parametrize("how", ["released", "said nothing of the target", "lost"])
def test_a_trial_without_a_verdict_leaves_it_to_the_next(
    home: House, ledger: Ledger, how: str
) -> None:
    rest(home, ledger, "credential:a", 10)
    home.clock.advance(10)
    trial = take(ledger, target("a"), patience_s=5)
    if how == "released":
        ledger.release(trial)
    elif how == "lost":
        home.clock.advance(11)
    else:
        ledger.settle(trial, tokens=0, answered_at=None, outcome="bad_request")
    assert take(ledger, target("a")).is_trial


def test_a_known_window_needs_no_trial(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 10, kind="rate_limited_minute")
    home.clock.advance(10)
    assert ledger.rests() == []
    assert not take(ledger, target("a")).is_trial
    assert isinstance(ask(ledger, target("a")), Lease)


def test_strikes_grow_until_a_success(home: House, ledger: Ledger) -> None:
    for strikes in (1, 2, 3):
        rest(home, ledger, "credential:a", 10, kind="rate_limited_minute")
        assert ledger.strikes("credential:a") == strikes
        home.clock.advance(10)
    spend(ledger, target("a"))
    assert ledger.strikes("credential:a") == 0


def test_one_trial_tries_everything_that_is_due_at_once(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 10)
    rest(home, ledger, "provider:gemini", 10)
    home.clock.advance(10)
    spend(ledger, target("a"))
    assert ledger.rests() == []


def test_a_provider_that_is_tried_is_tried_once_for_all_its_keys(
    home: House, ledger: Ledger
) -> None:
    keys = pool(3, per_minute(10))
    rest(home, ledger, "provider:gemini", 10)
    home.clock.advance(10)
    assert take(ledger, keys).is_trial
    assert isinstance(ask(ledger, keys, wait_policy="never"), Refused)


def test_a_success_does_not_end_a_rest_that_came_meanwhile(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 10)
    home.clock.advance(10)
    slow = take(ledger, target("a"))
    rest(home, ledger, "credential:a", 100)
    ledger.settle(slow, tokens=1, answered_at=None, outcome="ok")
    assert isinstance(ask(ledger, target("a"), wait_policy="never"), Refused)


# Clocks


def test_a_short_rest_lasts_as_long_whatever_the_clock_does(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 60)
    home.clock.leap(7200)
    assert refuse(ledger, target("a"), wait_policy="never").wait_s == pytest.approx(60)
    home.clock.leap(-14400)
    assert refuse(ledger, target("a"), wait_policy="never").wait_s == pytest.approx(60)


def test_a_rest_until_midnight_ends_at_midnight_whatever_the_clock_does(
    home: House, ledger: Ledger
) -> None:
    rest(home, ledger, "credential:a", 5 * HOUR, kind="quota_exhausted_day")
    home.clock.leap(HOUR)
    assert refuse(ledger, target("a"), wait_policy="never").wait_s == pytest.approx(4 * HOUR)


def test_a_waiter_sees_a_waking(home: House, ledger: Ledger) -> None:
    rest(home, ledger, "credential:a", 30)
    waiting = wait(ledger, target("a"))
    home.ledger().wake("credential:a")
    assert isinstance(ask(ledger, target("a"), ticket=waiting.ticket), Lease)

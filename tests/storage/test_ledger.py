"""Leases: taken, settled, released, and what they leave behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freellm_cli.core.limits import COUNT_ONLY, Limit, guard_s
from freellm_cli.core.rotation import Candidate
from freellm_cli.storage.ledger import Lease, Ledger, Refused, Wait
from tests.support.ledgers import House, ask, house, refuse, spend, take, wait
from tests.support.targets import (
    at_once,
    first_use,
    per_day,
    per_minute,
    pool,
    target,
    tokens_per_minute,
)

SPAN = 60.0 + guard_s(60.0)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def ledger(home: House) -> Ledger:
    return home.ledger()


def used(ledger: Ledger, candidate: Candidate, place: int = 0) -> int:
    return ledger.usage([candidate.limits[place]])[0].used


def test_a_lease_says_who_and_for_whom(ledger: Ledger) -> None:
    lease = take(ledger, target("a", per_minute(1)), request_id="req_1", tokens=70)
    assert (lease.candidate.credential, lease.request_id, lease.tokens) == ("a", "req_1", 70)
    assert [(each.target, each.request_id, each.tokens) for each in ledger.open_leases()] == [
        ("a/gemini/gemini-2.5-flash", "req_1", 70)
    ]


def test_an_open_lease_holds_its_place_for_every_process(home: House) -> None:
    one = target("a", per_minute(1))
    take(home.ledger(), one)
    assert isinstance(ask(home.ledger(), one), Wait)


def test_a_settled_request_counts_from_its_answer_on(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    lease = take(ledger, one)
    home.clock.advance(2.0)
    answered_at = home.clock.now()
    home.clock.advance(10.0)
    ledger.settle(lease, tokens=5, answered_at=answered_at, outcome="ok")
    home.clock.advance(SPAN - 10.0 - 0.001)
    assert isinstance(ask(ledger, one, wait_policy="never"), Refused)
    home.clock.advance(0.002)
    assert isinstance(ask(ledger, one), Lease)


def test_a_request_without_an_answer_counts_from_its_settling(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    lease = take(ledger, one)
    home.clock.advance(30.0)
    ledger.settle(lease, tokens=None, answered_at=None, outcome="timeout")
    refused = refuse(ledger, one, wait_policy="never")
    assert refused.wait_s == pytest.approx(SPAN)


def test_a_released_lease_never_was(ledger: Ledger) -> None:
    one = target("a", per_minute(1), per_day(1), tokens_per_minute(100), at_once(1))
    ledger.release(take(ledger, one))
    assert [usage.used for usage in ledger.usage(one.limits)] == [0, 0, 0, 0]
    assert isinstance(ask(ledger, one), Lease)


def test_a_lease_that_was_sent_cannot_be_released_for_nothing(ledger: Ledger) -> None:
    one = target("a", per_minute(1))
    lease = take(ledger, one)
    ledger.mark_sent(lease)
    ledger.release(lease)
    assert used(ledger, one) == 1


def test_real_usage_takes_the_place_of_the_estimate(ledger: Ledger) -> None:
    one = target("a", tokens_per_minute(1000))
    lease = take(ledger, one, tokens=800)
    assert used(ledger, one) == 800
    ledger.settle(lease, tokens=150, answered_at=None, outcome="ok")
    assert used(ledger, one) == 150


def test_without_real_usage_the_estimate_stands(ledger: Ledger) -> None:
    one = target("a", tokens_per_minute(1000))
    spend(ledger, one, tokens=800, real=None)
    assert used(ledger, one) == 800


def test_a_refusal_that_the_provider_does_not_count_is_not_counted(ledger: Ledger) -> None:
    one = target("a", per_minute(5), tokens_per_minute(1000))
    lease = take(ledger, one)
    ledger.mark_sent(lease)
    ledger.settle(lease, tokens=0, answered_at=None, outcome="overloaded", requests=0)
    assert [usage.used for usage in ledger.usage(one.limits)] == [0, 0]


def test_places_at_once_come_back_with_settling(ledger: Ledger) -> None:
    one = target("a", at_once(1))
    lease = take(ledger, one)
    assert isinstance(ask(ledger, one, wait_policy="never"), Refused)
    ledger.settle(lease, tokens=1, answered_at=None, outcome="ok")
    assert isinstance(ask(ledger, one), Lease)


def test_a_day_is_spent_until_midnight(home: House, ledger: Ledger) -> None:
    one = target("a", per_day(2, "UTC"))
    spend(ledger, one)
    spend(ledger, one)
    refused = refuse(ledger, one, wait_policy="never")
    assert refused.daily
    assert refused.wait_s is not None
    home.clock.advance(refused.wait_s)
    assert isinstance(ask(ledger, one), Lease)


def test_a_window_from_the_first_use_begins_anew(home: House, ledger: Ledger) -> None:
    one = target("a", first_use(2, 3600.0))
    spend(ledger, one)
    home.clock.advance(1000.0)
    spend(ledger, one)
    home.clock.advance(2599.0)
    assert isinstance(ask(ledger, one, wait_policy="never"), Refused)
    home.clock.advance(2.0)
    spend(ledger, one)
    home.clock.advance(1000.0)
    spend(ledger, one)
    assert isinstance(ask(ledger, one, wait_policy="never"), Refused)


def test_keys_of_one_account_share_its_limits(ledger: Ledger) -> None:
    shared = per_minute(2, meter="account:groq/main|*")
    keys = [target(name, shared, account="main") for name in ("a", "b", "c")]
    spend(ledger, keys[0])
    spend(ledger, keys[1])
    assert isinstance(ask(ledger, keys, wait_policy="never"), Refused)


def test_load_is_spread_evenly(ledger: Ledger) -> None:
    keys = pool(4, per_minute(1000))
    spent = [spend(ledger, keys).candidate.credential for _ in range(40)]
    assert {spent.count(key.credential) for key in keys} == {10}


def test_a_target_without_limits_is_always_free_and_takes_turns(
    home: House, ledger: Ledger
) -> None:
    keys = pool(2)
    spent = []
    for _ in range(4):
        spent.append(spend(ledger, keys).candidate.credential)
        home.clock.advance(0.1)
    assert spent == ["gemini-1", "gemini-2", "gemini-1", "gemini-2"]


def test_a_conversation_keeps_its_credential(ledger: Ledger) -> None:
    keys = pool(3, per_minute(100))
    first = spend(ledger, keys, sticky="talk").candidate.credential
    for _ in range(5):
        spend(ledger, keys)
        assert spend(ledger, keys, sticky="talk").candidate.credential == first
    assert ledger.last_credential("talk") == first


def test_a_later_step_is_preferred_to_waiting(ledger: Ledger) -> None:
    steps = (target("a", per_minute(1)), target("b", per_minute(1), step=1))
    assert take(ledger, steps).candidate.credential == "a"
    assert take(ledger, steps).candidate.credential == "b"


def test_one_who_insists_waits_for_the_first_step(ledger: Ledger) -> None:
    steps = (target("a", per_minute(1)), target("b", per_minute(1), step=1))
    spend(ledger, steps)
    found = wait(ledger, steps, wait_policy="first")
    assert found.until == pytest.approx(ledger.usage(steps[0].limits)[0].resets_at)


def test_one_who_insists_in_vain_takes_a_later_step(ledger: Ledger) -> None:
    steps = (target("a", per_minute(1)), target("b", per_minute(1), step=1))
    spend(ledger, steps)
    assert take(ledger, steps, wait_policy="first", patience_s=5.0).candidate.credential == "b"


def test_a_share_is_left_for_others(ledger: Ledger) -> None:
    one = target("a", per_minute(10))
    for _ in range(8):
        spend(ledger, one, reserve=0.2)
    assert isinstance(ask(ledger, one, reserve=0.2, wait_policy="never"), Refused)
    spend(ledger, one)


# Refusals


def test_a_wait_that_cannot_end_in_time_is_refused_at_once_with_its_true_length(
    ledger: Ledger,
) -> None:
    one = target("a", per_minute(1))
    spend(ledger, one)
    refused = refuse(ledger, one, patience_s=30.0)
    assert refused.wait_s == pytest.approx(SPAN)
    assert not refused.daily
    assert [(reason.why, reason.text) for reason in refused.reasons] == [
        ("limit", "1 request per minute (1 used)")
    ]


def test_what_can_never_be_has_no_time(ledger: Ledger) -> None:
    refused = refuse(ledger, target("a", per_day(0)))
    assert (refused.earliest, refused.wait_s) == (None, None)
    refused = refuse(ledger, target("b", tokens_per_minute(50)), tokens=51)
    assert refused.earliest is None
    assert refused.reasons[0].why == "too_large"


def test_nothing_is_written_by_a_refusal(ledger: Ledger) -> None:
    one = target("a", per_day(0))
    refuse(ledger, one)
    assert ledger.open_leases() == []
    assert used(ledger, one) == 0


def test_no_candidate_at_all_is_a_refusal(ledger: Ledger) -> None:
    assert refuse(ledger, ()).earliest is None


# Between


def test_an_expired_lease_may_not_be_sent(home: House, ledger: Ledger) -> None:
    lease = take(ledger, target("a", per_minute(1)), patience_s=10.0)
    assert ledger.mark_sent(lease)
    home.clock.advance(16.0)
    assert not ledger.mark_sent(lease)


def test_a_lease_past_its_deadline_is_given_up_for_it(home: House, ledger: Ledger) -> None:
    one = target("a", at_once(1))
    lease = take(ledger, one, patience_s=10.0)
    home.clock.advance(16.0)
    assert isinstance(ask(ledger, one), Lease)
    assert not ledger.settle(lease, tokens=5, answered_at=None, outcome="ok")


def test_a_sent_lease_past_its_deadline_counts_as_spent_from_then(
    home: House, ledger: Ledger
) -> None:
    one = target("a", per_minute(1), at_once(1))
    lease = take(ledger, one, patience_s=10.0)
    ledger.mark_sent(lease)
    home.clock.advance(16.0)
    refused = refuse(ledger, one, wait_policy="never")
    assert refused.wait_s == pytest.approx(SPAN)


def test_a_stream_counts_from_its_headers_while_it_still_runs(home: House) -> None:
    mine, other = home.ledger(), home.ledger()
    one = target("a", per_minute(1))
    lease = take(mine, one)
    mine.mark_sent(lease)
    home.clock.advance(1.0)
    mine.answered(lease, home.clock.now())
    home.clock.advance(30.0)
    assert refuse(other, one, wait_policy="never").wait_s == pytest.approx(SPAN - 30.0)
    home.clock.advance(SPAN - 29.9)
    assert isinstance(ask(other, one), Lease)


def test_a_stream_holds_its_place_at_once_until_its_end(home: House) -> None:
    mine, other = home.ledger(), home.ledger()
    one = target("a", at_once(1), per_minute(100))
    lease = take(mine, one)
    mine.mark_sent(lease)
    mine.answered(lease, home.clock.now())
    home.clock.advance(1.0)
    assert isinstance(ask(other, one, wait_policy="never"), Refused)
    mine.settle(lease, tokens=None, answered_at=None, outcome="ok")
    assert isinstance(ask(other, one), Lease)


def test_a_stream_is_counted_once_with_its_real_tokens(home: House) -> None:
    mine, other = home.ledger(), home.ledger()
    one = target("a", per_minute(1), tokens_per_minute(1000))
    lease = take(mine, one, tokens=900)
    mine.mark_sent(lease)
    mine.answered(lease, home.clock.now())
    home.clock.advance(1.0)
    refuse(other, one, wait_policy="never")
    mine.settle(lease, tokens=300, answered_at=None, outcome="ok")
    assert [usage.used for usage in mine.usage(one.limits)] == [1, 300]


# Usage


def test_usage_tells_what_is_used_open_and_when_it_is_back(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(5), per_day(9, "UTC"))
    spend(ledger, one)
    take(ledger, one)
    minute, day = ledger.usage(one.limits)
    assert (minute.used, minute.open) == (2, 1)
    assert minute.resets_at == pytest.approx(home.clock.now() + SPAN)
    assert day.used == 2
    assert day.resets_at is not None
    assert (day.resets_at - 2.0) % 86_400 == 0


def test_usage_of_what_was_never_used_is_nothing(ledger: Ledger) -> None:
    usage = ledger.usage([per_minute(5, meter="credential:nobody|x")])[0]
    assert (usage.used, usage.open, usage.resets_at) == (0, 0, None)


def test_asking_for_usage_forgets_what_left_the_window_and_writes_nothing(
    home: House, ledger: Ledger
) -> None:
    one = target("a", per_minute(5))
    spend(ledger, one)
    home.clock.advance(SPAN)
    assert used(ledger, one) == 0
    with closing(sqlite3.connect(home.path)) as file:
        assert file.execute("SELECT count(*) FROM slice").fetchone() == (1,)


def test_usage_is_known_before_a_limit_is(ledger: Ledger) -> None:
    meter = "credential:a|gemini-2.5-flash"
    counting = target("a", per_day(COUNT_ONLY, "UTC"))
    for _ in range(3):
        spend(ledger, counting)
    told = Limit(meter, "requests", counting.limits[0].window, 3)
    ledger.learn(told, evidence="x-ratelimit-limit-requests")
    assert refuse(ledger, counting, wait_policy="never").daily

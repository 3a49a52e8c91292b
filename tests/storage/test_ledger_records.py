"""What the ledger remembers: learned limits, past requests, conversations; and its views."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freellm_cli.core.limits import COUNT_ONLY, REQUESTS, TOKENS, Limit, Window
from freellm_cli.storage import ledger_history
from freellm_cli.storage.ledger import Lease, Ledger, Refused
from tests.support.ledgers import House, ask, house, refuse, spend, take
from tests.support.targets import first_use, per_day, per_minute, target, tokens_per_minute

METER = "credential:a|gemini-2.5-flash"
MINUTE = Window("sliding", 60.0)
DAY = Window("day", 0.0, "UTC")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.fixture
def ledger(home: House) -> Ledger:
    return home.ledger()


def told(amount: int, window: Window = MINUTE, unit: str = REQUESTS) -> Limit:
    return Limit(METER, unit, window, amount, "learned")


# Learned limits


def test_a_learned_limit_holds_at_once_for_every_process(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(10))
    other = home.ledger()
    spend(other, one)
    ledger.learn(told(1), evidence="x-ratelimit-limit-requests")
    refused = refuse(other, one, wait_policy="never")
    assert refused.reasons[0].text == "1 request per minute (1 used, learned)"


def test_the_strictest_holds(ledger: Ledger) -> None:
    one = target("a", per_minute(2))
    ledger.learn(told(50))
    spend(ledger, one)
    spend(ledger, one)
    assert isinstance(ask(ledger, one, wait_policy="never"), Refused)


def test_what_was_told_last_takes_the_place_of_what_was_told_before(
    home: House, ledger: Ledger
) -> None:
    ledger.learn(told(20), evidence="body")
    first = home.clock.now()
    home.clock.advance(7200)
    ledger.learn(told(20), evidence="header")
    home.clock.advance(7200)
    (learned,) = ledger.learned()
    assert (learned.limit, learned.evidence) == (told(20), "header")
    assert learned.first == pytest.approx(first)
    assert learned.at == pytest.approx(first + 7200)
    ledger.learn(told(30))
    assert ledger.learned()[0].limit.amount == 30
    assert ledger.learned()[0].first == pytest.approx(home.clock.now())


def test_a_limit_that_was_told_long_ago_holds_no_more(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(10))
    ledger.learn(told(1, DAY))
    spend(ledger, one)
    assert isinstance(ask(ledger, one, wait_policy="never"), Refused)
    home.clock.advance(31 * 86_400)
    spend(ledger, one)
    assert isinstance(ask(ledger, one), Lease)
    assert len(ledger.learned()) == 1


def test_forgetting_one_meter_leaves_the_others(ledger: Ledger) -> None:
    ledger.learn(told(1))
    ledger.learn(told(5)._replace(meter="credential:b|x"))
    assert ledger.forget(METER) == 1
    assert [each.limit.meter for each in ledger.learned()] == ["credential:b|x"]
    assert ledger.forget(None) == 1


@pytest.mark.parametrize(
    ("limit", "unit"),
    [
        (per_minute(10, METER), REQUESTS),
        (per_day(10, "UTC", METER), REQUESTS),
        (first_use(10, 3600.0, METER), REQUESTS),
        (tokens_per_minute(10, METER), TOKENS),
    ],
)
def test_what_others_used_with_the_same_key_counts_here(
    ledger: Ledger, limit: Limit, unit: str
) -> None:
    ledger.learn(limit, used=7)
    assert ledger.usage([limit])[0].used == 7
    ledger.learn(limit, used=3)
    assert ledger.usage([limit])[0].used == 7


def test_open_requests_are_not_counted_twice(ledger: Ledger) -> None:
    one = target("a", per_minute(10))
    take(ledger, one)
    ledger.learn(one.limits[0], used=1)
    assert ledger.usage(one.limits)[0].used == 1


def test_usage_that_is_told_without_a_limit_is_kept(ledger: Ledger) -> None:
    counting = told(COUNT_ONLY, DAY)
    ledger.learn(counting, used=12)
    assert ledger.usage([counting])[0].used == 12
    assert ledger.learned() == []


# Past requests


def trace(identity: str, **more: object) -> dict[str, object]:
    return {"id": identity, "at": 1_800_000_000.0, "outcome": "ok", **more}


def test_the_last_request_is_told_whole(ledger: Ledger) -> None:
    ledger.record_request(trace("req_1"))
    ledger.record_request(trace("req_2", attempts=[{"target": "a", "outcome": "ok"}]))
    assert ledger.request() == trace("req_2", attempts=[{"target": "a", "outcome": "ok"}])
    assert [each["id"] for each in ledger.requests(5)] == ["req_2", "req_1"]


def test_a_request_is_found_by_its_id_or_the_beginning_that_is_its_alone(ledger: Ledger) -> None:
    for identity in ("req_12", "req_13", "req_2%"):
        ledger.record_request(trace(identity))
    assert ledger.request("req_12") == trace("req_12")
    assert ledger.request("req_2") == trace("req_2%")
    assert ledger.request("req_1") is None
    assert ledger.request("%") is None
    assert ledger.request("nothing") is None


def test_only_the_latest_requests_are_kept(ledger: Ledger) -> None:
    with ledger.together():
        for number in range(ledger_history.REQUESTS_KEPT + 50):
            ledger.record_request(trace(f"req_{number}"))
    assert len(ledger.requests(10_000)) == ledger_history.REQUESTS_KEPT
    assert ledger.request("req_0") is None


def test_a_huge_story_is_shortened_and_stays_json(home: House, ledger: Ledger) -> None:
    many = [{"target": "t" * 50, "reason": "r" * 200}] * 2000
    ledger.record_request(trace("req_1", excluded=many, attempts=[{"target": "a"}]))
    found = ledger.request("req_1")
    assert found is not None
    assert found["excluded"] == []
    assert found["attempts"] == [{"target": "a"}]
    assert len(json.dumps(found)) < ledger_history.LONGEST_TRACE


def test_every_attempt_of_a_long_story_is_told(ledger: Ledger) -> None:
    attempts = [{"target": f"k{number}/p/m", "message": "é" * 900} for number in range(20)]
    ledger.record_request(trace("req_1", attempts=attempts))
    found = ledger.request("req_1")
    assert found is not None
    assert [each["target"] for each in found["attempts"]] == [each["target"] for each in attempts]
    assert all(each["message"].startswith("éééé") for each in found["attempts"])


# Conversations


def test_conversations_of_short_processes_are_forgotten_too(ledger: Ledger) -> None:
    with ledger.together():
        for number in range(ledger_history.CONVERSATIONS_KEPT + 100):
            ledger.remember(f"talk {number}", "gemini-1")
        for number in range(ledger_history.REQUESTS_KEPT):
            ledger.record_request(trace(f"req_{number}"))
    kept = [ledger.last_credential(f"talk {number}") for number in range(2100)]
    assert kept.count("gemini-1") == ledger_history.CONVERSATIONS_KEPT


def test_a_conversation_remembers_the_credential_it_used_last(ledger: Ledger) -> None:
    assert ledger.last_credential("talk") is None
    ledger.remember("talk", "gemini-1")
    ledger.remember("talk", "gemini-2")
    assert ledger.last_credential("talk") == "gemini-2"


# Views


def test_each_candidate_is_explained(home: House, ledger: Ledger) -> None:
    free, spent, resting = (target(name, per_minute(2)) for name in ("a", "b", "c"))
    spend(ledger, spent)
    spend(ledger, spent)
    ledger.rest("credential:c", until=None, reason="bad key", kind="auth_invalid")
    views = ledger.explain([free, spent, resting], tokens=100)
    assert [view.is_free for view in views] == [True, False, False]
    assert [view.load for view in views] == [0.0, 1.0, 0.0]
    assert views[1].until == pytest.approx(ledger.usage(spent.limits)[0].resets_at)
    assert views[2].until is None
    assert [reason.text for view in views for reason in view.reasons] == [
        "2 requests per minute (2 used)",
        "the credential rests: bad key",
    ]


def test_looking_changes_nothing(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(2), per_day(5))
    spend(ledger, one)
    home.clock.advance(90_000)
    with closing(sqlite3.connect(home.path)) as file:
        before = list(file.iterdump())
        ledger.explain([one], tokens=100)
        ledger.usage(one.limits)
        ledger.rests()
        ledger.schedule([one], tokens=1, requests=20)
        assert list(file.iterdump()) == before


def test_a_plan_says_when_each_request_could_go(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(10), per_day(30, "UTC"))
    for _ in range(10):
        spend(ledger, one)
    turns = ledger.schedule([one], tokens=1, requests=30)
    now = home.clock.now()
    assert sum(turn.at < now + 130 for turn in turns) == 20
    assert sum(turn.at > now + 600 for turn in turns) == 10
    assert {turn.target for turn in turns} == {one.key}


def test_many_calls_can_be_one_transaction(home: House, ledger: Ledger) -> None:
    one = target("a", per_minute(10))
    lease = take(ledger, one)

    def end(*, failing: bool) -> None:
        with ledger.together():
            ledger.settle(lease, tokens=1, answered_at=None, outcome="ok")
            ledger.record_request(trace("req_1"))
            if failing:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        end(failing=True)
    assert ledger.request() is None
    assert len(ledger.open_leases()) == 1
    end(failing=False)
    assert ledger.request() is not None
    assert ledger.open_leases() == []

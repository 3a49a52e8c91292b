"""Which target a request takes."""

from __future__ import annotations

from collections import Counter as Tally
from math import inf

import pytest

from freellm_cli.core.limits import COUNT_ONLY, Limit, Window
from freellm_cli.core.rotation import Lineup, Wish, choose, is_free, load, times_free
from tests.support.snapshots import NEVER, NOW, Standing, lineup, resting
from tests.support.targets import (
    at_once,
    per_day,
    per_minute,
    pool,
    target,
    tokens_per_minute,
)

ONE = Wish(100)


def chosen(line: Lineup, standing: Standing, wish: Wish = ONE) -> str | None:
    at = choose(line, standing.snapshot(), wish, line.steps)
    return None if at is None else line.candidates[at].credential


# Room


def test_a_target_with_room_in_every_limit_is_taken() -> None:
    line = lineup(target("a", per_minute(2), per_day(5), tokens_per_minute(1000)))
    assert chosen(line, Standing(line).used("a", 5.0, tokens=900)) == "a"


@pytest.mark.parametrize(
    "standing",
    [
        lambda line: Standing(line).used("a", 5.0, 10.0),
        lambda line: Standing(line).open("a", 2),
        lambda line: Standing(line).used("a", 5.0).open("a"),
    ],
    ids=["used up", "held by open leases", "both together"],
)
def test_a_spent_target_is_not(standing: object) -> None:
    line = lineup(target("a", per_minute(2), per_day(5)))
    assert chosen(line, standing(line)) is None  # type: ignore[operator]


def test_the_request_must_fit_with_all_its_tokens() -> None:
    line = lineup(target("a", tokens_per_minute(1000)))
    standing = Standing(line).used("a", 5.0, tokens=800)
    assert chosen(line, standing, Wish(200)) == "a"
    assert chosen(line, standing, Wish(201)) is None


def test_places_at_once_are_held_by_open_leases_alone() -> None:
    line = lineup(target("a", at_once(1)))
    assert chosen(line, Standing(line).used("a", 1.0, 2.0)) == "a"
    assert chosen(line, Standing(line).open("a")) is None


def test_how_many_more_have_room_is_told_by_the_tightest_limit() -> None:
    line = lineup(target("a", per_minute(10), tokens_per_minute(1000), at_once(9)))
    standing = Standing(line).used("a", 5.0, tokens=300).open("a")
    there = standing.snapshot()
    assert [times_free(line, there, 0, tokens) for tokens in (0, 10, 100, 701)] == [8, 8, 7, 0]
    unlimited = lineup(target("a", per_day(COUNT_ONLY)))
    assert times_free(unlimited, Standing(unlimited).snapshot(), 0, 10) == inf


def test_an_amount_of_nothing_allows_nothing() -> None:
    line = lineup(target("a", per_day(0)))
    assert chosen(line, Standing(line)) is None


def test_a_limit_that_only_counts_excludes_nothing() -> None:
    line = lineup(target("a", per_day(COUNT_ONLY)))
    assert chosen(line, Standing(line).used("a", 1.0, 2.0, 3.0)) == "a"
    assert line.touches == [(0,)]


def test_a_learned_limit_holds_beside_the_published_ones() -> None:
    one = target("a", per_minute(10))
    told = Limit(one.limits[0].meter, "requests", Window("day", 0.0, "UTC"), 1, "learned")
    line = Lineup([one], {told.meter: [told]})
    assert chosen(line, Standing(line).used("a", 5.0)) is None


def test_a_share_can_be_left_for_others() -> None:
    line = lineup(target("a", per_minute(10)))
    standing = Standing(line).used("a", *range(1, 9))
    assert chosen(line, standing, Wish(1, reserve=0.2)) is None
    assert chosen(line, standing, Wish(1, reserve=0.1)) == "a"


def test_a_shared_account_is_spent_for_all_its_keys() -> None:
    shared = per_minute(2, meter="account:groq/main|*")
    line = lineup(target("a", shared, account="main"), target("b", shared, account="main"))
    assert chosen(line, Standing(line).used("a", 5.0, 6.0)) is None


# Rests


@pytest.mark.parametrize(
    "key",
    [
        "target:a/gemini/gemini-2.5-flash",
        "model:gemini/gemini-2.5-flash",
        "credential:a",
        "account:gemini/a",
        "provider:gemini",
        "address:gemini",
    ],
)
def test_a_rest_on_any_level_excludes_the_target(key: str) -> None:
    line = lineup(target("a"))
    assert chosen(line, Standing(line).rest(resting(key, NOW + 1.0))) is None
    assert chosen(line, Standing(line).rest(resting(key, NOW - 1.0))) == "a"


def test_a_rest_of_another_credential_excludes_nobody_else() -> None:
    line = lineup(target("a"), target("b"))
    assert chosen(line, Standing(line).rest(resting("credential:a", NEVER))) == "b"


def test_while_one_request_tries_a_target_the_others_leave_it_alone() -> None:
    line = lineup(target("a"))
    due = resting("credential:a", NOW - 1.0, trial=True)
    assert chosen(line, Standing(line).rest(due)) == "a"
    assert chosen(line, Standing(line).rest(due._replace(tried_by=7))) is None


# Order


def test_balanced_takes_the_one_with_most_headroom() -> None:
    line = lineup(*pool(3, per_minute(10), per_day(100)))
    standing = Standing(line).used("gemini-1", 1.0, 2.0).used("gemini-2", 1.0)
    standing.used("gemini-3", 1.0, 2.0, 3.0)
    assert chosen(line, standing) == "gemini-2"


def test_headroom_is_that_of_the_tightest_limit() -> None:
    line = lineup(target("a", per_minute(100), per_day(4)), target("b", per_minute(3)))
    standing = Standing(line).used("a", 1.0, 2.0).used("b", 1.0)
    assert load(line, standing.snapshot(), 0) == 0.5
    assert chosen(line, standing) == "b"


def test_among_equals_the_least_recently_used_goes_first() -> None:
    line = lineup(*pool(3, per_minute(10)))
    assert chosen(line, Standing(line).leased({"gemini-1": 3, "gemini-2": 9, "gemini-3": 6})) == (
        "gemini-2"
    )
    assert chosen(line, Standing(line).leased({"gemini-1": 3, "gemini-2": 9})) == "gemini-3"


def test_sequential_stays_with_the_one_in_use_until_it_is_spent() -> None:
    line = lineup(*pool(3, per_minute(2), rotation="sequential"))
    standing = Standing(line).leased({"gemini-2": 1.0, "gemini-1": 60.0})
    assert chosen(line, standing.used("gemini-2", 1.0)) == "gemini-2"
    assert chosen(line, standing.used("gemini-2", 0.5)) == "gemini-1"


def test_sequential_begins_with_the_first() -> None:
    line = lineup(*pool(3, per_minute(2), rotation="sequential"))
    assert chosen(line, Standing(line)) == "gemini-1"


def test_each_sequential_provider_sends_its_one_into_the_comparison() -> None:
    line = lineup(
        target("g", per_minute(10), provider="groq", rotation="sequential"),
        target("h", per_minute(10), provider="groq", rotation="sequential"),
        target("n", per_minute(10), provider="nvidia_nim"),
    )
    standing = Standing(line).used("g", 1.0, 2.0).leased({"g": 1.0}).used("n", 1.0)
    assert chosen(line, standing) == "n"
    assert chosen(line, standing.used("n", 3.0, 4.0)) == "g"


def test_fastest_takes_the_shortest_time_to_the_first_token() -> None:
    line = lineup(
        target("slow", rotation="fastest", first_token_s=2.0),
        target("quick", rotation="fastest", first_token_s=0.3, provider="groq"),
        target("unknown", rotation="fastest"),
    )
    assert chosen(line, Standing(line)) == "quick"


def test_a_conversation_stays_with_its_last_credential() -> None:
    line = lineup(*pool(3, per_minute(3)))
    standing = Standing(line).used("gemini-2", 1.0, 2.0)
    assert chosen(line, standing, Wish(1, sticky="gemini-2")) == "gemini-2"
    assert chosen(line, standing.used("gemini-2", 0.5), Wish(1, sticky="gemini-2")) == "gemini-1"


def test_a_later_step_is_taken_only_when_the_first_has_nothing_free() -> None:
    line = lineup(target("a", per_minute(1)), target("b", per_minute(9), step=1))
    assert chosen(line, Standing(line)) == "a"
    assert chosen(line, Standing(line).used("a", 1.0)) == "b"


def test_equal_targets_are_used_equally() -> None:
    line = lineup(*pool(5, per_minute(1000)))
    tally: Tally[int] = Tally()
    snapshot = Standing(line).snapshot()
    for _ in range(500):
        at = choose(line, snapshot, ONE, line.steps)
        assert at is not None
        snapshot.plan(line, at, 100)
        tally[at] += 1
    assert set(tally.values()) == {100}


# Planning what others will take


def test_what_is_planned_for_others_is_gone_for_oneself() -> None:
    line = lineup(target("a", per_minute(2)))
    snapshot = Standing(line).snapshot()
    snapshot.plan(line, 0, 100)
    assert is_free(line, snapshot, 0, ONE)
    snapshot.plan(line, 0, 100)
    assert not is_free(line, snapshot, 0, ONE)


def test_a_trial_that_is_planned_for_another_is_not_for_oneself() -> None:
    line = lineup(target("a"))
    due = resting("credential:a", NOW - 1.0, trial=True)
    snapshot = Standing(line).rest(due).snapshot()
    snapshot.plan(line, 0, 100)
    assert not is_free(line, snapshot, 0, ONE)


# Pace


def test_one_who_waited_keeps_a_distance_to_the_last_lease() -> None:
    line = lineup(target("a", per_minute(10)))
    just_now = Standing(line).leased({"a": 0.05})
    assert chosen(line, just_now, Wish(1, spaced=True)) is None
    assert chosen(line, just_now, Wish(1)) == "a"
    assert chosen(line, Standing(line).leased({"a": 0.11}), Wish(1, spaced=True)) == "a"


def test_the_distance_shrinks_with_the_rate() -> None:
    line = lineup(target("a", per_minute(1000)), target("b", at_once(1)))
    assert line.spacing == [pytest.approx(0.0012), 0.0]

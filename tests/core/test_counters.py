"""How uses enter a window and leave it."""

from __future__ import annotations

from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.counters import Counter, Moment, Slice, Use
from freellm_cli.core.limits import Window, guard_s

PACIFIC = "America/Los_Angeles"
MINUTE = Window("sliding", 60.0)
DAY = Window("day", 0.0, PACIFIC)
FIRST_USE = Window("first_use", 3600.0)


def at(text: str) -> Moment:
    """A moment at which both time scales agree."""
    wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(PACIFIC)).timestamp()
    return Moment(wall, wall)


def later(moment: Moment, seconds: float) -> Moment:
    return Moment(moment.steady + seconds, moment.wall + seconds)


def used(moment: Moment, *, opened_s_before: float = 0.0, tokens: int = 0) -> Use:
    return Use(moment.steady - opened_s_before, moment.steady, 1, tokens)


def fresh(window: Window, moment: Moment) -> Counter:
    counter = Counter("meter", window)
    counter.refresh(moment)
    return counter


# Sliding


def test_a_use_counts_until_its_window_and_guard_have_passed() -> None:
    counter = fresh(MINUTE, Moment(0.0, 0.0))
    counter.count(Use(9.0, 10.0, 1, 50), Moment(11.0, 11.0))
    assert not counter.is_stale(10.0 + 60.0)
    assert counter.is_stale(10.0 + 60.0 + guard_s(60.0))


def test_a_use_counts_from_its_answer_not_from_its_lease() -> None:
    counter = fresh(MINUTE, Moment(0.0, 0.0))
    piece = counter.count(Use(opened=10.0, answered=40.0, requests=1, tokens=5), Moment(41.0, 41.0))
    assert piece == Slice(counter.slice_number(40.0), 40.0, 1, 5)
    assert counter.starts == 40.0


def test_a_use_that_was_over_before_it_was_settled_is_not_counted() -> None:
    counter = fresh(MINUTE, Moment(0.0, 0.0))
    assert counter.count(Use(0.0, 1.0, 1, 5), Moment(600.0, 600.0)) is None
    assert counter.requests == 0


def test_uses_close_together_share_a_slice_and_far_apart_do_not() -> None:
    counter = fresh(MINUTE, Moment(0.0, 0.0))
    assert counter.slice_number(30.000) == counter.slice_number(30.050)
    assert counter.slice_number(30.0) != counter.slice_number(30.07)


@given(
    answers=st.lists(st.floats(0.0, 300.0), min_size=1, max_size=40),
    asked=st.floats(0.0, 500.0),
)
def test_a_sliding_counter_never_counts_less_than_the_provider(
    answers: list[float], asked: float
) -> None:
    counter = fresh(MINUTE, Moment(0.0, 0.0))
    kept: dict[int, Slice] = {}
    for answered in sorted(answers):
        piece = counter.count(Use(0.0, answered, 1, 1), Moment(answered, answered))
        assert piece is not None
        held = kept.get(piece.number, Slice(piece.number, 0.0, 0, 0))
        kept[piece.number] = Slice(
            piece.number, max(held.at, piece.at), held.requests + 1, held.tokens + 1
        )
    now = max(asked, *answers)
    gone = [each for each in kept.values() if each.at + counter.span <= now]
    left = [each.at for each in kept.values() if each.at + counter.span > now]
    counter.expire(gone, min(left) if left else None)
    strictly = sum(answered > now - 60.0 for answered in answers)
    loosely = sum(answered > now - 60.0 - 0.12 for answered in answers)
    assert strictly <= counter.requests <= loosely


# Calendar


def test_a_new_day_starts_empty_two_seconds_after_midnight() -> None:
    counter = fresh(DAY, at("2026-11-20T12:00"))
    counter.count(used(at("2026-11-20T12:00"), tokens=7), at("2026-11-20T12:00"))
    counter.refresh(at("2026-11-21T00:00:01"))
    assert counter.requests == 1
    counter.refresh(at("2026-11-21T00:00:02"))
    assert (counter.requests, counter.tokens) == (0, 0)


def test_the_day_resets_at_midnight_and_guard() -> None:
    counter = fresh(DAY, at("2026-11-20T12:00"))
    assert counter.resets_at == at("2026-11-21T00:00:02").steady


def test_a_request_that_spans_midnight_counts_on_the_new_day() -> None:
    before, after = at("2026-11-20T23:59:50"), at("2026-11-21T00:00:30")
    counter = fresh(DAY, before)
    counter.open(100, before.steady)
    counter.refresh(after)
    counter.close(100)
    counter.count(used(after, opened_s_before=40.0), after)
    assert counter.requests == 1


def test_a_request_answered_before_midnight_does_not_burden_the_new_day() -> None:
    answered, settled = at("2026-11-20T23:50"), at("2026-11-21T00:10")
    counter = fresh(DAY, answered)
    counter.refresh(settled)
    counter.count(used(answered), settled)
    assert counter.requests == 0


def test_a_request_answered_at_midnight_counts_on_both_days() -> None:
    midnight = at("2026-11-20T23:59:59")
    counter = fresh(DAY, midnight)
    counter.count(used(midnight, tokens=5), midnight)
    assert counter.requests == 1
    counter.refresh(at("2026-11-21T00:01"))
    assert (counter.requests, counter.tokens) == (1, 5)
    counter.refresh(at("2026-11-22T00:01"))
    assert (counter.requests, counter.tokens) == (0, 0)


def test_open_leases_count_on_whatever_day_it_is() -> None:
    counter = fresh(DAY, at("2026-11-20T23:00"))
    counter.open(10, at("2026-11-20T23:00").steady)
    counter.refresh(at("2026-11-23T01:00"))
    assert counter.open_requests == 1


def test_a_clock_set_forward_over_midnight_and_back_forgets_nothing() -> None:
    noon = at("2026-11-20T12:00")
    counter = fresh(DAY, noon)
    counter.count(used(noon), noon)
    counter.count(used(noon), noon)
    wrong = Moment(noon.steady + 60.0, noon.wall + 86_400.0)
    counter.refresh(wrong)
    assert counter.requests == 0
    counter.count(Use(wrong.steady, wrong.steady, 1, 0), wrong)
    counter.refresh(later(noon, 120.0))
    assert counter.requests == 3
    counter.refresh(at("2026-11-21T00:01"))
    assert counter.requests == 0


def test_a_clock_set_back_to_a_day_never_seen_keeps_the_count() -> None:
    noon = at("2026-11-20T12:00")
    counter = fresh(DAY, noon)
    counter.count(used(noon), noon)
    counter.refresh(Moment(noon.steady, at("2026-11-10T12:00").wall))
    assert counter.requests == 1


def test_a_month_lasts_a_month() -> None:
    counter = fresh(Window("month", 0.0, "UTC"), at("2026-11-20T12:00"))
    counter.count(used(at("2026-11-20T12:00")), at("2026-11-20T12:00"))
    counter.refresh(at("2026-11-30T12:00"))
    assert counter.requests == 1
    counter.refresh(at("2026-12-01T12:00"))
    assert counter.requests == 0


# From the first use


def test_a_window_from_the_first_use_begins_with_the_first_lease() -> None:
    counter = fresh(FIRST_USE, Moment(0.0, 0.0))
    assert counter.resets_at is None
    counter.open(0, 100.0)
    counter.close(0)
    counter.count(Use(100.0, 101.0, 1, 0), Moment(101.0, 101.0))
    counter.refresh(Moment(200.0, 200.0))
    assert counter.resets_at == 101.0 + 3600.0 + guard_s(3600.0)
    assert counter.requests == 1


def test_nothing_goes_while_nobody_knows_which_window_it_would_fall_in() -> None:
    counter = fresh(FIRST_USE, Moment(0.0, 0.0))
    counter.open(0, 100.0)
    counter.close(0)
    counter.count(Use(100.0, 130.0, 1, 0), Moment(130.0, 130.0))
    counter.refresh(Moment(3000.0, 3000.0))
    assert counter.shut_until == 0.0
    counter.refresh(Moment(3710.0, 3710.0))
    assert counter.shut_until == counter.resets_at == 130.0 + 3600.0 + guard_s(3600.0)
    counter.refresh(Moment(3731.0, 3731.0))
    assert (counter.shut_until, counter.requests, counter.resets_at) == (0.0, 0, None)


def begun(counter: Counter, at: float, answered: float) -> None:
    """A request that is opened then and answered then."""
    counter.open(0, at)
    counter.close(0)
    counter.count(Use(at, answered, 1, 9), Moment(answered, answered))


def refreshed(counter: Counter, now: float) -> Counter:
    counter.refresh(Moment(now, now))
    return counter


def test_a_request_that_spans_the_end_counts_in_the_next_window_too() -> None:
    counter = fresh(FIRST_USE, Moment(0.0, 0.0))
    begun(counter, 100.0, 101.0)
    begun(counter, 3690.0, 3700.5)
    refreshed(counter, 3702.0)
    assert (counter.requests, counter.tokens) == (1, 9)
    assert counter.resets_at == 3700.5 + 3600.0 + guard_s(3600.0)


def test_a_request_that_spans_the_end_does_not_decide_when_the_next_window_ends() -> None:
    """The provider may have counted it in the old window; then the next request begins the new one."""
    counter = fresh(FIRST_USE, Moment(0.0, 0.0))
    begun(counter, 100.0, 101.0)
    begun(counter, 3690.0, 3700.5)
    refreshed(counter, 3702.0)
    begun(counter, 5000.0, 5001.0)
    refreshed(counter, 3700.5 + 3600.0 + 10.0)
    assert counter.requests == 2
    assert counter.resets_at == pytest.approx(5001.0 + 3600.0 + guard_s(3600.0))
    assert counter.shut_until == counter.resets_at


def test_a_request_that_is_open_over_the_end_may_have_begun_the_next_window() -> None:
    counter = fresh(FIRST_USE, Moment(0.0, 0.0))
    begun(counter, 100.0, 101.0)
    counter.open(0, 3690.0)
    refreshed(counter, 3705.0)
    counter.open(0, 3705.0)
    counter.close(0)
    counter.count(Use(3690.0, 3704.0, 1, 0), Moment(3710.0, 3710.0))
    assert (counter.requests, counter.open_requests) == (1, 1)
    assert refreshed(counter, 7299.0).shut_until == 0.0
    assert refreshed(counter, 7301.0).shut_until == inf  # not before the open one is answered


def test_a_first_lease_that_was_never_sent_begins_nothing() -> None:
    counter = fresh(FIRST_USE, Moment(0.0, 0.0))
    counter.open(5, 100.0)
    counter.close(5)
    counter.refresh(Moment(5000.0, 5000.0))
    assert counter.starts is None
    assert counter.shut_until == 0.0


def test_a_first_request_that_takes_as_long_as_the_window_shuts_it_until_it_is_answered() -> None:
    counter = fresh(FIRST_USE, Moment(0.0, 0.0))
    counter.open(0, 100.0)
    counter.refresh(Moment(3700.0, 3700.0))
    assert counter.shut_until == inf


# Corrections


def test_amending_changes_the_tokens_of_a_use_that_still_counts() -> None:
    now = Moment(20.0, 20.0)
    counter = fresh(MINUTE, now)
    counter.count(Use(9.0, 10.0, 1, 500), now)
    assert counter.amend(10.0, -300, now) == counter.slice_number(10.0)
    assert (counter.requests, counter.tokens) == (1, 200)
    assert counter.amend(10.0, -300, Moment(200.0, 200.0)) is None


def test_amending_a_day_leaves_the_request_count_alone() -> None:
    noon = at("2026-11-20T12:00")
    counter = fresh(DAY, noon)
    counter.count(used(noon, tokens=500), noon)
    counter.amend(noon.steady, 25, noon)
    assert (counter.requests, counter.tokens) == (1, 525)


def test_what_is_saved_is_what_is_restored() -> None:
    noon = at("2026-11-20T12:00")
    counter = fresh(DAY, noon)
    counter.open(3, noon.steady)
    counter.count(used(noon, tokens=500), noon)
    twin = Counter("meter", DAY, (7, *counter.saved()))
    assert twin.id == 7
    assert twin.saved() == counter.saved() == counter.copy().saved()

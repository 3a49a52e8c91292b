"""A rate that nobody tells is found by trying, and costs few refusals once it is found."""

from __future__ import annotations

import pytest

from freellm_cli.core.pacing import SECOND_S, WINDOW_S, Counted, Pace, after_answer, after_refusal


def minute(counted: int, second: int = 0) -> Counted:
    return Counted(second, counted)


def found(counted: int) -> Pace:
    """A pace by minutes: refused at 80, and again at 100 with so many in the minute, none in the second."""
    first = after_refusal(None, minute(counted, 10), opened=79.0, now=80.0)
    return after_refusal(first, minute(counted + 1), opened=99.0, now=100.0)


def test_the_first_refusal_asks_whether_seconds_count() -> None:
    pace = after_refusal(None, Counted(3, 41), opened=99.0, now=100.0)
    assert (pace.window, pace.amount, pace.is_guess) == (SECOND_S, 2, True)


def test_who_is_refused_in_an_empty_second_has_met_a_limit_of_minutes() -> None:
    pace = found(41)
    assert (pace.window, pace.amount, pace.ceiling) == (WINDOW_S, 36, 40)


def test_who_goes_far_beyond_what_the_minute_held_has_met_a_limit_of_seconds() -> None:
    pace = after_refusal(None, Counted(3, 3), opened=9.0, now=10.0)
    for number in range(1, 10):
        now = 11.0 + number
        pace = after_answer(pace, Counted(2, 3 + number), opened=now - 0.5, now=now)
    assert (pace.sure, pace.is_guess, pace.amount) == (True, False, 2)
    refused = after_refusal(pace, Counted(3, 12), opened=50.0, now=51.0)
    assert (refused.window, refused.amount) == (SECOND_S, 1)


def test_a_second_that_held_and_yet_is_refused_may_be_a_minute() -> None:
    pace = after_refusal(None, Counted(6, 6), opened=9.0, now=10.0)
    pace = after_answer(pace, Counted(5, 10), opened=30.0, now=31.0)
    pace = after_refusal(pace, Counted(6, 14), opened=31.0, now=31.5)
    assert pace.window == WINDOW_S


def test_more_a_second_is_tried_soon_and_after_each_refusal_later() -> None:
    pace = Pace(2, 2, 0.0, 0.0, 12.0, window=SECOND_S, minute=2, reached=True, sure=True)
    assert after_answer(pace, Counted(2, 90), opened=10.0, now=11.0).amount == 2
    tried = after_answer(pace, Counted(2, 90), opened=12.0, now=13.0)
    assert tried.amount == 3
    refused = after_refusal(tried, Counted(3, 90), opened=13.0, now=14.0)
    assert (refused.amount, refused.patience) == (2, 24.0)


def test_a_crowd_that_was_sent_before_the_refusal_lowers_the_rate_once() -> None:
    first = found(41)
    second = after_refusal(first, minute(42), opened=99.5, now=100.2)
    assert second.amount == first.amount


@pytest.mark.parametrize("window", [SECOND_S, WINDOW_S])
def test_answers_to_what_was_sent_before_the_refusal_lift_the_ceiling(window: float) -> None:
    pace = Pace(23, 25, 100.0, 100.0, window=window, minute=25, refusals=(100.0,))
    for counted in range(27, 42):
        pace = after_answer(pace, Counted(counted, counted), opened=99.1, now=100.5)
    assert pace.ceiling == 40
    assert pace.amount == (40 if window == SECOND_S else 36)


def test_the_rate_climbs_back_to_the_ceiling_in_small_steps_and_stays() -> None:
    pace = Pace(36, 40, 100.0, 100.0)
    seen = []
    for second in range(111, 600):
        pace = after_answer(pace, minute(pace.amount), opened=second - 0.5, now=float(second))
        seen.append(pace.amount)
    assert seen[:1] == [37]
    assert max(seen) == 40
    assert seen[120:] == [40] * (len(seen) - 120)


def test_a_rate_that_nobody_uses_up_does_not_grow() -> None:
    pace = Pace(36, 40, 100.0, 100.0)
    assert after_answer(pace, minute(20), opened=900.0, now=901.0) is pace


def test_a_ceiling_that_holds_is_tried_ever_more_seldom() -> None:
    pace = Pace(40, 40, 100.0, 150.0)
    raised = after_answer(pace, minute(40), opened=800.0, now=801.0)
    assert raised.amount == 41
    refused = after_refusal(raised, minute(41), opened=830.0, now=831.0)
    assert refused.patience == 2 * pace.patience
    assert refused.ceiling == 40


def test_a_ceiling_that_has_risen_is_left_behind_in_growing_steps() -> None:
    pace = Pace(40, 40, 0.0, 0.0)
    for second in range(601, 1201):
        pace = after_answer(pace, minute(pace.amount), opened=second - 0.5, now=float(second))
    assert pace.amount > 70


def test_two_refusals_soon_after_each_other_lower_the_rate_more() -> None:
    first = Pace(90, 100, 10.0, 10.0, refusals=(10.0,))
    second = after_refusal(first, minute(82), opened=50.0, now=51.0)
    assert second.amount == 60


def test_a_refusal_far_below_the_ceiling_asks_about_seconds_again() -> None:
    pace = Pace(40, 40, 0.0, 0.0)
    refused = after_refusal(pace, Counted(4, 6), opened=300.0, now=301.0)
    assert (refused.window, refused.amount, refused.is_guess) == (SECOND_S, 3, True)

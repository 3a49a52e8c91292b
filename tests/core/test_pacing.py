"""A rate that nobody tells is found by trying, and costs few refusals once it is found."""

from __future__ import annotations

from freellm_cli.core.pacing import Pace, after_answer, after_refusal


def test_the_first_refusal_leaves_nine_tenths_of_what_was_admitted() -> None:
    pace = after_refusal(None, counted=41, opened=99.0, now=100.0)
    assert (pace.amount, pace.ceiling) == (36, 40)


def test_a_crowd_that_was_sent_before_the_refusal_lowers_the_rate_once() -> None:
    first = after_refusal(None, counted=41, opened=99.0, now=100.0)
    second = after_refusal(first, counted=42, opened=99.5, now=100.2)
    assert second.amount == first.amount


def test_answers_to_what_was_sent_before_the_refusal_lift_the_ceiling() -> None:
    pace = after_refusal(None, counted=26, opened=99.0, now=100.0)
    for counted in range(27, 42):
        pace = after_answer(pace, counted, opened=99.1, now=100.5)
    assert (pace.amount, pace.ceiling) == (36, 40)


def test_the_rate_climbs_back_to_the_ceiling_in_small_steps_and_stays() -> None:
    pace = after_refusal(None, counted=41, opened=99.0, now=100.0)
    seen = []
    for second in range(111, 600):
        pace = after_answer(pace, pace.amount, opened=second - 0.5, now=float(second))
        seen.append(pace.amount)
    assert seen[:1] == [37]
    assert max(seen) == 40
    assert seen[120:] == [40] * (len(seen) - 120)


def test_a_rate_that_nobody_uses_up_does_not_grow() -> None:
    pace = Pace(36, 40, 100.0, 100.0)
    assert after_answer(pace, 20, opened=900.0, now=901.0) is pace


def test_a_ceiling_that_holds_is_tried_ever_more_seldom() -> None:
    pace = Pace(40, 40, 100.0, 150.0)
    raised = after_answer(pace, 40, opened=800.0, now=801.0)
    assert raised.amount == 41
    refused = after_refusal(raised, counted=41, opened=830.0, now=831.0)
    assert refused.patience == 2 * pace.patience
    assert refused.ceiling == 40


def test_a_ceiling_that_has_risen_is_left_behind_in_growing_steps() -> None:
    pace = Pace(40, 40, 0.0, 0.0)
    for second in range(601, 1201):
        pace = after_answer(pace, pace.amount, opened=second - 0.5, now=float(second))
    assert pace.amount > 70


def test_two_refusals_soon_after_each_other_lower_the_rate_more() -> None:
    first = after_refusal(None, counted=101, opened=9.0, now=10.0)
    second = after_refusal(first, counted=82, opened=50.0, now=51.0)
    assert second.amount == 60

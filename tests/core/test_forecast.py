"""When a target will be free."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from math import inf
from zoneinfo import ZoneInfo

import pytest

from freellm_cli.core.day_windows import DAY_GUARD_S
from freellm_cli.core.forecast import HELD_S, Forecast, Outlook, forecast
from freellm_cli.core.limits import guard_s
from freellm_cli.core.obstacle_words import tell
from freellm_cli.core.rotation import Lineup, Wish
from tests.support.snapshots import NOW, Standing, lineup, resting
from tests.support.targets import (
    PACIFIC,
    at_once,
    first_use,
    per_day,
    per_minute,
    target,
    tokens_per_minute,
)

ONE = Wish(100)
SPAN = 60.0 + guard_s(60.0)


def first(line: Lineup, standing: Standing, wish: Wish = ONE, ahead: int = 0) -> Forecast:
    everyone = tuple(range(len(line.candidates)))
    return forecast(line, standing.snapshot(), [(everyone, wish.tokens)] * ahead, wish)


def in_s(found: Forecast) -> float:
    return round(found.until - NOW, 3)


def test_a_free_target_is_free_now() -> None:
    line = lineup(target("a", per_minute(1)))
    assert in_s(first(line, Standing(line))) == 0.0


def test_a_spent_window_is_free_when_its_oldest_use_leaves() -> None:
    line = lineup(target("a", per_minute(3)))
    assert in_s(first(line, Standing(line).used("a", 50.0, 20.0, 1.0))) == round(SPAN - 50, 3)


def test_a_window_over_its_limit_waits_for_several_to_leave() -> None:
    line = lineup(target("a", per_minute(1)))
    assert in_s(first(line, Standing(line).used("a", 50.0, 20.0, 1.0))) == round(SPAN - 1, 3)


def test_tokens_are_free_when_enough_of_them_have_left() -> None:
    line = lineup(target("a", tokens_per_minute(1000)))
    standing = Standing(line).used("a", 50.0, 30.0, 10.0, tokens=300)
    assert in_s(first(line, standing, Wish(100))) == 0.0
    assert in_s(first(line, standing, Wish(400))) == round(SPAN - 50, 3)
    assert in_s(first(line, standing, Wish(401))) == round(SPAN - 30, 3)


def test_what_open_leases_hold_is_free_a_window_from_now_at_the_earliest() -> None:
    line = lineup(target("a", per_minute(1)))
    found = first(line, Standing(line).open("a"))
    assert in_s(found) == round(SPAN, 3)


def test_a_place_at_once_is_free_when_nobody_knows() -> None:
    line = lineup(target("a", at_once(1)))
    found = first(line, Standing(line).open("a"))
    assert (in_s(found), found.sure) == (HELD_S, False)


def test_a_spent_day_is_free_after_its_midnight() -> None:
    line = lineup(target("a", per_day(2)))
    found = first(line, Standing(line).used("a", 5.0, 1.0))
    then = datetime.fromtimestamp(found.until - DAY_GUARD_S, ZoneInfo(PACIFIC))
    assert (then.hour, then.minute, then.second) == (0, 0, 0)
    assert found.cause is not None
    assert found.cause.is_daily


def test_of_several_limits_the_last_to_free_up_counts() -> None:
    line = lineup(target("a", per_minute(1), per_day(1)))
    found = first(line, Standing(line).used("a", 5.0))
    assert found.until > NOW + 3600


def test_of_several_targets_the_first_to_free_up_counts() -> None:
    line = lineup(target("a", per_minute(1)), target("b", per_minute(1)))
    found = first(line, Standing(line).used("a", 5.0).used("b", 40.0))
    assert (found.candidate, in_s(found)) == (1, round(SPAN - 40, 3))


def test_a_window_from_the_first_use_ends_as_a_whole() -> None:
    line = lineup(target("a", first_use(2, 3600.0)))
    found = first(line, Standing(line).used("a", 100.0, 50.0))
    assert in_s(found) == round(3600 + guard_s(3600) - 100, 3)


def test_a_rest_is_waited_for() -> None:
    line = lineup(target("a"))
    found = first(line, Standing(line).rest(resting("credential:a", NOW + 30.0)))
    assert in_s(found) == 30.0


def test_a_rest_without_an_end_is_never_over() -> None:
    line = lineup(target("a"))
    assert first(line, Standing(line).rest(resting("credential:a", inf))).until == inf


def test_a_request_larger_than_the_limit_never_fits() -> None:
    line = lineup(target("a", tokens_per_minute(1000)))
    assert first(line, Standing(line), Wish(1001)).until == inf


# Behind others


def test_each_waiter_before_takes_the_next_place() -> None:
    line = lineup(target("a", per_minute(3)))
    standing = Standing(line).used("a", 50.0, 30.0, 10.0)
    free = [in_s(first(line, standing, ahead=ahead)) for ahead in range(5)]
    assert free[:3] == [round(SPAN - ago, 3) for ago in (50, 30, 10)]
    assert free[3:] == [round(2 * SPAN - ago, 3) for ago in (50, 30)]


def test_waiters_spread_over_all_targets() -> None:
    line = lineup(target("a", per_minute(1)), target("b", per_minute(1)))
    standing = Standing(line).used("a", 50.0).used("b", 20.0)
    assert in_s(first(line, standing, ahead=1)) == round(SPAN - 20, 3)
    assert in_s(first(line, standing, ahead=2)) == round(2 * SPAN - 50, 3)


def test_those_who_want_something_else_are_not_in_the_way() -> None:
    line = lineup(target("a", per_minute(1)), target("b", per_minute(1)))
    snapshot = Standing(line).used("a", 50.0).used("b", 20.0).snapshot()
    found = forecast(line, snapshot, [((1,), 100)], Wish(100, allowed=(0,)))
    assert in_s(found) == round(SPAN - 50, 3)


def test_leases_at_a_reset_are_spread() -> None:
    line = lineup(target("a", per_minute(10), per_day(10)))
    standing = Standing(line).used("a", *range(100, 200, 10))
    midnight = first(line, standing, Wish(1, spaced=True)).until
    times = [first(line, standing, Wish(1, spaced=True), ahead).until for ahead in range(5)]
    assert times[0] == midnight
    assert all(later - earlier == pytest.approx(0.1) for earlier, later in pairwise(times))


# A plan


def test_a_schedule_fills_minutes_and_days() -> None:
    line = lineup(target("a", per_minute(5), per_day(20)))
    outlook = Outlook(line, Standing(line).snapshot(), seconds_each=1.0)
    times = [each.until - NOW for each in outlook.schedule(Wish(10), 50)]
    assert len(times) == 50
    assert times == sorted(times)
    assert sum(time < 1.0 for time in times) == 5
    assert times[19] < 4 * 62.1
    days = [sum(day * 86400 <= time < (day + 1) * 86400 for time in times) for day in range(4)]
    assert max(days) <= 40
    assert times[49] > 86_400


def test_a_schedule_of_what_can_never_be_is_empty() -> None:
    line = lineup(target("a", per_day(0)))
    assert list(Outlook(line, Standing(line).snapshot()).schedule(ONE, 5)) == []


def test_a_long_schedule_keeps_every_window() -> None:
    line = lineup(target("a", per_minute(10)), target("b", per_minute(4)))
    outlook = Outlook(line, Standing(line).snapshot())
    turns = list(outlook.schedule(ONE, 400))
    for at, amount in ((0, 10), (1, 4)):
        times = [turn.until for turn in turns if turn.candidate == at]
        assert all(b - a >= 60.0 for a, b in zip(times, times[amount:], strict=False))
    assert turns[-1].until - NOW < 400 / 14 * SPAN + 1


# In words


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (
            lambda line: Standing(line).used("a", 5.0),
            "1 request per minute (1 used)",
        ),
        (
            lambda line: Standing(line).rest(resting("credential:a", NOW + 5)),
            "the credential rests: it was tired",
        ),
        (
            lambda line: Standing(line).rest(
                resting("account:gemini/a", NOW - 5, trial=True, tried_by=3)
            ),
            "the account rested (it was tired) and another request tries it now",
        ),
    ],
)
def test_an_obstacle_in_words(standing: object, words: str) -> None:
    line = lineup(target("a", per_minute(1)))
    found = Outlook(line, standing(line).snapshot()).obstacles(0, ONE)  # type: ignore[operator]
    assert [tell(each, 100) for each in found] == [words]


def test_every_obstacle_is_told() -> None:
    line = lineup(target("a", per_minute(1), per_day(0), tokens_per_minute(50)))
    found = Outlook(line, Standing(line).used("a", 5.0).snapshot()).obstacles(0, ONE)
    assert [(each.why, tell(each, 100)) for each in found] == [
        ("limit", "1 request per minute (1 used)"),
        ("limit", "0 requests per day (America/Los_Angeles): not offered"),
        ("too_large", "100 tokens do not fit into 50 tokens per minute"),
    ]

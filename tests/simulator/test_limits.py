"""Limits, strict to the microsecond, by a clock that moves only when told to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.limits import CONCURRENT, REQUESTS, TOKENS, Window
from freellm_cli.simulator.limits import (
    DAY_PACIFIC,
    DAY_UTC,
    MINUTE,
    OPEN,
    Admission,
    Caller,
    LimitBook,
    LimitRule,
    Refusal,
)
from tests.support.stepping_clock import SteppingClock


def caller(**changes: object) -> Caller:
    usual = Caller("groq", "k1", "acme", "127.0.0.1", "m")
    return usual._replace(**changes)  # type: ignore[arg-type]


def book(*rules: LimitRule, at: float = 1_800_000_000.0) -> tuple[LimitBook, SteppingClock]:
    clock = SteppingClock(at)
    return LimitBook(clock, rules), clock


def passes(limits: LimitBook, who: Caller | None = None) -> bool:
    return isinstance(limits.admit(who or caller()), Admission)


def refusal(limits: LimitBook, who: Caller | None = None) -> Refusal:
    decision = limits.admit(who or caller())
    assert isinstance(decision, Refusal)
    return decision


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_minute_is_over_after_sixty_seconds_and_not_a_millisecond_before() -> None:
    limits, clock = book(LimitRule("key", REQUESTS, MINUTE, 1))
    assert passes(limits)
    clock.advance(59.999)
    assert not passes(limits)
    clock.advance(0.001)
    assert passes(limits)


def test_a_minute_slides_it_does_not_start_anew() -> None:
    limits, clock = book(LimitRule("key", REQUESTS, MINUTE, 2))
    assert passes(limits)
    clock.advance(40)
    assert passes(limits)
    clock.advance(20)
    assert passes(limits), "the first one has left the window"
    assert not passes(limits), "the second one has not"
    assert refusal(limits).retry_after_s == pytest.approx(40)


def test_a_refusal_names_the_moment_at_which_the_request_would_pass() -> None:
    limits, clock = book(LimitRule("key", REQUESTS, MINUTE, 3))
    for _ in range(3):
        assert passes(limits)
        clock.advance(7.25)
    wait = refusal(limits).retry_after_s
    assert wait is not None
    clock.advance(wait - 0.001)
    assert not passes(limits)
    clock.advance(0.001)
    assert passes(limits)


def test_refused_requests_do_not_count_unless_the_limit_says_so() -> None:
    limits, clock = book(LimitRule("key", REQUESTS, MINUTE, 1))
    assert passes(limits)
    clock.advance(30)
    assert not passes(limits)
    clock.advance(30)
    assert passes(limits)

    strict, clock = book(LimitRule("key", REQUESTS, MINUTE, 1, count_refused=True))
    assert passes(strict)
    clock.advance(30)
    assert not passes(strict)
    clock.advance(30)
    assert not passes(strict), "the refused one still counts"


def test_keys_count_apart_and_keys_of_one_account_together() -> None:
    keys, _ = book(LimitRule("key", REQUESTS, MINUTE, 1))
    assert passes(keys, caller(key="k1"))
    assert passes(keys, caller(key="k2"))
    accounts, _ = book(LimitRule("account", REQUESTS, MINUTE, 1))
    assert passes(accounts, caller(key="k1"))
    assert not passes(accounts, caller(key="k2"))
    assert passes(accounts, caller(key="k3", account="other"))


def test_an_address_counts_over_all_providers_a_provider_over_all_callers() -> None:
    address, _ = book(LimitRule("address", REQUESTS, MINUTE, 1))
    assert passes(address, caller(provider="groq", key="k1", account="a"))
    assert not passes(address, caller(provider="mistral", key="k2", account="b"))
    assert passes(address, caller(address="127.0.0.2"))
    provider, _ = book(LimitRule("provider", REQUESTS, MINUTE, 1, "groq"))
    assert passes(provider, caller(key="k1", account="a"))
    assert not passes(provider, caller(key="k2", account="b", address="127.0.0.2"))
    assert passes(provider, caller(provider="mistral"))


def test_one_account_name_at_two_providers_is_two_accounts() -> None:
    limits, _ = book(LimitRule("account", REQUESTS, MINUTE, 1))
    assert passes(limits, caller(provider="groq"))
    assert passes(limits, caller(provider="mistral"))


def test_models_count_apart_or_together_as_the_limit_says() -> None:
    apart, _ = book(LimitRule("key", REQUESTS, MINUTE, 1, each_model=True))
    assert passes(apart, caller(model="a"))
    assert passes(apart, caller(model="b"))
    together, _ = book(LimitRule("key", REQUESTS, MINUTE, 1, models="*:free"))
    assert passes(together, caller(model="a:free"))
    assert not passes(together, caller(model="b:free"))
    assert passes(together, caller(model="paid"))


def test_a_request_that_one_limit_refuses_counts_on_none() -> None:
    limits, clock = book(
        LimitRule("key", REQUESTS, MINUTE, 1), LimitRule("account", REQUESTS, MINUTE, 3)
    )
    assert passes(limits, caller(key="k1"))
    for _ in range(5):
        assert not passes(limits, caller(key="k1"))
    assert passes(limits, caller(key="k2"))
    assert passes(limits, caller(key="k3"))
    assert not passes(limits, caller(key="k4")), "the account has had its three"
    clock.advance(60)
    assert passes(limits, caller(key="k4"))


def test_prompt_tokens_are_counted_at_arrival() -> None:
    limits, clock = book(LimitRule("key", TOKENS, MINUTE, 100))
    assert passes(limits, caller(input_tokens=60))
    clock.advance(10)
    assert passes(limits, caller(input_tokens=40))
    refused = refusal(limits, caller(input_tokens=50))
    assert refused.retry_after_s == pytest.approx(50)
    assert refused.requested == 50
    clock.advance(50)
    assert passes(limits, caller(input_tokens=60))


def test_a_prompt_larger_than_the_limit_never_passes_and_no_time_is_named() -> None:
    limits, _ = book(LimitRule("key", TOKENS, MINUTE, 100))
    assert refusal(limits, caller(input_tokens=101)).retry_after_s is None


def test_reserved_tokens_are_put_right_when_the_answer_ends() -> None:
    limits, _ = book(LimitRule("key", TOKENS, MINUTE, 100, tokens="reserved"))
    first = limits.admit(caller(input_tokens=10, max_tokens=80))
    assert isinstance(first, Admission)
    assert not passes(limits, caller(input_tokens=20, max_tokens=0))
    first.finish(input_tokens=10, output_tokens=5, failed=False)
    assert passes(limits, caller(input_tokens=20, max_tokens=65))
    assert not passes(limits, caller(input_tokens=1, max_tokens=0))


def test_the_answers_tokens_are_added_when_it_ends() -> None:
    limits, _ = book(LimitRule("key", TOKENS, MINUTE, 100, tokens="total"))
    first = limits.admit(caller(input_tokens=10))
    assert isinstance(first, Admission)
    first.finish(input_tokens=10, output_tokens=85, failed=False)
    assert not passes(limits, caller(input_tokens=6))
    assert passes(limits, caller(input_tokens=5))


def test_an_answer_that_ends_after_its_window_changes_nothing() -> None:
    limits, clock = book(LimitRule("key", TOKENS, MINUTE, 100, tokens="total"))
    slow = limits.admit(caller(input_tokens=10))
    assert isinstance(slow, Admission)
    clock.advance(60)
    slow.finish(input_tokens=10, output_tokens=500, failed=False)
    assert passes(limits, caller(input_tokens=100))


def test_only_as_many_are_open_as_allowed() -> None:
    limits, clock = book(LimitRule("key", CONCURRENT, OPEN, 1))
    first = limits.admit(caller())
    assert isinstance(first, Admission)
    clock.advance(3600)
    assert refusal(limits).retry_after_s is None
    first.finish(input_tokens=0, output_tokens=0, failed=False)
    first.finish(input_tokens=0, output_tokens=0, failed=False)
    assert passes(limits)
    assert not passes(limits), "finishing twice frees one place"


@pytest.mark.parametrize(("counts", "again"), [(True, False), (False, True)])
def test_a_failed_call_is_given_back_where_failed_calls_do_not_count(
    counts: bool, again: bool
) -> None:
    limits, _ = book(LimitRule("key", REQUESTS, MINUTE, 1, count_failed=counts))
    first = limits.admit(caller())
    assert isinstance(first, Admission)
    first.finish(input_tokens=0, output_tokens=0, failed=True)
    assert passes(limits) is again


def test_a_day_ends_at_midnight_of_its_zone() -> None:
    # 2026-07-01: Los Angeles is seven hours behind UTC.
    limits, clock = book(LimitRule("key", REQUESTS, DAY_PACIFIC, 1), at=at("2026-07-01T06:00:00"))
    assert passes(limits)
    assert refusal(limits).retry_after_s == pytest.approx(3600)
    clock.advance(3599.999)
    assert not passes(limits)
    clock.advance(0.001)
    assert passes(limits)


def test_a_day_is_an_hour_longer_or_shorter_when_the_clocks_change() -> None:
    # Los Angeles: forward on 2026-03-08, back on 2026-11-01, at two in the morning.
    spring, _ = book(LimitRule("key", REQUESTS, DAY_PACIFIC, 1), at=at("2026-03-08T08:00:00"))
    assert passes(spring)
    assert refusal(spring).retry_after_s == pytest.approx(23 * 3600)
    autumn, _ = book(LimitRule("key", REQUESTS, DAY_PACIFIC, 1), at=at("2026-11-01T07:00:00"))
    assert passes(autumn)
    assert refusal(autumn).retry_after_s == pytest.approx(25 * 3600)


def test_a_month_ends_on_the_first_of_the_next() -> None:
    month = Window("month", zone="UTC")
    limits, clock = book(LimitRule("key", REQUESTS, month, 1), at=at("2028-02-10T12:00:00"))
    assert passes(limits)
    assert refusal(limits).reset_at == at("2028-03-01T00:00:00")
    clock.advance(20 * 86_400)
    assert passes(limits)


def test_24_hours_start_with_the_first_request() -> None:
    limits, clock = book(LimitRule("key", REQUESTS, Window("first_use", 86_400.0), 2))
    clock.advance(5000)
    assert passes(limits)
    clock.advance(86_399.999)
    assert passes(limits)
    assert refusal(limits).retry_after_s == pytest.approx(0.001)
    clock.advance(0.001)
    assert passes(limits)
    assert passes(limits)
    assert refusal(limits).retry_after_s == pytest.approx(86_400)


def test_the_longest_wait_comes_first_when_several_limits_are_hit() -> None:
    limits, _ = book(
        LimitRule("key", REQUESTS, MINUTE, 1),
        LimitRule("key", REQUESTS, DAY_UTC, 1),
        at=at("2026-05-05T12:00:00"),
    )
    assert passes(limits)
    refused = refusal(limits)
    assert [standing.rule.window.kind for standing in refused.violated] == ["day", "sliding"]
    assert refused.retry_after_s == pytest.approx(12 * 3600)


def test_a_refusal_by_a_published_limit_is_foreseeable_one_by_an_unknown_limit_once_not() -> None:
    published, _ = book(LimitRule("key", REQUESTS, MINUTE, 0))
    assert refusal(published).foreseeable
    hidden, clock = book(LimitRule("key", REQUESTS, MINUTE, 1, published=False))
    assert passes(hidden)
    assert not refusal(hidden).foreseeable, "nobody could know"
    clock.advance(30)
    assert refusal(hidden).foreseeable, "it had been told when to come back"
    clock.advance(30)
    assert passes(hidden)
    assert not refusal(hidden).foreseeable


def test_standings_tell_what_is_left_without_counting() -> None:
    limits, _ = book(LimitRule("key", REQUESTS, MINUTE, 5))
    assert passes(limits)
    for _ in range(3):
        (standing,) = limits.standings(caller())
        assert (standing.used, standing.remaining) == (1, 4)
        assert standing.reset_s == pytest.approx(60)


def test_forgetting_what_was_counted_keeps_the_limits() -> None:
    limits, _ = book(LimitRule("key", REQUESTS, MINUTE, 1))
    assert passes(limits)
    limits.clear()
    assert passes(limits)
    assert not passes(limits)


@given(
    gaps=st.lists(st.integers(0, 90_000_000), max_size=60),
    amount=st.integers(1, 5),
)
def test_no_window_anywhere_ever_holds_more_than_the_limit_and_no_room_is_refused(
    gaps: list[int], amount: int
) -> None:
    limits, clock = book(LimitRule("key", REQUESTS, MINUTE, amount), at=0.0)
    admitted: list[int] = []
    now = 0
    for gap in gaps:
        now += gap
        clock.advance(now / 1e6 - clock.now())
        recent = sum(1 for moment in admitted if moment > now - 60_000_000)
        assert passes(limits) is (recent < amount)
        if recent < amount:
            admitted.append(now)

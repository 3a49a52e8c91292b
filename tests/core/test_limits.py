"""What a limit is called and which of several holds."""

from __future__ import annotations

import pytest

from freellm_cli.core.limits import (
    COUNT_ONLY,
    Limit,
    Window,
    guard_s,
    is_long,
    spell_limit,
    strictest,
    window_name,
    window_named,
)

MINUTE = Window("sliding", 60.0)


def limit(amount: int, source: str = "published", unit: str = "requests") -> Limit:
    return Limit("credential:a|m", unit, MINUTE, amount, source)


@pytest.mark.parametrize(
    "window",
    [
        MINUTE,
        Window("sliding", 0.5),
        Window("day", 0.0, "America/Los_Angeles"),
        Window("month", 0.0, "UTC"),
        Window("first_use", 86_400.0),
        Window("open"),
    ],
)
def test_a_window_is_found_again_by_its_name(window: Window) -> None:
    assert window_named(window_name(window)) == window


def test_the_strictest_of_equal_limits_holds_whatever_its_source() -> None:
    told = limit(20, "learned")
    assert strictest([limit(250), told, limit(100, "set")]) == (told,)


def test_limits_of_other_units_and_windows_hold_beside_it() -> None:
    day = limit(5)._replace(window=Window("day"))
    tokens = limit(1000, unit="tokens")
    assert strictest([limit(10), tokens, day]) == (limit(10), tokens, day)


def test_a_limit_that_only_counts_gives_way_to_any_amount() -> None:
    assert strictest([limit(COUNT_ONLY), limit(10)]) == (limit(10),)
    assert strictest([limit(0), limit(COUNT_ONLY)]) == (limit(0),)


def test_the_guard_grows_with_the_window() -> None:
    assert guard_s(60.0) == pytest.approx(0.016)
    assert guard_s(86_400.0) == pytest.approx(8.65)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (limit(10), "10 requests per minute"),
        (limit(1), "1 request per minute"),
        (limit(250_000, unit="tokens"), "250,000 tokens per minute"),
        (limit(COUNT_ONLY), "requests per minute, no limit known"),
        (limit(2, unit="concurrent")._replace(window=Window("open")), "2 at once"),
        (limit(5)._replace(window=Window("day", 0.0, "UTC")), "5 requests per day (UTC)"),
        (
            limit(5)._replace(window=Window("first_use", 86_400.0)),
            "5 requests per 24 hours from the first request",
        ),
        (limit(5)._replace(window=Window("sliding", 300.0)), "5 requests per 300 seconds"),
    ],
)
def test_a_limit_in_words(one: Limit, words: str) -> None:
    assert spell_limit(one) == words


def test_a_wait_for_a_day_is_long_and_one_for_a_minute_is_not() -> None:
    assert is_long(Window("day"))
    assert is_long(Window("sliding", 86_400.0))
    assert not is_long(MINUTE)

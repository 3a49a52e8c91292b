"""Durations, dates and resets as providers state them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.retry_hints import (
    NO_HINT,
    parse_duration,
    parse_http_date,
    parse_instant,
    parse_number,
    read_hint,
    reset_header_hint,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("22s", 22.0),
        ("0s", 0.0),
        ("8m45.312s", 525.312),
        ("1m0.36s", 60.36),
        ("7m12s", 432.0),
        ("290.97ms", 0.29097),
        ("539.477544ms", 0.539477544),
        ("19h14m47.5s", 69287.5),
        ("156h14m36s", 562476.0),
        ("2 hours and 5 minutes", 7500.0),
        ("5 days 22 hours 11 minutes", 511860.0),
        ("1 day, 2 hrs", 93600.0),
        ("250us", 0.00025),
        ("644ms", 0.644),
        ("30 sec", 30.0),
        ("6m0s", 360.0),
        ("", None),
        ("soon", None),
        ("12", None),
        ("5 apples", None),
        ("5s later", None),
        ("9999999 weeks", None),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1788912000000", datetime(2026, 9, 9, tzinfo=UTC)),
        (1788912000, datetime(2026, 9, 9, tzinfo=UTC)),
        ("2026-09-09T00:00:00Z", datetime(2026, 9, 9, tzinfo=UTC)),
        ("2026-09-09T02:00:00+02:00", datetime(2026, 9, 9, tzinfo=UTC)),
        ("2026-09-09 00:00:00 UTC", datetime(2026, 9, 9, tzinfo=UTC)),
        ("2026-09-09 at 00:00 UTC", datetime(2026, 9, 9, tzinfo=UTC)),
        ("2026-09-09T00:00:00.123456789Z", datetime(2026, 9, 9, 0, 0, 0, 123456, tzinfo=UTC)),
        ("Wed, 09 Sep 2026 00:00:00 GMT", datetime(2026, 9, 9, tzinfo=UTC)),
        ("45", None),
        ("never", None),
        ("99-99-99", None),
        (True, None),
    ],
)
def test_instants(value, expected):
    assert parse_instant(value) == expected


def test_a_time_without_a_zone_is_the_hosts():
    assert parse_instant("2025-10-09 20:58:14", zone_hours=8) == datetime(
        2025, 10, 9, 12, 58, 14, tzinfo=UTC
    )


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "", None, True, "1e400", "abc"])
def test_what_is_no_number(value):
    assert parse_number(value) is None


def test_a_date_in_the_header_is_relative_to_the_answers_own_date():
    headers = {
        "retry-after": "Tue, 04 Mar 2025 10:41:12 GMT",
        "date": "Tue, 04 Mar 2025 10:40:12 GMT",
    }
    assert read_hint(headers, [], "").retry_after_s == 60.0
    past = {**headers, "retry-after": "Tue, 04 Mar 2025 10:00:00 GMT"}
    assert read_hint(past, [], "").retry_after_s == 0.0


def test_a_date_without_the_answers_date_stays_an_instant():
    hint = read_hint({"retry-after": "Tue, 04 Mar 2025 10:41:12 GMT"}, [], "")
    assert hint == (None, datetime(2025, 3, 4, 10, 41, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7.66"}, 7.66),
        ({"retry-after": "2m"}, 120.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_headers(headers, seconds):
    assert read_hint(headers, [], "").retry_after_s == seconds


@pytest.mark.parametrize(
    ("pair", "seconds"),
    [
        (("retrydelay", "34.07s"), 34.07),
        (("retry_after_seconds", 12), 12.0),
        (("retry_after", "30"), 30.0),
        (("quotaresetdelay", "33740.910400305s"), 33740.910400305),
        (("resets_in_seconds", 602705), 602705.0),
        (("retry_after_ms", 250), 0.25),
        (("x-ratelimit-reset", "17"), 17.0),
        (("retry_after", None), None),
        (("retry_after", [1]), None),
        (("retry_after", 1788912000), None),
        (("unrelated", "30s"), None),
    ],
)
def test_fields(pair, seconds):
    assert read_hint({}, [pair], "").retry_after_s == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("please try again in 8m45.312s. need more", 525.312),
        ("please retry in 39.006833842s.", 39.006833842),
        ("please wait 85841 seconds before retrying", 85841.0),
        ("please retry after 45 seconds.", 45.0),
        ("your quota will reset after 19h14m47s.", 69287.0),
        ("resets in 9h22m20s.", 33740.0),
        ("(reset after 156h14m36s)", 562476.0),
        ("expected available in 3 seconds.", 3.0),
        ("try again in 6ms", 0.006),
        ("retry_after: 30", 30.0),
        ("retry-after=12.5", 12.5),
        ("try again in about 2 minutes", 120.0),
        ("请在 30 秒后重试", 30.0),
        ("请 5 分钟后再试", 300.0),
        ("try again later", None),
        ("retry after 3 attempts", None),
        ("wait for 5 users to leave", None),
        ("the timeout is 30s", None),
        ("retry after 50%", None),
        ("in 30 seconds you will see", None),
    ],
)
def test_prose(text, seconds):
    found = read_hint({}, [], text).retry_after_s
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("your limit resets at 2026-08-01t00:00:00z", 0, datetime(2026, 8, 1, tzinfo=UTC)),
        ("your limit will reset at 2026-01-21 18:38:17", 8, datetime(2026, 1, 21, 10, 38, 17, tzinfo=UTC)),
        ("您的限额将在 2025-10-09 20:58:14 重置。", 8, datetime(2025, 10, 9, 12, 58, 14, tzinfo=UTC)),
        ("you will regain access on 2025-09-01 at 00:00 utc.", 0, datetime(2025, 9, 1, tzinfo=UTC)),
        ("the model of 2026-08-01 is gone", 0, None),
        ("end of life on 2026-07-27t00:00:00z", 0, None),
    ],
)  # fmt: skip
def test_instants_in_prose(text, zone, expected):
    assert read_hint({}, [], text, zone_hours=zone).reset_at == expected


def test_a_lesser_source_only_refines_the_better_one():
    assert read_hint({}, [("retrydelay", "8s")], "retry in 8.94s").retry_after_s == 8.94
    assert read_hint({}, [("retrydelay", "0.5s")], "reset after 0s").retry_after_s == 0.5
    assert (
        read_hint({"retry-after": "60"}, [("retrydelay", "8s")], "retry in 9s").retry_after_s
        == 60.0
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-reset-requests": "2m59.56s", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"x-ratelimit-reset-requests": "2m0s", "x-ratelimit-remaining-requests": "0",
          "x-ratelimit-reset-tokens": "7s", "x-ratelimit-remaining-tokens": "5"}, 120.0),
        ({"x-ratelimit-reset-tokens-minute": "12.25"}, 12.25),
        ({"ratelimitbysize-reset": "32"}, 32.0),
        ({"ratelimit": '"api";r=0;t=295'}, 295.0),
        ({"x-ratelimit-timeremaining": "24367"}, 24367.0),
        ({"x-ratelimit-limit": "50"}, None),
        ({"reset": "5"}, None),
    ],
)  # fmt: skip
def test_reset_headers_are_the_last_resort(headers, seconds):
    assert reset_header_hint(headers).retry_after_s == seconds
    assert read_hint(headers, [], "") == NO_HINT
    found = read_hint({**headers, "retry-after": "1"}, [], "", use_reset_headers=True)
    assert found.retry_after_s == 1.0


def test_reset_headers_may_hold_instants():
    moment = datetime(2026, 9, 9, tzinfo=UTC)
    for value in ("1788912000", "1788912000000", "2026-09-09T00:00:00Z"):
        assert reset_header_hint({"anthropic-ratelimit-requests-reset": value}).reset_at == moment


def test_dates_of_other_kinds_are_none():
    assert parse_http_date("yesterday") is None
    assert parse_http_date("Tue, 99 Mar 2025 10:40:12 GMT") is None


@given(st.text(max_size=80))
def test_any_text_is_survived(text):
    parse_duration(text)
    parse_instant(text)
    parse_http_date(text)
    read_hint({"retry-after": text, "date": text, "ratelimit": text}, [("retry_after", text)], text,
              use_reset_headers=True)  # fmt: skip

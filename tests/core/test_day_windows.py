"""Calendar windows follow the wall clock of their zone, through every change of it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from freellm_cli.core.day_windows import period_at
from freellm_cli.core.errors import ConfigError

HOUR = 3600.0
PACIFIC = "America/Los_Angeles"


def moment(text: str, zone: str = "UTC") -> float:
    where = UTC if zone == "UTC" else ZoneInfo(zone)
    return datetime.fromisoformat(text).replace(tzinfo=where).timestamp()


def test_a_day_runs_from_midnight_to_midnight_of_its_zone() -> None:
    noon = moment("2026-11-20T12:00", PACIFIC)
    assert period_at("day", PACIFIC, noon) == (
        moment("2026-11-20T00:00", PACIFIC),
        moment("2026-11-21T00:00", PACIFIC),
    )


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        ("UTC", "2026-03-08T12:00", 24),
        (PACIFIC, "2026-03-08T12:00", 23),
        (PACIFIC, "2026-11-01T12:00", 25),
        ("Europe/Berlin", "2026-10-25T12:00", 25),
        # Midnight itself is skipped: the day begins at 01:00.
        ("America/Havana", "2026-03-08T12:00", 23),
        ("Asia/Beirut", "2026-03-29T12:00", 23),
        # The hour before midnight comes twice.
        ("America/Sao_Paulo", "2018-02-17T12:00", 25),
        # A whole date was skipped; the day before it is of the usual length.
        ("Pacific/Apia", "2011-12-29T12:00", 24),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(zone: str, at: str, hours: float) -> None:
    period = period_at("day", zone, moment(at, zone))
    assert period.end - period.start == hours * HOUR


@pytest.mark.parametrize("zone", [PACIFIC, "America/Havana", "Asia/Beirut", "Pacific/Apia", "UTC"])
def test_days_follow_each_other_without_gap_or_overlap_for_two_years(zone: str) -> None:
    at = moment("2010-12-31T12:00", zone)
    for _ in range(760):
        period = period_at("day", zone, at)
        assert period.start <= at < period.end
        assert period_at("day", zone, period.end - 0.001) == period
        assert period_at("day", zone, period.end).start == period.end
        at = period.end


def test_a_month_ends_with_its_last_day() -> None:
    assert period_at("month", "UTC", moment("2028-02-29T23:59")) == (
        moment("2028-02-01T00:00"),
        moment("2028-03-01T00:00"),
    )


def test_december_is_followed_by_january() -> None:
    end = period_at("month", PACIFIC, moment("2026-12-31T23:00", PACIFIC)).end
    assert end == moment("2027-01-01T00:00", PACIFIC)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "no\0zone"])
def test_an_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(ConfigError) as caught:
        period_at("day", zone, 0.0)
    assert repr(zone) in caught.value.message
    assert "America/Los_Angeles" in caught.value.hint

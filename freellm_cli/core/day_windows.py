"""Calendar days and months in a zone, as the provider's counters see them.

Days follow the wall clock of their zone: 23, 24 or 25 hours long, and some begin at 01:00 because
midnight was skipped (America/Havana, Asia/Beirut).
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from freellm_cli.core.errors import ConfigError

DAY_GUARD_S = 2.0
"""A provider's clock may differ from ours by this much: a new day is trusted only so long after
midnight, and what falls this close to a midnight counts on both days."""


class Period(NamedTuple):
    """From `start` until just before `end`, in seconds since the epoch."""

    start: float
    end: float


def period_at(kind: str, zone: str, at: float) -> Period:
    """The "day" or "month" of `zone` that holds the moment `at`. Raises ConfigError for a zone that
    this machine does not know."""
    where = zone_named(zone)
    here = datetime.fromtimestamp(at, where).date()
    if kind == "month":
        here = here.replace(day=1)
        following = (here + timedelta(days=32)).replace(day=1)
    else:
        following = here + timedelta(days=1)
    return Period(_begins(here, where), _begins(following, where))


def zone_named(name: str) -> tzinfo:
    """The zone. `zoneinfo` is imported for zones other than UTC only."""
    if name in ("UTC", "", "Etc/UTC"):
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise ConfigError(
            f"{name!r} is no time zone that this machine knows",
            hint='use a name like "America/Los_Angeles" or "UTC"; on Windows `pip install tzdata`',
        ) from exc


def _begins(day: date, where: tzinfo) -> float:
    """The first moment of a date. Where midnight is skipped, fold 0 reads it with the offset before
    the change, which is the moment of the change itself; where it comes twice, fold 0 is the first."""
    return datetime(day.year, day.month, day.day, tzinfo=where).timestamp()

"""Cooldowns in the ledger. Every function runs inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.counters import Moment
from freellm_cli.core.rotation import RestState

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_reports import Rest

LONGEST_S = 36 * 3600.0
"""No rest with an end lasts longer: every hint can be wrong."""

WINDOW_KINDS = ("rate_limited_minute", "quota_exhausted_day")
CALENDAR_KINDS = ("quota_exhausted_day",)
_STRIKES_KEPT_S = 86_400.0

_SELECT = (
    "SELECT key, until, calendar, kind, reason, strikes, trial, tried_by, since, request FROM rest"
)
_PUT = """
INSERT INTO rest VALUES (?, ?, ?, ?, ?, 1, ?, 0, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    until = excluded.until,
    calendar = excluded.calendar,
    kind = excluded.kind,
    reason = excluded.reason,
    strikes = strikes + 1,
    trial = excluded.trial,
    tried_by = 0,
    since = excluded.since,
    request = excluded.request
"""


class NewRest(NamedTuple):
    """`until`: wall time, None until it is woken. `trial`: whether one request tries it first when due."""

    key: str
    until: float | None
    kind: str
    reason: str
    request_id: str
    calendar: bool
    trial: bool


def states(
    connection: sqlite3.Connection, keys: Sequence[str], moment: Moment
) -> dict[str, RestState]:
    """The rests among `keys`, the due ones too."""
    if not keys:
        return {}
    wanted = ", ".join("?" * len(keys))
    rows = connection.execute(f"{_SELECT} WHERE key IN ({wanted})", keys)
    return {row[0]: _state(row, moment) for row in rows}


def put(connection: sqlite3.Connection, new: NewRest, moment: Moment) -> None:
    """Writes a rest. One that lasts longer already stays as long as it does."""
    held = states(connection, [new.key], moment).get(new.key)
    until = inf if new.until is None else min(new.until, moment.wall + LONGEST_S)
    calendar, kind, reason = new.calendar, new.kind, new.reason
    if held is not None and held.until > moment.steady:
        lasting = moment.wall_at(held.until)
        if lasting > until:
            until, kind, reason = lasting, held.kind, held.reason
            calendar = kind in CALENDAR_KINDS
    kept = until if calendar else moment.steady_at(until)
    connection.execute(
        _PUT,
        (
            new.key,
            None if until == inf else kept,
            calendar,
            kind,
            reason,
            new.trial,
            moment.wall,
            new.request_id,
        ),
    )


def every(connection: sqlite3.Connection, moment: Moment) -> list[Rest]:
    """All rests that still keep somebody waiting, the longest first."""
    from freellm_cli.storage.ledger_reports import Rest

    rows = connection.execute(_SELECT)
    found = []
    for row in rows:
        state = _state(row, moment)
        due = state.until <= moment.steady
        if due and not state.trial:
            continue
        until = None if state.until == inf else moment.wall_at(state.until)
        found.append(
            Rest(
                state.key,
                until,
                state.kind,
                state.reason,
                state.strikes,
                row[8],
                row[9],
                due,
                bool(state.tried_by),
            )
        )
    return sorted(found, key=lambda rest: -(inf if rest.until is None else rest.until))


def strikes(connection: sqlite3.Connection, key: str, wall: float) -> int:
    row = connection.execute(
        "SELECT strikes FROM rest WHERE key = ? AND (since > ? OR until IS NULL)",
        (key, wall - LONGEST_S - _STRIKES_KEPT_S),
    ).fetchone()
    return row[0] if row else 0


def wake(connection: sqlite3.Connection, key: str | None) -> int:
    if key is None:
        return connection.execute("DELETE FROM rest").rowcount
    return connection.execute("DELETE FROM rest WHERE key = ?", (key,)).rowcount


def begin_trial(connection: sqlite3.Connection, keys: Sequence[str], lease: int) -> None:
    for key in keys:
        connection.execute("UPDATE rest SET tried_by = ? WHERE key = ?", (lease, key))


def end_trial(connection: sqlite3.Connection, lease: int) -> None:
    """Its outcome says nothing of the target: the next request may try."""
    connection.execute("UPDATE rest SET tried_by = 0 WHERE tried_by = ?", (lease,))


def heal(connection: sqlite3.Connection, keys: Sequence[str], moment: Moment) -> None:
    """The target has answered: rests that were over are gone, with their strikes."""
    for key, state in states(connection, keys, moment).items():
        if state.until <= moment.steady:
            connection.execute("DELETE FROM rest WHERE key = ?", (key,))


def tidy(connection: sqlite3.Connection, moment: Moment) -> None:
    """Forgets rests that were over long ago."""
    connection.execute(
        "DELETE FROM rest WHERE until IS NOT NULL AND since < ?",
        (moment.wall - LONGEST_S - _STRIKES_KEPT_S,),
    )


def _state(row: Sequence[object], moment: Moment) -> RestState:
    key, until, calendar, kind, reason, strikes_, trial, tried_by = row[:8]
    if until is None:
        until = inf
    elif calendar:
        until = moment.steady_at(until)  # type: ignore[arg-type]
    return RestState(key, until, kind, reason, strikes_, bool(trial), tried_by)  # type: ignore[arg-type]

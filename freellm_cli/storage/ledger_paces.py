"""Rates found by trying. Every function runs inside a transaction."""

from __future__ import annotations

import sqlite3

from freellm_cli.core.counters import Moment
from freellm_cli.core.limits import REQUESTS, Limit, Window, window_name
from freellm_cli.core.pacing import (
    SECOND_S,
    WINDOW_S,
    Counted,
    Pace,
    after_answer,
    after_refusal,
)
from freellm_cli.storage import ledger_counters, ledger_learned

MINUTE = Window("sliding", WINDOW_S)
WINDOWS = (Window("sliding", SECOND_S), MINUTE)
SOURCE = "rate"

_SELECT = (
    "SELECT amount, ceiling, refused, raised, patience, step, refusals, window, minute, reached, sure "
    "FROM pace"
)
_PUT = "INSERT OR REPLACE INTO pace VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def refused(
    connection: sqlite3.Connection, meter: str, opened: float, moment: Moment
) -> Pace | None:
    """A request that was opened then was refused for its rate, and nobody said what the limit is. None when
    somebody has said it before."""
    if _is_told(connection, meter):
        return None
    held = _read(connection, meter)
    pace = after_refusal(held, _counted(connection, meter, moment), opened, moment.steady)
    _write(connection, meter, held, pace, moment)
    return pace


def answered(connection: sqlite3.Connection, meter: str, opened: float, moment: Moment) -> None:
    held = _read(connection, meter)
    if held is None or (_is_told(connection, meter) and _drop(connection, meter)):
        return
    pace = after_answer(held, _counted(connection, meter, moment), opened, moment.steady)
    if pace is not held:
        _write(connection, meter, held, pace, moment)


def _read(connection: sqlite3.Connection, meter: str) -> Pace | None:
    row = connection.execute(f"{_SELECT} WHERE meter = ?", (meter,)).fetchone()
    if row is None:
        return None
    refusals = tuple(float(at) for at in row[6].split(",") if at)
    return Pace._make((*row[:6], refusals, row[7], row[8], bool(row[9]), bool(row[10])))


def _write(
    connection: sqlite3.Connection, meter: str, held: Pace | None, pace: Pace, moment: Moment
) -> None:
    refusals = ",".join(f"{at:.3f}" for at in pace.refusals[-100:])
    connection.execute(_PUT, (meter, *pace[:6], refusals, *pace[7:]))
    if held is not None and (held.amount, held.window) == (pace.amount, pace.window):
        return
    if held is not None and held.window != pace.window:
        connection.execute("DELETE FROM learned WHERE meter = ? AND source = ?", (meter, SOURCE))
    limit = Limit(meter, REQUESTS, Window("sliding", pace.window), pace.amount, SOURCE)
    ledger_learned.put(connection, limit, "found by trying", moment.wall)


def _counted(connection: sqlite3.Connection, meter: str, moment: Moment) -> Counted:
    counter = ledger_counters.load(connection, [(meter, MINUTE)], [meter], moment)[0]
    if counter.is_stale(moment.steady):
        ledger_counters.expire(connection, counter, moment.steady)
        ledger_counters.save(connection, [counter], moment.steady)
    lately = moment.steady - SECOND_S
    pieces = ledger_counters.slices(connection, counter)
    return Counted(sum(piece.requests for piece in pieces if piece.at > lately), counter.requests)


def _is_told(connection: sqlite3.Connection, meter: str) -> bool:
    windows = [window_name(window) for window in WINDOWS]
    row = connection.execute(
        "SELECT 1 FROM learned WHERE meter = ? AND unit = ? AND window IN (?, ?) AND source <> ?",
        (meter, REQUESTS, *windows, SOURCE),
    ).fetchone()
    return row is not None


def _drop(connection: sqlite3.Connection, meter: str) -> bool:
    connection.execute("DELETE FROM pace WHERE meter = ?", (meter,))
    connection.execute("DELETE FROM learned WHERE meter = ? AND source = ?", (meter, SOURCE))
    connection.execute("UPDATE state SET learned = learned + 1")
    return True

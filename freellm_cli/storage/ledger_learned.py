"""Limits that providers have told. Every function runs inside a transaction."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from freellm_cli.core.limits import Limit, window_name, window_named

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_reports import Learned

TRUSTED_S = 30 * 86_400.0
"""A limit that nobody has told again for so long may have changed."""
NOTHING_TRUSTED_S = 86_400.0
"""The same for one that allows nothing: nobody asks again, so nobody could be told otherwise."""

_PUT = """
INSERT INTO learned VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (meter, unit, window) DO UPDATE SET
    first = iif(amount = excluded.amount, first, excluded.first),
    amount = excluded.amount,
    source = excluded.source,
    evidence = excluded.evidence,
    at = excluded.at
"""
_FRESH_S = 3600.0


def put(connection: sqlite3.Connection, limit: Limit, evidence: str, wall: float) -> bool:
    """Writes what was told last; returns False when that was known and is fresh."""
    key = (limit.meter, limit.unit, window_name(limit.window))
    row = connection.execute(
        "SELECT amount, at FROM learned WHERE meter = ? AND unit = ? AND window = ?", key
    ).fetchone()
    if row is not None and row[0] == limit.amount and abs(wall - row[1]) < _FRESH_S:
        return False
    connection.execute(_PUT, (*key, limit.amount, limit.source, evidence, wall, wall))
    _tell_all(connection)
    return True


def trusted(connection: sqlite3.Connection, wall: float) -> dict[str, list[Limit]]:
    """The learned limits of each meter that hold now."""
    found: dict[str, list[Limit]] = {}
    for limit, _, at, _ in _told(connection):
        if _holds(limit, at, wall):
            found.setdefault(limit.meter, []).append(limit)
    return found


def holds(learned: Learned, wall: float) -> bool:
    return _holds(learned.limit, learned.at, wall)


def _holds(limit: Limit, at: float, wall: float) -> bool:
    return at > wall - (TRUSTED_S if limit.amount else NOTHING_TRUSTED_S)


def every(connection: sqlite3.Connection) -> list[Learned]:
    from freellm_cli.storage.ledger_reports import Learned

    return [Learned._make(told) for told in _told(connection)]


def _told(connection: sqlite3.Connection) -> list[tuple[Limit, str, float, float]]:
    """The fields of a `Learned`, the class of which costs every process that only asks 1 ms."""
    rows = connection.execute(
        "SELECT meter, unit, window, amount, source, evidence, at, first FROM learned "
        "ORDER BY meter, unit, window"
    )
    return [
        (Limit(meter, unit, window_named(window), amount, source), evidence, at, first)
        for meter, unit, window, amount, source, evidence, at, first in rows
    ]


def forget(connection: sqlite3.Connection, meter: str | None) -> int:
    if meter is None:
        gone = connection.execute("DELETE FROM learned").rowcount
        connection.execute("DELETE FROM pace")
    else:
        gone = connection.execute("DELETE FROM learned WHERE meter = ?", (meter,)).rowcount
        connection.execute("DELETE FROM pace WHERE meter = ?", (meter,))
    if gone:
        _tell_all(connection)
    return gone


def _tell_all(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE state SET learned = learned + 1")

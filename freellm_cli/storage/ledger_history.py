"""Past requests and conversations in the ledger. Every function runs inside a transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_reports import Trace

REQUESTS_KEPT = 2000
CONVERSATIONS_KEPT = 2000
LONGEST_TRACE = 6_144
"""Bytes, so that all of them stay below 20 MB. A longer one loses the ends of its messages, then its
candidates, in the end its attempts."""
_TOLD = 120
_DROPPED_TOGETHER = 50
_INSERT = "INSERT INTO request (id, at, trace) VALUES (?, ?, ?)"


def record(connection: sqlite3.Connection, traces: Sequence[Trace]) -> bool:
    """True now and then, whoever asks: it is time to tidy up."""
    rows = [(str(trace["id"]), float(trace["at"]), _fitting(trace)) for trace in traces]
    connection.executemany(_INSERT, rows[:-1])
    number = connection.execute(_INSERT, rows[-1]).lastrowid or 0
    if _has_passed(number, len(rows), _DROPPED_TOGETHER):
        connection.execute("DELETE FROM request WHERE number <= ?", (number - REQUESTS_KEPT,))
    return _has_passed(number, len(rows), REQUESTS_KEPT)


def _has_passed(number: int, new: int, step: int) -> bool:
    """Whether a multiple of `step` is among the `new` numbers that end with `number`."""
    return number // step != (number - new) // step


def requests(connection: sqlite3.Connection, amount: int) -> list[Trace]:
    """The latest, newest first."""
    rows = connection.execute("SELECT trace FROM request ORDER BY number DESC LIMIT ?", (amount,))
    return [json.loads(row[0]) for row in rows]


def request(connection: sqlite3.Connection, identity: str | None) -> Trace | None:
    """The request with this id, or whose id alone begins so; the last one for None."""
    if identity is None:
        found = requests(connection, 1)
        return found[0] if found else None
    row = connection.execute(
        "SELECT trace FROM request WHERE id = ? ORDER BY number DESC LIMIT 1", (identity,)
    ).fetchone()
    if row is None and identity:
        rows = connection.execute(
            "SELECT trace FROM request WHERE substr(id, 1, ?) = ? GROUP BY id LIMIT 2",
            (len(identity), identity),
        ).fetchall()
        row = rows[0] if len(rows) == 1 else None
    return None if row is None else json.loads(row[0])


def credential_of(connection: sqlite3.Connection, conversation: str) -> str | None:
    row = connection.execute(
        "SELECT credential FROM conversation WHERE id = ?", (conversation,)
    ).fetchone()
    return None if row is None else row[0]


def remember(connection: sqlite3.Connection, used: Mapping[str, str], wall: float) -> None:
    """`used`: the credential of each conversation."""
    if not used:
        return
    wanted = ", ".join("?" * len(used))
    rows = connection.execute(
        f"SELECT id, credential FROM conversation WHERE id IN ({wanted})",  # noqa: S608 - marks
        tuple(used),
    )
    known = dict(rows.fetchall())
    connection.executemany(
        "INSERT INTO conversation VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE "
        "SET credential = excluded.credential, at = excluded.at",
        [(each, name, wall) for each, name in used.items() if known.get(each) != name],
    )


def tidy(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM conversation WHERE id NOT IN "
        "(SELECT id FROM conversation ORDER BY at DESC LIMIT ?)",
        (CONVERSATIONS_KEPT,),
    )


def _fitting(trace: Trace) -> str:
    text = _as_json(trace)
    if len(text.encode()) > LONGEST_TRACE:
        attempts = [
            {key: value[:_TOLD] if isinstance(value, str) else value for key, value in each.items()}
            for each in trace.get("attempts", ())
        ]
        trace = {**trace, "attempts": attempts}
        text = _as_json(trace)
    for dispensable in ("candidates", "excluded", "route", "attempts"):
        if len(text.encode()) <= LONGEST_TRACE:
            break
        trace = {**trace, dispensable: [], "shortened": True}
        text = _as_json(trace)
    return text


_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode

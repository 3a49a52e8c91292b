"""The line of requests that wait. Every function runs inside a transaction.

Earlier tickets go first among those that want the same targets, interactive ones before batch. Nobody
hands out turns: each request plays the line through before it takes anything, and leaves to those before
it what they would take. A waiter sleeps until its turn is expected; one that did not look when it said
is passed over until it does.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from freellm_cli.core.counters import Moment
from freellm_cli.core.forecast import Forecast
from freellm_cli.core.rotation import Lineup, Snapshot, Wish, choose
from freellm_cli.storage.ledger_values import LANES

LATE_S = 0.25
"""A waiter that is later than this is passed over."""

LOST_S = 300.0
"""A waiter that is later than this has left without a word."""

_SHORTEST_LOOK_S, _LONGEST_GUESS_S = 0.05, 0.5
_LOOK_S, _LOOK_PER_PLACE_S, _LONGEST_LOOK_S = 1.0, 0.25, 30.0
_LOOK_SHARE = 0.02
_NO_TICKET = 1 << 62


class Place(NamedTuple):
    """Where a request stands. `since`: when it joined (steady)."""

    lane: int
    ticket: int | None
    since: float


def place_of(
    connection: sqlite3.Connection, lane: str, ticket: int | None, moment: Moment
) -> Place:
    """The place of this ticket; of somebody who comes now when there is none (or it was dropped)."""
    number = LANES.index(lane)
    if ticket is not None:
        row = connection.execute("SELECT since FROM ticket WHERE id = ?", (ticket,)).fetchone()
        if row is not None:
            return Place(number, ticket, row[0])
    return Place(number, None, moment.steady)


def play(
    connection: sqlite3.Connection, lineup: Lineup, snapshot: Snapshot, place: Place
) -> tuple[list[tuple[tuple[int, ...], int]], int]:
    """Lets everybody before `place` take, in the snapshot, what is free for them now. Returns those who
    found nothing (the candidates they would take, and their tokens), and how many there are in all."""
    rows = connection.execute(
        "SELECT targets, tokens FROM ticket "
        "WHERE (lane < ? OR (lane = ? AND id < ?)) AND looks_at > ? ORDER BY lane, id",
        (place.lane, place.lane, place.ticket or _NO_TICKET, snapshot.now - LATE_S),
    ).fetchall()
    waiting = []
    position = 0
    shared: dict[str, tuple[int, ...]] = {}
    in_vain: dict[str, int] = {}
    for targets, tokens in rows:
        if targets not in shared:
            shared[targets] = _known(lineup, targets)
        allowed = shared[targets]
        if not allowed:
            continue
        position += 1
        taken = None
        if tokens < in_vain.get(targets, _NO_TICKET):
            taken = choose(lineup, snapshot, Wish(tokens, allowed=allowed), lineup.steps)
        if taken is None:
            in_vain[targets] = min(tokens, in_vain.get(targets, tokens))
            waiting.append((allowed, tokens))
        else:
            snapshot.plan(lineup, taken, tokens)
    return waiting, position


def length(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM ticket").fetchone()
    return int(row[0])


def join(
    connection: sqlite3.Connection,
    owner: str,
    request_id: str,
    place: Place,
    targets: list[str],
    tokens: int,
    looks_at: float,
) -> int:
    """A new ticket at the end of the lane."""
    cursor = connection.execute(
        "INSERT INTO ticket (owner, request, lane, targets, tokens, since, looks_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (owner, request_id, place.lane, "\n".join(targets), tokens, place.since, looks_at),
    )
    return cursor.lastrowid or 0


def promise(connection: sqlite3.Connection, ticket: int, looks_at: float) -> None:
    """The waiter will look again at this moment at the latest."""
    connection.execute("UPDATE ticket SET looks_at = ? WHERE id = ?", (looks_at, ticket))


def leave(connection: sqlite3.Connection, ticket: int) -> None:
    connection.execute("DELETE FROM ticket WHERE id = ?", (ticket,))


def late_owners(connection: sqlite3.Connection, now: float) -> list[str]:
    """Whose waiters did not look when they said: they may be gone."""
    rows = connection.execute(
        "SELECT DISTINCT owner FROM ticket WHERE looks_at < ?", (now - LATE_S,)
    )
    return [row[0] for row in rows]


def drop_lost(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM ticket WHERE looks_at < ?", (now - LOST_S,))


def look_in(forecast: Forecast, place: Place, position: int, now: float) -> float:
    """Seconds until the waiter should look again: when its turn is expected, but now and then before, for
    capacity also comes back unexpectedly (the more seldom the longer the wait and the line); in growing
    steps while only others' open requests are in the way, for nobody knows when they end."""
    if not forecast.sure:
        waited = now - place.since
        return min(max(_SHORTEST_LOOK_S, waited * 0.1), _LONGEST_GUESS_S)
    left = forecast.until - now
    longest = max(_LOOK_S + _LOOK_PER_PLACE_S * position, left * _LOOK_SHARE)
    return max(0.001, min(left, longest, _LONGEST_LOOK_S))


def _known(lineup: Lineup, targets: str) -> tuple[int, ...]:
    found = (lineup.index_of.get(key) for key in targets.split("\n"))
    return tuple(sorted(at for at in found if at is not None))

"""Counters between their rows and `core.counters`. Every function runs inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from freellm_cli.core.counters import SAVED_FIELDS, Counter, Moment, Slice, Use
from freellm_cli.core.limits import Window, window_name, window_named

_FIELDS = ", ".join(SAVED_FIELDS)
_SELECT = f"SELECT id, {_FIELDS}, meter, window FROM counter WHERE "  # noqa: S608 - constants
_UPDATE = f"UPDATE counter SET {' = ?, '.join(SAVED_FIELDS)} = ?, touched = ? WHERE id = ?"  # noqa: S608
_INSERT = f"""INSERT INTO counter ({_FIELDS}, touched, meter, window)
VALUES ({", ".join("?" * (len(SAVED_FIELDS) + 3))})"""  # noqa: S608
_OPEN = """
UPDATE counter
SET open_requests = open_requests + 1, open_tokens = open_tokens + ?, touched = ?
"""
_BEGIN_FIRST_USE = """
UPDATE counter
SET starts = ifnull(starts, ?), ends = iif(past_requests, ends, NULL)
WHERE id = ?
"""
_COUNT_SLICE = """
INSERT INTO slice VALUES (?, ?, ?, ?, ?)
ON CONFLICT (counter, number) DO UPDATE SET
    at = max(at, excluded.at),
    requests = requests + excluded.requests,
    tokens = tokens + excluded.tokens
"""
Pieces = dict[tuple[int, int], Slice]
"""By counter and number."""

_KEPT_S = 40 * 86_400.0
"""A counter that nothing touched for so long is forgotten: longer than any month."""


def load(
    connection: sqlite3.Connection,
    places: Iterable[tuple[str, Window]],
    meters: Sequence[str],
    moment: Moment,
) -> list[Counter]:
    """The counters of `places`, refreshed; what has no row yet comes with id 0."""
    rows = {}
    if meters:
        wanted = ", ".join("?" * len(meters))
        for row in connection.execute(f"{_SELECT}meter IN ({wanted})", meters):
            rows[row[-2], row[-1]] = row
    found = []
    for meter, window in places:
        row = rows.get((meter, window_name(window)))
        counter = Counter(meter, window, row[:-2] if row else None)
        counter.refresh(moment)
        found.append(counter)
    return found


def load_by_id(
    connection: sqlite3.Connection, identities: Sequence[str], moment: Moment
) -> list[Counter]:
    """The counters with these ids, refreshed and without what has left them."""
    wanted = ", ".join("?" * len(identities))
    rows = connection.execute(f"{_SELECT}id IN ({wanted})", identities).fetchall()
    found = []
    for row in rows:
        counter = Counter(row[-2], window_named(row[-1]), row[:-2])
        counter.refresh(moment)
        if counter.is_stale(moment.steady):
            expire(connection, counter, moment.steady)
        found.append(counter)
    return found


def slices(connection: sqlite3.Connection, counter: Counter) -> list[Slice]:
    """What a sliding counter holds, oldest first."""
    rows = connection.execute(
        "SELECT number, at, requests, tokens FROM slice WHERE counter = ? ORDER BY number",
        (counter.id,),
    )
    return [Slice._make(row) for row in rows]


def expire(
    connection: sqlite3.Connection, counter: Counter, now: float, *, keep: bool = False
) -> None:
    """Takes what has left a sliding window out of the counter, and out of the file unless `keep`."""
    rows = connection.execute(
        "SELECT number, at, requests, tokens FROM slice WHERE counter = ? ORDER BY number",
        (counter.id,),
    )
    gone = []
    oldest = None
    for row in rows:
        if row[1] + counter.span > now:
            oldest = row[1]
            break
        gone.append(Slice._make(row))
    rows.close()
    counter.expire(gone, oldest)
    if gone and not keep:
        connection.execute(
            "DELETE FROM slice WHERE counter = ? AND number <= ?", (counter.id, gone[-1].number)
        )


def save(connection: sqlite3.Connection, counters: Iterable[Counter], now: float) -> None:
    """Writes those that have a row and have changed."""
    rows = []
    for counter in counters:
        if counter.changed and counter.id:
            rows.append((*counter.saved(), now, counter.id))
            counter.changed = False
    if rows:
        connection.executemany(_UPDATE, rows)


def open_in(
    connection: sqlite3.Connection, counters: Iterable[Counter], tokens: int, moment: Moment
) -> str:
    """Writes a new lease into these counters; returns their ids as text, with commas.

    Only differences are written: what a forecast has planned into the counters must not be kept.
    """
    identities = []
    known = []
    for counter in counters:
        if counter.id:
            known.append(counter.id)
            identities.append(counter.id)
        else:
            identities.append(_begin(connection, counter, tokens, moment))
        if counter.window.kind == "first_use":
            connection.execute(_BEGIN_FIRST_USE, (moment.steady, identities[-1]))
    if known:
        wanted = ", ".join("?" * len(known))
        connection.execute(f"{_OPEN} WHERE id IN ({wanted})", (tokens, moment.steady, *known))
    return ",".join(map(str, identities))


def open_many(
    connection: sqlite3.Connection, amounts: Mapping[int, int], tokens: int, moment: Moment
) -> None:
    """Writes new leases of `tokens` each: how many into the counter with which id."""
    connection.executemany(
        "UPDATE counter SET open_requests = open_requests + ?, open_tokens = open_tokens + ?, "
        "touched = ? WHERE id = ?",
        [(new, new * tokens, moment.steady, counter) for counter, new in amounts.items()],
    )


def _begin(connection: sqlite3.Connection, counter: Counter, tokens: int, moment: Moment) -> int:
    new = Counter(counter.meter, counter.window)
    new.refresh(moment)
    new.open(tokens, moment.steady)
    return _insert(connection, new, moment.steady)


def _insert(connection: sqlite3.Connection, counter: Counter, now: float) -> int:
    row = (*counter.saved(), now, counter.meter, window_name(counter.window))
    identity = connection.execute(_INSERT, row).lastrowid
    return identity or 0


def count(
    connection: sqlite3.Connection, counters: Iterable[Counter], use: Use, moment: Moment
) -> None:
    """Adds a use to every window it may fall in. `save` is the caller's."""
    pieces: Pieces = {}
    gather(pieces, counters, use, moment)
    add(connection, pieces)


def gather(pieces: Pieces, counters: Iterable[Counter], use: Use, moment: Moment) -> None:
    """As `count`, but what sliding windows get is kept in `pieces`, for `add`."""
    for counter in counters:
        piece = counter.count(use, moment)
        if piece is None:
            continue
        key = (counter.id, piece.number)
        before = pieces.get(key)
        if before is not None:
            piece = Slice(
                piece.number,
                max(piece.at, before.at),
                piece.requests + before.requests,
                piece.tokens + before.tokens,
            )
        pieces[key] = piece


def add(connection: sqlite3.Connection, pieces: Pieces) -> None:
    if pieces:
        connection.executemany(
            _COUNT_SLICE, [(counter, *piece) for (counter, _), piece in pieces.items()]
        )


def amend(
    connection: sqlite3.Connection,
    counters: Iterable[Counter],
    answered: float,
    tokens: int,
    moment: Moment,
) -> None:
    """Adds `tokens` to a use that was counted as of `answered`."""
    for counter in counters:
        number = counter.amend(answered, tokens, moment)
        if number is not None:
            connection.execute(
                "UPDATE slice SET tokens = tokens + ? WHERE counter = ? AND number = ?",
                (tokens, counter.id, number),
            )


def raise_to(
    connection: sqlite3.Connection, meter: str, window: Window, wanted: Use, moment: Moment
) -> None:
    """Lets a counter count at least what the provider says it has: requests and tokens of `wanted`, as
    of its `answered`. Others may use the same key elsewhere."""
    counter = load(connection, [(meter, window)], [meter], moment)[0]
    if counter.is_stale(moment.steady):
        expire(connection, counter, moment.steady)
    missing = Use(
        wanted.opened,
        wanted.answered,
        max(0, wanted.requests - counter.requests - counter.open_requests),
        max(0, wanted.tokens - counter.tokens - counter.open_tokens),
    )
    if not counter.id:
        counter.id = _insert(connection, counter, moment.steady)
    if missing.requests or missing.tokens:
        count(connection, [counter], missing, moment)
    save(connection, [counter], moment.steady)


def tidy(connection: sqlite3.Connection, now: float) -> None:
    """Forgets counters that nothing has touched for longer than their window can be."""
    connection.execute(
        "DELETE FROM counter WHERE touched < ? AND open_requests = 0", (now - _KEPT_S,)
    )
    connection.execute("DELETE FROM slice WHERE counter NOT IN (SELECT id FROM counter)")
    connection.execute("DELETE FROM recency WHERE used < ?", (now - _KEPT_S,))

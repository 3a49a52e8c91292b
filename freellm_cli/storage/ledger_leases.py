"""Leases between opening and settling, and those whose owners are gone. All inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from freellm_cli.core.counters import Counter, Moment, Use
from freellm_cli.storage import ledger_counters
from freellm_cli.storage.owners import Board, examine, names, remove


class Row(NamedTuple):
    """A lease in the file."""

    id: int
    owner: str
    counters: str
    tokens: int
    opened: float
    deadline: float
    answered: float | None


_SELECT = "SELECT id, owner, counters, tokens, opened, deadline, answered FROM lease"


class Spent(NamedTuple):
    """A lease at its end. `answered`: as of when it is counted (now if None); with `requests` and `tokens` 0
    and no `answered` it never was."""

    row: Row
    answered: float | None
    tokens: int
    requests: int


def find(connection: sqlite3.Connection, leases: Sequence[int]) -> list[Row]:
    """Those that are in the file; at most a thousand at once."""
    wanted = ", ".join("?" * len(leases))
    rows = connection.execute(f"{_SELECT} WHERE id IN ({wanted})", leases)
    return [Row._make(row) for row in rows]


def end(connection: sqlite3.Connection, ended: Sequence[Spent], moment: Moment) -> None:
    """Takes leases out of the file and counts what they used."""
    if not ended:
        return
    leases = [each.row.id for each in ended]
    wanted = ", ".join("?" * len(leases))
    connection.execute(f"DELETE FROM lease WHERE id IN ({wanted})", leases)  # noqa: S608 - marks
    identities = {name for each in ended for name in each.row.counters.split(",") if name}
    if not identities:
        return
    loaded = ledger_counters.load_by_id(connection, sorted(identities), moment)
    known = {str(counter.id): counter for counter in loaded}
    pieces: ledger_counters.Pieces = {}
    for row, answered, tokens, requests in ended:
        counters = [known[name] for name in row.counters.split(",") if name in known]
        if row.answered is not None:
            _settle_counted(connection, row, counters, moment, tokens)
            continue
        for counter in counters:
            counter.close(row.tokens)
        if requests or tokens:
            at = moment.steady if answered is None else min(answered, moment.steady)
            use = Use(row.opened, max(at, row.opened), requests, tokens)
            ledger_counters.gather(pieces, counters, use, moment)
    ledger_counters.add(connection, pieces)
    ledger_counters.save(connection, loaded, moment.steady)


def _settle_counted(
    connection: sqlite3.Connection, row: Row, counters: list[Counter], moment: Moment, tokens: int
) -> None:
    """The rest of a lease that was counted when its answer began: its place and its true tokens."""
    assert row.answered is not None
    for counter in counters:
        if counter.window.kind == "open":
            counter.close(row.tokens)
    if tokens != row.tokens:
        dated = [counter for counter in counters if counter.window.kind != "open"]
        ledger_counters.amend(connection, dated, row.answered, tokens - row.tokens, moment)


def count_from(connection: sqlite3.Connection, row: Row, answered: float, moment: Moment) -> None:
    """Counts an open lease as of the moment its answer began: its windows begin to slide. Its place among
    concurrent requests is kept until it is settled."""
    connection.execute("UPDATE lease SET answered = ? WHERE id = ?", (answered, row.id))
    if not row.counters:
        return
    counters = [
        counter
        for counter in ledger_counters.load_by_id(connection, row.counters.split(","), moment)
        if counter.window.kind != "open"
    ]
    for counter in counters:
        counter.close(row.tokens)
    ledger_counters.count(connection, counters, Use(row.opened, answered, 1, row.tokens), moment)
    ledger_counters.save(connection, counters, moment.steady)


class Sweep:
    """Finds what owners can no longer tell, or have told on their boards only."""

    def __init__(
        self,
        folder: str,
        mine: Callable[[], tuple[str, dict[int, float]]],
        boot: str,
    ) -> None:
        """`mine`: this owner's name and its board; `boot`: the start of the machine, as in names."""
        self._folder = folder
        self._mine = mine
        self._boot = boot

    def run(self, connection: sqlite3.Connection, moment: Moment) -> bool:
        """Ends leases of dead owners and those past their deadline, counts answered ones from when their
        answers began, and drops the tickets of the dead. Returns whether anything changed."""
        from freellm_cli.storage import ledger_queue

        rows = [Row._make(row) for row in connection.execute(_SELECT)]
        late = ledger_queue.late_owners(connection, moment.steady)
        own, board = self._mine()
        boards: dict[str, Board | None] = {own: Board(True, board)}
        changed = False
        for row in rows:
            if row.owner not in boards:
                boards[row.owner] = examine(self._folder, row.owner)
            changed |= self._look_at(connection, row, boards[row.owner], moment)
        for name in late:
            if name not in boards:
                boards[name] = examine(self._folder, name)
        for name, found in boards.items():
            if found is None or not found.alive:
                gone = connection.execute("DELETE FROM ticket WHERE owner = ?", (name,)).rowcount
                changed |= gone > 0
                remove(self._folder, name)
        if late:
            ledger_queue.drop_lost(connection, moment.steady)
        return changed

    def _look_at(
        self, connection: sqlite3.Connection, row: Row, board: Board | None, moment: Moment
    ) -> bool:
        answered = self._answered(row, board)
        if board is not None and board.alive and moment.steady < row.deadline:
            if not answered or row.answered is not None:
                return False
            count_from(connection, row, answered, moment)
            return True
        connection.execute("UPDATE rest SET tried_by = 0 WHERE tried_by = ?", (row.id,))
        spent = answered is not None
        used = Spent(row, None, 0, 0)
        if spent:
            used = Spent(row, answered or _latest_arrival(row, board, moment), row.tokens, 1)
        end(connection, [used], moment)
        return True

    def _answered(self, row: Row, board: Board | None) -> float | None:
        """When its answer began; 0.0: sent, no answer known; None: never sent."""
        if row.answered is not None:
            return row.answered
        if board is None or not row.owner.startswith(self._boot):
            return 0.0  # nobody can tell, for the machine went down since
        at = board.sent.get(row.id)
        # A time before the lease is the trace of an earlier lease in the same place.
        return 0.0 if at is not None and at < row.opened else at


def _latest_arrival(row: Row, board: Board | None, moment: Moment) -> float:
    """Of a request whose answer nobody has seen. What a dead process has sent was on its way before its
    deadline; a living one may still be sending."""
    alive = board is not None and board.alive
    return moment.steady if alive else min(moment.steady, row.deadline)


def clear_folder(connection: sqlite3.Connection, folder: str, keep: str) -> None:
    """Removes the files of dead owners that hold nothing."""
    busy = {row[0] for row in connection.execute("SELECT owner FROM lease")}
    for name in names(folder):
        if name == keep or name in busy:
            continue
        found = examine(folder, name)
        if found is not None and not found.alive:
            remove(folder, name)

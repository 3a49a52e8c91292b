"""How leases end: settled, released, each at once or many together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.counters import Moment
from freellm_cli.storage import ledger_leases, ledger_rests
from freellm_cli.storage.ledger_leases import Spent
from freellm_cli.storage.ledger_records import LedgerRecords
from freellm_cli.storage.ledger_values import Lease

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_behind import Behind
    from freellm_cli.storage.ledger_reports import Trace
    from freellm_cli.storage.ledger_spares import Spares
    from freellm_cli.storage.ledger_waiting import WaitingRoom
    from freellm_cli.storage.owners import Owner

_TIDY_EVERY = 2048


class Ending(NamedTuple):
    """The end of a lease that was sent.

    `tokens`: what the provider counted, None if it did not say (then the estimate stands).
    `answered_at`: wall time of the answer's headers, None when none came (then it counts as of now).
    `outcome`: "ok" heals what was tried; anything else is a verdict's kind or what went wrong.
    `requests`: 0 when the provider is known not to have counted it. `trace`: the request's story, kept
    for `requests`. `lesson` writes what the answer taught, in the same transaction.
    """

    lease: Lease
    tokens: int | None
    answered_at: float | None
    outcome: str
    requests: int = 1
    trace: Trace | None = None
    lesson: Callable[[], None] | None = None


class LedgerEndings(LedgerRecords):
    """Part of `storage.ledger.Ledger`."""

    _owner: Owner | None = None
    _spares: Spares | None = None
    _room: WaitingRoom | None = None
    _behind: Behind | None = None
    _mine: dict[int, Lease]
    _settled = 0

    def settle(
        self,
        lease: Lease,
        *,
        tokens: int | None,
        answered_at: float | None,
        outcome: str,
        requests: int = 1,
    ) -> bool:
        """Ends a lease that was sent: see Ending. False when it had expired and was settled by others."""
        return bool(self._end([Ending(lease, tokens, answered_at, outcome, requests)]))

    def after_answer(self, ending: Ending) -> None:
        """Settles and records in one transaction: now, or soon (`write_behind`)."""
        lease = ending.lease
        if lease.answered is None and ending.answered_at is not None:
            # Now, for the clock may be set before it is written.
            lease.answered = self._bounded(lease, ending.answered_at)
        behind = self._behind  # `close` takes it away under a request that is late
        if behind is None or not behind.add(ending):
            self._end([ending])

    def release(self, lease: Lease) -> None:
        """Ends a lease that was never sent: it is as if it never was. One that was marked sent is settled
        with its estimate."""
        if lease.sent:
            self.settle(lease, tokens=None, answered_at=None, outcome="unknown")
            return

        def work(connection: sqlite3.Connection, moment: Moment) -> None:
            if lease.is_trial:
                ledger_rests.end_trial(connection, lease.id)
            for row in ledger_leases.find(connection, [lease.id]):
                ledger_leases.end(connection, [Spent(row, None, 0, 0)], moment)

        self._write(work, is_news=False)
        self._forget(lease)

    def prove(self, lease: Lease) -> None:
        """The target gives content: if this request was a trial, others need not wait for its end."""
        if lease.is_trial:
            lease.is_trial = False
            self._write(
                lambda connection, moment: ledger_rests.heal(connection, lease.mends, moment)
            )
            self._wake(lease)

    # Many together

    def write_now(self) -> None:
        """What the thread of `write_behind` does by itself a few milliseconds after an answer."""
        if self._behind is not None:
            self._behind.write(ahead=True)

    def _end_behind(self) -> None:
        behind, self._behind = self._behind, None
        if behind is not None:
            behind.close()
            self._spares = None

    def _catch_up(self) -> bool:
        behind = self._behind
        return behind is not None and behind.write()

    def _end(self, endings: Sequence[Ending]) -> set[int]:
        """Writes them in one transaction; the leases that were still there."""

        def work(connection: sqlite3.Connection, moment: Moment) -> tuple[set[int], bool]:
            found = self._settle_all(connection, moment, endings)
            for each in endings:
                if each.lesson is not None:
                    each.lesson()
            traces = [each.trace for each in endings if each.trace is not None]
            if not traces:
                return found, False
            from freellm_cli.storage import ledger_history

            return found, ledger_history.record(connection, traces)

        found, untidy = self._write(work)
        for each in endings:
            self._forget(each.lease)
        if untidy:
            self._tidy()
        return found

    def _settle_all(
        self, connection: sqlite3.Connection, moment: Moment, endings: Sequence[Ending]
    ) -> set[int]:
        by_lease = {}
        used_by = {}
        for each in endings:
            lease = each.lease
            self._heal(connection, moment, each)
            by_lease[lease.id] = each
            if lease.conversation and each.outcome == "ok":
                used_by[lease.conversation] = lease.candidate.credential
        if used_by:
            self._remember(connection, used_by, moment)
        spent = []
        for row in ledger_leases.find(connection, list(by_lease)):
            lease, tokens, answered_at, _, requests, *_ = by_lease[row.id]
            answered = lease.answered
            if answered is None and answered_at is not None:
                answered = self._bounded(lease, answered_at)
            used = lease.tokens if tokens is None else max(0, tokens)
            spent.append(Spent(row, answered, used, requests))
        ledger_leases.end(connection, spent, moment)
        return {each.row.id for each in spent}

    def _heal(self, connection: sqlite3.Connection, moment: Moment, ending: Ending) -> None:
        """What an ending means beside what was used."""
        lease, is_ok = ending.lease, ending.outcome == "ok"
        if lease.mends and is_ok:
            ledger_rests.heal(connection, lease.mends, moment)
        if lease.is_trial:
            ledger_rests.end_trial(connection, lease.id)

    def _remember(
        self, connection: sqlite3.Connection, used: dict[str, str], moment: Moment
    ) -> None:
        from freellm_cli.storage import ledger_history

        ledger_history.remember(connection, used, moment.wall)
        if self._spares is not None:
            for conversation, credential in used.items():
                self._spares.remember(conversation, credential)

    def _bounded(self, lease: Lease, wall: float) -> float:
        moment = self._timeline.moment()
        return min(max(moment.steady_at(wall), lease.opened), moment.steady)

    def _forget(self, lease: Lease) -> None:
        if self._mine.pop(lease.id, None) is not None and self._owner is not None:
            self._owner.give_back(lease.place)
        self._settled += 1
        if self._settled % _TIDY_EVERY == 0:
            self._tidy()
        self._wake(lease)

    def _wake(self, lease: Lease) -> None:
        if self._room is not None:
            self._room.wake_first([lease.candidate])

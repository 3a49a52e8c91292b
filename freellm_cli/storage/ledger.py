"""The ledger: what has been used of every limit, who waits, what rests. All processes share it.

A request takes two short transactions: `acquire` reserves on every limit that it touches, `settle`
replaces the reservation by what was used. What happens between goes to a file of the process
(`storage.owners`), which others read only when they need to. No reservation outlives its process.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING

from freellm_cli.core.clock import Clock
from freellm_cli.core.counters import Moment
from freellm_cli.core.dice import Dice
from freellm_cli.core.rotation import Candidate
from freellm_cli.storage import ledger_leases, ledger_rests
from freellm_cli.storage.ledger_look import Holder, Look, Request
from freellm_cli.storage.ledger_records import LedgerRecords
from freellm_cli.storage.ledger_values import (
    BATCH,
    INTERACTIVE,
    Lease,
    Reason,
    Refused,
    Wait,
)
from freellm_cli.storage.owners import Owner

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_behind import Behind
    from freellm_cli.storage.ledger_reports import Rest as Rest
    from freellm_cli.storage.ledger_reports import Usage as Usage
    from freellm_cli.storage.ledger_reports import View as View
    from freellm_cli.storage.ledger_waiting import Abandoned, Pause, WaitingRoom

__all__ = [
    "BATCH",
    "INTERACTIVE",
    "Lease",
    "Ledger",
    "Reason",
    "Refused",
    "Wait",
]

_SWEEP_EVERY_S = 1.0
_SWEEP_WHEN_BLOCKED_S = 0.05
_TIDY_EVERY = 2048
_STATE = """
SELECT learned, EXISTS (SELECT 1 FROM rest), EXISTS (SELECT 1 FROM ticket),
    EXISTS (SELECT 1 FROM lease)
FROM state
"""


class Ledger(LedgerRecords):
    """Safe from any thread, across processes and a fork. Every method may raise StoreError.

    Opens its file with the first call that needs it. The end of the process needs no `close`.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Clock,
        rng: Dice,
        notice: Callable[[str], None] = lambda text: None,
        boot: str | None = None,
        pause: Pause | None = None,
    ) -> None:
        """`notice` is told when a damaged file was set aside. `boot` names this start of the machine (None:
        ask the system). `pause(woken, seconds)` is how a waiter sleeps (None: really)."""
        super().__init__(path, clock=clock, rng=rng, notice=notice, boot=boot)
        self._folder = path + ".owners"
        self._pause = pause
        self._owner: Owner | None = None
        self._prefix = 0
        self._numbers = count(1)
        self._mine: dict[int, Lease] = {}
        self._room: WaitingRoom | None = None
        self._behind: Behind | None = None
        self._swept = float("-inf")
        self._settled = 0

    def close(self) -> None:
        """Closes the file and retires this owner; the next call opens anew."""
        behind, self._behind = self._behind, None
        if behind is not None:
            behind.close()
        owner, self._owner = self._owner, None
        if owner is not None:
            atexit.unregister(owner.retire)
            owner.retire()
        super().close()

    # Taking

    def acquire(
        self,
        candidates: Sequence[Candidate],
        *,
        tokens: int,
        request_id: str,
        deadline: float,
        lane: str = INTERACTIVE,
        sticky: str | None = None,
        wait_policy: str = "any",
        ticket: int | None = None,
        reserve: float = 0.0,
    ) -> Lease | Wait | Refused:
        """A lease on the best candidate that is free now, a place in the line, or a refusal. Never sleeps.

        `tokens`: an estimate of what the provider will count. `deadline`: wall time at which the caller
        gives up. `sticky`: a conversation, whose last credential goes first. `wait_policy`: "any",
        "first" or "never" (core.rotation). `ticket`: from an earlier Wait of this request. `reserve`:
        a share (0 to 1) of every limit that is left for others.
        """
        request = Request(
            tuple(candidates),
            tokens,
            request_id,
            0.0,
            lane,
            sticky,
            wait_policy,
            ticket,
            reserve,
        )
        return self._look(request, until=deadline)

    def acquire_or_wait(
        self,
        candidates: Sequence[Candidate],
        *,
        tokens: int,
        request_id: str,
        deadline: float,
        lane: str = INTERACTIVE,
        sticky: str | None = None,
        wait_policy: str = "any",
        reserve: float = 0.0,
        abandoned: Abandoned | None = None,
        on_wait: Callable[[Wait], None] | None = None,
    ) -> Lease | Refused:
        """As `acquire`, but sleeps in the line until there is a lease or no more hope.

        `abandoned()` is asked at each look (at least every five seconds); True ends the wait with a
        refusal. `on_wait` is told each time that it goes to sleep, for progress and honest estimates.
        """
        request = Request(
            tuple(candidates),
            tokens,
            request_id,
            0.0,
            lane,
            sticky,
            wait_policy,
            None,
            reserve,
        )
        found = self._look(request, until=deadline)
        if not isinstance(found, Wait):
            return found
        from freellm_cli.storage.ledger_waiting import Line

        request = request._replace(
            ticket=found.ticket, deadline=self._timeline.moment().steady_at(deadline)
        )
        line = Line(self._waiting_room(), self._look, self.leave, self._pause)
        return line.stand(request, found, abandoned or (lambda: False), on_wait)

    def wake_waiters(self) -> None:
        """Makes every `acquire_or_wait` of this process look now, and ask whether it is abandoned."""
        if self._room is not None:
            self._room.wake_all()

    def leave(self, ticket: int) -> None:
        """Gives up a place in the line."""
        self._write(
            lambda connection, moment: connection.execute(
                "DELETE FROM ticket WHERE id = ?", (ticket,)
            )
        )

    def _look(self, request: Request, until: float | None = None) -> Lease | Wait | Refused:
        """`until`: the deadline as wall time, in place of the request's."""

        def work(connection: sqlite3.Connection, moment: Moment) -> Lease | Wait | Refused:
            learned, rests, line, leases = connection.execute(_STATE).fetchone()
            if (leases or line) and self._sweep(connection, moment, _SWEEP_EVERY_S):
                line = True  # the line itself may have changed: look at it
            asked = request
            if until is not None:
                asked = request._replace(deadline=moment.steady_at(until))
            look = Look(
                connection,
                moment,
                self._lineup(connection, request.candidates, learned, moment.wall),
                asked,
                owner=lambda: self._holder(connection),
                sweep=lambda: (
                    self._catch_up() | self._sweep(connection, moment, _SWEEP_WHEN_BLOCKED_S)
                ),
                has_rests=bool(rests),
                has_line=bool(line),
            )
            return look.run()

        found = self._write(work)
        if isinstance(found, Lease):
            self._mine[found.id] = found
        return found

    # Between

    def mark_sent(self, lease: Lease) -> bool:
        """The first byte goes out now: from here on the request counts, whatever happens to this process.
        False when the lease has expired: then it must not be sent."""
        if self._timeline.steady() >= lease.expires:
            return False
        lease.sent = True
        if self._owner is not None:
            self._owner.sent(lease.place, lease.id)
        return True

    def answered(self, lease: Lease, at: float) -> None:
        """The headers of the answer came at wall time `at`: the provider has counted the request by then.
        Worth telling when the answer is a stream that goes on for long."""
        lease.answered = self._bounded(lease, at)
        if self._owner is not None:
            self._owner.answered(lease.place, lease.answered)

    def prove(self, lease: Lease) -> None:
        """The target gives content: if this request was a trial, others need not wait for its end."""
        if lease.is_trial:
            lease.is_trial = False
            self._write(
                lambda connection, moment: ledger_rests.heal(connection, lease.mends, moment)
            )
            self._wake(lease)

    def _bounded(self, lease: Lease, wall: float) -> float:
        moment = self._timeline.moment()
        return min(max(moment.steady_at(wall), lease.opened), moment.steady)

    # Ending

    def write_behind(self, gather_s: float | None = None) -> None:
        """From now on what is given to `after_answer` is written `gather_s` later (None: a few milliseconds),
        with that of other answers: for a process that gives many. What is not written yet when the process
        is killed is counted from the leases, as for any that died."""
        if self._behind is None:
            from freellm_cli.storage.ledger_behind import GATHER_S, Behind

            gather_s = GATHER_S if gather_s is None else gather_s
            self._behind = Behind(self.together, self._notice, gather_s)

    def after_answer(self, work: Callable[[], None]) -> None:
        """Runs `work`, which settles and records, in one transaction: now, or soon (`write_behind`)."""
        if self._behind is None or not self._behind.add(work):
            with self.together():
                work()

    def _catch_up(self) -> bool:
        return bool(self._behind) and self._behind is not None and self._behind.write()

    def settle(
        self,
        lease: Lease,
        *,
        tokens: int | None,
        answered_at: float | None,
        outcome: str,
        requests: int = 1,
    ) -> bool:
        """Ends a lease that was sent. False when it had expired and was settled by others.

        `tokens`: what the provider counted, None if it did not say (then the estimate stands).
        `answered_at`: wall time of the answer's headers, None when none came (then it counts as of now).
        `outcome`: "ok" heals what was tried; anything else is a verdict's kind or what went wrong.
        `requests`: 0 when the provider is known not to have counted it.
        """
        answered = lease.answered
        if answered is None and answered_at is not None:
            answered = self._bounded(lease, answered_at)
        used = lease.tokens if tokens is None else max(0, tokens)

        def work(connection: sqlite3.Connection, moment: Moment) -> bool:
            if lease.mends and outcome == "ok":
                ledger_rests.heal(connection, lease.mends, moment)
            if lease.is_trial:
                ledger_rests.end_trial(connection, lease.id)
            if lease.conversation and outcome == "ok":
                from freellm_cli.storage import ledger_history

                ledger_history.remember(
                    connection, lease.conversation, lease.candidate.credential, moment.wall
                )
            row = ledger_leases.find(connection, lease.id)
            if row is None:
                return False
            ledger_leases.end(
                connection, row, moment, answered=answered, tokens=used, requests=requests
            )
            return True

        found = self._write(work)
        self._forget(lease)
        return found

    def release(self, lease: Lease) -> None:
        """Ends a lease that was never sent: it is as if it never was. One that was marked sent is settled
        with its estimate."""
        if lease.sent:
            self.settle(lease, tokens=None, answered_at=None, outcome="unknown")
            return

        def work(connection: sqlite3.Connection, moment: Moment) -> None:
            if lease.is_trial:
                ledger_rests.end_trial(connection, lease.id)
            row = ledger_leases.find(connection, lease.id)
            if row is not None:
                ledger_leases.end(connection, row, moment, answered=None, tokens=0, requests=0)

        self._write(work)
        self._forget(lease)

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

    # This process

    def _holder(self, connection: sqlite3.Connection) -> Holder:
        """Makes this process known to others, under the ledger's write lock."""
        owner = self._owner
        if owner is None or owner.is_retired:
            token = os.urandom(4)
            name = f"{self._boot_mark}.{os.getpid()}.{token.hex()}"
            self._mine = {}
            self._prefix = (int.from_bytes(token, "big") & 0x7FFF_FFFF) << 32
            self._owner = owner = Owner(self._folder, name)
            atexit.register(owner.retire)
            ledger_leases.clear_folder(connection, self._folder, name)
        place = owner.place
        return Holder(owner.name, lambda: (self._prefix | next(self._numbers), place()))

    def _board(self) -> tuple[str, dict[int, float]]:
        name = self._owner.name if self._owner is not None else ""
        return name, {
            lease.id: lease.answered or 0.0 for lease in list(self._mine.values()) if lease.sent
        }

    def _sweep(self, connection: sqlite3.Connection, moment: Moment, every: float) -> bool:
        if 0 <= moment.steady - self._swept < every:
            return False
        self._swept = moment.steady
        sweep = ledger_leases.Sweep(self._folder, self._board, self._boot_mark)
        return sweep.run(connection, moment)

    def _waiting_room(self) -> WaitingRoom:
        if self._room is None or self._room.pid != os.getpid():
            from freellm_cli.storage.ledger_waiting import WaitingRoom

            self._room = WaitingRoom(os.getpid())
        return self._room

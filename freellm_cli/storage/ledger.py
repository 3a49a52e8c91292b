"""The ledger: what has been used of every limit, who waits, what rests. All processes share it.

A request takes two short transactions: `acquire` reserves on every limit that it touches, `settle`
replaces the reservation by what was used. What happens between goes to a file of the process
(`storage.owners`), which others read only when they need to. No reservation outlives its process.
A process that is asked much (`write_behind`) takes leases ahead, many in one transaction.
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
from freellm_cli.storage import ledger_leases
from freellm_cli.storage.ledger_endings import LedgerEndings
from freellm_cli.storage.ledger_look import Holder, Look, Request
from freellm_cli.storage.ledger_values import (
    BATCH,
    INTERACTIVE,
    Lease,
    OnWait,
    Reason,
    Refused,
    Wait,
)
from freellm_cli.storage.owners import Owner

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_reports import Rest as Rest
    from freellm_cli.storage.ledger_reports import Usage as Usage
    from freellm_cli.storage.ledger_reports import View as View
    from freellm_cli.storage.ledger_spares import Ground, Spares
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
_STATE = """
SELECT learned, EXISTS (SELECT 1 FROM rest), EXISTS (SELECT 1 FROM ticket),
    EXISTS (SELECT 1 FROM lease), EXISTS (SELECT 1 FROM pace)
FROM state
"""


class Ledger(LedgerEndings):
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
        self._prefix = 0
        self._numbers = count(1)
        self._mine = {}
        self._swept = float("-inf")

    def close(self) -> None:
        """Closes the file and retires this owner; the next call opens anew."""
        self._end_behind()
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
        asked = (tuple(candidates), tokens, request_id, 0.0, lane, sticky, wait_policy)
        request = Request(*asked, ticket, reserve)
        return self._first_look(request, deadline)

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
        on_wait: OnWait | None = None,
    ) -> Lease | Refused:
        """As `acquire`, but sleeps in the line until there is a lease or no more hope.

        `abandoned()` is asked at each look (at least every five seconds); True ends the wait with a
        refusal. `on_wait` is told of the wait, for progress, honest estimates and the log.
        """
        asked = (tuple(candidates), tokens, request_id, 0.0, lane, sticky, wait_policy)
        request = Request(*asked, None, reserve)
        found = self._first_look(request, deadline)
        if not isinstance(found, Wait):
            return found
        from freellm_cli.storage.ledger_waiting import Line

        request = request._replace(
            ticket=found.ticket, deadline=self._timeline.moment().steady_at(deadline)
        )
        steady = self._timeline.steady
        line = Line(self._waiting_room(), self._look, self.leave, self._pause, steady)
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

    def _first_look(self, request: Request, until: float) -> Lease | Wait | Refused:
        """`until`: the deadline, wall time. Another thread's look may have been for all."""
        if self._behind is None or request.ticket is not None or request.reserve:
            return self._look(request, until)
        lease = self._spare(request, until)
        if lease is not None:
            return lease
        with self._db.alone() as had_to_wait:
            lease = self._spare(request, until, again=True) if had_to_wait else None
            return lease or self._look(request, until, ahead=True)

    def _look(
        self, request: Request, until: float | None = None, *, ahead: bool = False
    ) -> Lease | Wait | Refused:
        """`until`: the deadline as wall time, in place of the request's. `ahead`: for those too who will
        come."""
        found = self._write(
            lambda connection, moment: self._look_once(connection, moment, request, until, ahead),
            is_news=False,
        )
        if isinstance(found, Lease):
            self._mine[found.id] = found
        return found

    def _look_once(
        self,
        connection: sqlite3.Connection,
        moment: Moment,
        request: Request,
        until: float | None,
        ahead: bool,
    ) -> Lease | Wait | Refused:
        learned, has_rests, has_line = self._state(connection, moment)
        if until is not None:
            request = request._replace(deadline=moment.steady_at(until))
        look = Look(
            connection,
            moment,
            self._lineup(connection, request.candidates, learned, moment.wall),
            request,
            owner=lambda: self._holder(connection),
            sweep=lambda: self._catch_up() | self._sweep(connection, moment, _SWEEP_WHEN_BLOCKED_S),
            has_rests=has_rests,
            has_line=has_line,
        )
        found = look.run()
        if self._spares is not None and request.conversation:
            self._spares.remember(request.conversation, look.sticky)
        if ahead and isinstance(found, Lease) and self._own_spares().is_due(request.candidates):
            ground = self._ground(connection, moment, learned, has_rests, has_line)
            self._own_spares().renew(ground, request.candidates)
            self._db.afterwards(self._own_spares().ended)
        return found

    def _state(self, connection: sqlite3.Connection, moment: Moment) -> tuple[int, bool, bool]:
        """The version of what was learned, whether anything rests, whether anybody waits."""
        learned, rests, line, leases, self._paced = connection.execute(_STATE).fetchone()
        if (leases or line) and self._sweep(connection, moment, _SWEEP_EVERY_S):
            line = True  # the line itself may have changed: look at it
        return learned, bool(rests), bool(line)

    # Ahead

    def write_behind(self, gather_s: float | None = None) -> None:
        """From now on endings given to `after_answer` are written `gather_s` later (None: a few milliseconds)
        with those of other answers: for a process that gives many. What is not written when the process is
        killed is counted from the leases, as for any that died. Leases for those who will come are taken
        in the same transactions (`storage.ledger_spares`)."""
        if self._behind is None:
            from freellm_cli.storage.ledger_behind import GATHER_S, Behind
            from freellm_cli.storage.ledger_spares import SparesBeside

            self._own_spares()
            beside = SparesBeside(self._own_spares, self._renew)
            gather_s = GATHER_S if gather_s is None else gather_s
            self._behind = Behind(self.together, self._end, self._notice, beside, gather_s)

    def _own_spares(self) -> Spares:
        """Those of the owner that this process has now: after a fork the old ones are the parent's."""
        owner = self._owner
        if owner is not None and owner.is_retired:
            owner = None
        spares = self._spares
        if spares is None or spares.owner is not owner:
            from freellm_cli.storage.ledger_spares import Spares

            spares = self._spares = Spares(owner)
        return spares

    def _notice_new_file(self) -> None:
        if self._generation != self._db.generation and self._spares is not None:
            self._own_spares().give_back()
        super()._notice_new_file()

    def _spare(self, request: Request, until: float, *, again: bool = False) -> Lease | None:
        """A lease that was taken ahead, if there is one that a look would give."""
        moment = self._timeline.moment()
        known = (self._news, self._db.generation)
        deadline = moment.steady_at(until)
        lease = self._own_spares().take(request, moment.steady, deadline, known, again=again)
        if lease is not None:
            self._mine[lease.id] = lease
        return lease

    def _renew(self, ahead: bool) -> bool:
        """Inside a transaction: takes leases ahead, or gives all back; whether it gave any back."""
        if ahead and not self._own_spares().expect():
            return False

        def work(connection: sqlite3.Connection, moment: Moment) -> bool:
            went_back = False
            if not ahead:
                went_back = self._own_spares().give_back()
            else:
                ground = self._ground(connection, moment, *self._state(connection, moment))
                self._own_spares().renew(ground)
            spares = self._own_spares()
            spares.tell(connection, moment, lambda lease: lease.id in self._mine, whole=not ahead)
            self._db.afterwards(spares.ended)
            return went_back

        return self._write(work, is_news=False)

    def _ground(
        self,
        connection: sqlite3.Connection,
        moment: Moment,
        learned: int,
        has_rests: bool,
        has_line: bool,
    ) -> Ground:
        from freellm_cli.storage.ledger_spares import Ground

        self._holder(connection)
        return Ground(
            connection,
            moment,
            (self._news, self._db.generation),
            has_rests,
            has_line,
            lambda some: self._lineup(connection, some, learned, moment.wall),
            lambda: self._holder(connection),
        )

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

"""Waiting inside a process: who sleeps here, and who is woken when something ends here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from freellm_cli.core.rotation import Candidate
from freellm_cli.storage.ledger_look import Request
from freellm_cli.storage.ledger_values import LANES, Lease, OnWait, Refused, Wait

Abandoned = Callable[[], bool]
Looking = Callable[[Request], "Lease | Wait | Refused"]


class Pause(Protocol):
    def __call__(self, woken: threading.Event, seconds: float) -> None:
        """Returns after `seconds`, or when `woken` is set."""


def pause_really(woken: threading.Event, seconds: float) -> None:
    woken.wait(seconds)


class Waiter:
    """A request of this process that waits. `touches`: its targets and the meters they count on."""

    __slots__ = ("order", "touches", "woken")

    def __init__(self, order: tuple[int, int], candidates: Iterable[Candidate]) -> None:
        """`order`: lane and ticket."""
        self.order = order
        self.touches = touches(candidates)
        self.woken = threading.Event()


class WaitingRoom:
    """The waiters of one process. Safe from any thread."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._lock = threading.Lock()
        self._waiters: list[Waiter] = []

    def enter(self, waiter: Waiter) -> None:
        with self._lock:
            self._waiters.append(waiter)
            self._waiters.sort(key=lambda each: each.order)

    def leave(self, waiter: Waiter) -> None:
        with self._lock:
            self._waiters.remove(waiter)

    def wake_all(self) -> None:
        """Everybody looks at once: some were abandoned."""
        with self._lock:
            for waiter in self._waiters:
                waiter.woken.set()

    def wake_first(self, candidates: Iterable[Candidate]) -> None:
        """Wakes the first in line whom a change at these may help; once served, it wakes the next."""
        if not self._waiters:
            return
        changed = touches(candidates)
        with self._lock:
            for waiter in self._waiters:
                if not changed.isdisjoint(waiter.touches):
                    waiter.woken.set()
                    return


class Line:
    """How a request waits: it sleeps, looks, and sleeps again."""

    def __init__(
        self,
        room: WaitingRoom,
        look: Looking,
        leave: Callable[[int], None],
        pause: Pause | None,
        steady: Callable[[], float],
    ) -> None:
        self._room = room
        self._look = look
        self._leave = leave
        self._pause = pause or pause_really
        self._steady = steady

    def stand(
        self,
        request: Request,
        found: Wait,
        abandoned: Abandoned,
        on_wait: OnWait | None,
    ) -> Lease | Refused:
        """Until there is a lease or no more hope. Whatever happens, no ticket is left behind."""
        waiter = Waiter((LANES.index(request.lane), found.ticket), request.candidates)
        self._room.enter(waiter)
        ticket: int | None = found.ticket
        begun = self._steady()
        try:
            while True:
                if on_wait is not None:
                    on_wait(found, self._steady() - begun)
                self._pause(waiter.woken, found.look_in_s)
                waiter.woken.clear()
                if abandoned():
                    return Refused(found.until, found.look_in_s, False, found.reasons)
                answer = self._look(request._replace(ticket=ticket))
                if not isinstance(answer, Wait):
                    ticket = None
                    return answer
                found, ticket = answer, answer.ticket
        finally:
            self._room.leave(waiter)
            if ticket is not None:
                self._leave(ticket)
            self._room.wake_first(request.candidates)
            if on_wait is not None:
                on_wait(None, self._steady() - begun)


def touches(candidates: Iterable[Candidate]) -> frozenset[str]:
    found = []
    for candidate in candidates:
        found.append(candidate.key)
        found += [limit.meter for limit in candidate.limits]
    return frozenset(found)

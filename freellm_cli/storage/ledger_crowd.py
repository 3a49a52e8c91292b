"""Looks of many threads in one transaction: whoever comes first looks for all who came meanwhile.

Each look of its own would begin and commit a transaction, and every step of SQLite lets another thread
have the interpreter: eight busy threads spend twice the processor time of one on the same looks.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_look import Request
    from freellm_cli.storage.ledger_values import Lease, Refused, Wait

MOST = 8
"""So many at once: the first of a hundred should not wait until all have been looked for."""


class Ask:
    """A thread's question. `until`: the deadline as wall time, in place of the request's."""

    __slots__ = ("answered", "error", "found", "request", "until")

    def __init__(self, request: Request, until: float | None) -> None:
        self.request = request
        self.until = until
        self.found: Lease | Wait | Refused | None = None
        self.error: BaseException | None = None
        self.answered = allocate_lock()
        self.answered.acquire()


class Crowd:
    """`look_for(asks)` sets `found` of each, in one transaction, or raises and has changed nothing."""

    def __init__(self, look_for: Callable[[list[Ask]], None]) -> None:
        self._look_for = look_for
        self._asks: deque[Ask] = deque()
        self._leading = allocate_lock()

    def look(self, request: Request, until: float | None) -> Lease | Wait | Refused:
        """What a look of one's own would find. Raises what it would raise."""
        mine = Ask(request, until)
        self._asks.append(mine)
        # Who leads looks here again after letting go: nobody who came too late for it is left waiting.
        while self._asks and self._leading.acquire(blocking=False):
            try:
                self._lead()
            finally:
                self._leading.release()
        mine.answered.acquire()
        if mine.error is not None:
            raise mine.error
        assert mine.found is not None
        return mine.found

    def _lead(self) -> None:
        asks = [self._asks.popleft() for _ in range(min(MOST, len(self._asks)))]
        try:
            self._look(asks)
        finally:
            for ask in asks:
                ask.answered.release()

    def _look(self, asks: list[Ask]) -> None:
        try:
            self._look_for(asks)
        except Exception as error:  # noqa: BLE001 - raised where it was asked
            if len(asks) == 1:
                asks[0].error = error
                return
            for ask in asks:
                self._look([ask])

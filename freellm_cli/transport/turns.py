"""Requests that come together are worked on one after the other.

Threads that all want the interpreter get it a little each: of a hundred requests that come at once none
goes out to its provider before all are nearly ready, and all answers come back at once again. In turn, the
first is on its way while the second begins, and the processor works while answers are awaited.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident

PATIENCE_S = 0.25
"""Whoever waited so long for its turn goes on without: no work takes so long, so somebody forgot to leave."""


class Turns:
    """A courtesy between threads, not a guard. A thread without a turn may do whatever one with it may."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._lock = allocate_lock()
        self.holder = 0
        """The thread whose turn it is, 0 when it is nobody's."""

    def take(self) -> None:
        me = get_ident()
        if self.holder != me and self._lock.acquire(timeout=self._patience_s):
            self.holder = me

    def leave(self) -> bool:
        """Before anything that may wait. Whether it was this thread's turn: then `take` it again behind the
        wait, if there is more to work on."""
        if self.holder != get_ident():
            return False
        self.holder = 0
        self._lock.release()
        return True

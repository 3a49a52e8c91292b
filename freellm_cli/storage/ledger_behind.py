"""What is written behind the answers: not before the caller has them, and many in one transaction."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_endings import Ending

GATHER_S = 0.008
"""So long the first waits for company. Others learn that much later that a place is free."""

MOST = 1000
"""More than these are not put off: whoever answered writes for itself, and hears of the trouble."""

QUIET_S = 0.02
"""When no ending has come for so long, what was taken ahead of requests goes back."""

_AFTER_TROUBLE_S = 1.0


class Beside(Protocol):
    """What is written in the same transactions."""

    @property
    def waits(self) -> bool:
        """Whether there is something that should be written soon even if nothing ends."""

    def write(self, *, ahead: bool) -> bool:
        """Inside a transaction. `ahead`: for those who will come; else all that is kept for them goes back.
        Whether anything went back."""


class Behind:
    """Endings of any thread, written by one of its own.

    `together()` makes one transaction of what runs in it; endings are taken from here only inside it, so
    nobody who has the file's lock can miss one. `end(endings)` writes them. Those that fail together are
    tried alone; `notice(text)` is told of one that fails then too.
    """

    def __init__(
        self,
        together: Callable[[], AbstractContextManager[None]],
        end: Callable[[Sequence[Ending]], object],
        notice: Callable[[str], None],
        beside: Beside,
        gather_s: float = GATHER_S,
    ) -> None:
        self._gather_s = gather_s
        self._together = together
        self._end = end
        self._notice = notice
        self._beside = beside
        self._endings: deque[Ending] = deque()
        self._come = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def add(self, ending: Ending) -> bool:
        """False when there are too many already: nothing was added."""
        if len(self._endings) >= MOST or self._ending.is_set():
            return False
        self._endings.append(ending)
        if not self._come.is_set():
            self._come.set()
            if self._thread is None:
                self._start()
        return True

    def write(self, *, ahead: bool = False) -> bool:
        """Writes all that are there; whether anything is free now that was not. Raises StoreError when the
        file cannot be used at all; nothing is lost then. `ahead`: takes leases for those who will come."""
        if not self._endings and not self._beside.waits:
            return False
        taken: list[Ending] = []
        went_back = False
        try:
            with self._together():
                while self._endings:
                    taken.append(self._endings.popleft())
                if taken:
                    self._end(taken)
                went_back = self._beside.write(ahead=ahead)
        except Exception:
            if not taken:
                raise
            self._write_each(taken)
        return bool(taken) or went_back

    def _write_each(self, endings: list[Ending]) -> None:
        for ending in endings:
            try:
                self._end([ending])
            except Exception as error:  # noqa: BLE001 - told, and the others must go on
                self._notice(f"what became of a request could not be written: {error}")

    def close(self) -> None:
        """Writes what is left. Later works are refused."""
        self._ending.set()
        self._come.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(5.0)
        self.write()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = self._gather_s
        while not self._ending.is_set():
            has_come = self._come.wait(QUIET_S if self._beside.waits else None)
            if has_come:
                self._ending.wait(pause)
                self._come.clear()
            try:
                self.write(ahead=has_come)
                pause = self._gather_s
            except Exception as error:  # noqa: BLE001 - the next who waits for the file is told as well
                if pause == self._gather_s:
                    self._notice(f"the ledger cannot be written: {error}")
                pause = _AFTER_TROUBLE_S
                self._come.set()

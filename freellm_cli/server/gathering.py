"""What requests leave behind is handed on by a thread of its own, many at once: it keeps nobody waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable

GATHER_S = 0.05
_LAST_S = 2.0


class Gathering:
    """Calls `hand_on()` a moment after `ring`, for all that came meanwhile, and once more at `stop`."""

    def __init__(self, name: str, hand_on: Callable[[], None]) -> None:
        self._hand_on = hand_on
        self._some = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ring(self) -> None:
        if not self._some.is_set():
            self._some.set()

    def stop(self) -> None:
        """Waits for the last time, unless `hand_on` meets somebody who does not listen."""
        self._stopping.set()
        self._some.set()
        self._thread.join(_LAST_S)

    def _run(self) -> None:
        while True:
            self._some.wait()
            self._stopping.wait(GATHER_S)
            self._some.clear()  # before the look at the end: who rings for the end has said so before
            is_last = self._stopping.is_set()
            self._hand_on()
            if is_last:
                return

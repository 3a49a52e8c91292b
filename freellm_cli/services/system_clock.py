"""The real clock, and real chance."""

from __future__ import annotations

import os
import sys
import time
from _thread import allocate_lock
from collections.abc import Callable
from functools import partial
from types import ModuleType


def steady_clock(platform: str = sys.platform, source: ModuleType = time) -> Callable[[], float]:
    """The clock that also counts a suspend, so that a laptop which slept does not look like a clock that
    leapt: `monotonic` does so on Windows; Linux and macOS have others for it (man 2 clock_gettime, man 3
    clock_gettime_nsec_np)."""
    name = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC_RAW"}.get(platform, "")
    monotonic: Callable[[], float] = source.monotonic
    if not hasattr(source, name):
        return monotonic
    read: Callable[[int], float] = source.clock_gettime
    number = getattr(source, name)
    return partial(read, number)


_AT_ONCE = 500


class SystemClock:
    """Both clocks are read many times in each request: there is no layer of ours over them."""

    now = staticmethod(time.time)
    monotonic = staticmethod(steady_clock())

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


class SystemDice:
    """The system's own randomness: `random` would cost 3 ms at every start. Asked for in advance, for a call
    of the system for each request lets another thread in."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._held = b""

    def random(self) -> float:
        return int.from_bytes(self._take(6), "big") / (1 << 48)

    def getrandbits(self, k: int, /) -> int:
        return int.from_bytes(self._take((k + 7) // 8), "big") >> (-k % 8)

    def _take(self, size: int) -> bytes:
        with self._lock:
            if len(self._held) < size:
                self._held = os.urandom(max(size, _AT_ONCE))
            taken, self._held = self._held[:size], self._held[size:]
        return taken

"""The real clock."""

from __future__ import annotations

import time

# On Linux CLOCK_BOOTTIME also counts a suspend, so a laptop that slept does not look like a clock that leapt.
_STEADY = getattr(time, "CLOCK_BOOTTIME", None)


class SystemClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

"""The real clock, and real chance."""

from __future__ import annotations

import os
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


class SystemDice:
    """The system's own randomness: `random` would cost 3 ms at every start, and no state is to be shared."""

    def random(self) -> float:
        return int.from_bytes(os.urandom(6), "big") / (1 << 48)

    def getrandbits(self, k: int, /) -> int:
        return int.from_bytes(os.urandom((k + 7) // 8), "big") >> (-k % 8)

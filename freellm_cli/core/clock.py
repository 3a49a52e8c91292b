"""Time as an argument. The real clock lives in `services.runtime`; tests bring their own."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, as the wall clock tells it (it may jump)."""

    def monotonic(self) -> float:
        """Seconds that never jump; on Linux they count through a suspend."""

    def sleep(self, seconds: float) -> None:
        """Waits at least `seconds`."""

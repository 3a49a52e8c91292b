"""A clock that moves only when it is told to, or when somebody sleeps on it."""

from __future__ import annotations

from collections.abc import Callable


class SteppingClock:
    """`on_sleep(seconds)` is called before each sleep ends, to let the world change meanwhile."""

    def __init__(
        self, now: float = 1_800_000_000.0, on_sleep: Callable[[float], None] | None = None
    ) -> None:
        self._now = now
        self._steady = 0.0
        self._on_sleep = on_sleep
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._steady

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        if self._on_sleep is not None:
            self._on_sleep(seconds)

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._steady += seconds

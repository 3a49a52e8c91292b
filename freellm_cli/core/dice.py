"""Chance as an argument. `random.Random` is one; the real one lives in `services.system_clock`."""

from __future__ import annotations

from typing import Protocol


class Dice(Protocol):
    def random(self) -> float:
        """A number in [0, 1)."""

    def getrandbits(self, k: int, /) -> int:
        """A whole number of `k` random bits."""

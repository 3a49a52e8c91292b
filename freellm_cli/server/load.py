"""How much of a processor this process uses."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_EVERY_S = 0.25
_TELLS_NOTHING_AFTER_S = 1.0


class Load:
    """`processor()`: seconds of processor time that this process has taken."""

    def __init__(
        self,
        processor: Callable[[], float] = time.process_time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._processor = processor
        self._monotonic = monotonic
        self._looked = (monotonic(), processor())

    def look(self) -> float | None:
        """The share of one processor that was used since the last look: above 1 for several. None when that
        was a moment ago; 0 when it was so long ago that it tells nothing about now. For one who looks: each
        look begins anew."""
        now = self._monotonic()
        before, spent_before = self._looked
        if now - before < LOOK_EVERY_S:
            return None
        spent = self._processor()
        self._looked = (now, spent)
        seconds = now - before
        return (spent - spent_before) / seconds if seconds < _TELLS_NOTHING_AFTER_S else 0.0

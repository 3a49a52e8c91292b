"""Routes and targets that were worked out a moment ago.

Finding what a name stands for costs more than all the rest of a request (it looks for slips among all
known names), and a server is asked the same few names again and again.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")

LIFETIME_S = 30.0
MOST = 256


class Memo(Generic[Made]):
    """Remembers what `make` gave for a key, as long as the `grounds` it stood on are the same, and for half
    a minute at most. Safe from any thread; one makes while others wait, for they would hinder each other."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = allocate_lock()
        self._known: _Known[Made] = _Known((), monotonic())

    def get(self, key: object, grounds: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """Raises what `make` raises, and remembers nothing then."""
        known = self._known
        if self._still_holds(known, grounds):
            found = known.made.get(key)
            if found is not None:
                return found
        with self._lock:
            known = self._known
            if not self._still_holds(known, grounds):
                known = self._known = _Known(grounds, self._monotonic())
            found = known.made.get(key)
            if found is None:
                found = make()
                if len(known.made) < MOST:
                    known.made[key] = found
            return found

    def _still_holds(self, known: _Known[Made], grounds: tuple[object, ...]) -> bool:
        return self._monotonic() - known.since <= LIFETIME_S and grounds == known.grounds


class _Known(Generic[Made]):
    __slots__ = ("grounds", "made", "since")

    def __init__(self, grounds: tuple[object, ...], since: float) -> None:
        self.grounds = grounds
        self.since = since
        self.made: dict[object, Made] = {}

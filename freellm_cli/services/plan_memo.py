"""Routes and targets that were worked out a moment ago.

Finding what a name stands for costs more than all the rest of a request (it looks for slips among all
known names), and a server is asked the same few names again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")

LIFETIME_S = 5.0
MOST = 256


class Memo(Generic[Made]):
    """Remembers what `make` gave for a key, as long as the `grounds` it stood on are the same, and for a few
    seconds at most. Safe from any thread: two may make the same at once."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._grounds: tuple[object, ...] = ()
        self._since = 0.0
        self._made: dict[object, Made] = {}

    def get(self, key: object, grounds: tuple[object, ...], make: Callable[[], Made]) -> Made:
        now = self._monotonic()
        if now - self._since > LIFETIME_S or not _are_same(grounds, self._grounds):
            self._grounds, self._since, self._made = grounds, now, {}
        made = self._made
        found = made.get(key)
        if found is None:
            found = make()
            if len(made) < MOST:
                made[key] = found
        return found


def _are_same(new: tuple[object, ...], old: tuple[object, ...]) -> bool:
    if len(new) != len(old):
        return False
    return all(a is b or a == b for a, b in zip(new, old, strict=True))

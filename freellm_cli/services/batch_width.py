"""How many rows of a batch are under way at once: as many as the limits keep busy."""

from __future__ import annotations

from collections.abc import Sequence

from freellm_cli.core.limits import CONCURRENT
from freellm_cli.services.pool import PoolTarget

MOST = 64
PER_TARGET = 8
START = 4
WAITED_S = 0.25
_LEAST = 2


class Width:
    """Grows by one with each row that had not to wait, shrinks with each that stood in line: those who
    wait for a limit would only be more of the same. Not thread-safe: its user holds a lock."""

    def __init__(self, most: int, *, fixed: bool = False) -> None:
        self.most = max(1, most)
        self._fixed = fixed
        self.now = self.most if fixed else min(START, self.most)

    def finished(self, waited_s: float, *, busy: int) -> None:
        """A row has ended that waited `waited_s` for a limit while `busy` rows were under way."""
        if self._fixed:
            return
        if waited_s > WAITED_S:
            self.now = max(min(_LEAST, self.most), self.now - 1)
        elif busy >= self.now:
            self.now = min(self.most, self.now + 1)


def width_for(targets: Sequence[PoolTarget], asked: int) -> Width:
    """`asked`: the user's number, 0 for what the limits of `targets` allow."""
    if asked:
        return Width(min(asked, MOST * 4), fixed=True)
    rooms: dict[str, int] = {}
    for target in targets:
        for limit in target.candidate.limits:
            if limit.unit == CONCURRENT and limit.amount > 0:
                rooms[limit.meter] = min(limit.amount, rooms.get(limit.meter, limit.amount))
                break
        else:
            rooms[target.candidate.key] = PER_TARGET
    return Width(min(MOST, sum(rooms.values()) or 1))

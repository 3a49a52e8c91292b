"""What a request waits for, in words: told once it is sure that the wait is worth a word."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from freellm_cli.core.clock import Clock
from freellm_cli.services.spell import spell_seconds
from freellm_cli.storage.ledger_values import OnWait as OnWait
from freellm_cli.storage.ledger_values import Reason
from freellm_cli.storage.ledger_values import Wait as Wait

WORTH_TELLING_S = 2.0
_LATER_S = 5.0
"""An end that moves by less is not told again."""


class WaitTeller:
    """An `OnWait` that calls `tell` once for each wait, and again when it turns out to be longer.

    `counts_down`: at each look instead, about once a second.
    """

    def __init__(
        self, clock: Clock, tell: Callable[[str], None], *, counts_down: bool = False
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._counts_down = counts_down
        self._what = ""
        self._told_until: float | None = None

    def __call__(self, found: Wait | None, waited_s: float) -> None:
        if found is None:
            self._what, self._told_until = "", None
            return
        self._what = self._what or what_of(found)
        now = self._clock.now()
        until = found.until if found.sure else now - waited_s
        worth = waited_s + max(0.0, until - now) >= WORTH_TELLING_S
        told = self._told_until
        if worth and (self._counts_down or told is None or until > told + _LATER_S):
            self._told_until = until
            self._tell(self._words(until - now if found.sure else None))

    def _words(self, left: float | None) -> str:
        how_long = "" if left is None else f" {spell_seconds(max(1.0, left))}"
        return f"waiting{how_long} for {self._what}"


def first_to_be_free(reasons: tuple[Reason, ...]) -> Reason | None:
    """What keeps the target busy that is free first, and longest of all that does."""
    last: dict[str, Reason] = {}
    for reason in reasons:
        if reason.target not in last or _end(reason) > _end(last[reason.target]):
            last[reason.target] = reason
    return min(last.values(), key=_end, default=None)


def what_of(found: Wait) -> str:
    """The target that is free first, and why not now, in the words of `freellm route`."""
    reason = first_to_be_free(found.reasons)
    if reason is None:
        return f"a turn: {found.position} before this one"
    targets = len({each.target for each in found.reasons})
    others = f", the first of {targets} targets" if targets > 1 else ""
    return f"{reason.target}{others}: {reason.text.rstrip('.')}"


def _end(reason: Reason) -> float:
    return inf if reason.until is None else reason.until

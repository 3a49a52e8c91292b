"""The rate of a limit that nobody tells, found by trying: additive increase, multiplicative decrease.

A refusal shows how many requests in a minute were not yet too many. From a tenth below that ceiling the
rate climbs back to it in small steps and stays there; more is tried seldom, and ever more seldom while the
ceiling holds, so that it costs next to no refusals.
"""

from __future__ import annotations

from typing import NamedTuple

WINDOW_S = 60.0
_FIRST_PATIENCE_S, _LONGEST_PATIENCE_S = 600.0, 7200.0
_BETWEEN_TRIES_S = 90.0
_STEP_S = 10.0
_AGAIN_S = 120.0
_KEPT, _KEPT_AGAIN = 0.9, 0.75
_BUSY = 0.9


class Pace(NamedTuple):
    """`amount`: requests a minute that are allowed now. `ceiling`: after so many one was refused, at
    `refused`. `raised`: when `amount` last grew. `patience`: seconds until more than the ceiling is tried,
    by `step`. `refusals`: those of the last minute. All times are steady."""

    amount: int
    ceiling: int
    refused: float
    raised: float
    patience: float = _FIRST_PATIENCE_S
    step: int = 1
    refusals: tuple[float, ...] = ()


def after_refusal(pace: Pace | None, counted: int, opened: float, now: float) -> Pace:
    """`counted`: what our count of the last minute says, this refused request and earlier ones included;
    `opened`: when it was sent. What was sent before the last refusal came tells nothing new."""
    recent = (*_recent(pace, now), now)
    admitted = max(1, counted - len(recent))
    if pace is None:
        return Pace(_share(admitted, _KEPT), admitted, now, now, refusals=recent)
    if opened <= pace.refused:
        return pace._replace(refusals=recent)
    again = now - pace.refused < _AGAIN_S
    held = admitted >= pace.ceiling - pace.step  # it was tried again, and still is there
    patience = min(pace.patience * 2, _LONGEST_PATIENCE_S) if held else _FIRST_PATIENCE_S
    amount = _share(admitted, _KEPT_AGAIN if again else _KEPT)
    return Pace(amount, admitted, now, now, patience, 1, recent)


def after_answer(pace: Pace, counted: int, opened: float, now: float) -> Pace:
    """A request that was `opened` then was admitted; `counted` as in `after_refusal`."""
    recent = _recent(pace, now)
    admitted = counted - len(recent)
    if opened <= pace.refused and admitted > pace.ceiling:
        # Sent before the refusal and answered after it: the ceiling is higher than it seemed.
        amount = max(pace.amount, _share(admitted, _KEPT))
        return pace._replace(amount=amount, ceiling=admitted, refusals=recent)
    still = now - max(pace.raised, pace.refused)
    if still < _STEP_S or admitted < _BUSY * pace.amount:
        return pace  # too early, or nobody asks for more
    if pace.amount < pace.ceiling:
        steps = int(still / _STEP_S) * max(1, pace.ceiling // 40)
        return pace._replace(amount=min(pace.amount + steps, pace.ceiling), raised=now)
    if still < (pace.patience if pace.step == 1 else _BETWEEN_TRIES_S):
        return pace
    amount = pace.amount + pace.step
    return pace._replace(amount=amount, ceiling=amount, raised=now, step=pace.step * 2)


def _recent(pace: Pace | None, now: float) -> tuple[float, ...]:
    return () if pace is None else tuple(at for at in pace.refusals if at > now - WINDOW_S)


def _share(admitted: int, kept: float) -> int:
    return max(1, int(admitted * kept))

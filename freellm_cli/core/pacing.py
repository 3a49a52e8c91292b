"""The rate of a limit that nobody tells, found by trying: additive increase, multiplicative decrease.

A refusal shows how many requests were not yet too many, in the last second and in the last minute. Which of
the two the host counts shows what follows: who is refused again when the second is empty and the minute as
full as before has met a limit of minutes; who is let through far beyond what the minute held has met a
limit of seconds. The smaller guess comes first, for it costs one refusal to be wrong; the other one would
cost an hour.

From a tenth below the ceiling of a minute the rate climbs back to it in small steps and stays there; more is
tried seldom, and ever more seldom while the ceiling holds, so that it costs next to no refusals.
"""

from __future__ import annotations

from typing import NamedTuple

SECOND_S, WINDOW_S = 1.0, 60.0
_FIRST_PATIENCE_S, _LONGEST_PATIENCE_S = 600.0, 7200.0
_FIRST_PATIENCE_WITH_SECONDS_S = 12.0
_BETWEEN_TRIES_S = 90.0
_STEP_S = 10.0
_AGAIN_S = 120.0
_KEPT, _KEPT_AGAIN = 0.9, 0.75
_BUSY = 0.9


class Counted(NamedTuple):
    """Requests of the last second and of the last minute, refused ones included."""

    second: int
    minute: int


class Pace(NamedTuple):
    """`amount`: requests that are allowed in a `window` (seconds) now. `ceiling`: after so many one was
    refused, at `refused`. `raised`: when `amount` last grew. `patience`: seconds until more than the ceiling
    is tried, by `step`. `refusals`: those of the last minute. All times are steady.

    While the window is a second: `minute`: what had been admitted in a minute when one was refused;
    `reached`: whether `amount` has been admitted since; `sure`: whether a limit of minutes is ruled out."""

    amount: int
    ceiling: int
    refused: float
    raised: float
    patience: float = _FIRST_PATIENCE_S
    step: int = 1
    refusals: tuple[float, ...] = ()
    window: float = WINDOW_S
    minute: int = 0
    reached: bool = False
    sure: bool = False

    @property
    def is_guess(self) -> bool:
        """Whether it is still open what the host counts: one request at a time should find out."""
        return self.window == SECOND_S and not self.sure


def after_refusal(pace: Pace | None, counted: Counted, opened: float, now: float) -> Pace:
    """`counted`: what our own count says, this refused request and earlier ones included; `opened`: when it
    was sent. What was sent before the last refusal came tells nothing new."""
    recent = (*_recent(pace, now), now)
    admitted = _admitted(counted, recent, now)
    if pace is None:
        return _begin(admitted, recent, now)
    if opened <= pace.refused:
        return pace._replace(refusals=recent)
    if pace.window == SECOND_S:
        return _second_refused(pace, admitted, recent, now)
    if admitted.second > 1 and admitted.minute * 2 < pace.ceiling:
        return _begin(admitted, recent, now)  # far from full: it may be seconds that count
    again = now - pace.refused < _AGAIN_S
    full = max(1, admitted.minute)
    held = full >= pace.ceiling - pace.step  # it was tried again, and still is there
    patience = min(pace.patience * 2, _LONGEST_PATIENCE_S) if held else _FIRST_PATIENCE_S
    amount = _share(full, _KEPT_AGAIN if again else _KEPT)
    return Pace(amount, full, now, now, patience, 1, recent)


def _begin(admitted: Counted, recent: tuple[float, ...], now: float) -> Pace:
    amount = max(1, admitted.second)
    return Pace(
        amount,
        amount,
        now,
        now,
        _FIRST_PATIENCE_WITH_SECONDS_S,
        refusals=recent,
        window=SECOND_S,
        minute=admitted.minute,
    )


def _by_minutes(admitted: Counted, recent: tuple[float, ...], now: float) -> Pace:
    full = max(1, admitted.minute)
    return Pace(_share(full, _KEPT), full, now, now, refusals=recent)


def _second_refused(pace: Pace, admitted: Counted, recent: tuple[float, ...], now: float) -> Pace:
    as_full = pace.minute / 2 <= admitted.minute <= pace.minute * 1.1 + 1
    empty = admitted.second * 2 < pace.amount or not admitted.second
    lowest = pace.amount == 1 and (as_full or pace.sure)
    if lowest or (not pace.sure and (pace.reached or (empty and as_full))):
        return _by_minutes(admitted, recent, now)
    amount = max(1, min(admitted.second, pace.amount - 1))
    patience = min(pace.patience * 2, _LONGEST_PATIENCE_S)
    return pace._replace(
        amount=amount,
        ceiling=amount,
        refused=now,
        raised=now,
        patience=patience,
        refusals=recent,
        minute=admitted.minute,
        reached=False,
    )


def after_answer(pace: Pace, counted: Counted, opened: float, now: float) -> Pace:
    """A request that was `opened` then was admitted; `counted` as in `after_refusal`."""
    recent = _recent(pace, now)
    admitted = _admitted(counted, recent, now)
    if pace.window == SECOND_S:
        return _second_answered(pace, admitted, recent, opened, now)
    full = admitted.minute
    if opened <= pace.refused and full > pace.ceiling:
        # Sent before the refusal and answered after it: the ceiling is higher than it seemed.
        amount = max(pace.amount, _share(full, _KEPT))
        return pace._replace(amount=amount, ceiling=full, refusals=recent)
    still = now - max(pace.raised, pace.refused)
    if still < _STEP_S or full < _BUSY * pace.amount:
        return pace  # too early, or nobody asks for more
    if pace.amount < pace.ceiling:
        steps = int(still / _STEP_S) * max(1, pace.ceiling // 40)
        return pace._replace(amount=min(pace.amount + steps, pace.ceiling), raised=now)
    if still < (pace.patience if pace.step == 1 else _BETWEEN_TRIES_S):
        return pace
    amount = pace.amount + pace.step
    return pace._replace(amount=amount, ceiling=amount, raised=now, step=pace.step * 2)


def _second_answered(
    pace: Pace, admitted: Counted, recent: tuple[float, ...], opened: float, now: float
) -> Pace:
    if opened <= pace.refused:
        amount = max(pace.amount, admitted.second)
        minute = max(pace.minute, admitted.minute)
        if (amount, minute) == (pace.amount, pace.minute):
            return pace
        return pace._replace(amount=amount, ceiling=amount, minute=minute, refusals=recent)
    reached = pace.reached or admitted.second >= pace.amount
    sure = pace.sure or admitted.minute > 2 * pace.minute + 2
    if sure and reached and now - max(pace.raised, pace.refused) >= pace.patience:
        # Seconds are short: what is too much shows at once.
        return pace._replace(
            amount=pace.amount + 1, raised=now, reached=False, sure=sure, refusals=recent
        )
    if (reached, sure) == (pace.reached, pace.sure):
        return pace
    return pace._replace(reached=reached, sure=sure)


def _recent(pace: Pace | None, now: float) -> tuple[float, ...]:
    return () if pace is None else tuple(at for at in pace.refusals if at > now - WINDOW_S)


def _admitted(counted: Counted, refusals: tuple[float, ...], now: float) -> Counted:
    lately = sum(at > now - SECOND_S for at in refusals)
    return Counted(max(0, counted.second - lately), max(0, counted.minute - len(refusals)))


def _share(admitted: int, kept: float) -> int:
    return max(1, int(admitted * kept))

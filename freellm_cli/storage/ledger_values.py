"""What the ledger takes and gives. All times that leave it are wall times."""

from collections.abc import Callable
from typing import NamedTuple

from freellm_cli.core.rotation import Candidate

INTERACTIVE, BATCH = "interactive", "batch"
LANES = (INTERACTIVE, BATCH)
"""Everybody in an earlier lane goes before everybody in a later one."""


class Lease:
    """A reservation on everything that a request to `candidate` touches.

    End it exactly once: `Ledger.settle` if it was (or may have been) sent, `Ledger.release` if not.
    `tokens`: what is reserved. `opened`, `expires`: steady times. `is_trial`: this request tries a target
    that was resting; others wait for its outcome. `passed_over`: what was in the way of the route's first
    targets when this is a later one.
    """

    __slots__ = (
        "answered",
        "candidate",
        "conversation",
        "expires",
        "id",
        "is_trial",
        "mends",
        "opened",
        "passed_over",
        "place",
        "request_id",
        "sent",
        "tokens",
    )

    def __init__(
        self,
        identity: int,
        candidate: Candidate,
        *,
        request_id: str,
        tokens: int,
        opened: float,
        expires: float,
        place: int,
        mends: tuple[str, ...] = (),
        is_trial: bool = False,
        conversation: str | None = None,
    ) -> None:
        self.id = identity
        self.candidate = candidate
        self.request_id = request_id
        self.tokens = tokens
        self.opened = opened
        self.expires = expires
        self.place = place
        self.mends = mends
        self.is_trial = is_trial
        self.conversation = conversation
        self.passed_over: tuple[Reason, ...] = ()
        self.sent = False
        self.answered: float | None = None

    def __repr__(self) -> str:
        return f"Lease({self.candidate.key}, {self.request_id})"


class Reason(NamedTuple):
    """Why a target is not free. `why`: as in `core.forecast.Obstacle`, or "queue" (somebody is before).
    `until`: None when it never is by itself; a guess unless `sure`. `fault`: what went wrong, where it
    rests after a failure and not for a limit."""

    target: str
    why: str
    text: str
    until: float | None
    sure: bool = True
    fault: str = ""


class Wait(NamedTuple):
    """Nothing is free for this request yet; it has a place in the line.

    Call `acquire` again with `ticket` after `look_in_s` seconds at the latest, or `leave` the line.
    `until`: when its turn is expected; a guess unless `sure`. `position`: how many are before it.
    `reasons`: what keeps each target busy, told with the first Wait of a request.
    """

    until: float
    sure: bool
    look_in_s: float
    ticket: int
    position: int
    reasons: tuple[Reason, ...] = ()


OnWait = Callable[[Wait | None, float], None]
"""Told each time that somebody goes to sleep: what for, and how many seconds this wait has taken so far. When
it is over, with a target or without, told None and the seconds in all; then it must not raise."""


class Refused(NamedTuple):
    """The request cannot have a target in time; nothing was written.

    `earliest`: when it could, None when nobody knows; `wait_s`: the same from now. `daily`: the wait ends
    with a window of a day or longer. `full`: the line itself is too long.
    """

    earliest: float | None
    wait_s: float | None
    daily: bool
    reasons: tuple[Reason, ...] = ()
    full: bool = False

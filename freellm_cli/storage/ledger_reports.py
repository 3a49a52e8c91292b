"""What the ledger tells of itself. All times are wall times."""

from __future__ import annotations

from typing import Any, NamedTuple

from freellm_cli.core.limits import Limit
from freellm_cli.core.rotation import Candidate
from freellm_cli.storage.ledger_values import Reason


class View(NamedTuple):
    """How a candidate stands. `load`: the share of its tightest limit that is used, 0 to 1. `reasons`:
    () when a request could go now; `until`: when one could, None for never."""

    candidate: Candidate
    is_free: bool
    until: float | None
    load: float
    reasons: tuple[Reason, ...]


class Usage(NamedTuple):
    """`used` includes `open`, what leases hold that are not settled. `resets_at`: when the window starts
    anew, or when the first use leaves a sliding one; None when nothing is used."""

    limit: Limit
    used: int
    open: int
    resets_at: float | None


class Rest(NamedTuple):
    """A cooldown. `until`: None means until it is woken (`Ledger.wake`). `due`: over, and the next request
    is the trial (`trying`: one is under way); a rest without a trial is gone when due."""

    key: str
    until: float | None
    kind: str
    reason: str
    strikes: int
    since: float
    request_id: str
    due: bool
    trying: bool


class Learned(NamedTuple):
    """A limit that a provider told. `at`: when last, `first`: when this amount was told first."""

    limit: Limit
    evidence: str
    at: float
    first: float


class OpenLease(NamedTuple):
    """`age_s`: since it was written."""

    target: str
    request_id: str
    tokens: int
    age_s: float


class Turn(NamedTuple):
    """One request of a plan: when it could be sent, and to which target."""

    at: float
    target: str


Trace = dict[str, Any]
"""A past request as JSON: at least "id" and "at" (wall time). Never a prompt, an answer or a secret."""

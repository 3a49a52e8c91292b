"""Which target a request takes. Pure: a snapshot of the ledger in, a choice out.

Order inside a step: the conversation's last credential (its prompt cache is warm); then what the
rotation puts first, "sequential": of each provider the target in use until it is spent, "fastest": the
shortest measured time to the first token; then, and for "balanced", the most headroom, and among equals
the least recently used.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import inf
from typing import NamedTuple

from freellm_cli.core.counters import Counter, Slice
from freellm_cli.core.limits import REQUESTS, TOKENS, Limit, Window, less_reserve, strictest

WAIT_ANY, WAIT_FIRST, WAIT_NEVER = "any", "first", "never"
"""`any`: a later step that is free now before any waiting. `first`: wait for the first step if it can be
free in time. `never`: take what is free now or nothing."""

_CLOSEST_S = 0.1
_PER_WINDOW = 50


class Candidate(NamedTuple):
    """A target as the ledger sees it.

    `key`: unique and stable, "gemini-1/gemini/gemini-2.5-flash". `step`: the step of the route, 0 first.
    `limits`: every limit that a request to it touches, set and published; learned ones are merged in by
    the ledger. `rest_keys`: every rest that keeps it from being asked ("target:<key>", "model:<id>",
    "credential:gemini-1", "account:gemini/x", "provider:gemini", "address:gemini"). `first_token_s`:
    the measured time to the first token, for `rotation` "fastest".
    """

    key: str
    step: int
    credential: str
    provider: str
    account: str
    model_id: str
    limits: tuple[Limit, ...]
    rest_keys: tuple[str, ...]
    rotation: str = "balanced"
    first_token_s: float | None = None


class RestState(NamedTuple):
    """A rest in the ledger. `until` is steady time, inf for "until it is woken".

    `trial`: when due, one request tries it first. `tried_by`: the lease that does so now, or 0.
    """

    key: str
    until: float
    kind: str
    reason: str
    strikes: int
    trial: bool
    tried_by: int


class Check(NamedTuple):
    """One limit of a candidate. `counter` is an index into `Lineup.counters`."""

    counter: int
    unit: str
    amount: int
    limit: Limit


class Lineup:
    """The candidates of one route, laid out for quick choosing; the same for every request of the route."""

    __slots__ = (
        "candidates",
        "checks",
        "counters",
        "index_of",
        "meters",
        "rest_keys",
        "spacing",
        "steps",
        "touches",
    )

    def __init__(
        self,
        candidates: Sequence[Candidate],
        learned: Mapping[str, Sequence[Limit]],
    ) -> None:
        """`learned`: the learned limits of each meter."""
        self.candidates = tuple(candidates)
        self.index_of = {candidate.key: at for at, candidate in enumerate(self.candidates)}
        self.counters: list[tuple[str, Window]] = []
        self.checks: list[tuple[Check, ...]] = []
        self.touches: list[tuple[int, ...]] = []
        self.spacing: list[float] = []
        self.steps: list[list[int]] = []
        places: dict[tuple[str, Window], int] = {}
        for candidate in self.candidates:
            self._add(candidate, learned, places)
        self.counters = list(places)
        self.meters = tuple(dict.fromkeys(meter for meter, _ in places))
        self.rest_keys = tuple(
            dict.fromkeys(key for candidate in self.candidates for key in candidate.rest_keys)
        )
        by_step: dict[int, list[int]] = {}
        for at, candidate in enumerate(self.candidates):
            by_step.setdefault(candidate.step, []).append(at)
        self.steps = [by_step[step] for step in sorted(by_step)]

    def _add(
        self,
        candidate: Candidate,
        learned: Mapping[str, Sequence[Limit]],
        places: dict[tuple[str, Window], int],
    ) -> None:
        limits: Iterable[Limit] = candidate.limits
        if learned:
            meters = dict.fromkeys(limit.meter for limit in limits)
            limits = [*limits, *(extra for meter in meters for extra in learned.get(meter, ()))]
        checks = []
        for limit in strictest(limits):
            place = places.setdefault((limit.meter, limit.window), len(places))
            checks.append(Check(place, limit.unit, limit.amount, limit))
        self.checks.append(tuple(check for check in checks if check.amount >= 0))
        self.touches.append(tuple(dict.fromkeys(check.counter for check in checks)))
        self.spacing.append(_spacing([limit for limit in limits if limit.amount > 0]))


class Snapshot:
    """How everything that a lineup touches stands now. `plan` changes it; the ledger is not touched.

    `counters`: refreshed, in the lineup's order. `used_at`: when each candidate was last leased.
    `leaving`: the slices of a sliding counter, oldest first. Times are steady.
    """

    __slots__ = ("counters", "leaving", "now", "rests", "used_at", "wall")

    def __init__(
        self,
        now: float,
        wall: float,
        counters: list[Counter],
        rests: dict[str, RestState],
        used_at: dict[str, float],
        leaving: Callable[[Counter], Sequence[Slice]],
    ) -> None:
        self.now = now
        self.wall = wall
        self.counters = counters
        self.rests = rests
        self.used_at = used_at
        self.leaving = leaving

    def plan(self, lineup: Lineup, at: int, tokens: int) -> None:
        """Counts a lease that an earlier waiter will take before this request."""
        for place in lineup.touches[at]:
            self.counters[place].open(tokens, self.now)
        candidate = lineup.candidates[at]
        self.used_at[candidate.key] = self.now
        for key in candidate.rest_keys:
            rest = self.rests.get(key)
            if rest is not None and rest.trial:
                self.rests[key] = rest._replace(tried_by=-1)


class Wish(NamedTuple):
    """What a request asks for.

    `tokens`: an estimate of what it will be counted. `sticky`: the credential its conversation used last.
    `reserve`: this share (0 to 1) of every limit is left for others. `spaced`: it has waited, so it keeps
    its distance from the last lease of a target instead of rushing in with all others at a reset.
    `allowed`: indices it may take; None for all.
    """

    tokens: int
    sticky: str | None = None
    reserve: float = 0.0
    spaced: bool = False
    allowed: Collection[int] | None = None


def choose(
    lineup: Lineup, snapshot: Snapshot, wish: Wish, steps: Iterable[list[int]]
) -> int | None:
    """The index of the candidate to take now, None when none of `steps` has a free one."""
    for step in steps:
        free = [
            at
            for at in step
            if (wish.allowed is None or at in wish.allowed) and is_free(lineup, snapshot, at, wish)
        ]
        if len(free) == 1:
            return free[0]
        if free:
            return _best(lineup, snapshot, wish, free)
    return None


def is_free(lineup: Lineup, snapshot: Snapshot, at: int, wish: Wish) -> bool:
    """Whether no rest and no limit keeps the candidate from being asked now."""
    counters = snapshot.counters
    for check in lineup.checks[at]:
        if not has_room(counters[check.counter], check, wish):
            return False
        if counters[check.counter].shut_until > snapshot.now:
            return False
    candidate = lineup.candidates[at]
    if snapshot.rests:
        for key in candidate.rest_keys:
            rest = snapshot.rests.get(key)
            if rest is not None and (rest.until > snapshot.now or (rest.trial and rest.tried_by)):
                return False
    if wish.spaced and lineup.spacing[at]:
        last = snapshot.used_at.get(candidate.key, -inf)
        return last + lineup.spacing[at] <= snapshot.now
    return True


def has_room(counter: Counter, check: Check, wish: Wish) -> bool:
    amount = check.amount
    if wish.reserve:
        amount = less_reserve(amount, wish.reserve)
    if check.unit == TOKENS:
        return counter.tokens + counter.open_tokens + wish.tokens <= amount
    if check.unit == REQUESTS:
        return counter.requests + counter.open_requests < amount
    return counter.open_requests < amount


def times_free(lineup: Lineup, snapshot: Snapshot, at: int, tokens: int) -> float:
    """How many requests of `tokens` its limits have room for."""
    least = inf
    for check in lineup.checks[at]:
        left = check.amount - used_of(snapshot.counters[check.counter], check.unit)
        least = min(least, left // max(1, tokens) if check.unit == TOKENS else left)
    return least


def load(lineup: Lineup, snapshot: Snapshot, at: int) -> float:
    """The share of its tightest limit that a candidate has used: 0 fresh, 1 spent."""
    highest = 0.0
    for check in lineup.checks[at]:
        used = used_of(snapshot.counters[check.counter], check.unit)
        share = used / check.amount if check.amount else 1.0
        if share > highest:
            highest = share
    return highest


def used_of(counter: Counter, unit: str) -> int:
    """What counts against a limit of this unit now, open leases included."""
    if unit == TOKENS:
        return counter.tokens + counter.open_tokens
    if unit == REQUESTS:
        return counter.requests + counter.open_requests
    return counter.open_requests


def _best(lineup: Lineup, snapshot: Snapshot, wish: Wish, free: list[int]) -> int:
    candidates = lineup.candidates
    used_at = snapshot.used_at
    if wish.sticky:
        warm = [at for at in free if candidates[at].credential == wish.sticky]
        if warm:
            return max(warm, key=lambda at: (used_at.get(candidates[at].key, -inf), -at))
    contenders = _contenders(lineup, snapshot, free)
    if len(contenders) == 1:
        return contenders[0]
    return min(
        contenders,
        key=lambda at: (
            load(lineup, snapshot, at),
            used_at.get(candidates[at].key, -inf),
            at,
        ),
    )


def _contenders(lineup: Lineup, snapshot: Snapshot, free: list[int]) -> list[int]:
    """All balanced candidates, the fastest, and of each sequential provider the one in use."""
    candidates = lineup.candidates
    kept = [at for at in free if candidates[at].rotation == "balanced"]
    if len(kept) == len(free):
        return kept
    others: dict[str, list[int]] = {}
    for at in free:
        if candidates[at].rotation != "balanced":
            fastest = candidates[at].rotation == "fastest"
            others.setdefault("" if fastest else candidates[at].provider, []).append(at)
    for provider, members in others.items():
        if not provider:
            kept += _fastest(lineup, snapshot, members)
        else:
            kept.append(
                max(members, key=lambda at: (snapshot.used_at.get(candidates[at].key, -inf), -at))
            )
    return kept


def _fastest(lineup: Lineup, snapshot: Snapshot, members: list[int]) -> list[int]:
    """Within a tenth of the fastest is as fast; what was never measured comes after."""
    measured = [
        (seconds, at)
        for at in members
        if (seconds := lineup.candidates[at].first_token_s) is not None
    ]
    if not measured:
        return members
    best = min(measured)[0]
    return [at for seconds, at in measured if seconds <= best * 1.1]


def _spacing(limits: Sequence[Limit]) -> float:
    """The distance between leases of a target for those who waited: 1/50 of an even pace at most, so
    that a burst at a reset is spread and no use is lost."""
    spans = [
        min(_CLOSEST_S, limit.window.seconds / (limit.amount * _PER_WINDOW))
        for limit in limits
        if limit.unit == REQUESTS and limit.window.kind == "sliding"
    ]
    if spans:
        return min(spans)
    return _CLOSEST_S if any(limit.unit == REQUESTS for limit in limits) else 0.0

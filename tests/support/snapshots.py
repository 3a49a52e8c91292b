"""Snapshots of a ledger for tests of pure choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from freellm_cli.core.counters import Counter, Moment, Slice, Use
from freellm_cli.core.rotation import Candidate, Lineup, RestState, Snapshot

NOW = 1_800_020_000.0
"""05:33 in California, so no midnight is near."""


def lineup(*candidates: Candidate) -> Lineup:
    return Lineup(candidates, {})


def resting(
    key: str,
    until: float,
    *,
    trial: bool = False,
    tried_by: int = 0,
    kind: str = "rate_limited_minute",
) -> RestState:
    return RestState(key, until, kind, "it was tired", 1, trial, tried_by)


class Standing:
    """How things stand: uses are told by credential, as answered so many seconds ago."""

    def __init__(self, line: Lineup, now: float = NOW) -> None:
        self._line = line
        self._moment = Moment(now, now)
        self._counters = [Counter(meter, window) for meter, window in line.counters]
        for counter in self._counters:
            counter.refresh(self._moment)
        self._slices: dict[int, list[Slice]] = {}
        self.rests: dict[str, RestState] = {}
        self.last: dict[str, float] = {}

    def used(self, credential: str, *ago_s: float, tokens: int = 0) -> Standing:
        """One answered request for each of `ago_s`; old ones first."""
        for counter in self._of(credential):
            for ago in sorted(ago_s, reverse=True):
                at = self._moment.steady - ago
                piece = counter.count(Use(at - 0.5, at, 1, tokens), self._moment)
                if piece is not None:
                    self._slices.setdefault(id(counter), []).append(piece)
        return self

    def open(self, credential: str, amount: int = 1, tokens: int = 0) -> Standing:
        for counter in self._of(credential):
            for _ in range(amount):
                counter.open(tokens, self._moment.steady)
        return self

    def rest(self, *rests: RestState) -> Standing:
        self.rests.update({rest.key: rest for rest in rests})
        return self

    def leased(self, ago_s: Mapping[str, float]) -> Standing:
        """When each credential's target was leased last."""
        for candidate in self._line.candidates:
            if candidate.credential in ago_s:
                self.last[candidate.key] = self._moment.steady - ago_s[candidate.credential]
        return self

    def snapshot(self) -> Snapshot:
        def leaving(counter: Counter) -> Sequence[Slice]:
            return self._slices.get(id(counter), [])

        now = self._moment.steady
        for counter in self._counters:
            counter.refresh(self._moment)
        return Snapshot(now, now, self._counters, dict(self.rests), dict(self.last), leaving)

    def _of(self, credential: str) -> list[Counter]:
        return [
            self._counters[place]
            for at, candidate in enumerate(self._line.candidates)
            if candidate.credential == credential
            for place in self._line.touches[at]
        ]


NEVER = inf

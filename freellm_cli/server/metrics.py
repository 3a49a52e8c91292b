"""Counts since the start, kept cheaply while requests run; `server.exposition` makes figures of them.

Clients write any name they like, and hosts of one's own answer to any. So a count is kept under the names
that came, a bounded number of them, until somebody asks; then it is filed under the names of the pool, and
everything else under "other".
"""

from __future__ import annotations

from _thread import allocate_lock
from bisect import bisect_left
from collections.abc import Collection
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from freellm_cli.core.verdicts import Verdict
    from freellm_cli.server.access_log import Entry
    from freellm_cli.server.exposition import Exposition
    from freellm_cli.services.pool import PoolTarget

Key = TypeVar("Key")

OTHER = "other"
DEFAULT = "default"
"""The model of a question that named none and that nobody answered."""
NOBODY = "none"
LEFT = "client_left"
MOST_FRESH = 500
MOST_OUTCOMES = 60
FIRST_TOKEN_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
REQUEST_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Spread:
    """A histogram: how many values up to each bound (and beyond the last), and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def take(self, other: Spread) -> None:
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


class Served:
    """What one model's answers came to. Tokens, and seconds since the request came."""

    __slots__ = ("completion_tokens", "first_token_s", "prompt_tokens", "request_s")

    def __init__(self) -> None:
        self.prompt_tokens = self.completion_tokens = 0
        self.first_token_s = Spread(FIRST_TOKEN_S)
        self.request_s = Spread(REQUEST_S)

    def add(self, entry: Entry) -> None:
        self.prompt_tokens += entry.prompt_tokens
        self.completion_tokens += entry.completion_tokens
        if entry.first_ms is not None:
            self.first_token_s.add(entry.first_ms / 1000)
        self.request_s.add(entry.ms / 1000)

    def take(self, other: Served) -> None:
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.first_token_s.take(other.first_token_s)
        self.request_s.take(other.request_s)


class Counts:
    """`http`: by (dialect, status). `questions`: by (provider, model, outcome), with NOBODY for the provider
    where none has answered. `answers`: by (provider, model). `refusals`: by (provider, model, kind of
    verdict). A model is named in full, "gemini/gemini-2.5-flash"."""

    __slots__ = ("answers", "http", "questions", "refusals")

    def __init__(self) -> None:
        self.http: dict[tuple[str, int], int] = {}
        self.questions: dict[tuple[str, str, str], int] = {}
        self.answers: dict[tuple[str, str], Served] = {}
        self.refusals: dict[tuple[str, str, str], int] = {}

    def copy(self) -> Counts:
        new = Counts()
        new.http.update(self.http)
        new.questions.update(self.questions)
        new.refusals.update(self.refusals)
        for who, served in self.answers.items():
            new.answer_of(who).take(served)
        return new

    def answer_of(self, who: tuple[str, str]) -> Served:
        served = self.answers.get(who)
        if served is None:
            served = self.answers[who] = Served()
        return served


class Metrics:
    """Thread-safe. `count` is called for every request: it costs a few microseconds."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._filing = allocate_lock()
        self._fresh = Counts()
        self._filed = Counts()
        self.exposition: Exposition | None = None
        """What tells them, once somebody has asked."""

    def count(self, entry: Entry) -> None:
        """A request is over."""
        with self._lock:
            fresh = self._fresh
            _add(fresh.http, (entry.dialect, entry.status), 1)
            if not entry.face:
                return
            outcome = LEFT if entry.status == 499 else entry.error or "ok"
            model = entry.answered
            if not model:
                key = (NOBODY, entry.asked, outcome)
                full = len(fresh.questions) >= MOST_FRESH and key not in fresh.questions
                _add(fresh.questions, (NOBODY, OTHER, outcome) if full else key, 1)
                return
            who = (model.partition("/")[0], model)
            if len(fresh.answers) >= MOST_FRESH and who not in fresh.answers:
                who = (who[0], OTHER)
            _add(fresh.questions, (*who, outcome), 1)
            fresh.answer_of(who).add(entry)

    def refused(self, target: PoolTarget, verdict: Verdict) -> None:
        """A provider has refused an attempt, or failed."""
        self.refused_by(target.provider.id, target.model.id, verdict.kind)

    def refused_by(self, provider: str, model: str, kind: str) -> None:
        key = (provider, model, kind)
        with self._lock:
            refusals = self._fresh.refusals
            if len(refusals) >= MOST_FRESH and key not in refusals:
                key = (provider, OTHER, kind)
            _add(refusals, key, 1)

    def counts(self, names: Collection[str] | None) -> Counts:
        """All since the start. `names`: what a label may say of a model; None when that cannot be told now:
        then the latest counts are left for the next time."""
        with self._filing:
            if names is not None:
                with self._lock:
                    fresh, self._fresh = self._fresh, Counts()
                self._file(fresh, names)
            return self._filed.copy()

    def _file(self, fresh: Counts, names: Collection[str]) -> None:
        filed = self._filed
        for place, count in fresh.http.items():
            _add(filed.http, place, count)
        outcomes = {outcome for _, _, outcome in filed.questions}
        for (provider, model, outcome), count in fresh.questions.items():
            if len(outcomes) < MOST_OUTCOMES:
                outcomes.add(outcome)
            told = outcome if outcome in outcomes else OTHER
            _add(filed.questions, (provider, _label(model, names), told), count)
        for (provider, model), served in fresh.answers.items():
            filed.answer_of((provider, _label(model, names))).take(served)
        for (provider, model, kind), count in fresh.refusals.items():
            _add(filed.refusals, (provider, _label(model, names), kind), count)


def _label(name: str, names: Collection[str]) -> str:
    if not name:
        return DEFAULT
    return name if name in names else OTHER


def _add(counts: dict[Key, int], key: Key, more: int) -> None:
    counts[key] = counts.get(key, 0) + more

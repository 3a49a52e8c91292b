"""Which fault is played on which request: scripted or random, always reproducible from the seed.

The faults themselves are in `answer_faults` (what is said), `wire_faults` (how its bytes come) and
`refusals` (a provider's own words for no); `FAULTS` knows them all by name.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from freellm_cli.simulator.answer_faults import ANSWER_FAULTS
from freellm_cli.simulator.refusals import STATUS
from freellm_cli.simulator.stream_oddities import ODDITIES
from freellm_cli.simulator.wire_faults import BYTE_FAULTS, WIRE_FAULTS

REFUSAL_FAULTS = tuple(STATUS)
SAID_FAULTS = {**ANSWER_FAULTS, **ODDITIES}

FAULTS: dict[str, str] = {
    **{kind: f"the provider's own words for {kind.replace('_', ' ')}" for kind in REFUSAL_FAULTS},
    **{
        name: (play.__doc__ or "").strip()
        for table in (SAID_FAULTS, BYTE_FAULTS, WIRE_FAULTS)
        for name, play in table.items()
    },
}
"""Every fault by name, with what it does."""

OPERATIONS = ("chat", "completions", "embeddings", "models", "count", "other")


class Place(NamedTuple):
    """What a rule is matched against."""

    provider: str
    model: str
    key: str
    operation: str


class Rule:
    """Applies to requests that match; used up after `times` (None: never).

    `model` is a shell pattern, `on` an operation or "any". `skip`: so many matching requests pass first.
    """

    def __init__(
        self,
        name: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        key: str | None = None,
        on: str = "chat",
        times: int | None = 1,
        skip: int = 0,
        probability: float = 1.0,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.provider = provider
        self.model = model
        self.key = key
        self.on = on
        self.left = times
        self.skip = skip
        self.probability = probability
        self.options = dict(options or {})
        self.played = 0

    def cancel(self) -> None:
        """Never applies again."""
        self.left = 0

    def matches(self, place: Place) -> bool:
        return (
            (self.provider is None or self.provider == place.provider)
            and (self.model is None or fnmatchcase(place.model, self.model))
            and (self.key is None or self.key == place.key)
            and self.on in ("any", place.operation)
        )

    def take(self, chance: Callable[[], float]) -> bool:
        """Whether it applies now; counts it as played if so."""
        if self.left == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.probability < 1.0 and chance() >= self.probability:
            return False
        if self.left is not None:
            self.left -= 1
        self.played += 1
        return True


class RuleBook:
    """Rules in the order of their making; the first that matches and is not used up applies."""

    def __init__(self, seed: int) -> None:
        self._rules: list[Rule] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def add(self, rule: Rule) -> Rule:
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def pick(self, place: Place) -> Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.matches(place) and rule.take(self._random.random):
                    return rule
        return None

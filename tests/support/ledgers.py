"""Ledgers for tests: on a clock that moves when it is told to, closed at the end."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from freellm_cli.core.rotation import Candidate
from freellm_cli.storage.ledger import Lease, Ledger, Refused, Wait
from tests.support.strict_world import WorldClock

CLOCKS: WeakKeyDictionary[Ledger, WorldClock] = WeakKeyDictionary()

START = 1_800_020_000.0
"""05:33 in California."""


class House:
    """One ledger file and the ledgers on it, each as if in a process of its own."""

    def __init__(self, folder: Path, clock: WorldClock | None = None) -> None:
        self.path = folder / "state" / "ledger.db"
        self.clock = clock or WorldClock(START)
        self.notices: list[str] = []
        self._ledgers: list[Ledger] = []

    def ledger(self, *, boot: str = "this boot", **more: Any) -> Ledger:
        ledger = Ledger(
            str(self.path),
            clock=self.clock,
            rng=random.Random(len(self._ledgers)),
            notice=self.notices.append,
            boot=boot,
            **more,
        )
        self._ledgers.append(ledger)
        CLOCKS[ledger] = self.clock
        return ledger

    def close(self) -> None:
        for ledger in self._ledgers:
            ledger.close()


@contextmanager
def house(folder: Path) -> Iterator[House]:
    made = House(folder)
    try:
        yield made
    finally:
        made.close()


def ask(
    ledger: Ledger,
    candidates: Candidate | Sequence[Candidate],
    *,
    tokens: int = 100,
    patience_s: float = 100_000.0,
    request_id: str = "req",
    **more: Any,
) -> Lease | Wait | Refused:
    """`acquire` with what most tests do not care about."""
    if isinstance(candidates, Candidate):
        candidates = (candidates,)
    return ledger.acquire(
        candidates,
        tokens=tokens,
        request_id=request_id,
        deadline=CLOCKS[ledger].now() + patience_s,
        **more,
    )


def take(ledger: Ledger, candidates: Candidate | Sequence[Candidate], **more: Any) -> Lease:
    found = ask(ledger, candidates, **more)
    assert isinstance(found, Lease), found
    return found


def wait(ledger: Ledger, candidates: Candidate | Sequence[Candidate], **more: Any) -> Wait:
    found = ask(ledger, candidates, **more)
    assert isinstance(found, Wait), found
    return found


def refuse(ledger: Ledger, candidates: Candidate | Sequence[Candidate], **more: Any) -> Refused:
    found = ask(ledger, candidates, **more)
    assert isinstance(found, Refused), found
    return found


def spend(
    ledger: Ledger,
    candidates: Candidate | Sequence[Candidate],
    *,
    real: int | None = None,
    **more: Any,
) -> Lease:
    """A request that is sent, answered and settled at once."""
    lease = take(ledger, candidates, **more)
    ledger.mark_sent(lease)
    ledger.settle(lease, tokens=real, answered_at=CLOCKS[ledger].now(), outcome="ok")
    return lease

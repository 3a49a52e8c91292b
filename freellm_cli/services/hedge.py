"""Two targets for one request: the second is asked when the first stays silent, the first to speak wins.

Each attempt runs in a thread of its own with a lease of its own. Who loses is cancelled at once and its
lease settled: what was sent may have been counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from freellm_cli.core.clock import Clock
from freellm_cli.core.errors import RequestRefused
from freellm_cli.services.answer import Answer, Attempt
from freellm_cli.services.attempt import Failed, Opened
from freellm_cli.services.pool import PoolTarget
from freellm_cli.storage.ledger import Lease, Ledger
from freellm_cli.transport.base import Cancel

SLACK = 0.25
"""Share of every limit that a second attempt leaves alone: a hedge is a luxury."""


class Hooks(NamedTuple):
    """What the call that races lends. `second(first, slack)`: a lease on another target, without waiting.
    `take(lease, target, ended, begun)`: judges what came, None when it is no answer. `cannot_say`: the
    target's dialect refused. `note`: who was slower, for the story."""

    send: Callable[[Lease, PoolTarget, Cancel], Opened | Failed]
    second: Callable[[Lease, float], tuple[Lease, PoolTarget] | None]
    take: Callable[[Lease, PoolTarget, Opened | Failed, float], Answer | None]
    cannot_say: Callable[[Lease, str, RequestRefused], None]
    note: Callable[[Attempt], None]


class Racer:
    """One attempt. `ended` is what came of it; `error` what it raised instead."""

    def __init__(self, lease: Lease, target: PoolTarget, begun: float) -> None:
        self.lease = lease
        self.target = target
        self.begun = begun
        self.cancel = Cancel()
        self.ended: Opened | Failed | None = None
        self.error: BaseException | None = None


class Race:
    """`run` it once."""

    def __init__(self, ledger: Ledger, clock: Clock, hooks: Hooks) -> None:
        self._ledger = ledger
        self._clock = clock
        self._hooks = hooks
        self._ends: SimpleQueue[Racer] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self.running: list[Racer] = []

    def run(
        self, lease: Lease, target: PoolTarget, after_s: float, cancel: Cancel | None
    ) -> Answer | None:
        """The answer of the first that speaks; None when all have failed, and were judged."""
        if cancel is not None:
            cancel.attach(self.cancel)
        self._start(lease, target)
        try:
            ended = self._next(after_s)
            if ended is None:
                second = self._hooks.second(lease, SLACK)
                if second is not None:
                    self._start(*second)
            return self._first_to_speak(ended, cancel)
        except BaseException:
            self._close()
            raise

    def _start(self, lease: Lease, target: PoolTarget) -> None:
        racer = Racer(lease, target, self._clock.monotonic())
        self.running.append(racer)
        threading.Thread(target=self._run, args=(racer,), name="attempt", daemon=True).start()

    def _first_to_speak(self, ended: Racer | None, cancel: Cancel | None) -> Answer | None:
        while True:
            racer = ended or self._next(None)
            ended = None
            if racer is None:
                continue
            if isinstance(racer.ended, Opened):
                if cancel is not None:
                    cancel.attach(racer.ended.response.close)
                now = self._clock.monotonic()
                for lost in self._close():
                    key, seconds = lost.lease.candidate.key, now - lost.begun
                    self._hooks.note(Attempt(key, "hedged", "another target spoke first", seconds))
            answer = self._judge(racer)
            if answer is not None or not self.running:
                return answer

    def _judge(self, racer: Racer) -> Answer | None:
        if racer.ended is not None:
            return self._hooks.take(racer.lease, racer.target, racer.ended, racer.begun)
        if isinstance(racer.error, RequestRefused):
            self._hooks.cannot_say(racer.lease, racer.lease.candidate.key, racer.error)
            return None
        self._ledger.release(racer.lease)
        raise racer.error or AssertionError("an attempt ends with an outcome or an error")

    def _next(self, timeout_s: float | None) -> Racer | None:
        """The next racer that has ended; None when none has in time."""
        try:
            racer = self._ends.get(timeout=timeout_s)
        except Empty:
            return None
        self.running.remove(racer)
        return racer

    def cancel(self) -> None:
        """Ends every call that is under way; they come back as failed."""
        for racer in list(self.running):
            racer.cancel.cancel()

    def _close(self) -> list[Racer]:
        """Nobody else can win. Returns those that were still under way."""
        with self._lock:
            self._closed = True
        lost = list(self.running)
        self.cancel()
        while True:
            try:
                self._settle(self._ends.get_nowait())
            except Empty:
                return lost

    def _run(self, racer: Racer) -> None:
        try:
            racer.ended = self._hooks.send(racer.lease, racer.target, racer.cancel)
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            racer.error = error
        with self._lock:
            if not self._closed:
                self._ends.put(racer)
                return
        self._settle(racer)

    def _settle(self, racer: Racer) -> None:
        """Of one that has lost: it says nothing of its target."""
        ended = racer.ended
        answered_at = None
        if isinstance(ended, Opened):
            ended.response.close()
            answered_at = ended.answered_at
        if racer.lease.sent:
            self._ledger.settle(racer.lease, tokens=None, answered_at=answered_at, outcome="hedged")
        else:
            self._ledger.release(racer.lease)

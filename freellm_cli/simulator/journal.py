"""What a simulator has seen: every request, what became of it, and who is connected now."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

# What became of a request (Seen.outcome).
OPEN, ANSWERED, REFUSED, ABORTED, CUT = "open", "answered", "refused", "aborted", "cut"


class Seen:
    """One request. `key` is the text of a key that the simulator was told of, else its fingerprint.

    `at`, `ended_at`: the simulator's clock. `outcome`: "open" while it is being answered, then
    "answered" (2xx, all sent), "refused" (another status, all sent), "aborted" (the client left first)
    or "cut" (the simulator ended the connection on purpose). `refusal` names the kind of refusal that
    the simulator itself decided ("rate_minute", "bad_key"…), `fault` the fault that was played;
    `foreseeable` is True for a rate refusal that the caller could have known of.
    """

    __slots__ = (
        "address",
        "at",
        "body",
        "ended_at",
        "fault",
        "fingerprint",
        "foreseeable",
        "headers",
        "key",
        "method",
        "model",
        "number",
        "operation",
        "outcome",
        "path",
        "provider",
        "query",
        "raw",
        "refusal",
        "status",
        "stream",
    )

    def __init__(self, method: str, path: str, at: float) -> None:
        self.number = 0
        self.method = method
        self.path = path
        self.at = at
        self.ended_at: float | None = None
        self.address = ""
        self.provider = ""
        self.operation = ""
        self.model = ""
        self.key = ""
        self.fingerprint = ""
        self.headers: dict[str, str] = {}
        self.query: dict[str, str] = {}
        self.body: Any = None
        self.raw = b""
        self.stream = False
        self.status = 0
        self.outcome = OPEN
        self.refusal = ""
        self.fault = ""
        self.foreseeable = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, without the raw body."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "raw"}

    def __repr__(self) -> str:
        what = self.refusal or self.fault
        return (
            f"<{self.number} {self.key or '-'} {self.provider}/{self.model} {self.operation}"
            f" {self.status or '-'} {self.outcome}{' ' + what if what else ''}>"
        )


class Counts(NamedTuple):
    """`refused`: by the simulator's own limits (429). `foreseeable`: those that could have been known:
    the limit is published, or it had been hit before and was not free again yet. `malformed`: what came
    was no HTTP."""

    requests: int
    answered: int
    refused: int
    foreseeable: int
    aborted: int
    cut: int
    malformed: int
    faults: int
    open_requests: int
    stalled: int
    open_connections: int
    peak_requests: int
    peak_connections: int


class Journal:
    """Keeps the latest `keep` requests and counts all. Safe from any thread."""

    def __init__(self, keep: int = 20_000) -> None:
        self._changed = threading.Condition()
        self._keep = keep
        self._open_connections = 0
        self._peak_connections = 0
        self._stalled = 0
        self._forget()

    def _forget(self) -> None:
        self._seen: list[Seen] = []
        self._number = 0
        self._tally = dict.fromkeys((OPEN, ANSWERED, REFUSED, ABORTED, CUT), 0)
        self._limited = self._foreseeable = self._faults = self._malformed = 0
        self._peak_requests = 0

    def forget(self) -> None:
        with self._changed:
            still_open = [seen for seen in self._seen if seen.outcome == OPEN]
            self._forget()
            self._tally[OPEN] = len(still_open)
            self._peak_connections = self._open_connections
            self._changed.notify_all()

    def connected(self, change: int) -> None:
        with self._changed:
            self._open_connections += change
            self._peak_connections = max(self._peak_connections, self._open_connections)
            self._changed.notify_all()

    def stalled(self, change: int) -> None:
        with self._changed:
            self._stalled += change
            self._changed.notify_all()

    def arrived(self, seen: Seen) -> None:
        with self._changed:
            self._number += 1
            seen.number = self._number
            self._seen.append(seen)
            if len(self._seen) > self._keep:
                del self._seen[: self._keep // 10]
            self._tally[OPEN] += 1
            self._peak_requests = max(self._peak_requests, self._tally[OPEN])
            self._changed.notify_all()

    def malformed(self) -> None:
        with self._changed:
            self._malformed += 1
            self._changed.notify_all()

    def limited(self, seen: Seen) -> None:
        with self._changed:
            self._limited += 1
            self._foreseeable += seen.foreseeable
            self._changed.notify_all()

    def ended(self, seen: Seen, outcome: str, at: float) -> None:
        with self._changed:
            self._tally[OPEN] -= 1
            self._tally[outcome] += 1
            self._faults += bool(seen.fault)
            seen.outcome = outcome
            seen.ended_at = at
            self._changed.notify_all()

    def left_after_all(self, seen: Seen) -> None:
        """The client was gone when the end of its answer was written."""
        with self._changed:
            self._tally[seen.outcome] -= 1
            self._tally[ABORTED] += 1
            seen.outcome = ABORTED
            self._changed.notify_all()

    @property
    def seen(self) -> list[Seen]:
        with self._changed:
            return list(self._seen)

    @property
    def counts(self) -> Counts:
        with self._changed:
            return self._counts()

    def _counts(self) -> Counts:
        return Counts(
            requests=self._number,
            answered=self._tally[ANSWERED],
            refused=self._limited,
            foreseeable=self._foreseeable,
            aborted=self._tally[ABORTED],
            cut=self._tally[CUT],
            malformed=self._malformed,
            faults=self._faults,
            open_requests=self._tally[OPEN],
            stalled=self._stalled,
            open_connections=self._open_connections,
            peak_requests=self._peak_requests,
            peak_connections=self._peak_connections,
        )

    def wait_for(self, predicate: Callable[[Counts], bool], timeout: float) -> bool:
        """Waits until `predicate` holds for the counts; False when `timeout` seconds passed first."""
        with self._changed:
            return self._changed.wait_for(lambda: predicate(self._counts()), timeout)

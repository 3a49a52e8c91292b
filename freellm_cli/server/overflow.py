"""A second process that serves, for as long as one processor is not enough.

Python's threads share one processor. While requests keep it busy, half of the connections go to a worker
process (`server.worker_process`), which serves them over the same ledger and settings; it hands a connection
back when its client pauses. This process listens, counts, logs and shows for both, and looks after the other:
what it was given dies with it, nothing else.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from freellm_cli.server import router, worker_link
from freellm_cli.server.access_log import Entry
from freellm_cli.server.connection import Connection
from freellm_cli.server.processors import processors
from freellm_cli.server.worker_launch import Process, launch_worker
from freellm_cli.server.worker_link import Link, LinkBroken

if TYPE_CHECKING:
    import socket

    from freellm_cli.server.worker_link import Message

BUSY_LOOKS = 2
_BUSY_SHARE = 0.8
IDLE_S = 60.0
_AFTER_TROUBLE_S = 60.0
_TO_DIE_S = 2.0

_QUESTIONS = frozenset(
    {
        "chat", "completions", "count_tokens", "embeddings", "gemini_call", "messages", "ollama_chat",
        "ollama_generate", "responses",
    }
)  # fmt: skip
"""Handlers that need nothing of the first process."""


class WorkerFault(Exception):
    """A fault of ours in the worker process. Its text is shown to the person; the traceback is a note."""

    @classmethod
    def of(cls, traceback: str) -> WorkerFault:
        fault = cls(traceback.strip().rpartition("\n")[2])
        fault.add_note(traceback)
        return fault


class Inside(Protocol):
    """What the connections came from."""

    def connected(self, client: socket.socket, held: bytes) -> Connection: ...

    def come_back(self, connection: Connection) -> None:
        """It is idle, or its request is not one for the worker process."""

    def left(self) -> None:
        """A connection has been closed there."""

    def enter(self, entry: Entry) -> None:
        """A request is over there."""

    def refused(self, provider: str, model: str, kind: str) -> None: ...

    def report(self, error: BaseException) -> None: ...

    def tell(self, text: str) -> None: ...


class _Mate:
    """The worker process as it is known here; the counts are guarded by the lock of `Overflow`."""

    __slots__ = ("giving", "is_told", "lent", "link", "process", "takes")

    def __init__(self, link: Link, process: Process) -> None:
        self.link = link
        self.process = process
        self.takes = False
        """It has begun, and may be given connections."""
        self.is_told = False
        """Its end was asked for, by this process or by itself."""
        self.lent = 0
        """Connections that are there now, or on their way."""
        self.giving = 0
        """Those of them that are being sent at this moment."""


class Overflow:
    """`begin`: what the worker process must know, as JSON. `launch(socket)` starts it with that end of a
    socket pair. `idle_s`: seconds without anything to do after which it ends."""

    def __init__(
        self,
        begin: Mapping[str, Any],
        *,
        launch: Callable[[socket.socket], Process] | None = None,
        idle_s: float = IDLE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begin = json.dumps(begin).encode()
        self._launch = launch or launch_worker
        self._idle_s = idle_s
        self._monotonic = monotonic
        self._inside: Inside
        self._lock = threading.Lock()
        self._nobody_gives = threading.Condition(self._lock)
        self._mate: _Mate | None = None
        self._is_over = False
        self._not_before = float("-inf")
        self._busy_looks = 0
        self._used_at = 0.0
        self._gone = threading.Event()
        """There is none, and none is being started or waited for."""
        self._gone.set()

    @property
    def is_helping(self) -> bool:
        mate = self._mate
        return mate is not None and mate.takes

    @property
    def lent(self) -> int:
        """Connections that are there now."""
        mate = self._mate
        return 0 if mate is None else mate.lent

    @property
    def processes(self) -> tuple[int, ...] | None:
        """The ids of those that help; None while one is starting."""
        mate = self._mate
        if mate is not None and mate.takes:
            return (mate.process.pid,)
        return () if self._gone.is_set() else None

    def lead_to(self, inside: Inside) -> None:
        self._inside = inside

    # When there is one

    def look(self, share: float, serving: int) -> None:
        """Called while requests run. `share`: of one processor, what this process uses (`server.load`);
        `serving`: connections that are served here now."""
        self._busy_looks = self._busy_looks + 1 if serving > 1 and share >= _BUSY_SHARE else 0
        if self._busy_looks >= BUSY_LOOKS and self._monotonic() >= self._not_before:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._is_over or not self._gone.is_set():
                return
            self._gone.clear()
        try:
            threading.Thread(target=self._run, name="worker process", daemon=True).start()
        except RuntimeError:  # there can be no more threads now
            self._gone.set()

    def _run(self) -> None:
        mate = self._started()
        if mate is not None:
            try:
                self._listen(mate)
            except LinkBroken:
                pass
            except Exception as error:  # noqa: BLE001 - it is not listened to any more: it must end
                self._inside.report(error)
            self._see_off(mate)
        self._gone.set()

    def _listen(self, mate: _Mate) -> None:
        while True:
            message = mate.link.receive()
            if message is not None:
                self._heed(message, mate)
            elif self._is_unused(mate):
                mate.link.send(worker_link.DRAIN)

    def _started(self) -> _Mate | None:
        import socket

        ours, theirs = socket.socketpair()
        link = Link(ours, min(worker_link.PATIENCE_S, self._idle_s))
        try:
            mate = _Mate(link, self._launch(theirs))
        except OSError as error:
            link.close()
            self._inside.tell(f"no second process could be started: {error}")
            self._not_before = float("inf")
            return None
        finally:
            theirs.close()
        with contextlib.suppress(LinkBroken):
            link.send(worker_link.BEGIN, self._begin)
        with self._lock:
            self._mate = mate
            is_over = self._is_over
        if is_over:
            self.drain()
        return mate

    def _is_unused(self, mate: _Mate) -> bool:
        """Whether it has had nothing to do for long; then it gets nothing any more."""
        with self._lock:
            idle_s = self._monotonic() - self._used_at
            if not mate.takes or mate.lent or idle_s < self._idle_s:
                return False
            mate.takes = False
            mate.is_told = True
            return True

    def _see_off(self, mate: _Mate) -> None:
        """Behind its last word: nothing more can be given to it or come from it."""
        mate.link.cut()
        with self._nobody_gives:
            mate.takes = False
            self._nobody_gives.wait_for(lambda: not mate.giving)
            lost, mate.lent = mate.lent, 0
            self._mate = None
            if lost or not mate.is_told:
                self._not_before = self._monotonic() + _AFTER_TROUBLE_S
        for _ in range(lost):
            self._inside.left()
        mate.link.close()
        code = _ended(mate.process)
        if lost or not mate.is_told:
            cost = f"; connections lost with it: {lost}" if lost else ""
            self._inside.tell(f"the second process has ended by itself (exit code {code}){cost}")

    # What comes from it

    def _heed(self, message: Message, mate: _Mate) -> None:
        if message.kind == worker_link.CONNECTION:
            self._is_returned(mate)
            if message.client is None:
                self._inside.left()
            else:
                self._inside.come_back(self._inside.connected(message.client, message.data))
        elif message.kind == worker_link.CLOSED:
            self._is_returned(mate)
            self._inside.left()
        elif message.kind == worker_link.BEGIN:
            with self._lock:
                mate.takes = not self._is_over
                self._used_at = self._monotonic()
        elif message.kind == worker_link.DRAIN:
            with self._lock:
                mate.takes = False
                mate.is_told = True
                self._not_before = self._monotonic() + _AFTER_TROUBLE_S
        else:
            self._hear(message)

    def _hear(self, message: Message) -> None:
        """What it did, for the figures, the log and the person."""
        if message.kind == worker_link.ENTRIES:
            for values in json.loads(message.data):
                self._inside.enter(Entry.of(values))
        elif message.kind == worker_link.REFUSAL:
            self._inside.refused(*json.loads(message.data))
        elif message.kind == worker_link.NOTICE:
            self._inside.tell(message.data.decode())
        elif message.kind == worker_link.CRASH:
            self._inside.report(WorkerFault.of(message.data.decode()))

    def _is_returned(self, mate: _Mate) -> None:
        with self._lock:
            mate.lent -= 1
            self._used_at = self._monotonic()

    # What it is given

    def owner_for(
        self, connection: Connection, serving: int
    ) -> Callable[[Connection], None] | None:
        """Who shall serve the next request of `connection` instead of this process; None: nobody. Whoever
        asks must give it to the owner then."""
        mate = self._mate
        if mate is None or not mate.takes or not is_question(connection.held):
            return None
        with self._lock:
            if not mate.takes or mate.lent >= serving - 1:
                return None
            mate.lent += 1
            mate.giving += 1
        return lambda given: self._give(given, mate)

    def _give(self, connection: Connection, mate: _Mate) -> None:
        connection.new_owner = None
        try:
            mate.link.send(worker_link.CONNECTION, connection.held, connection.sock)
        except LinkBroken:
            self._has_given(mate, lent=0)
            self._inside.come_back(connection)
        else:
            self._has_given(mate, lent=1)
            connection.close()

    def _has_given(self, mate: _Mate, *, lent: int) -> None:
        with self._nobody_gives:
            mate.giving -= 1
            mate.lent -= 1 - lent
            self._nobody_gives.notify_all()

    # The end

    def drain(self) -> None:
        """It shall finish what runs there, and end."""
        with self._nobody_gives:
            self._is_over = True
            mate = self._mate
            if mate is None:
                return
            mate.takes = False
            mate.is_told = True
            # What it is given behind this word it would send back.
            self._nobody_gives.wait_for(lambda: not mate.giving)
        with contextlib.suppress(LinkBroken):
            mate.link.send(worker_link.DRAIN)

    def end(self) -> None:
        """It shall not wait for what runs there."""
        mate = self._mate
        if mate is not None:
            with contextlib.suppress(LinkBroken):
                mate.link.send(worker_link.END)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        return self._gone.wait(seconds)


def _ended(process: Process) -> int:
    """Its exit code; one that does not end by itself is ended."""
    import subprocess

    try:
        return process.wait(_TO_DIE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def is_possible() -> bool:
    """Whether connections can be handed over here, and this process may use more than one processor."""
    return worker_link.is_possible and processors() > 1


def is_question(held: bytes) -> bool:
    """Whether the request that begins `held` is one that a worker process can answer: it leads to a model."""
    line = held.partition(b"\r\n")[0]
    known = _KNOWN.get(line)
    if known is None:
        known = _is_question(line)
        if len(_KNOWN) < 256 and len(line) < 200:
            _KNOWN[line] = known
    return known


_KNOWN: dict[bytes, bool] = {}


def _is_question(line: bytes) -> bool:
    words = line.decode("latin-1").split(" ")
    if len(words) != 3 or words[0] != "POST" or words[1][:1] != "/":
        return False
    place = router.find(words[1].partition("?")[0].partition("#")[0])
    route = place.methods.get("POST") if place is not None else None
    return route is not None and route.handler in _QUESTIONS

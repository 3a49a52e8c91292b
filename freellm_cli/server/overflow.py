"""A second process that serves, for as long as one processor is not enough.

Python's threads share one processor. While requests keep it busy, half of the connections go to a worker
process (`server.worker_process`), which serves them over the same ledger and settings; it hands a connection
back when its client pauses. This process listens, counts, logs and shows for both, and looks after the other:
what it was given dies with it, nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from freellm_cli.server import router, worker_link
from freellm_cli.server.access_log import Entry
from freellm_cli.server.connection import Connection
from freellm_cli.server.worker_link import Link, LinkBroken

if TYPE_CHECKING:
    import socket

    from freellm_cli.server.worker_link import Message

COMMAND = "_serve"
"""The word, for nobody to type, with which freellm becomes a worker process."""

LOOK_EVERY_S = 0.25
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
    """A fault of ours in the worker process; its text is the traceback."""


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


class Process(Protocol):
    """As subprocess.Popen."""

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


class _Mate(NamedTuple):
    link: Link
    process: Process


class Overflow:
    """`begin`: what the worker process must know, as JSON. `launch(socket)` starts it with that end of a
    socket pair. `idle_s`: seconds without anything to do after which it ends. `processor()`: seconds of
    processor time that this process has taken."""

    def __init__(
        self,
        begin: Mapping[str, Any],
        *,
        launch: Callable[[socket.socket], Process] | None = None,
        idle_s: float = IDLE_S,
        processor: Callable[[], float] = time.process_time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begin = json.dumps(begin).encode()
        self._launch = launch or launch_worker
        self._idle_s = idle_s
        self._processor = processor
        self._monotonic = monotonic
        self._inside: Inside
        self._lock = threading.Lock()
        self._mate: _Mate | None = None
        self._is_starting = False
        self._is_over = False
        self._not_before = float("-inf")
        self._looked = (monotonic(), processor())
        self._busy_looks = 0
        self._used_at = 0.0
        self._gone = threading.Event()
        self._gone.set()
        self.lent = 0
        """Connections that are there now."""

    @property
    def is_helping(self) -> bool:
        return self._mate is not None

    def lead_to(self, inside: Inside) -> None:
        self._inside = inside

    # When there is one

    def look(self, serving: int) -> None:
        """Called while requests run; `serving`: connections that are served here now."""
        now = self._monotonic()
        before, spent_before = self._looked
        if now - before < LOOK_EVERY_S:
            return
        spent = self._processor()
        self._looked = (now, spent)
        is_busy = serving > 1 and spent - spent_before >= _BUSY_SHARE * (now - before)
        # A look after a pause tells nothing about now.
        self._busy_looks = self._busy_looks + 1 if is_busy and now - before < 1.0 else 0
        if self._busy_looks >= BUSY_LOOKS and self._mate is None and now >= self._not_before:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._is_starting or self._is_over or self._mate is not None:
                return
            self._is_starting = True
        threading.Thread(target=self._run, name="worker process", daemon=True).start()

    def _run(self) -> None:
        mate = self._started()
        if mate is None:
            return
        try:
            while True:
                message = mate.link.receive()
                if message is not None:
                    self._heed(message, mate)
                elif self._is_unused():
                    mate.link.send(worker_link.DRAIN)
        except LinkBroken:
            self._has_gone(mate)

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
            self._is_starting = False
            return None
        finally:
            theirs.close()
        self._gone.clear()
        with contextlib.suppress(LinkBroken):
            link.send(worker_link.BEGIN, self._begin)
        return mate

    def _is_unused(self) -> bool:
        """Whether it has had nothing to do for long; then it gets nothing any more."""
        with self._lock:
            if self._mate is None or self.lent or self._monotonic() - self._used_at < self._idle_s:
                return False
            self._mate = None
            return True

    def _has_gone(self, mate: _Mate) -> None:
        with self._lock:
            lost, self.lent = self.lent, 0
            self._mate = None
            if lost:
                self._not_before = self._monotonic() + _AFTER_TROUBLE_S
            self._is_starting = False
        for _ in range(lost):
            self._inside.left()
        mate.link.close()
        import subprocess

        try:
            mate.process.wait(_TO_DIE_S)
        except subprocess.TimeoutExpired:
            mate.process.kill()
            mate.process.wait()
        self._gone.set()

    # What comes from it

    def _heed(self, message: Message, mate: _Mate) -> None:
        if message.kind == worker_link.CONNECTION:
            assert message.client is not None
            self._is_returned()
            self._inside.come_back(self._inside.connected(message.client, message.data))
        elif message.kind == worker_link.CLOSED:
            self._is_returned()
            self._inside.left()
        elif message.kind == worker_link.ENTRIES:
            for values in json.loads(message.data):
                self._inside.enter(Entry.of(values))
        elif message.kind == worker_link.REFUSAL:
            self._inside.refused(*json.loads(message.data))
        elif message.kind == worker_link.NOTICE:
            self._inside.tell(message.data.decode())
        elif message.kind == worker_link.CRASH:
            self._inside.report(WorkerFault(message.data.decode()))
        elif message.kind == worker_link.BEGIN:
            self._is_ready(mate)

    def _is_ready(self, mate: _Mate) -> None:
        with self._lock:
            if not self._is_over:
                self._mate = mate
                self._used_at = self._monotonic()
                return
        mate.link.send(worker_link.DRAIN)

    def _is_returned(self) -> None:
        with self._lock:
            self.lent -= 1
            self._used_at = self._monotonic()

    # What it is given

    def owner_for(
        self, connection: Connection, serving: int
    ) -> Callable[[Connection], None] | None:
        """Who shall serve the next request of `connection` instead of this process; None: nobody. Whoever
        asks must give it to the owner then."""
        if self._mate is None or not is_question(connection.held):
            return None
        with self._lock:
            if self._mate is None or self._is_over or self.lent >= serving - 1:
                return None
            self.lent += 1
        return self._give

    def _give(self, connection: Connection) -> None:
        connection.new_owner = None
        mate = self._mate
        try:
            if mate is None:
                raise LinkBroken
            mate.link.send(worker_link.CONNECTION, connection.held, connection.sock)
        except LinkBroken:
            with self._lock:
                # Where it has gone meanwhile, this one was already counted as lost.
                was_counted = self.lent > 0
                self.lent -= was_counted
            if was_counted:
                self._inside.come_back(connection)
            else:
                connection.close()
            return
        connection.close()

    # The end

    def drain(self) -> None:
        """It shall finish what runs there, and end."""
        self._tell_all(worker_link.DRAIN)

    def end(self) -> None:
        """It shall not wait for what runs there."""
        self._tell_all(worker_link.END)

    def _tell_all(self, kind: int) -> None:
        with self._lock:
            self._is_over = True
            mate = self._mate
        if mate is not None:
            with contextlib.suppress(LinkBroken):
                mate.link.send(kind)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        return self._gone.wait(seconds)


def is_possible() -> bool:
    """Whether connections can be handed over here, and a second processor is free to this process."""
    may_use = getattr(os, "sched_getaffinity", None)
    processors = len(may_use(0)) if may_use else os.cpu_count() or 1
    return worker_link.is_possible and processors > 1


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


def launch_worker(theirs: socket.socket) -> Process:
    """This very freellm as a worker process, with `theirs` as its standard input: in a process group of its
    own, for a Ctrl-C in the terminal means the server, which tells it. Raises OSError."""
    import subprocess

    from freellm_cli.services.own_command import own_file

    one_file = own_file()
    command = [one_file, COMMAND] if one_file else [sys.executable, "-m", "freellm_cli", COMMAND]
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH", ""))))
    return subprocess.Popen(
        command,
        stdin=theirs.fileno(),
        stdout=subprocess.DEVNULL,
        env=dict(os.environ) if one_file else {**os.environ, "PYTHONPATH": found},
        process_group=0,
    )

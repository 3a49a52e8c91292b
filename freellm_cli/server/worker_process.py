"""The other side of `server.overflow`: a process that serves the connections it is handed.

It neither listens nor logs: who answered goes back over the link, as does a connection whose client pauses
or asks for what only the first process knows (figures, the page). When the link ends, so does it, after the
answers that run.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from freellm_cli import __version__
from freellm_cli.core.secret import Secret
from freellm_cli.server import worker_link
from freellm_cli.server.app import App
from freellm_cli.server.connection import Connection
from freellm_cli.server.gathering import Gathering
from freellm_cli.server.options import Options
from freellm_cli.server.overflow import is_question
from freellm_cli.server.worker_link import Link, LinkBroken, Message
from freellm_cli.services.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freellm_cli.core.verdicts import Verdict
    from freellm_cli.server.access_log import Entry
    from freellm_cli.services.pool import PoolTarget


def begin_with(
    runtime: Runtime, overrides: Mapping[str, object], options: Options
) -> dict[str, Any]:
    """What `Overflow` tells this process first."""
    return {
        "version": __version__,
        "paths": runtime.paths._asdict(),
        "overrides": {name: value for name, value in overrides.items() if value is not None},
        "options": {**options._asdict(), "token": options.token and options.token.reveal()},
    }


def _options(told: Mapping[str, Any]) -> Options:
    """What the first process serves with: its settings of that kind do not change while it runs."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told.items()
    }
    given["token"] = Secret(told["token"]) if told["token"] else None
    return Options(**given)


def run(env: Mapping[str, str]) -> int:
    """Serves what comes over standard input, a socket; returns the exit code."""
    try:
        sock = socket.socket(fileno=os.dup(0))
    except OSError:
        sys.stderr.write("freellm starts this process itself, for `freellm serve`\n")
        return 2
    _read_no_more()
    link = Link(sock)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        message = link.receive()
        if message is None:
            return 1
        begin = json.loads(message.data)
        if begin["version"] != __version__:  # it was replaced while the server ran
            return 1
        WorkerProcess(link, env, begin).serve()
    except LinkBroken:
        return 0
    finally:
        link.close()
    return 0


def _read_no_more() -> None:
    """What this process starts must not have the link as its standard input."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


class WorkerProcess:
    """`begin`: what `begin_with` gives. Raises ConfigError, StoreError."""

    def __init__(self, link: Link, env: Mapping[str, str], begin: Mapping[str, Any]) -> None:
        self._link = link
        self._door = LinkDoor(link)
        self._hurry = threading.Event()
        self._ending = threading.Lock()
        self._has_begun = False
        runtime = Runtime(
            env=env,
            overrides=begin["overrides"],
            notice=self._notice,
        )
        runtime.paths = runtime.paths._replace(**begin["paths"])
        self._app = App(
            runtime,
            _options(begin["options"]),
            EntryPost(link),
            crash=self._report,
            door=self._door,
            owner_for=self._owner_for,
            keeps_fresh=False,
        )
        runtime.on_refusal = self._refused

    def serve(self) -> None:
        """Until the link ends or it is told to end, and what runs has ended."""
        self._app.start()
        self._app.household()
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
                signal.signal(number, lambda *_: self._begin_end(self._leave))
        self._link.send(worker_link.BEGIN)
        self._has_begun = True
        with contextlib.suppress(LinkBroken):
            while True:
                message = self._link.receive()
                if message is not None:
                    self._heed(message)
        self._end()

    def _heed(self, message: Message) -> None:
        if message.kind == worker_link.CONNECTION:
            if message.client is None:
                self._door.left()
            else:
                self._take(self._app.connected(message.client, message.data))
        elif message.kind == worker_link.DRAIN:
            self._begin_end(self._end)
        elif message.kind == worker_link.END:
            self._hurry.set()

    def _take(self, connection: Connection) -> None:
        if self._app.is_draining:
            self._door.adopt(connection)
        elif not self._app.serve(connection):
            self._app.turn_away(connection)
            connection.close()
            self._door.left()

    @staticmethod
    def _begin_end(end: Callable[[], None]) -> None:
        threading.Thread(target=end, name="end").start()

    def _leave(self) -> None:
        """Somebody else than the first process wants its end."""
        self._tell(worker_link.DRAIN, "")
        self._end()

    def _end(self) -> None:
        with self._ending:
            if not self._app.is_draining:
                self._app.stop(hurry=self._hurry)
                self._link.cut()

    # What the first process is told

    def _owner_for(
        self, connection: Connection, serving: int
    ) -> Callable[[Connection], None] | None:
        return None if is_question(connection.held) else self._door.adopt

    def _refused(self, target: PoolTarget, verdict: Verdict) -> None:
        names = [target.provider.id, target.model.id, verdict.kind]
        self._tell(worker_link.REFUSAL, json.dumps(names))

    def _report(self, error: BaseException) -> None:
        import traceback

        text = "".join(traceback.format_exception(error))
        self._tell(worker_link.CRASH, text)

    def _notice(self, text: str) -> None:
        if self._has_begun:  # of the settings, the first process has said the same
            self._tell(worker_link.NOTICE, text)

    def _tell(self, kind: int, text: str) -> None:
        with contextlib.suppress(LinkBroken):
            self._link.send(kind, text.encode("utf-8", "replace"))


class LinkDoor:
    """Where connections wait that are not served: with the first process."""

    connections = 0

    def __init__(self, link: Link) -> None:
        self._link = link

    def open(self) -> None:
        """They come over the link."""

    def close(self) -> None:
        """The first process sends none any more."""

    def adopt(self, connection: Connection) -> None:
        with contextlib.suppress(LinkBroken):
            self._link.send(worker_link.CONNECTION, connection.held, connection.sock)
        connection.close()

    def left(self) -> None:
        with contextlib.suppress(LinkBroken):
            self._link.send(worker_link.CLOSED)


class EntryPost:
    """In the place of an access log: tells the first process which requests are over, many at once."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._entries: deque[Entry] = deque()
        self._gathering = Gathering("entries", self._hand_on)

    def start(self) -> None:
        self._gathering.start()

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._gathering.ring()

    def stop(self) -> None:
        self._gathering.stop()

    def _hand_on(self) -> None:
        values = []
        while self._entries:
            values.append(self._entries.popleft().values())
        if values:
            with contextlib.suppress(LinkBroken):
                self._link.send(worker_link.ENTRIES, json.dumps(values).encode())

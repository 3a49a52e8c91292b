"""Connections that wait for their next call: last in, first out, shared by all threads."""

from __future__ import annotations

import select
import socket
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable

MAX_IDLE = 64
# Servers close idle connections after 5 s (uvicorn, Node) to some minutes; most front ends after 60 or more.
MAX_IDLE_AGE = 55.0

Place = tuple[str, ...]
"""What two calls must share to use the same connection."""


class Connection:
    """A socket that stands, perhaps with TLS on it."""

    __slots__ = ("_timeout", "_watch", "idle_since", "place", "sock", "used")

    def __init__(self, sock: socket.socket, place: Place) -> None:
        self.sock = sock
        self.place = place
        self.used = False
        """Whether it has carried a call before."""
        self.idle_since = 0.0
        self._timeout = -1.0
        self._watch: Callable[[], bool] | None = None

    def wait_at_most(self, seconds: float) -> None:
        """Bounds the next send or receive. Off by 1 % at most: it saves a system call on each read."""
        if not 0.99 * self._timeout <= seconds <= 1.01 * self._timeout:
            self.sock.settimeout(seconds)
            self._timeout = seconds

    def is_quiet(self) -> bool:
        """False when the other side has closed, or sent what nobody asked for."""
        if self._watch is None:
            self._watch = _watcher(self.sock)
        try:
            return not self._watch()
        except (OSError, ValueError):
            return False

    def shut(self) -> None:
        """Ends a read that blocks in another thread. The descriptor stays taken until `close`."""
        try:
            # Not SSLSocket.shutdown: it would take the TLS state away from under the reader.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        try:
            self.sock.close()
        except OSError:
            return


def _watcher(sock: socket.socket) -> Callable[[], bool]:
    """A function that tells whether something can be read, without waiting."""
    if not hasattr(select, "poll"):
        return lambda: bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return lambda: bool(poll.poll(0))


class Pool:
    """At most `max_idle` idle connections to a place, none idle for longer than `max_idle_age` seconds."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        max_idle: int = MAX_IDLE,
        max_idle_age: float = MAX_IDLE_AGE,
    ) -> None:
        self._monotonic = monotonic
        self._max_idle = max_idle
        self._max_idle_age = max_idle_age
        self._lock = allocate_lock()
        self._idle: dict[Place, deque[Connection]] = {}
        self._swept_at = monotonic()
        self._closed = False

    def take(self, place: Place) -> Connection | None:
        """The connection that was used last and still stands, None if a new one is needed."""
        while True:
            with self._lock:
                waiting = self._idle.get(place)
                if not waiting:
                    return None
                connection = waiting.pop()
            age = self._monotonic() - connection.idle_since
            if age <= self._max_idle_age and connection.is_quiet():
                return connection
            connection.close()

    def give(self, connection: Connection) -> None:
        """Keeps a connection whose last answer was read to its end; the oldest makes room for it."""
        now = self._monotonic()
        connection.idle_since = now
        connection.used = True
        with self._lock:
            surplus = [connection] if self._closed else self._keep(connection, now)
        for old in surplus:
            old.close()

    def _keep(self, connection: Connection, now: float) -> list[Connection]:
        waiting = self._idle.setdefault(connection.place, deque())
        waiting.append(connection)
        dropped = [waiting.popleft()] if len(waiting) > self._max_idle else []
        if now - self._swept_at < self._max_idle_age:
            return dropped
        self._swept_at = now
        for place, others in list(self._idle.items()):
            while others and now - others[0].idle_since > self._max_idle_age:
                dropped.append(others.popleft())
            if not others:
                del self._idle[place]
        return dropped

    def close(self) -> None:
        """Closes what is idle; connections given later are closed as well."""
        with self._lock:
            self._closed = True
            idle = [connection for waiting in self._idle.values() for connection in waiting]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def __len__(self) -> int:
        with self._lock:
            return sum(len(waiting) for waiting in self._idle.values())

"""Where clients come in and where they wait between two requests: one thread for all of them.

A connection is handed to a worker when a whole head has come, so that a client which dribbles its headers
holds no thread; it comes back when its next request takes longer than a moment.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from freellm_cli.server.connection import ClientGone, Connection, Limits

BACKLOG = 1024
_SWEEP_S = 0.5
_ACCEPTS_AT_ONCE = 64
_SHORT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Inside(Protocol):
    """What the door leads to."""

    def serve(self, connection: Connection) -> bool:
        """Has a worker serve the request whose head has come; False when nobody has room."""

    def turn_away(self, connection: Connection) -> None:
        """Answers 503, without waiting."""

    def too_slow(self, connection: Connection) -> None:
        """Answers 408, without waiting."""


class Door:
    """`most`: connections that may be open at once; beyond them the longest idle one makes room."""

    def __init__(
        self,
        listeners: list[socket.socket],
        inside: Inside,
        limits: Limits,
        monotonic: Callable[[], float],
        *,
        most: int,
    ) -> None:
        self._listeners = listeners
        self._inside = inside
        self._limits = limits
        self._monotonic = monotonic
        self._most = most
        self._open = 0
        self._count_lock = threading.Lock()
        self._returned: deque[Connection] = deque()
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        self._idle: dict[Connection, None] = {}
        self._closing = False
        self._swept = 0.0
        self._listens = False
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No more clients; idle ones are closed. Those being served go on."""
        self._closing = True
        self._ring()
        self._thread.join()
        self._wake.close()
        self._woken.close()

    def adopt(self, connection: Connection) -> None:
        """Takes back a connection whose next request has not come yet."""
        connection.idle_since = self._monotonic()
        self._returned.append(connection)
        if self._closing:
            self._close_returned()
        else:
            self._ring()

    def left(self) -> None:
        """A connection that was served has been closed."""
        with self._count_lock:
            self._open -= 1

    @property
    def connections(self) -> int:
        return self._open

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            self._wake.send(b"!")

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                listener.setblocking(False)
            self._listen(selector, True)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._closing:
                for key, _ in selector.select(self._next_sweep_s()):
                    if isinstance(key.data, Connection):
                        self._heed(selector, key.data)
                    elif key.data is not None:
                        self._accept(selector, key.data)
                    else:
                        self._take_back(selector)
                self._sweep(selector)
            for listener in self._listeners:
                listener.close()
            for connection in list(self._idle):
                self._drop(selector, connection)
            self._close_returned()

    def _next_sweep_s(self) -> float:
        return _SWEEP_S if self._idle or not self._listens else 30.0

    def _accept(self, selector: selectors.BaseSelector, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                sock, _address = listener.accept()
            except OSError as error:
                if error.errno in _SHORT_OF and not self._make_room(selector):
                    self._listen(selector, False)
                return
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, self._limits, self._monotonic)
            with self._count_lock:
                self._open += 1
            if self._open > self._most:
                self._make_room(selector)
            if self._open > self._most:
                self._inside.turn_away(connection)
                connection.close()
                self.left()
            else:
                self._admit(selector, connection)

    def _listen(self, selector: selectors.BaseSelector, listens: bool) -> None:
        """Not to listen for a moment keeps one who cannot be let in from ringing all the time."""
        if self._listens != listens:
            self._listens = listens
            for listener in self._listeners:
                if listens:
                    selector.register(listener, selectors.EVENT_READ, listener)
                else:
                    selector.unregister(listener)

    def _make_room(self, selector: selectors.BaseSelector) -> bool:
        """Closes the connection that has been idle for longest, if it is between two requests."""
        for connection in self._idle:
            if not connection.held:
                self._drop(selector, connection)
                return True
        return False

    def _admit(self, selector: selectors.BaseSelector, connection: Connection) -> None:
        """Most clients send their request together with the handshake's end: look before waiting."""
        try:
            if (connection.has_head() or connection.receive()) and connection.has_head():
                self._hand_over(connection)
                return
        except ClientGone:
            connection.close()
            self.left()
            return
        self._idle[connection] = None
        selector.register(connection.sock, selectors.EVENT_READ, connection)

    def _take_back(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                continue
        while self._returned:
            connection = self._returned.popleft()
            if connection.held:
                connection.head_since = connection.head_since or self._monotonic()
            self._admit(selector, connection)

    def _close_returned(self) -> None:
        while self._returned:
            with contextlib.suppress(IndexError):
                self._returned.popleft().close()
                self.left()

    def _heed(self, selector: selectors.BaseSelector, connection: Connection) -> None:
        try:
            came = connection.receive()
        except ClientGone:
            self._drop(selector, connection)
            return
        if came and connection.has_head():
            selector.unregister(connection.sock)
            del self._idle[connection]
            self._hand_over(connection)

    def _hand_over(self, connection: Connection) -> None:
        if not self._inside.serve(connection):
            self._inside.turn_away(connection)
            connection.close()
            self.left()

    def _drop(self, selector: selectors.BaseSelector, connection: Connection) -> None:
        selector.unregister(connection.sock)
        self._idle.pop(connection, None)
        connection.close()
        self.left()

    def _sweep(self, selector: selectors.BaseSelector) -> None:
        now = self._monotonic()
        if now - self._swept < _SWEEP_S:
            return
        self._swept = now
        self._listen(selector, True)
        for connection in list(self._idle):
            if connection.head_since:
                if now - connection.head_since > self._limits.head_time:
                    self._inside.too_slow(connection)
                    self._drop(selector, connection)
            elif now - connection.idle_since > self._limits.idle_time:
                self._drop(selector, connection)

"""What a server and its worker process say to each other: frames over a socket pair, some of which carry a
client's connection (SCM_RIGHTS, `man 7 unix`; Windows has no such thing, there one process serves)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from typing import NamedTuple

BEGIN = 1
"""To the worker process, first of all: who it is part of, as JSON."""
CONNECTION = 2
"""A client, and the bytes of it that no request was made of yet. Either way."""
DRAIN = 3
"""To the worker process: finish what runs, then end."""
END = 4
"""To the worker process: do not wait for what runs."""
CLOSED = 5
"""From it: a client that it was given is gone."""
ENTRIES = 6
"""From it: requests that are over, as a JSON list of the values of `access_log.Entry`."""
REFUSAL = 7
"""From it: what `Metrics.refused_by` takes, as JSON."""
NOTICE = 8
CRASH = 9

PATIENCE_S = 5.0
"""Who does not take a frame for so long is given up."""

_HEAD = struct.Struct(">BI")
_READ_SIZE = 65_536
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

is_possible = hasattr(socket, "send_fds")


class LinkBroken(Exception):
    """The other process has gone, or does not listen."""


class Message(NamedTuple):
    """`client`: the connection that came with it."""

    kind: int
    data: bytes
    client: socket.socket | None = None


class Link:
    """One end. Any thread may `send`; one thread takes with `receive`."""

    def __init__(self, sock: socket.socket, patience_s: float = PATIENCE_S) -> None:
        self._sock = sock
        self._sending = threading.Lock()
        self._held = b""
        self._clients: deque[socket.socket] = deque()
        sock.settimeout(patience_s)

    def send(self, kind: int, data: bytes = b"", client: socket.socket | None = None) -> None:
        """The other end has a `client` of its own then; the caller closes this one. Raises LinkBroken."""
        frame = _HEAD.pack(kind, len(data)) + data
        try:
            with self._sending:
                sent = 0
                if client is not None:
                    sent = socket.send_fds(self._sock, [frame], [client.fileno()])
                if sent < len(frame):
                    self._sock.sendall(frame[sent:])
        except (OSError, ValueError) as error:
            self.cut()
            raise LinkBroken from error

    def receive(self) -> Message | None:
        """The next message; None when none has come for `patience_s`. Raises LinkBroken at the end."""
        while True:
            message = self._taken()
            if message is not None:
                return message
            try:
                data, numbers, _, _ = socket.recv_fds(self._sock, _READ_SIZE, 32, _CLOSE_ON_EXEC)
            except TimeoutError:
                return None
            except (OSError, ValueError) as error:
                raise LinkBroken from error
            self._clients += map(_as_socket, numbers)
            if not data:
                raise LinkBroken
            self._held += data

    def _taken(self) -> Message | None:
        held = self._held
        if len(held) < _HEAD.size:
            return None
        kind, length = _HEAD.unpack_from(held)
        end = _HEAD.size + length
        if len(held) < end:
            return None
        self._held = held[end:]
        client = self._clients.popleft() if kind == CONNECTION else None
        return Message(kind, held[_HEAD.size : end], client)

    def hear_no_more(self) -> None:
        """`receive` ends; `send` goes on."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RD)

    def cut(self) -> None:
        """Ends it for both sides; who waits in `receive` is told."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._sock.close()
        while self._clients:
            self._clients.popleft().close()


def _as_socket(number: int) -> socket.socket:
    sock = socket.socket(fileno=number)
    sock.set_inheritable(False)
    return sock

"""HTTP on a socket: reading a request, playing an answer step by step, noticing that a client left."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

# struct linger: two shorts on Windows, two ints elsewhere.
_LINGER = "hh" if sys.platform == "win32" else "ii"
MAX_HEAD = 65_536
MAX_BODY = 64 * 1024 * 1024


class Request(NamedTuple):
    method: str
    path: str
    """Decoded, without the query."""
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    keep_alive: bool
    http10: bool = False


class Malformed(Exception):
    """What came is no HTTP request that this server reads."""


class Send(NamedTuple):
    data: bytes


class Pause(NamedTuple):
    """Real time passes; ends early when the client leaves."""

    seconds: float


class Stall(NamedTuple):
    """Nothing more comes until `Gate.open`, unless the client leaves or the simulator stops."""


class Cut(NamedTuple):
    """The connection ends here. `reset`: with a TCP reset in place of an orderly end; `complete`: the
    answer had been sent whole before."""

    reset: bool = False
    complete: bool = False


Step = Send | Pause | Stall | Cut

DONE, GONE, CUT = "done", "gone", "cut"


class Gate:
    """What stalled answers wait for. Opening it wakes all that wait now; later ones wait anew.

    `waiting(change)` is told of each one that begins (+1) or ends (-1) to wait.
    """

    def __init__(self, waiting: Callable[[int], None]) -> None:
        self.waiting = waiting
        self._lock = threading.Lock()
        self._ours, self._theirs = socket.socketpair()

    def open(self) -> None:
        with self._lock:
            # Those that wait hold duplicates, which read the end once our side is closed.
            self._ours.close()
            self._theirs.close()
            self._ours, self._theirs = socket.socketpair()

    def ticket(self) -> socket.socket:
        """A socket that becomes readable when the gate opens; the caller closes it."""
        with self._lock:
            return self._theirs.dup()

    def close(self) -> None:
        with self._lock:
            self._ours.close()
            self._theirs.close()


class Connection:
    """One client's connection. Used by one thread; `abort` may be called from another."""

    def __init__(self, sock: socket.socket, gate: Gate) -> None:
        self._sock = sock
        self._gate = gate
        self._pending = b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_request(self) -> Request | None:
        """The next request, None when the client has closed. Raises Malformed or OSError."""
        head = self._read_head()
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        parts = first.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise Malformed("request line")
        headers = _parse_headers(lines)
        if headers.get("expect", "").lower() == "100-continue":
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._read_body(headers)
        path, _, query = parts[1].partition("?")
        wish = headers.get("connection", "").lower()
        keep = "close" not in wish if parts[2] == "HTTP/1.1" else "keep-alive" in wish
        return Request(
            parts[0],
            unquote(path),
            dict(parse_qsl(query, keep_blank_values=True)),
            headers,
            body,
            keep,
            parts[2] == "HTTP/1.0",
        )

    def play(self, steps: Iterable[Step], ending: Callable[[str], None]) -> str:
        """Writes an answer; what can be written together is. Returns DONE, GONE or CUT.

        `ending` is called once with that word, before the client can know: whoever has read the whole
        answer finds it settled. Should the very last write fail, the return value says GONE instead.
        """
        waiting: list[bytes] = []
        for step in steps:
            if isinstance(step, Send):
                waiting.append(step.data)
                continue
            if not self._write(waiting) or self._left_during(step):
                ending(GONE)
                return GONE
            waiting = []
            if isinstance(step, Cut):
                end = DONE if step.complete else CUT
                ending(end)
                self._cut(step)
                return end
        ending(DONE)
        return DONE if self._write(waiting) else GONE

    def abort(self) -> None:
        """Ends whatever the connection's thread is waiting for."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.abort()
        self._sock.close()

    def _read_head(self) -> bytes | None:
        while b"\r\n\r\n" not in self._pending:
            if len(self._pending) > MAX_HEAD:
                raise Malformed("headers too long")
            chunk = self._sock.recv(65_536)
            if not chunk:
                if self._pending.strip():
                    raise Malformed("cut request")
                return None
            self._pending = (self._pending + chunk).lstrip(b"\r\n")
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        return head

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._read_chunked()
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            raise Malformed("content-length")
        return self._take(int(length))

    def _read_chunked(self) -> bytes:
        parts: list[bytes] = []
        while True:
            try:
                size = int(self._line().split(b";")[0], 16)
            except ValueError:
                raise Malformed("chunk size") from None
            if size == 0:
                while self._line():
                    continue
                return b"".join(parts)
            parts.append(self._take(size))
            self._line()

    def _line(self) -> bytes:
        while b"\r\n" not in self._pending:
            self._fill()
        line, _, self._pending = self._pending.partition(b"\r\n")
        return line

    def _take(self, size: int) -> bytes:
        parts = [self._pending[:size]]
        self._pending = self._pending[size:]
        missing = size - len(parts[0])
        while missing:
            chunk = self._sock.recv(min(missing, 1 << 20))
            if not chunk:
                raise Malformed("cut body")
            parts.append(chunk)
            missing -= len(chunk)
        return b"".join(parts)

    def _fill(self) -> None:
        chunk = self._sock.recv(65_536)
        if not chunk:
            raise Malformed("cut body")
        self._pending += chunk

    def _write(self, parts: list[bytes]) -> bool:
        if not parts:
            return True
        try:
            self._sock.sendall(b"".join(parts))
        except OSError:
            return False
        return True

    def _cut(self, step: Cut) -> None:
        if step.reset:
            # Linger of zero seconds: close() sends RST and drops what is unsent.
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
            self._sock.close()
        else:
            self.abort()

    def _left_during(self, step: Pause | Stall | Cut) -> bool:
        if isinstance(step, Cut):
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            if isinstance(step, Pause):
                return self._left_within(selector, step.seconds)
            with self._gate.ticket() as ticket:
                selector.register(ticket, selectors.EVENT_READ)
                self._gate.waiting(+1)
                try:
                    return self._left_before_gate(selector, ticket)
                finally:
                    self._gate.waiting(-1)

    def _left_within(self, selector: selectors.BaseSelector, seconds: float) -> bool:
        if not selector.select(seconds):
            return False
        if self._client_gone():
            return True
        # A pipelined request is waiting: it says nothing more about leaving.
        threading.Event().wait(seconds)
        return False

    def _left_before_gate(self, selector: selectors.BaseSelector, ticket: socket.socket) -> bool:
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if self._sock in ready:
                if self._client_gone():
                    return True
                selector.unregister(self._sock)
            if ticket in ready:
                return False

    def _client_gone(self) -> bool:
        try:
            return not self._sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


def bad_request(reason: str) -> bytes:
    """What a client gets that does not speak HTTP."""
    head = (
        f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {len(reason)}\r\n"
    )
    return f"{head}connection: close\r\n\r\n{reason}".encode("ascii", "replace")


def _parse_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed("header")
        headers[name.strip().lower()] = value.strip()
    return headers

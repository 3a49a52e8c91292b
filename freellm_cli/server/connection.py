"""A client's connection: its socket, the bytes that came and were not used yet, and how it ends."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress

from freellm_cli.server.wire import ChunkedBody, RequestHead, malformed, parse_head, too_large

READ_SIZE = 8192
"""Room is made for so much at each look, and given back when less came: with 64 KB a look, the memory of a
server that runs for long breaks into pieces and grows."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# A client that is still sending when it is refused needs a moment to see the answer before the reset.
LINGER_BYTES, LINGER_S = 1 << 20, 0.5


class ClientGone(Exception):
    """The other side has closed, reset, or fallen silent in mid-request."""


class Limits:
    """What a client may take. Sizes in bytes, times in seconds."""

    __slots__ = ("body", "head", "head_time", "idle_time")

    def __init__(self, *, body: int, head: int, head_time: float, idle_time: float) -> None:
        self.body = body
        self.head = head
        self.head_time = head_time
        self.idle_time = idle_time


class Connection:
    """Owned by one thread at a time: the door while it is idle, a worker while it is served, `new_owner`
    after that."""

    __slots__ = (
        "_limits", "_monotonic", "head_since", "held", "idle_since", "new_owner", "sock",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, limits: Limits, monotonic: Callable[[], float]) -> None:
        self.sock = sock
        self.held = b""
        """What came and belongs to no request yet."""
        self.new_owner: Callable[[Connection], None] | None = None
        """Who takes it from the worker, instead of the door."""
        self._limits = limits
        self._monotonic = monotonic
        self.idle_since = monotonic()
        self.head_since = 0.0
        """When the first byte of an unfinished head came; 0 when there is none."""
        sock.setblocking(False)

    def receive(self) -> bool:
        """Takes what has come, without waiting. False when nothing has; raises ClientGone at the end."""
        try:
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return False
        except (OSError, ValueError) as exc:
            raise ClientGone from exc
        if not data:
            raise ClientGone
        if not self.held and not self.head_since:
            self.head_since = self._monotonic()
        self.held = self.held + data if self.held else data
        return True

    def has_head(self) -> bool:
        """Whether a whole head is there (or one that will never be): time for a worker."""
        held = self.held
        if held[:1] in (b"\r", b"\n"):  # RFC 9112 section 2.2: empty lines before a request
            held = self.held = held.lstrip(b"\r\n")
        return b"\r\n\r\n" in held or len(held) > self._limits.head or b"\n\n" in held

    def await_head(self, seconds: float) -> bool:
        """Whether the next request's head is there within `seconds`."""
        if self.has_head():
            return True
        return can(self.sock, seconds) and self.receive() and self.has_head()

    def take_head(self) -> RequestHead:
        """Raises HttpRefusal."""
        head, mark, rest = self.held.partition(b"\r\n\r\n")
        if len(head) > self._limits.head:
            raise malformed(
                f"the request's head is larger than {self._limits.head} bytes",
                status=431,
                code="head_too_large",
            )
        if not mark:
            raise malformed("the lines of a request's head must end with CRLF")
        self.held = rest
        self.head_since = 0.0
        return parse_head(head)

    def read_body(self, head: RequestHead) -> bytes:
        """Raises HttpRefusal, or ClientGone when it does not come."""
        if head.length == 0:
            return b""
        if head.length > self._limits.body:
            raise too_large(self._limits.body)
        if head.waits and not self.held:
            self.send(CONTINUE)
        deadline = self._monotonic() + self._limits.idle_time + max(0, head.length) / 16_384
        if head.length < 0:
            return self._read_chunked(deadline)
        have = self.held
        if len(have) >= head.length:
            self.held = have[head.length :]
            return have[: head.length] if self.held else have
        return self._read_rest(have, head.length, deadline)

    def _read_rest(self, have: bytes, length: int, deadline: float) -> bytes:
        parts = [have]
        left = length - len(have)
        self.held = b""
        while left > 0:
            data = self._receive_some(min(left, 1 << 20), deadline)
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def _read_chunked(self, deadline: float) -> bytes:
        body = ChunkedBody(self._limits.body)
        body.feed(self.held)
        self.held = b""
        while not body.ended:
            before = body.size
            body.feed(self._receive_some(READ_SIZE, deadline))
            deadline += (body.size - before) / 16_384
        self.held = body.rest
        return body.body()

    def _receive_some(self, most: int, deadline: float) -> bytes:
        left = min(self._limits.idle_time, deadline - self._monotonic())
        if left <= 0:
            raise malformed("the request's body came too slowly", status=408, code="too_slow")
        if not can(self.sock, left):
            raise malformed("the request's body did not come", status=408, code="too_slow")
        try:
            data = self.sock.recv(most)
        except OSError as exc:
            raise ClientGone from exc
        if not data:
            raise ClientGone
        return data

    def send(self, data: bytes) -> None:
        """All of it. Raises ClientGone when the client has left or does not read."""
        sent = self.send_at_once(data)
        if sent < len(data):
            self._send_on(memoryview(data)[sent:])

    def _send_on(self, data: memoryview) -> None:
        until = self._monotonic() + self._limits.idle_time
        while data:
            if not can(self.sock, until - self._monotonic(), to_write=True):
                raise ClientGone
            data = data[self.send_at_once(data) :]

    def send_at_once(self, data: bytes | memoryview) -> int:
        """As much as the system takes without waiting; how many bytes that were. Raises ClientGone."""
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except (OSError, ValueError) as exc:
            raise ClientGone from exc

    def finish(self) -> None:
        """Closes once the client has seen the last answer: what it still sends is read away."""
        with suppress(OSError, ValueError):
            self.sock.shutdown(socket.SHUT_WR)
            until = self._monotonic() + LINGER_S
            taken = 0
            while taken < LINGER_BYTES and can(self.sock, until - self._monotonic()):
                data = self.sock.recv(READ_SIZE)
                if not data:
                    break
                taken += len(data)
        self.close()

    def shut(self) -> None:
        """Ends what another thread waits for on it."""
        with suppress(OSError, ValueError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self.sock.close()


def can(sock: socket.socket, seconds: float, *, to_write: bool = False) -> bool:
    """Whether `sock` has something to read (or room to write) within `seconds`; its end counts too. False at
    once for a closed one, and when the time is up.

    Sockets here never block: a socket with a timeout is asked twice for each call, before it and by it.
    """
    number = sock.fileno()
    if number < 0 or seconds <= 0:
        return False
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(number, select.POLLOUT if to_write else select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    found = select.select([] if to_write else [sock], [sock] if to_write else [], [], seconds)
    return bool(found[to_write])

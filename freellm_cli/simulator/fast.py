"""An upstream for benchmarks: one fixed answer, as fast as one Python process can give it.

It reads just enough of a request to know where it ends and whether a stream is wanted (`"stream":true`
in the body, with or without a space). No limits, no faults, no journal: only counters.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import selectors
import socket
import threading
import time

from freellm_cli.simulator.answers import sse, to_json

_BASE = {"id": "chatcmpl-fast", "created": 1_760_000_000, "model": "fast"}
_USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def whole_answer() -> bytes:
    """The fixed answer with its HTTP head."""
    message = {"role": "assistant", "content": "This is a fixed answer of a fast upstream."}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = to_json({**_BASE, "object": "chat.completion", "choices": [choice], "usage": _USAGE})
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def stream_parts(chunks: int) -> tuple[bytes, list[bytes], bytes]:
    """HTTP head, `chunks` content events and the ending of the fixed stream, chunk framing included."""

    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse({**_BASE, "object": "chat.completion.chunk", "choices": [choice]})

    def chunk(data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data)

    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    head += chunk(event({"role": "assistant", "content": ""}))
    events = [chunk(event({"content": f"word{number} "})) for number in range(chunks)]
    end = chunk(event({}, "stop")) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    return head, events, end


class _Talk:
    """One client's bytes that have not been answered yet."""

    __slots__ = ("buffer", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""


class FastUpstream:
    """Listens on entering the context; one event loop serves all connections.

    `first_token_s`: real seconds before an answer begins. `pause_s`: between the events of a stream, each
    of which is then its own write; 0 sends a stream in one write.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        chunks: int = 20,
        first_token_s: float = 0.0,
        pause_s: float = 0.0,
    ) -> None:
        self._address = (host, port)
        self._first = first_token_s
        self._pause = pause_s
        self._due: list[tuple[float, int, socket.socket, list[bytes], int]] = []
        self._tickets = itertools.count()
        self._whole = whole_answer()
        self._stream = stream_parts(chunks)
        self._stream_at_once = self._stream[0] + b"".join(self._stream[1]) + self._stream[2]
        self._stopping = threading.Event()
        self.requests = 0

    def __enter__(self) -> FastUpstream:
        self._listener = socket.create_server(self._address, backlog=1024)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._loop, name="fast-upstream", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._wake.send(b"x")
        self._thread.join()
        self._wake.close()
        self._woken.close()

    @property
    def url(self) -> str:
        return f"http://{self._address[0]}:{self.port}"

    def _loop(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for ready, _ in selector.select(self._play_due()):
                    if isinstance(ready.data, _Talk):
                        self._heed(selector, ready.data)
                    elif ready.fileobj is self._listener:
                        self._accept(selector)
            for key in list(selector.get_map().values()):
                if isinstance(key.data, _Talk):
                    key.data.sock.close()

    def _accept(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setblocking(True)
                selector.register(sock, selectors.EVENT_READ, _Talk(sock))

    def _heed(self, selector: selectors.BaseSelector, talk: _Talk) -> None:
        try:
            data = talk.sock.recv(262_144)
            if not data:
                raise ConnectionResetError
            self._answer(talk, talk.buffer + data)
        except OSError:
            selector.unregister(talk.sock)
            talk.sock.close()

    def _answer(self, talk: _Talk, data: bytes) -> None:
        out: list[bytes] = []
        while True:
            head = data.find(b"\r\n\r\n")
            if head < 0:
                break
            end = head + 4 + _length(data[:head])
            if len(data) < end:
                break
            self.requests += 1
            stream = b'"stream":true' in data[head:end] or b'"stream": true' in data[head:end]
            parts = self._parts(stream)
            if self._first or len(parts) > 1:
                self._later(self._first, talk.sock, parts, 0)
            else:
                out += parts
            data = data[end:]
        talk.buffer = data
        if out:
            talk.sock.sendall(b"".join(out))

    def _parts(self, stream: bool) -> list[bytes]:
        if not stream:
            return [self._whole]
        if not self._pause:
            return [self._stream_at_once]
        head, events, end = self._stream
        return [head + events[0], *events[1:], end] if events else [head, end]

    def _later(self, delay: float, sock: socket.socket, parts: list[bytes], place: int) -> None:
        due = time.monotonic() + delay
        heapq.heappush(self._due, (due, next(self._tickets), sock, parts, place))

    def _play_due(self) -> float | None:
        """Writes all that is due; gives the seconds until more is, None when nothing waits."""
        while self._due:
            wait = self._due[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, sock, parts, place = heapq.heappop(self._due)
            # Who has left misses the rest; the loop learns of it by reading.
            with contextlib.suppress(OSError):
                sock.sendall(parts[place])
                if place + 1 < len(parts):
                    self._later(self._pause, sock, parts, place + 1)
        return None


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0

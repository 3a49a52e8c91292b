"""A server that does exactly what a test says, byte by byte, over real sockets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType

PATIENCE = 20.0
"""Seconds after which a test that hangs fails."""


class Peer:
    """One accepted connection, seen from the server."""

    def __init__(self, sock: socket.socket, server: RawServer) -> None:
        self.sock = sock
        self._server = server
        self._waiting = b""

    def request(self) -> bytes:
        """The next whole request, head and body; b"" when the client has closed."""
        while True:
            head, mark, rest = self._waiting.partition(b"\r\n\r\n")
            size = content_length(head)
            if mark and len(rest) >= size:
                self._waiting = rest[size:]
                whole = head + mark + rest[:size]
                self._server.requests.append(whole)
                return whole
            data = self.sock.recv(65536)
            if not data:
                return b""
            self._waiting += data

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, body: bytes = b"ok", status: str = "200 OK", *fields: str) -> None:
        """Takes a request and answers it whole."""
        if self.request():
            self.send(answer(body, status, *fields))

    def reset(self) -> None:
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def until_closed(self) -> bytes:
        """Waits until the client has closed; what it still said."""
        said = self._waiting
        try:
            while data := self.sock.recv(65536):
                said += data
        except ConnectionError:
            pass
        return said


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def answer(body: bytes = b"ok", status: str = "200 OK", *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*parts: bytes, end: bool = True) -> bytes:
    """A whole chunked answer, or one without its end."""
    coded = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + coded + (b"0\r\n\r\n" if end else b"")


Script = Callable[[Peer], None]


class RawServer:
    """Runs `scripts[n]` on the n-th connection, the last script on all that follow.

    A script that raises fails the test when the block ends. `tls` puts TLS on each connection first; a
    handshake that the client breaks off is no failure.
    """

    def __init__(
        self, *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self._scripts = scripts
        self._tls = tls
        self._host = host
        self._threads: list[threading.Thread] = []
        self._peers: list[socket.socket] = []
        self._errors: list[BaseException] = []
        self.requests: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> RawServer:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._listener = socket.create_server((self._host, 0), family=family, backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(0.5 if error else PATIENCE)
        stuck = [thread for thread in self._threads if thread.is_alive()]
        for sock in self._peers:
            sock.close()
        if error is None:
            assert not stuck, "a scripted connection was never finished"
            for failure in self._errors:
                raise failure

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers.append(sock)
            self._start(self._serve, sock, script)

    def _serve(self, sock: socket.socket, script: Script) -> None:
        try:
            if self._tls is not None:
                try:
                    sock = self._tls.wrap_socket(sock, server_side=True)
                except OSError:
                    return
            script(Peer(sock, self))
        except BaseException as failure:  # noqa: BLE001 - shown when the block ends
            self._errors.append(failure)
        finally:
            sock.close()

"""A client on a bare socket, which sees every byte that comes and how the connection ends."""

from __future__ import annotations

import json
import socket
from typing import Any, NamedTuple

HELLO = {"model": "m", "messages": [{"role": "user", "content": "Grüße, wie geht's?"}]}


class Raw(NamedTuple):
    """Everything that came. `ended`: "closed", "reset" or "open" (nothing more came in time)."""

    data: bytes
    ended: str

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def header(self, name: str) -> str | None:
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.strip().lower() == name:
                return value.strip()
        return None

    def unchunked(self) -> bytes:
        """The body without its chunk framing. Raises ValueError where that is broken or unended."""
        rest, parts = self.body, []
        while True:
            size, found, rest = rest.partition(b"\r\n")
            if not found:
                raise ValueError("the last chunk never came")
            length = int(size, 16)
            if length == 0:
                return b"".join(parts)
            if len(rest) < length + 2:
                raise ValueError("a chunk is cut")
            parts.append(rest[:length])
            rest = rest[length + 2 :]


class RawClient:
    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection((host, port), timeout=5)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def post(
        self,
        path: str,
        body: Any,
        *,
        key: str = "k1",
        version: str = "1.1",
        headers: tuple[str, ...] = (),
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [
            f"POST {path} HTTP/{version}",
            "host: upstream",
            f"authorization: Bearer {key}",
            f"content-length: {len(data)}",
            *headers,
        ]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    def chat(
        self, *, stream: bool = False, path: str = "/acme/v1", keep: bool = True, **more: Any
    ) -> None:
        """Asks; `more` goes into the body. `keep`: whether the connection is to stay open."""
        headers = () if keep else ("connection: close",)
        self.post(f"{path}/chat/completions", {**HELLO, "stream": stream, **more}, headers=headers)

    def read(self, quiet_s: float = 5.0) -> Raw:
        """Reads until the connection ends, or until nothing has come for `quiet_s` seconds."""
        self.sock.settimeout(quiet_s)
        data = b""
        while True:
            try:
                part = self.sock.recv(65_536)
            except TimeoutError:
                return Raw(data, "open")
            except ConnectionResetError:
                return Raw(data, "reset")
            if not part:
                return Raw(data, "closed")
            data += part

    def read_until(self, end: bytes) -> bytes:
        """Reads until what came contains `end`."""
        data = b""
        while end not in data:
            part = self.sock.recv(65_536)
            assert part, f"the connection closed before {end!r} came: {data!r}"
            data += part
        return data

    def read_answer(self) -> Raw:
        """One whole answer of a connection that stays open."""
        data = self.read_until(b"\r\n\r\n")
        answer = Raw(data, "open")
        if answer.header("transfer-encoding"):
            while not data.endswith(b"0\r\n\r\n"):
                data += self.read_until(b"\r\n")
        else:
            missing = int(answer.header("content-length") or 0) - len(answer.body)
            while missing > 0:
                part = self.sock.recv(missing)
                assert part, "the body is cut"
                data += part
                missing -= len(part)
        return Raw(data, "open")

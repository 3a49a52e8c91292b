"""The page's part of a talk with the server, without a browser."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

from tests.support.serving import Reply, Served

PASS = re.compile(r'name="freellm-pass" content="([^"]+)"')


def page_pass(house: Served) -> str:
    found = PASS.search(house.ask("/").body.decode())
    assert found
    return found[1]


def post(house: Served, path: str, body: Any, *, shows: str | None = None, **headers: str) -> Reply:
    """As the page would. `shows`: another pass than the page's; `headers` with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = page_pass(house) if shows is None else shows
    return house.ask(path, body, headers={"x-freellm-page": given, **named})


class OpenPage:
    """A stream of events that somebody reads. `parts`: the picture as told so far."""

    def __init__(self, house: Served, *, reads: bool = True, token: str = "") -> None:
        self.parts: dict[str, Any] = {}
        self.bytes = 0
        self.events: list[dict[str, Any]] = []
        self.sock = socket.create_connection(("127.0.0.1", house.port), 10)
        head = [
            "GET /page/events HTTP/1.1",
            "Host: localhost",
            f"x-freellm-page: {page_pass(house)}",
            *([f"Authorization: Bearer {token}"] if token else []),
        ]
        self.sock.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        self.file = self.sock.makefile("rb")
        if reads:
            self.status = int(self.file.readline().split()[1])
            while self.file.readline().strip():
                continue

    def __enter__(self) -> OpenPage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def next(self) -> dict[str, Any] | None:
        """The next event; None when the server has closed."""
        while line := self.file.readline():
            self.bytes += len(line)
            if line.startswith(b"data: "):
                event: dict[str, Any] = json.loads(line[6:])
                self._take(event)
                return event
        return None

    def until(self, condition: Any) -> dict[str, Any]:
        """The picture when `condition(parts)` holds first."""
        while not condition(self.parts):
            assert self.next() is not None, "the server has closed"
        return self.parts

    def _take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event["whole"]:
            self.parts = {}
        for name in event["gone"]:
            self.parts.pop(name, None)
        self.parts.update(event["set"])

"""The real transport in few words, for tests that talk to a `RawServer`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from freellm_cli.core.http import HttpRequest, Timeouts
from freellm_cli.core.secret import Secret
from freellm_cli.transport.client import HttpTransport
from freellm_cli.transport.exchange import Exchange

KEY = "sk-canary-7f3a9c51d2e84b60"
PATIENT = Timeouts(connect=20, first_token=20, idle=20, total=20)
"""So long that only a test that hangs meets them."""
HASTY = Timeouts(connect=0.05, first_token=0.05, idle=0.05, total=20)
"""So short that a server which waits for the client loses."""


class RealClock:
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class Client:
    """Asks with few words; closes its transport and its answers at the end of the test."""

    def __init__(self, transport: HttpTransport) -> None:
        self.transport = transport
        self._answers: list[Exchange] = []

    def ask(
        self,
        url: str,
        body: bytes | None = b"{}",
        *,
        timeouts: Timeouts = PATIENT,
        headers: dict[str, str] | None = None,
        auth: tuple[tuple[str, str, Secret], ...] = (("Authorization", "Bearer ", Secret(KEY)),),
        method: str = "POST",
        on_sent: Callable[[], None] | None = None,
    ) -> Exchange:
        request = HttpRequest(method, url, headers or {}, auth, body)
        answer = self.transport.send(request, timeouts, on_sent=on_sent)
        self._answers.append(answer)
        return answer

    def read(self, url: str, **how: Any) -> bytes:
        answer = self.ask(url, **how)
        try:
            return answer.read()
        finally:
            answer.close()

    def close(self) -> None:
        for answer in self._answers:
            answer.close()
        self.transport.close()

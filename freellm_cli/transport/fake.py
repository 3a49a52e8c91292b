"""A transport that follows a script, strict both ways: an unexpected request fails, an unused reply fails.

    with FakeTransport() as transport:
        transport.reply(200, b'{"ok": true}', to="POST https://api.example.com/v1/chat")
        ...                                  # code under test
    assert transport.requests[0].body == ...

Leaving the block checks that every reply was used and every answer closed.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import FAULTS, Headers, HttpRequest, Timeouts
from freellm_cli.transport.base import Cancel

Part = bytes | TransportFault | Callable[[], None]
"""A piece of a body, a fault in its middle, or something that happens between two pieces."""


class FakeResponse:
    """Counts what is done to it: `closed`, `ended`."""

    def __init__(self, status: int, headers: Headers, parts: Sequence[Part]) -> None:
        self.status = status
        self.headers = headers
        self.closed = False
        self.ended = False
        self._parts = list(parts)

    def chunks(self) -> Iterator[bytes]:
        while self._parts:
            if self.closed:
                raise TransportFault("The answer was closed here.", fault="reset")
            part = self._parts.pop(0)
            if isinstance(part, bytes):
                yield part
            elif isinstance(part, TransportFault):
                self._parts.clear()
                raise part
            else:
                part()
        self.ended = True

    def read(self, limit: int = 33_554_432) -> bytes:
        body = b"".join(self.chunks())
        if len(body) > limit:
            raise TransportFault("The answer is too long.", fault="bad_http")
        return body

    def close(self) -> None:
        self.closed = True


class _Step:
    __slots__ = ("outcome", "sent", "to", "used")

    def __init__(self, to: str, outcome: FakeResponse | TransportFault, sent: bool) -> None:
        self.to = to
        self.outcome = outcome
        self.sent = sent
        self.used = False


class FakeTransport:
    """Replies are used in the order they were written; one with `to` serves only requests that fit.

    `to` is "METHOD url", "url", or the beginning of either that ends in "*"; "" fits every request.
    """

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.timeouts: list[Timeouts] = []
        self.responses: list[FakeResponse] = []
        self.closed = False
        self._steps: list[_Step] = []
        self._refused: list[str] = []
        self._lock = allocate_lock()

    def reply(
        self,
        status: int = 200,
        body: bytes | Sequence[Part] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        to: str = "",
    ) -> FakeResponse:
        """Adds an answer. `body` as a sequence is a stream; see `Part`."""
        parts: Sequence[Part] = body if not isinstance(body, bytes) else [body] if body else []
        response = FakeResponse(status, Headers(headers or {}), parts)
        self._steps.append(_Step(to, response, True))
        return response

    def fail(self, fault: str, message: str = "", *, sent: bool = True, to: str = "") -> None:
        """Adds a call that comes to no answer. `sent=False`: `on_sent` is not called."""
        if fault not in FAULTS:
            raise ValueError(f"{fault!r} is none of {FAULTS}")
        error = TransportFault(message or f"scripted {fault}", fault=fault, sent=sent)
        self._steps.append(_Step(to, error, sent))

    def send(
        self,
        request: HttpRequest,
        timeouts: Timeouts,
        *,
        on_sent: Callable[[], None] | None = None,
        cancel: Cancel | None = None,
    ) -> FakeResponse:
        with self._lock:
            self.requests.append(request)
            self.timeouts.append(timeouts)
            step = self._next(request)
        if step.sent and on_sent is not None:
            on_sent()
        if isinstance(step.outcome, TransportFault):
            raise step.outcome
        self.responses.append(step.outcome)
        return step.outcome

    def close(self) -> None:
        self.closed = True

    def verify(self) -> None:
        """Raises AssertionError for an unexpected request, an unused reply, an answer left open."""
        assert not self._refused, f"unexpected: {'; '.join(self._refused)}"
        unused = [step.to or "any request" for step in self._steps if not step.used]
        assert not unused, f"{len(unused)} replies were not used: {unused}"
        left = [response.status for response in self.responses if not response.closed]
        assert not left, f"answers were not closed: {left}"

    def __enter__(self) -> FakeTransport:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.verify()

    def _next(self, request: HttpRequest) -> _Step:
        for step in self._steps:
            if not step.used and _fits(step.to, request):
                step.used = True
                return step
        place = f"{request.method} {request.url}"
        self._refused.append(place)
        expected = [step.to or "any request" for step in self._steps if not step.used]
        raise AssertionError(f"unexpected request {place}; the script has left: {expected}")


def _fits(to: str, request: HttpRequest) -> bool:
    for place in (request.url, f"{request.method} {request.url}"):
        if place == to or (to.endswith("*") and place.startswith(to[:-1])):
            return True
    return not to

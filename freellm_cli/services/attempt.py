"""One attempt at one target: send, read until something is known good, or say what went wrong."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from freellm_cli.core.assembly import Assembler
from freellm_cli.core.chat import ChatRequest, Delta
from freellm_cli.core.clock import Clock
from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import Headers, HttpRequest, Timeouts
from freellm_cli.core.verdicts import Verdict, classify, transport_verdict
from freellm_cli.providers.base import AnswerFault, ChatReader, Dialect
from freellm_cli.services.pool import PoolTarget
from freellm_cli.transport.base import Cancel, Response, Transport

ERROR_BODY_LIMIT = 262_144


class Failed(NamedTuple):
    """An attempt that gave nothing. `sent`: False when the provider cannot have counted it."""

    verdict: Verdict
    sent: bool
    answered_at: float | None
    """Wall time at which the head of the refusal came; None when no head came."""
    headers: Headers
    status: int


class Opened:
    """An answer that has begun: `first` holds what came so far, `batches()` the remainder."""

    __slots__ = (
        "_chunks",
        "_ended",
        "_reader",
        "answered_at",
        "first",
        "first_at",
        "gathered",
        "headers",
        "provider",
        "response",
    )

    def __init__(
        self, response: Response, reader: ChatReader, provider: str, answered_at: float
    ) -> None:
        self.response = response
        self.headers = response.headers
        self.provider = provider
        self.answered_at = answered_at
        self.first_at = 0.0
        self.first: list[Delta] = []
        self.gathered = Assembler()
        """What is in `first`, put together."""
        self._reader = reader
        self._chunks = response.chunks()
        self._ended = False

    def read_until_content(self, *, whole: bool) -> None:
        """Fills `first` up to the first content, or up to the end when `whole`.

        Raises AnswerFault, TransportFault.
        """
        gathered = self.gathered
        for deltas in self.batches():
            self.first += deltas
            for delta in deltas:
                gathered.add(delta)
            if not whole and gathered.has_content:
                return
        if not gathered.has_answer and not _may_be_empty(gathered):
            raise AnswerFault("empty", b"", "the answer held no content")

    def batches(self) -> Iterator[list[Delta]]:
        """What is still to come: the deltas of each piece of the body, as soon as it is there."""
        if self._ended:
            return iter(())
        return chain(filter(None, map(self._reader.feed, self._chunks)), self._end())

    def _end(self) -> Iterator[list[Delta]]:
        self._ended = True
        yield self._reader.close()


def _may_be_empty(gathered: Assembler) -> bool:
    """An empty answer is one only if the model says it had to stop: filtered or out of tokens."""
    return gathered.completion().finish in ("length", "content_filter")


def attempt(
    target: PoolTarget,
    request: ChatRequest,
    dialect: Dialect,
    transport: Transport,
    clock: Clock,
    *,
    timeouts: Timeouts,
    whole: bool,
    on_sent: Callable[[], None],
    cancel: Cancel | None = None,
) -> Opened | Failed:
    """Asks `target`. Raises RequestRefused when its dialect cannot express the request.

    `cancel` ends it at any moment, the reading of the answer that is returned included.
    """
    call = dialect.chat(request, target.target, target.credential.secret, stream=True)
    opened_or_failed = _send(
        call, target, request, dialect, transport, clock, timeouts, on_sent, cancel
    )
    if isinstance(opened_or_failed, Failed):
        return opened_or_failed
    opened = opened_or_failed
    try:
        opened.read_until_content(whole=whole)
    except (AnswerFault, TransportFault) as fault:
        opened.response.close()
        return Failed(
            judge_fault(fault, target, opened.headers),
            True,
            opened.answered_at,
            opened.headers,
            200,
        )
    except BaseException:
        opened.response.close()
        raise
    opened.first_at = clock.now()
    return opened


def _send(
    call: HttpRequest,
    target: PoolTarget,
    request: ChatRequest,
    dialect: Dialect,
    transport: Transport,
    clock: Clock,
    timeouts: Timeouts,
    on_sent: Callable[[], None],
    cancel: Cancel | None,
) -> Opened | Failed:
    try:
        response = transport.send(call, timeouts, on_sent=on_sent, cancel=cancel)
    except TransportFault as fault:
        return Failed(verdict_on(fault), fault.sent, None, Headers([]), 0)
    answered_at = clock.now()
    if cancel is not None:
        cancel.attach(response.close)
    if 200 <= response.status < 300:
        reader = dialect.reader(request, target.target, response.headers)
        return Opened(response, reader, target.provider.id, answered_at)
    return _refused(response, target, answered_at)


def _refused(response: Response, target: PoolTarget, answered_at: float) -> Failed:
    try:
        body = response.read(ERROR_BODY_LIMIT)
    except TransportFault:
        body = b""
    finally:
        response.close()
    verdict = classify(
        provider=target.provider.id, status=response.status, headers=response.headers, body=body
    )
    return Failed(verdict, True, answered_at, response.headers, response.status)


def verdict_on(fault: TransportFault) -> Verdict:
    """The verdict on a call that failed on its way."""
    return transport_verdict(fault.fault)._replace(message=fault.message)


def judge_fault(
    fault: AnswerFault | TransportFault, target: PoolTarget, headers: Headers
) -> Verdict:
    """The verdict on an answer that began with 200 and went wrong."""
    if isinstance(fault, TransportFault):
        return verdict_on(fault)
    if fault.fault == "error" and fault.body:
        verdict = classify(
            provider=target.provider.id, status=200, headers=headers, body=fault.body
        )
        if verdict.kind != "ok":
            return verdict
    word = {"cut": "cut", "empty": "empty"}.get(fault.fault, "bad_http")
    return transport_verdict(word)._replace(message=str(fault))

"""One call on the wire: its deadlines, its reads, and the frame of its answer's body.

`http.client.HTTPResponse` knows where a body ends, `transport.chunks` undoes its chunks. Both read through
`Wire`, which bounds every single receive by the call's deadlines and turns what the operating system reports
into our words.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from http.client import HTTPResponse
from typing import Any

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import Headers, Timeouts
from freellm_cli.transport.chunks import BadChunk, ChunkDecoder
from freellm_cli.transport.head import AnswerHead, BadHead, read_head
from freellm_cli.transport.pool import Connection
from freellm_cli.transport.turns import Turns

READ_SIZE = 65_536
BUFFER_SIZE = 16_384
MAX_INTERIM = 16
_BODILESS = frozenset({204, 304})


class Call:
    """What a call may still take, in the seconds of `monotonic`, and the words for how it can fail."""

    __slots__ = (
        "_fault",
        "_idle",
        "_monotonic",
        "_until",
        "host",
        "sent",
        "timeouts",
        "total_at",
        "turns",
    )

    def __init__(
        self,
        host: str,
        timeouts: Timeouts,
        monotonic: Callable[[], float],
        turns: Turns | None = None,
    ) -> None:
        self.host = host
        self.turns = turns or Turns()
        self.timeouts = timeouts
        self.sent = False
        self._monotonic = monotonic
        self.total_at = monotonic() + timeouts.total
        self._idle = timeouts.idle
        self._until: float | None = None
        self._fault = "idle_timeout"

    def await_connection(self) -> None:
        """From now on everything must be over within the time for connecting."""
        self._begin("connect_timeout", self.timeouts.connect)

    def await_first_byte(self) -> None:
        self._begin("first_token_timeout", self.timeouts.first_token)

    def await_more(self, idle: float | None = None) -> None:
        """From now on each read may take `idle` seconds."""
        self._until = None
        self._fault = "idle_timeout"
        self._idle = self.timeouts.idle if idle is None else idle

    def _begin(self, fault: str, seconds: float) -> None:
        self._fault = fault
        self._until = self._monotonic() + seconds

    def left(self) -> float:
        """Seconds that the next step may block; raises TransportFault when there are none."""
        now = self._monotonic()
        mine = self._idle if self._until is None else self._until - now
        left = min(mine, self.total_at - now)
        if left <= 0:
            raise self.timeout(now)
        return left

    def timeout(self, now: float | None = None) -> TransportFault:
        """The fault for a step that took all the time it had."""
        now = self._monotonic() if now is None else now
        mine = now + self._idle if self._until is None else self._until
        word = "total_timeout" if self.total_at <= mine else self._fault
        text, setting = {
            "connect_timeout": ("did not accept a connection within {:g} s", "connect"),
            "first_token_timeout": ("sent no answer within {:g} s", "first_token"),
            "idle_timeout": ("stopped in the middle and was silent for {:g} s", "idle"),
            "total_timeout": ("was not done within {:g} s", "total"),
        }[word]
        seconds = getattr(self.timeouts, setting)
        return self.fault(
            word,
            f"{self.host} {text.format(seconds)}.",
            f"give it more time: `freellm config set timeouts.{setting} {2 * seconds:g}`",
        )

    def fault(self, word: str, message: str, hint: str = "") -> TransportFault:
        return TransportFault(message, fault=word, sent=self.sent, hint=hint)


class Wire(io.RawIOBase):
    """The receiving side of a connection during one call."""

    def __init__(self, connection: Connection, call: Call) -> None:
        self._connection = connection
        self._call = call
        self.heard = False
        """Whether any byte has come."""
        self.surplus = False
        """Whether bytes came that belong to no answer."""
        self._dry = False

    def makefile(self, mode: str) -> _Reader:
        """What `HTTPResponse` asks a socket for."""
        return _Reader(self, BUFFER_SIZE)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        if self._dry:
            return 0
        call = self._call
        had_turn = call.turns.leave()
        try:
            self._connection.wait_at_most(call.left())
            got = self._connection.sock.recv_into(into)
        except TimeoutError as exc:
            raise call.timeout() from exc
        except OSError as exc:
            raise call.fault(
                "reset", f"{call.host} broke the connection off ({exc.strerror or 'reset'})."
            ) from exc
        finally:
            if had_turn:
                call.turns.take()
        if got:
            self.heard = True
        return got

    def run_dry(self) -> None:
        """From now on there is no more to read than what has already been read."""
        self._dry = True


class _Reader(io.BufferedReader):
    """Notices at its end whether the server sent more than its answer: then the connection is out of step."""

    def close(self) -> None:
        wire = self.raw
        if not self.closed and isinstance(wire, Wire):
            wire.run_dry()
            wire.surplus = bool(self.peek(1))
        super().close()


class Answer(HTTPResponse):
    """An answer read through a `Wire`: the head by `begin`, the body by `more`."""

    def __init__(self, wire: Wire, call: Call, method: str) -> None:
        super().__init__(wire, method=method)  # type: ignore[arg-type]
        self._call = call
        self._wire = wire
        self._spoke = False
        self._chunks: ChunkDecoder | None = None
        self.ended = False
        """Whether the whole body was read."""
        self.fields = Headers()

    def begin(self) -> None:
        """Reads the head, past interim ones (RFC 9110 section 15.2). Raises TransportFault."""
        call = self._call
        for _ in range(MAX_INTERIM):
            try:
                head = read_head(self.fp)
            except BadHead as exc:
                raise call.fault("bad_http", f"{call.host} cannot be understood: {exc}.") from exc
            except EOFError as exc:
                raise call.fault(
                    "cut", f"{call.host} broke off in the head of its answer."
                ) from exc
            if head is None:
                raise call.fault("empty", f"{call.host} closed the connection without an answer.")
            if head.status >= 200:
                return self._frame(head)
            if head.status == 101:
                raise call.fault("bad_http", f"{call.host} wants to switch to another protocol.")
        raise call.fault(
            "bad_http", f"{call.host} sent {MAX_INTERIM} interim answers and no final."
        )

    def _frame(self, head: AnswerHead) -> None:
        """How the body ends: RFC 9112 section 6.3."""
        self.code = self.status = head.status
        self.fields = Headers(head.fields)
        coding = self.fields.get("transfer-encoding", "").strip().lower()
        if coding not in {"", "identity", "chunked"}:
            raise self._call.fault(
                "bad_http", f"{self._call.host} uses an unknown transfer coding."
            )
        self.chunked = coding == "chunked"
        if self.chunked:
            self._chunks = ChunkDecoder()
        self.length = None if self.chunked else self._content_length(head.fields)
        if head.status in _BODILESS or self._method == "HEAD":  # type: ignore[attr-defined]
            self.chunked = False
            self._chunks = None
            self.length = 0
        self.will_close = not head.keeps_alive or (not self.chunked and self.length is None)
        if self.length == 0:
            self._end()

    def _content_length(self, fields: list[tuple[str, str]]) -> int | None:
        lengths = {value for name, value in fields if name.lower() == "content-length"}
        if not lengths:
            return None
        text = lengths.pop()
        if lengths or not (text.isascii() and text.isdigit() and len(text) < 19):
            raise self._call.fault("bad_http", f"{self._call.host} gives no clear Content-Length.")
        return int(text)

    def more(self) -> bytes:
        """What came next of the body, as soon as it came; b"" at its end. Raises TransportFault.

        Not to be called once `ended`.
        """
        data = self._more_chunks(self._chunks) if self._chunks is not None else self._more_plain()
        if not data:
            return b""
        if not self._spoke:
            self._spoke = True
            self._call.await_more()
        if self.length == 0:
            self._end()
        return data

    def _more_plain(self) -> bytes:
        data = self.read1(READ_SIZE)
        if not data:
            if self.length:
                raise self._cut()
            self._end()
        return data

    def _more_chunks(self, chunks: ChunkDecoder) -> bytes:
        """All chunks that have come, as one; waits only when there is nothing."""
        data = b""
        try:
            while not (data or chunks.ended):
                raw = self.fp.read1(READ_SIZE)
                if not raw:
                    raise self._cut()
                data = chunks.feed(raw)
        except BadChunk as exc:
            raise self._call.fault(
                "bad_http", f"{self._call.host} sent a malformed chunk."
            ) from exc
        if chunks.ended:
            self._end()
            self._wire.surplus = self._wire.surplus or bool(chunks.rest)
        return data

    def is_between_chunks(self) -> bool:
        """Whether nothing but the mark of the end may be missing."""
        chunks = self._chunks
        return chunks is not None and self._spoke and chunks.is_between and not self.ended

    def may_be_followed(self) -> bool:
        """Whether the connection can carry another call after this one."""
        return self.ended and not self.will_close and not self._wire.surplus

    def _end(self) -> None:
        self.ended = True
        self.close()

    def _cut(self) -> TransportFault:
        return self._call.fault("cut", f"{self._call.host} broke off in the middle of its answer.")

"""One call on the wire: its deadlines, its reads, and the frame of its answer's body.

`Answer` knows where a body ends, `transport.chunks` undoes its chunks. It reads through `Wire`, which bounds
every single receive by the call's deadlines and turns what the operating system reports into our words.
"""

from __future__ import annotations

from collections.abc import Callable

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import Headers, Timeouts
from freellm_cli.transport.chunks import BadChunk, ChunkDecoder
from freellm_cli.transport.head import AnswerHead, BadHead, head_size, parse_head
from freellm_cli.transport.pool import Connection
from freellm_cli.transport.turns import Turns

READ_SIZE = 8192
"""As in `server.connection`: more at a look costs a long-lived process memory, and saves few looks."""
MAX_INTERIM = 16
_BODILESS = frozenset({204, 304})


class Call:
    """What a call may still take, in the seconds of `monotonic`, and the words for how it can fail."""

    __slots__ = (
        "_fault",
        "_idle",
        "_until",
        "bounded_until",
        "host",
        "monotonic",
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
        self.monotonic = monotonic
        self.total_at = monotonic() + timeouts.total
        self.bounded_until = 0.0
        """Before then each read is bounded by what bounds the one before: a stream need not ask for each."""
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
        self.bounded_until = 0.0

    def _begin(self, fault: str, seconds: float) -> None:
        self._fault = fault
        self._until = self.monotonic() + seconds
        self.bounded_until = 0.0

    def left(self) -> float:
        """Seconds that the next step may block; raises TransportFault when there are none."""
        now = self.monotonic()
        mine = self._idle if self._until is None else self._until - now
        left = min(mine, self.total_at - now)
        if left <= 0:
            raise self.timeout(now)
        return left

    def bound(self, connection: Connection) -> None:
        """Sees to it that the next read takes no longer than it may. Raises TransportFault when no time is
        left."""
        connection.wait_at_most(self.left())
        if self._until is None:
            self.bounded_until = self.total_at - self._idle

    def timeout(self, now: float | None = None) -> TransportFault:
        """The fault for a step that took all the time it had."""
        now = self.monotonic() if now is None else now
        # A read that was allowed the idle time has had it now, but for the hundredth that a bound may be off.
        mine = now + 0.02 * self._idle if self._until is None else self._until
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


class Wire:
    """The receiving side of a connection during one call."""

    __slots__ = ("_call", "_connection", "heard", "held")

    def __init__(self, connection: Connection, call: Call) -> None:
        self._connection = connection
        self._call = call
        self.heard = False
        """Whether any byte has come."""
        self.held = b""
        """What came behind the part that was read."""

    def receive(self) -> bytes:
        """What comes next, as soon as it comes; b"" at the end. Raises TransportFault."""
        call = self._call
        had_turn = call.turns.holder and call.turns.leave()
        try:
            connection = self._connection
            if call.monotonic() >= call.bounded_until:
                call.bound(connection)
            data = connection.sock.recv(READ_SIZE)
        except TimeoutError as exc:
            raise call.timeout() from exc
        except OSError as exc:
            raise call.fault(
                "reset", f"{call.host} broke the connection off ({exc.strerror or 'reset'})."
            ) from exc
        finally:
            if had_turn:
                call.turns.take()
        if data:
            self.heard = True
        return data

    def read_head(self) -> AnswerHead | None:
        """The next head, None when the other side closed before its first byte.

        Raises BadHead, EOFError when the bytes stop inside it, TransportFault.
        """
        held = self.held or self.receive()
        if not held:
            return None
        while not (size := head_size(held)):
            data = self.receive()
            if not data:
                raise EOFError
            held += data
        self.held = held[size:]
        return parse_head(held[:size])


class Answer:
    """An answer read through a `Wire`: the head by `begin`, the body by `more`."""

    __slots__ = (
        "_call", "_chunks", "_left", "_method", "_spoke", "_wire", "ended", "fields", "status",
        "will_close",
    )  # fmt: skip

    def __init__(self, wire: Wire, call: Call, method: str) -> None:
        self._call = call
        self._wire = wire
        self._method = method
        self._spoke = False
        self._chunks: ChunkDecoder | None = None
        self._left: int | None = None
        """Bytes of the body that are missing; None when the body's own marks or the connection's end tell."""
        self.ended = False
        """Whether the whole body was read."""
        self.will_close = True
        """Whether the server closes the connection behind this answer."""

    def begin(self) -> None:
        """Reads the head, past interim ones (RFC 9110 section 15.2). Raises TransportFault."""
        call = self._call
        for _ in range(MAX_INTERIM):
            try:
                head = self._wire.read_head()
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
        self.status = head.status
        self.fields = Headers(head.fields)
        coding = self.fields.text("transfer-encoding").strip().lower()
        if coding not in {"", "identity", "chunked"}:
            raise self._call.fault(
                "bad_http", f"{self._call.host} uses an unknown transfer coding."
            )
        if head.status in _BODILESS or self._method == "HEAD":
            self._left = 0
        elif coding == "chunked":
            self._chunks = ChunkDecoder()
        else:
            self._left = self._content_length(head.fields)
        ends_itself = self._chunks is not None or self._left is not None
        self.will_close = not (head.keeps_alive and ends_itself)
        self.ended = self._left == 0

    def _content_length(self, fields: list[tuple[str, str]]) -> int | None:
        lengths = {
            value for name, value in fields if len(name) == 14 and name.lower() == "content-length"
        }
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
        chunks = self._chunks
        if chunks is None:
            data = self._more_plain()
        else:
            wire = self._wire
            data = b""
            try:
                while not (data or chunks.ended):
                    raw, wire.held = wire.held or wire.receive(), b""
                    if not raw:
                        raise self._cut()
                    data = chunks.feed(raw)
            except BadChunk as exc:
                raise self._call.fault(
                    "bad_http", f"{self._call.host} sent a malformed chunk."
                ) from exc
            if chunks.ended:
                self.ended = True
                wire.held = chunks.rest
        if data and not self._spoke:
            self._spoke = True
            self._call.await_more()
        return data

    def _more_plain(self) -> bytes:
        wire = self._wire
        data, wire.held = wire.held or wire.receive(), b""
        if self._left is None:
            self.ended = not data
            return data
        if not data:
            raise self._cut()
        data, wire.held = data[: self._left], data[self._left :]
        self._left -= len(data)
        self.ended = self._left == 0
        return data

    def is_between_chunks(self) -> bool:
        """Whether nothing but the mark of the end may be missing."""
        chunks = self._chunks
        return chunks is not None and self._spoke and chunks.is_between and not self.ended

    def may_be_followed(self) -> bool:
        """Whether the connection can carry another call: not when more came than this answer."""
        return self.ended and not self.will_close and not self._wire.held

    def _cut(self) -> TransportFault:
        return self._call.fault("cut", f"{self._call.host} broke off in the middle of its answer.")

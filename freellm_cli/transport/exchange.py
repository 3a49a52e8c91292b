"""An answer while it is read: who holds its connection, and where that goes afterwards."""

from __future__ import annotations

import sys
from _thread import allocate_lock
from collections.abc import Iterator
from typing import TYPE_CHECKING

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import Headers
from freellm_cli.transport.pool import Connection, Pool
from freellm_cli.transport.wire import Answer, Call

if TYPE_CHECKING:
    from freellm_cli.transport.inflate import Inflater

# How long a connection may wait for the mark of the end when its answer is left just before it.
END_MARK_WAIT = 0.002
_INFLATABLE = frozenset({"gzip", "x-gzip", "deflate"})


class Exchange:
    """The answer to one call: what `transport.base.Response` promises.

    The connection belongs to the reader while it reads; `close` from another thread then only shuts it
    down, and the reader, which wakes, closes it. So no descriptor is ever closed under a system call.
    """

    __slots__ = (
        "_answer", "_busy", "_call", "_closed", "_connection", "_inflater", "_lock", "_pool", "headers",
        "status",
    )  # fmt: skip

    def __init__(self, connection: Connection, answer: Answer, call: Call, pool: Pool) -> None:
        self.status: int = answer.status
        self.headers: Headers = answer.fields
        self._answer = answer
        self._call = call
        self._pool = pool
        self._lock = allocate_lock()
        self._connection: Connection | None = connection
        self._busy = False
        self._closed = False
        self._inflater = self._find_inflater()
        if answer.ended:
            self._leave(broken=False)

    def chunks(self) -> Iterator[bytes]:
        """See `transport.base.Response.chunks`. May be left and called again to read on."""
        inflater = self._inflater
        return iter(self._receive, b"") if inflater is None else self._inflated(inflater)

    def _inflated(self, inflater: Inflater) -> Iterator[bytes]:
        yield from self._inflate(inflater, b"")
        while data := self._receive():
            yield from self._inflate(inflater, data)
        if not inflater.is_complete():
            raise self._call.fault("cut", f"{self._call.host} cut its compressed answer short.")

    def read(self, limit: int = 33_554_432) -> bytes:
        """See `transport.base.Response.read`."""
        parts = []
        size = 0
        for part in self.chunks():
            size += len(part)
            if size > limit:
                self.close()
                raise self._call.fault(
                    "bad_http", f"{self._call.host} sent more than the {limit} bytes it may send."
                )
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """See `transport.base.Response.close`."""
        with self._lock:
            connection = self._connection
            if self._closed or connection is None:
                return
            self._closed = True
            if self._busy:
                connection.shut()
                if sys.platform == "win32":
                    connection.close()
                return
            self._connection = None
        if self._is_only_the_end_missing():
            self._pool.give(connection)
        else:
            connection.close()

    def _receive(self) -> bytes:
        """The next bytes as they came, b"" at the end."""
        answer = self._answer
        with self._lock:
            if self._connection is None or self._closed:
                if answer.ended:
                    return b""
                raise self._closed_by_us()
            self._busy = True
        try:
            data = answer.more()
        except TransportFault:
            if self._leave(broken=True):
                raise self._closed_by_us() from None
            raise
        except BaseException:
            self._leave(broken=True)
            raise
        with self._lock:
            if not (self._closed or answer.ended):
                self._busy = False
                return data
        if self._leave(broken=False) and not answer.ended:
            raise self._closed_by_us()
        return data

    def _leave(self, *, broken: bool) -> bool:
        """The reader lets go of the connection; True if somebody closed the answer meanwhile."""
        with self._lock:
            self._busy = False
            closed = self._closed
            if not (broken or closed or self._answer.ended):
                return False
            connection, self._connection = self._connection, None
            self._closed = closed or broken
        if connection is not None:
            if broken or closed or not self._answer.may_be_followed():
                connection.close()
            else:
                self._pool.give(connection)
        return closed

    def _closed_by_us(self) -> TransportFault:
        return self._call.fault("reset", f"The answer of {self._call.host} was closed here.")

    def _is_only_the_end_missing(self) -> bool:
        """A reader that stops at "[DONE]" leaves a connection that is as good as new."""
        answer = self._answer
        if not answer.is_between_chunks():
            return False
        self._call.await_more(END_MARK_WAIT)
        try:
            return not answer.more() and answer.may_be_followed()
        except TransportFault:
            return False

    def _find_inflater(self) -> Inflater | None:
        coding = self.headers.text("content-encoding").strip().lower()
        if coding in {"", "identity"} or self._answer.ended:
            return None
        if coding not in _INFLATABLE:
            raise self._call.fault(
                "bad_http", f"{self._call.host} answers in a coding that nobody asked for."
            )
        from freellm_cli.transport.inflate import Inflater

        return Inflater(coding)

    def _inflate(self, inflater: Inflater, data: bytes) -> Iterator[bytes]:
        from freellm_cli.transport.inflate import Undecodable

        try:
            yield from inflater.feed(data)
        except Undecodable as exc:
            self.close()
            raise self._call.fault(
                "bad_http", f"{self._call.host} sent a damaged compressed answer."
            ) from exc

"""The one seam through which bytes leave and come."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Iterator
from typing import Protocol

from freellm_cli.core.http import Headers, HttpRequest, Timeouts


class Response(Protocol):
    """An answer whose head has arrived. Always `close()` it; closing early ends the upstream call."""

    status: int
    headers: Headers

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, each read at once, transfer coding and gzip undone.
        Raises TransportFault: "first_token_timeout" before the first byte, "idle_timeout" and "cut" later,
        "total_timeout" when the call's time is up."""

    def read(self, limit: int = 33_554_432) -> bytes:
        """The whole body, at most `limit` bytes (more is a "bad_http" fault). Same faults as `chunks`."""

    def close(self) -> None:
        """Safe from any thread and twice. A body that was read to its end leaves the connection for reuse."""


class Cancel:
    """Ends a call from another thread, whatever it waits for. Once cancelled, always cancelled."""

    __slots__ = ("_closer", "_lock", "cancelled")

    def __init__(self) -> None:
        self.cancelled = False
        self._closer: Callable[[], None] | None = None
        self._lock = allocate_lock()

    def cancel(self) -> None:
        """Safe from any thread and twice."""
        with self._lock:
            self.cancelled = True
            closer, self._closer = self._closer, None
        if closer is not None:
            closer()

    def attach(self, closer: Callable[[], None] | None) -> None:
        """What ends the wait that now begins; None when it is over. Called at once if cancelled already."""
        with self._lock:
            self._closer = closer
            late = self.cancelled
        if late and closer is not None:
            closer()


class Transport(Protocol):
    def send(
        self,
        request: HttpRequest,
        timeouts: Timeouts,
        *,
        on_sent: Callable[[], None] | None = None,
        cancel: Cancel | None = None,
    ) -> Response:
        """Sends and waits for the head of the answer.

        `on_sent` is called once, when a connection stands and just before the first byte goes out: from then
        on the provider may have counted the request. Redirects are not followed (fault "redirect" names
        where to). Raises TransportFault; its `sent` tells whether `on_sent` was called. `cancel` ends the
        wait for the head (fault "reset"); from then on `Response.close` does.
        """

    def close(self) -> None:
        """Closes idle connections."""

"""The one seam through which bytes leave and come."""

from __future__ import annotations

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


class Transport(Protocol):
    def send(
        self,
        request: HttpRequest,
        timeouts: Timeouts,
        *,
        on_sent: Callable[[], None] | None = None,
    ) -> Response:
        """Sends and waits for the head of the answer.

        `on_sent` is called once, when a connection stands and just before the first byte goes out: from then
        on the provider may have counted the request. Redirects are not followed (fault "redirect" names
        where to). Raises TransportFault; its `sent` tells whether `on_sent` was called.
        """

    def close(self) -> None:
        """Closes idle connections."""

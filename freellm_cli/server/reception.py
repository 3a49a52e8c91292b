"""One request from its head to its log entry: who may ask, which handler answers, what errors become."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from freellm_cli.core.errors import CallerGone, FreellmError
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.server import router
from freellm_cli.server.access_log import Entry, cause_of
from freellm_cli.server.connection import ClientGone, Connection
from freellm_cli.server.exchange import Exchange
from freellm_cli.server.guard import Guard

if TYPE_CHECKING:
    from freellm_cli.server.app import App
    from freellm_cli.server.options import Options


LEFT = "the client has left"
STOPPING = "server_stopping"


def _stopping() -> HttpRefusal:
    return HttpRefusal("the server is stopping", status=503, code=STOPPING, retry_after_s=1.0)


def guard_of(options: Options) -> Guard:
    return Guard(
        host=options.host,
        token=options.token,
        origins=options.cors_origins,
        hosts=options.allowed_hosts,
    )


class Reception:
    """`sign_of_life_s`: seconds of silence after which a stream gets a frame that says nothing."""

    def __init__(
        self, app: App, guard: Guard, sign_of_life_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._app = app
        self._guard = guard
        self._sign_of_life_s = sign_of_life_s
        self._monotonic = monotonic

    def serve_one(self, connection: Connection) -> bool:
        """Whether another request may follow. Raises ClientGone."""
        request_id = self._app.new_request_id()
        try:
            head = connection.take_head()
        except HttpRefusal as refusal:
            self._refuse(connection, request_id, refusal)
            return False
        exchange = Exchange(connection, head, request_id, self._monotonic(), self._sign_of_life_s)
        exchange.entry = Entry(head.method, head.path, request_id)
        if self._app.is_draining:
            exchange.keeps_alive = False
            if self._app.is_ending:
                exchange.cut_off()
        try:
            self._answer(exchange)
        except (ClientGone, CallerGone):
            self._end_early(exchange, exchange.entry)
        finally:
            self._app.watcher.forget(exchange)
            self._enter(exchange)
        if exchange.keeps_alive:
            return True
        if connection.new_owner is None:
            connection.finish()
        return False

    def _end_early(self, exchange: Exchange, entry: Entry) -> None:
        """The client has left, or the server does not wait for the answer any more."""
        exchange.keeps_alive = False
        if exchange.is_cut or (self._app.is_ending and not exchange.cancel.cancelled):
            entry.error, entry.message = STOPPING, ""
            exchange.break_off(_stopping())
        else:
            entry.error, entry.message = LEFT, ""
            exchange.status = 499

    def _refuse(self, connection: Connection, request_id: str, refusal: HttpRefusal) -> None:
        """A head that is no head: the answer is the last on this connection."""
        from freellm_cli.server.wire import RequestHead

        head = RequestHead(
            "?", "?", "", {}, is_http_10=False, keeps_alive=False, length=0, waits=False
        )
        exchange = Exchange(connection, head, request_id, self._monotonic())
        exchange.entry = Entry("?", "?", request_id)
        exchange.entry.error, exchange.entry.message = refusal.code, refusal.message
        with contextlib.suppress(ClientGone):
            exchange.fail(refusal)
            connection.finish()
        self._enter(exchange)

    def _enter(self, exchange: Exchange) -> None:
        entry = exchange.entry
        assert entry is not None
        entry.status = exchange.status
        entry.dialect = exchange.dialect
        entry.ms = (self._monotonic() - exchange.began) * 1000
        self._app.enter(entry)

    def _answer(self, exchange: Exchange) -> None:
        """Every error becomes an answer in the client's dialect; ClientGone and CallerGone go on."""
        try:
            self._handle(exchange)
        except (ClientGone, CallerGone):
            raise
        except FreellmError as error:
            self._fail(exchange, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours is answered, reported, and survived
            self._app.report(error)
            self._fail(exchange, FreellmError("freellm has made a mistake; its log knows more"))

    def _fail(self, exchange: Exchange, error: FreellmError) -> None:
        message = self._app.cleaned(error.message)
        if exchange.entry is not None:
            exchange.entry.error = error.code
            exchange.entry.message = cause_of(error, message)
        if exchange.cancel.cancelled:
            raise ClientGone
        if not exchange.body_was_read:
            # What follows on this connection is the body that nobody read.
            exchange.keeps_alive = False
        if message != error.message:
            error.message = message
        error.client_hint = self._app.cleaned(error.client_hint)
        exchange.fail(error)

    def _handle(self, exchange: Exchange) -> None:
        head = exchange.head
        headers = head.headers
        place = router.find(head.path)
        if place is None:
            from freellm_cli.server.nowhere import meant_by

            exchange.dialect = meant_by(head.path).dialect
        elif place.methods:
            exchange.dialect = next(iter(place.methods.values())).dialect
        if "anthropic-version" in headers:
            exchange.dialect = "anthropic"
        if exchange.dialect == "anthropic":
            exchange.fields.append(("request-id", exchange.request_id))
        self._guard.check_host(headers)
        if place is not None and place.is_for_the_page:
            self._app.page.gate.check_origin(headers)
        else:
            exchange.fields += self._guard.check_origin(headers)
        if head.method == "OPTIONS":
            exchange.body = exchange.connection.read_body(head)
            exchange.body_was_read = True
            self._answer_options(exchange, place)
            return
        route = router.choose(place, head.method, head.path, exchange.dialect)
        if not route.is_open:
            self._guard.check_token(headers, head.query)
        coding = headers.get("content-encoding", "identity").lower()
        if coding not in ("", "identity"):
            raise HttpRefusal(
                f"a body in the coding {coding[:40]!r} is not taken", status=415, code="bad_coding"
            )
        exchange.body = exchange.connection.read_body(head)
        exchange.body_was_read = True
        from freellm_cli.server.handlers import HANDLERS

        assert place is not None
        handler = self._app.handlers.get(route.handler) or HANDLERS[route.handler]
        handler(self._app, exchange, place)

    def _answer_options(self, exchange: Exchange, place: router.Place | None) -> None:
        headers = exchange.head.headers
        fields = {"allow": router.allow(place) if place else "OPTIONS"}
        if "origin" in headers:
            fields.update(self._guard.preflight(headers))
        exchange.answer(204, b"", fields=fields)

"""The server: what listens, who serves, how it stops."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from freellm_cli.core.errors import CallerGone, FreellmError
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.server import reply, router
from freellm_cli.server.access_log import AccessLog, Entry
from freellm_cli.server.connection import ClientGone, Connection, Limits
from freellm_cli.server.crew import Crew
from freellm_cli.server.door import Door
from freellm_cli.server.exchange import Exchange
from freellm_cli.server.guard import Guard
from freellm_cli.server.listening import listen
from freellm_cli.server.metrics import Metrics
from freellm_cli.server.options import Options
from freellm_cli.server.page.desk import Desk
from freellm_cli.server.watcher import Watcher
from freellm_cli.services.runtime import Runtime
from freellm_cli.services.serve_profile import ServeProfile, profile_of
from freellm_cli.services.serving import Household, LiveHousehold

if TYPE_CHECKING:
    from freellm_cli.server.handlers import Handler

# How long a worker stays with a client after an answer, before the client waits at the door.
LINGER_S = 0.05
_LAST_WORDS_S = 1.0
_HURRY_LOOK_S = 0.2
_BUSY_BODY = (
    b'{"error":{"message":"the server has as many requests as it can take; ask again in a second",'
    b'"type":"server_error","param":null,"code":"overloaded"}}'
)
_SLOW_BODY = (
    b'{"error":{"message":"the request\'s head did not come in time",'
    b'"type":"invalid_request_error","param":null,"code":"too_slow"}}'
)


class App:
    """`start` listens at once; settings, ledger and catalog are read while the first clients connect.

    `crash(error)` is told of faults of ours, for the report.
    """

    def __init__(
        self,
        runtime: Runtime,
        options: Options,
        log: AccessLog,
        *,
        notice: Callable[[str], None] = lambda text: None,
        crash: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._runtime = runtime
        self._options = options
        self._log = log
        self._crash = crash
        self._monotonic = time.monotonic
        self._live = LiveHousehold(runtime, notice)
        self._guard = Guard(
            host=options.host,
            token=options.token,
            origins=options.cors_origins,
            hosts=options.allowed_hosts,
        )
        self._limits = Limits(
            body=options.max_body,
            head=options.max_header,
            head_time=options.header_timeout,
            idle_time=options.idle_timeout,
        )
        self._crew = Crew(options.threads, options.queue)
        self._profiles: tuple[Household | None, ServeProfile] = (None, ServeProfile())
        self.handlers: dict[str, Handler] = {}
        """Handlers of this server alone, in place of the usual ones."""
        self.watcher = Watcher(self._monotonic)
        self.metrics = Metrics()
        runtime.on_refusal = self.metrics.refused
        self.page = Desk(self)
        self._serving: set[Connection] = set()
        self._door: Door | None = None
        self.is_draining = False
        self.addresses: list[tuple[str, int]] = []

    # Life

    def start(self) -> None:
        """Raises ConfigError when the address cannot be had."""
        listeners = listen(self._options.host, self._options.port)
        self.addresses = [listener.getsockname()[:2] for listener in listeners]
        most = self._options.threads + self._options.queue + 256
        self._door = Door(listeners, self, self._limits, self._monotonic, most=most)
        self._log.start()
        self.watcher.start()
        self._door.open()
        self._crew.submit(self._warm_up)

    def _warm_up(self) -> None:
        with contextlib.suppress(FreellmError):  # the first request will say it
            self.household()
        from freellm_cli.core.faces import registry
        from freellm_cli.server import handlers

        registry.face("openai")
        _ = handlers.HANDLERS

    def stop(self, drain_s: float | None = None, hurry: threading.Event | None = None) -> bool:
        """Lets running answers finish for `drain_s`, or until `hurry` is set, then ends them. False when some
        had to be ended."""
        self.is_draining = True
        if self._door is not None:
            self._door.close()
        drain = self._options.drain if drain_s is None else drain_s
        finished = self._drained(drain, hurry or threading.Event())
        if not finished:
            self._end_everything()
            self._crew.close(_LAST_WORDS_S)
        self.page.live.stop()
        self.watcher.stop()
        self._log.stop()
        self._live.close()
        return finished

    def _drained(self, drain_s: float, hurry: threading.Event) -> bool:
        until = self._monotonic() + drain_s
        while True:
            left = min(_HURRY_LOOK_S, max(0.0, until - self._monotonic()))
            if self._crew.close(left):
                return True
            if hurry.is_set() or self._monotonic() >= until:
                return False

    def _end_everything(self) -> None:
        for exchange in self.watcher.everyone():
            exchange.hang_up()
        for connection in list(self._serving):
            connection.shut()

    @property
    def port(self) -> int:
        return self.addresses[0][1]

    @property
    def has_token(self) -> bool:
        return self._options.token is not None

    def may_ask(self, exchange: Exchange) -> bool:
        """Whether the request holds the token that is set; open routes answer to others too."""
        return self._guard.may_ask(exchange.head.headers)

    @property
    def requests_running(self) -> int:
        return len(self._serving)

    def gauges(self) -> dict[str, int]:
        return {
            "connections": self._door.connections if self._door else 0,
            "connections_served": len(self._serving),
            "connections_queued": self._crew.waiting,
            "questions_running": len(self.watcher.everyone()),
            "threads": self._crew.threads,
        }

    def household(self) -> Household:
        """Raises ConfigError or StoreError."""
        return self._live.now()

    def profile_for(self, household: Household) -> ServeProfile:
        known, profile = self._profiles
        if known is not household:
            profile = profile_of(household.runtime.settings)
            self._profiles = (household, profile)
        return profile

    # What the page asks

    @property
    def answering(self) -> int:
        """Questions to models that are being answered."""
        return len(self.watcher.everyone())

    def report(self, error: BaseException) -> None:
        self._crash(error)

    def left(self) -> None:
        """A connection that the page had was closed."""
        if self._door is not None:
            self._door.left()

    # What the door leads to

    def serve(self, connection: Connection) -> bool:
        return self._crew.submit(lambda: self._attend(connection))

    def turn_away(self, connection: Connection) -> None:
        _say_at_once(connection, 503, _BUSY_BODY, ("retry-after", "1"))

    def too_slow(self, connection: Connection) -> None:
        _say_at_once(connection, 408, _SLOW_BODY, ("x-should-retry", "false"))

    # One connection

    def _attend(self, connection: Connection) -> None:
        """Requests of one connection, as long as the next comes at once."""
        assert self._door is not None
        self._serving.add(connection)
        keep = False
        try:
            while self._serve_one(connection):
                if self._crew.is_short or not connection.await_head(LINGER_S):
                    keep = not self.is_draining
                    break
        except ClientGone:
            keep = False
        except BaseException as error:
            self._crash(error)
            raise
        finally:
            self._serving.discard(connection)
            if connection.new_owner is not None:
                connection.new_owner(connection)
            elif keep:
                self._door.adopt(connection)
            else:
                connection.close()
                self._door.left()

    def _serve_one(self, connection: Connection) -> bool:
        """Whether another request may follow. Raises ClientGone."""
        request_id = self._runtime.new_request_id()
        try:
            head = connection.take_head()
        except HttpRefusal as refusal:
            self._refuse(connection, request_id, refusal)
            return False
        exchange = Exchange(
            connection, head, request_id, self._monotonic(), self._options.sign_of_life
        )
        exchange.entry = Entry(head.method, head.path, request_id)
        if self.is_draining:
            exchange.keeps_alive = False
        try:
            self._answer(exchange)
        except (ClientGone, CallerGone):
            exchange.keeps_alive = False
            exchange.entry.error = "the client has left"
            exchange.status = 499
        finally:
            self.watcher.forget(exchange)
            self._enter(exchange)
        if exchange.keeps_alive:
            return True
        if connection.new_owner is None:
            connection.finish()
        return False

    def _refuse(self, connection: Connection, request_id: str, refusal: HttpRefusal) -> None:
        """A head that is no head: the answer is the last on this connection."""
        from freellm_cli.server.wire import RequestHead

        head = RequestHead(
            "?", "?", "", {}, is_http_10=False, keeps_alive=False, length=0, waits=False
        )
        exchange = Exchange(connection, head, request_id, self._monotonic())
        exchange.entry = Entry("?", "?", request_id)
        exchange.entry.error = refusal.code
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
        self.metrics.count(entry)
        self.page.seen(entry)
        if not self.page.is_furniture(entry):
            self._log.add(entry)

    def _answer(self, exchange: Exchange) -> None:
        """Every error becomes an answer in the client's dialect; ClientGone and CallerGone go on."""
        try:
            self._handle(exchange)
        except (ClientGone, CallerGone):
            raise
        except FreellmError as error:
            self._fail(exchange, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours is answered, reported, and survived
            self._crash(error)
            self._fail(exchange, FreellmError("freellm has made a mistake; its log knows more"))

    def _fail(self, exchange: Exchange, error: FreellmError) -> None:
        if exchange.entry is not None:
            exchange.entry.error = error.code
        if exchange.cancel.cancelled:
            raise ClientGone
        if not exchange.body_was_read:
            # What follows on this connection is the body that nobody read.
            exchange.keeps_alive = False
        message = self._cleaned(error.message)
        if message != error.message:
            error.message = message
        exchange.fail(error)

    def _cleaned(self, text: str) -> str:
        try:
            return self._live.now().runtime.redactor.clean(text)
        except FreellmError:
            return text

    def _handle(self, exchange: Exchange) -> None:
        head = exchange.head
        headers = head.headers
        place = router.find(head.path)
        if place is not None and place.methods:
            exchange.dialect = next(iter(place.methods.values())).dialect
        if "anthropic-version" in headers:
            exchange.dialect = "anthropic"
        if exchange.dialect == "anthropic":
            exchange.fields.append(("request-id", exchange.request_id))
        self._guard.check_host(headers)
        if place is not None and place.is_for_the_page:
            self.page.gate.check_origin(headers)
        else:
            exchange.fields += self._guard.check_origin(headers)
        if head.method == "OPTIONS":
            exchange.body = exchange.connection.read_body(head)
            exchange.body_was_read = True
            self._answer_options(exchange, place)
            return
        route = router.choose(place, head.method, head.path)
        if not route.is_open:
            self._guard.check_token(headers)
        coding = headers.get("content-encoding", "identity").lower()
        if coding not in ("", "identity"):
            raise HttpRefusal(
                f"a body in the coding {coding[:40]!r} is not taken", status=415, code="bad_coding"
            )
        exchange.body = exchange.connection.read_body(head)
        exchange.body_was_read = True
        from freellm_cli.server.handlers import HANDLERS

        assert place is not None
        handler = self.handlers.get(route.handler) or HANDLERS[route.handler]
        handler(self, exchange, place)

    def _answer_options(self, exchange: Exchange, place: router.Place | None) -> None:
        headers = exchange.head.headers
        fields = {"allow": router.allow(place) if place else "OPTIONS"}
        if "origin" in headers:
            fields.update(self._guard.preflight(headers))
        exchange.answer(204, b"", fields=fields)


def _say_at_once(connection: Connection, status: int, body: bytes, field: tuple[str, str]) -> None:
    fields = (
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("connection", "close"),
        field,
    )
    with contextlib.suppress(ClientGone):
        connection.send_at_once(reply.head(status, fields) + body)

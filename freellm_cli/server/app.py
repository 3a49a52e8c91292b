"""The server: what listens, who serves, how it stops."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from freellm_cli.core.errors import FreellmError
from freellm_cli.server import reply
from freellm_cli.server.access_log import Entry, EntryLog
from freellm_cli.server.connection import ClientGone, Connection, Limits
from freellm_cli.server.crew import Crew
from freellm_cli.server.door import Door
from freellm_cli.server.listening import allow_files, listen
from freellm_cli.server.load import Load
from freellm_cli.server.metrics import Metrics
from freellm_cli.server.options import Options
from freellm_cli.server.page.desk import Desk
from freellm_cli.server.reception import Reception, guard_of
from freellm_cli.server.watcher import Watcher
from freellm_cli.services.runtime import Runtime
from freellm_cli.services.serve_profile import ServeProfile, profile_of
from freellm_cli.services.serving import Household, LiveHousehold

if TYPE_CHECKING:
    import socket

    from freellm_cli.server.affinity import Affinity
    from freellm_cli.server.handlers import Handler
    from freellm_cli.server.overflow import Overflow

# How long a worker stays with a client after an answer, before the client waits at the door.
LINGER_S = 0.05
_LAST_WORDS_S = 1.0
# Python's own: a process begins with a larger one (`__main__`), but who stays must give back what went round
# in circles.
_COLLECT_AFTER = (700, 10, 10)
_HURRY_LOOK_S = 0.2
_BUSY_BODY = (
    b'{"error":{"message":"the server has as many requests as it can take; ask again in a second",'
    b'"type":"server_error","param":null,"code":"overloaded"}}'
)
_SLOW_BODY = (
    b'{"error":{"message":"the request\'s head did not come in time",'
    b'"type":"invalid_request_error","param":null,"code":"too_slow"}}'
)


class Waiting(Protocol):
    """Where connections come from, and where they wait between two requests; as `server.door.Door`."""

    @property
    def connections(self) -> int: ...

    def open(self) -> None: ...

    def close(self) -> None: ...

    def adopt(self, connection: Connection) -> None: ...

    def left(self) -> None: ...


NewOwner = Callable[[Connection], None]


class App:
    """`start` listens at once; settings, ledger and catalog are read while the first clients connect.

    `crash(error)` is told of faults of ours, for the report. `overflow`: a second process when this one
    cannot keep up; `affinity` chooses the processors of both; `load` tells both of them how busy this one
    is. In such a process, `door` is where its connections come from, `owner_for(connection, serving)` says
    who else must have a connection's next request, and `keeps_fresh` is False.
    """

    def __init__(
        self,
        runtime: Runtime,
        options: Options,
        log: EntryLog,
        *,
        notice: Callable[[str], None] = lambda text: None,
        crash: Callable[[BaseException], None] = lambda error: None,
        overflow: Overflow | None = None,
        affinity: Affinity | None = None,
        load: Load | None = None,
        door: Waiting | None = None,
        owner_for: Callable[[Connection, int], NewOwner | None] | None = None,
        keeps_fresh: bool = True,
    ) -> None:
        self._runtime = runtime
        self._options = options
        self._log = log
        self._crash = crash
        self.tell = notice
        self._monotonic = time.monotonic
        self._live = LiveHousehold(runtime, notice, keeps_fresh=keeps_fresh)
        self._limits = Limits(
            body=options.max_body,
            head=options.max_header,
            head_time=options.header_timeout,
            idle_time=options.idle_timeout,
        )
        self.overflow = overflow
        self._affinity = affinity
        self._load = load or Load()
        self._owner_for = owner_for
        if overflow is not None:
            overflow.lead_to(self)
            self._owner_for = overflow.owner_for
        self._crew = Crew(options.threads, options.queue, elsewhere=self._lent)
        self._profiles: tuple[Household | None, ServeProfile] = (None, ServeProfile())
        self.handlers: dict[str, Handler] = {}
        """Handlers of this server alone, in place of the usual ones."""
        self.watcher = Watcher(self._monotonic, self._at_look)
        self.metrics = Metrics()
        runtime.on_refusal = self.metrics.refused
        self.page = Desk(self)
        self.guard = guard_of(options)
        self._reception = Reception(self, self.guard, options.sign_of_life, self._monotonic)
        self._serving: set[Connection] = set()
        self._door = door
        self.is_draining = False
        self.is_ending = False
        """What still runs is cut off."""
        self.addresses: list[tuple[str, int]] = []

    # Life

    def start(self) -> None:
        """Raises ConfigError when the address cannot be had."""
        gc.set_threshold(*_COLLECT_AFTER)
        door = self._door or self._new_door()
        self._door = door
        self._log.start()
        self.watcher.start()
        door.open()
        self._crew.submit(self._warm_up)

    def _new_door(self) -> Door:
        most = self._options.threads + self._options.queue + 256
        allow_files(most + 2 * self._options.threads + 256)
        listeners = listen(self._options.host, self._options.port)
        self.addresses = [listener.getsockname()[:2] for listener in listeners]
        return Door(listeners, self, self._limits, self._monotonic, most=most)

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
        for exchange in self.watcher.everyone():
            exchange.keeps_alive = False  # the client is told not to ask again on this connection
        if self._door is not None:
            self._door.close()
        if self.overflow is not None:
            self.overflow.drain()
        drain = self._options.drain if drain_s is None else drain_s
        finished = self._drained(drain, hurry or threading.Event())
        if not finished:
            self._end_everything()
            self._others_ended(3 * _LAST_WORDS_S)
        self.page.live.stop()
        self.watcher.stop()
        self._log.stop()
        self._live.close()
        return finished

    def _drained(self, drain_s: float, hurry: threading.Event) -> bool:
        until = self._monotonic() + drain_s
        while True:
            left = min(_HURRY_LOOK_S, max(0.0, until - self._monotonic()))
            if self._crew.close(left) and self._others_ended(left):
                return True
            if hurry.is_set() or self._monotonic() >= until:
                return False

    def _others_ended(self, seconds: float) -> bool:
        return self.overflow is None or self.overflow.wait(seconds)

    def _end_everything(self) -> None:
        """First with a word to each client; who does not take that in time is left without."""
        self.is_ending = True
        if self.overflow is not None:
            self.overflow.end()
        for is_late in (False, True):
            for exchange in self.watcher.everyone():
                exchange.cut_off()
            if is_late:
                for connection in list(self._serving):
                    connection.shut()
            if self._crew.close(_LAST_WORDS_S):
                return

    def new_request_id(self) -> str:
        return self._runtime.new_request_id()

    @property
    def port(self) -> int:
        return self.addresses[0][1]

    @property
    def has_token(self) -> bool:
        return self._options.token is not None

    @property
    def requests_running(self) -> int:
        return len(self._serving) + self._lent()

    def _lent(self) -> int:
        """Connections that the second process serves."""
        return 0 if self.overflow is None else self.overflow.lent

    def gauges(self) -> dict[str, int]:
        return {
            "connections": self._door.connections if self._door else 0,
            "connections_served": self.requests_running,
            "connections_queued": self._crew.waiting,
            "questions_running": self.answering,
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
        return len(self.watcher.everyone()) + self._lent()

    def report(self, error: BaseException) -> None:
        self._crash(error)

    def left(self) -> None:
        """A connection that the page or the second process had was closed."""
        if self._door is not None:
            self._door.left()
        self._crew.fill()

    # What the second process brings back

    def _at_look(self) -> None:
        share = self._load.look()
        if share is None:
            return
        if self.overflow is not None:
            self.overflow.look(share, len(self._serving))
        if self._affinity is not None:
            self._affinity.look(share, () if self.overflow is None else self.overflow.processes)

    def connected(self, client: socket.socket, held: bytes) -> Connection:
        """A client that another process has begun to listen to; `held`: what it has sent since its last
        request."""
        connection = Connection(client, self._limits, self._monotonic)
        connection.held = held
        return connection

    def come_back(self, connection: Connection) -> None:
        if self.is_draining and connection.has_head():
            self.turn_away(connection)
            connection.close()
            self.left()
            return
        if self._door is not None:
            self._door.adopt(connection)
        self._crew.fill()

    def refused(self, provider: str, model: str, kind: str) -> None:
        self.metrics.refused_by(provider, model, kind)

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
            while not self._has_passed_on(connection) and self._reception.serve_one(connection):
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

    def _has_passed_on(self, connection: Connection) -> bool:
        """Whether somebody else shall have the request that has come."""
        if self._owner_for is not None:
            connection.new_owner = self._owner_for(connection, len(self._serving))
        return connection.new_owner is not None

    def enter(self, entry: Entry) -> None:
        """A request is over, here or in the second process."""
        self.metrics.count(entry)
        self.page.seen(entry)
        if not self.page.is_furniture(entry):
            self._log.add(entry)

    def cleaned(self, text: str) -> str:
        """Without the secrets that are known."""
        try:
            return self._live.now().runtime.redactor.clean(text)
        except FreellmError:
            return text


def _say_at_once(connection: Connection, status: int, body: bytes, field: tuple[str, str]) -> None:
    fields = (
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("connection", "close"),
        field,
    )
    with contextlib.suppress(ClientGone):
        connection.send_at_once(reply.head(status, fields) + body)

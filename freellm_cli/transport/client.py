"""The real transport: HTTP/1.1 over kept-alive connections, on the standard library alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from freellm_cli.core.clock import Clock
from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import Headers, HttpRequest, Timeouts
from freellm_cli.transport.base import Cancel
from freellm_cli.transport.connect import Resolve, system_addresses
from freellm_cli.transport.dial import Dialer, refused_by_proxy
from freellm_cli.transport.exchange import Exchange
from freellm_cli.transport.head import request_head
from freellm_cli.transport.pool import MAX_IDLE, MAX_IDLE_AGE, Connection, Pool
from freellm_cli.transport.target import Target, parse_target, split_url
from freellm_cli.transport.tls import Trust
from freellm_cli.transport.turns import Turns
from freellm_cli.transport.wire import Answer, Call, Wire

if TYPE_CHECKING:
    from freellm_cli.transport.proxies import Proxies, Proxy

# A head and a body up to this go out in one write; beyond it the copy costs more than the packet.
ONE_WRITE = 65_536
SLICE = 262_144
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpTransport:
    """What `transport.base.Transport` promises, for any number of threads.

    `env` may name proxies and certificates (`transport.proxies`, `transport.tls`); `resolve` is as
    `socket.getaddrinfo`; `max_idle` connections to a host are kept for at most `max_idle_age` seconds. A
    thread that has its turn (`turns`) leaves it while it waits here.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        env: Mapping[str, str],
        trust: Trust | None = None,
        resolve: Resolve = system_addresses,
        max_idle: int = MAX_IDLE,
        max_idle_age: float = MAX_IDLE_AGE,
        turns: Turns | None = None,
    ) -> None:
        self._turns = turns or Turns()
        self._monotonic = clock.monotonic
        self._proxies = _proxies(env)
        self._dialer = Dialer(trust or Trust(env), resolve)
        self._pool = Pool(clock.monotonic, max_idle=max_idle, max_idle_age=max_idle_age)

    def send(
        self,
        request: HttpRequest,
        timeouts: Timeouts,
        *,
        on_sent: Callable[[], None] | None = None,
        cancel: Cancel | None = None,
    ) -> Exchange:
        """See `transport.base.Transport.send`. Also raises ConfigError for a URL or header that cannot be
        sent. A kept connection that the server has closed is replaced once, when no byte had come back."""
        target = parse_target(request.url)
        proxy = self._proxies.choose(target) if self._proxies else None
        place = (target.scheme, target.host, str(target.port), proxy.label if proxy else "")
        head = _head(request, target, proxy)
        call = Call(target.authority, timeouts, self._monotonic, self._turns)
        kept = self._pool.take(place)
        if kept is not None:
            answer = self._ask(kept, request, head, call, on_sent, cancel)
            if answer is not None:
                return self._accept(kept, answer, target, proxy, call)
        had_turn = self._turns.leave()
        try:
            fresh = self._dialer.dial(target, proxy, place, call, cancel)
        finally:
            if had_turn:
                self._turns.take()
        answer = self._ask(fresh, request, head, call, on_sent, cancel)
        assert answer is not None
        return self._accept(fresh, answer, target, proxy, call)

    def close(self) -> None:
        """Closes idle connections, and those in use when their answer ends."""
        self._pool.close()

    def _ask(
        self,
        connection: Connection,
        request: HttpRequest,
        head: bytes,
        call: Call,
        on_sent: Callable[[], None] | None,
        cancel: Cancel | None,
    ) -> Answer | None:
        """Sends, and reads the answer's head; None if a kept connection turned out to be closed."""
        wire = Wire(connection, call)
        answer = Answer(wire, call, request.method)
        try:
            if cancel is not None:
                cancel.attach(connection.shut)
            if not call.sent:
                call.sent = True
                if on_sent is not None:
                    on_sent()
            refused = _write(connection, head, request.body or b"", call)
            call.await_first_byte()
            answer.begin()
        except TransportFault as fault:
            connection.close()
            stale = connection.used and not wire.heard and fault.fault in {"reset", "empty"}
            if stale and not (cancel and cancel.cancelled):
                return None
            raise
        except BaseException:
            connection.close()
            raise
        finally:
            if cancel is not None:
                cancel.attach(None)
        if refused:
            answer.will_close = True
        return answer

    def _accept(
        self,
        connection: Connection,
        answer: Answer,
        target: Target,
        proxy: Proxy | None,
        call: Call,
    ) -> Exchange:
        if proxy is not None and answer.status == 407:
            connection.close()
            raise refused_by_proxy(proxy, call, 407)
        if answer.status in _REDIRECTS:
            connection.close()
            fault = _redirected(answer.fields, target, call)
            fault.location = answer.fields.text("location")
            raise fault
        try:
            return Exchange(connection, answer, call, self._pool)
        except TransportFault:
            connection.close()
            raise


def _proxies(env: Mapping[str, str]) -> Proxies | None:
    if not any(name.lower().endswith("_proxy") for name in env):
        return None
    from freellm_cli.transport.proxies import Proxies

    return Proxies(env)


def _head(request: HttpRequest, target: Target, proxy: Proxy | None) -> bytes:
    if proxy is None or target.scheme == "https":
        return request_head(request, target)
    return request_head(request, target, proxy.headers(), f"http://{target.authority}")


def _write(connection: Connection, head: bytes, body: bytes, call: Call) -> bool:
    """Sends all; True if the server stopped listening before the end, as it may when it has its answer."""
    try:
        if len(body) <= ONE_WRITE:
            call.await_first_byte()
            connection.wait_at_most(call.left())
            connection.sock.sendall(head + body)
            return False
        call.turns.leave()
        call.await_more()
        connection.wait_at_most(call.left())
        connection.sock.sendall(head + body[:ONE_WRITE])
        rest = memoryview(body)[ONE_WRITE:]
        for start in range(0, len(rest), SLICE):
            connection.wait_at_most(call.left())
            connection.sock.sendall(rest[start : start + SLICE])
    except TimeoutError as exc:
        raise call.timeout() from exc
    except OSError:
        return True
    return False


def _redirected(fields: Headers, target: Target, call: Call) -> TransportFault:
    """Names where to without path, query or login: the address may hold anything."""
    split = split_url(fields.text("location"))
    place = split[0].netloc.rpartition("@")[2] if split else ""
    scheme = (split[0].scheme if split else "") or target.scheme
    if not (place.isascii() and place.isprintable()) or scheme not in {"http", "https"}:
        place = ""
    if not place or (place == target.authority and scheme == target.scheme):
        return call.fault(
            "redirect",
            f"{call.host} redirects to another path of its own.",
            "check the path of base_url in config.toml",
        )
    return call.fault(
        "redirect",
        f"{call.host} redirects to {scheme}://{place}, where credentials are not sent.",
        f"if that is right, make it the base_url: {scheme}://{place}",
    )

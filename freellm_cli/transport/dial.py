"""A new connection to a target: TCP, then the proxy's tunnel, then TLS, each failure in our words."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from freellm_cli.core.errors import TransportFault
from freellm_cli.transport.base import Cancel
from freellm_cli.transport.connect import Resolve, connect
from freellm_cli.transport.head import USER_AGENT, AnswerHead, BadHead
from freellm_cli.transport.pool import Connection, Place
from freellm_cli.transport.target import Target, is_loopback
from freellm_cli.transport.tls import Trust, explain
from freellm_cli.transport.wire import Call, Wire

if TYPE_CHECKING:
    from freellm_cli.transport.proxies import Proxy


class Dialer:
    def __init__(self, trust: Trust, resolve: Resolve) -> None:
        self._trust = trust
        self._resolve = resolve

    def dial(
        self,
        target: Target,
        proxy: Proxy | None,
        place: Place,
        call: Call,
        cancel: Cancel | None = None,
    ) -> Connection:
        """Raises TransportFault: "dns", "connect", "connect_timeout", "tls", "reset", "total_timeout".
        `cancel` ends it from another thread, but not the wait for a name's addresses."""
        cancel = cancel or Cancel()
        call.await_connection()
        sock = self._reach(target, proxy, call, cancel)
        connection = Connection(sock, place)
        try:
            cancel.attach(connection.shut)
            if target.scheme == "https":
                if proxy is not None:
                    _tunnel(connection, target, proxy, call)
                connection.wait_at_most(call.left())
                connection.sock = self._shake_hands(sock, target, call)
        except BaseException:
            connection.close()
            raise
        finally:
            cancel.attach(None)
        return connection

    def _reach(
        self, target: Target, proxy: Proxy | None, call: Call, cancel: Cancel
    ) -> socket.socket:
        host, port = (proxy.host, proxy.port) if proxy else (target.host, target.port)
        name = f"the proxy {proxy.label}" if proxy else call.host
        try:
            return connect(host, port, resolve=self._resolve, left=call.left, cancel=cancel)
        except (socket.gaierror, UnicodeError) as exc:
            raise call.fault(
                "dns",
                f"The name of {name} has no address.",
                _proxy_hint(proxy) or "check the network, and base_url in config.toml",
            ) from exc
        except TimeoutError as exc:
            raise call.timeout() from exc
        except OSError as exc:
            hint = "is the server running, on this port?" if is_loopback(host) else ""
            raise call.fault(
                "connect",
                f"Cannot connect to {name}: {exc.strerror or exc}.",
                _proxy_hint(proxy) or hint or "check the network, and base_url in config.toml",
            ) from exc

    def _shake_hands(self, sock: socket.socket, target: Target, call: Call) -> socket.socket:
        try:
            return self._trust.wrap(sock, target.host)
        except TimeoutError as exc:
            raise call.timeout() from exc
        except ConnectionError as exc:
            raise call.fault(
                "reset", f"{call.host} broke the connection off while TLS began."
            ) from exc
        except OSError as exc:
            message, hint = explain(exc, call.host)
            raise call.fault("tls", message, hint) from exc


def _proxy_hint(proxy: Proxy | None) -> str:
    return f"{proxy.source} names this proxy; NO_PROXY exempts hosts from it" if proxy else ""


def _tunnel(connection: Connection, target: Target, proxy: Proxy, call: Call) -> None:
    """CONNECT (RFC 9110 section 9.3.6). Any failure is one of connecting: the provider saw nothing."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [
        f"CONNECT {host}:{target.port} HTTP/1.1",
        f"Host: {host}:{target.port}",
        f"User-Agent: {USER_AGENT}",
        *(f"{name}: {value}" for name, value in proxy.headers()),
        "\r\n",
    ]
    connection.wait_at_most(call.left())
    try:
        connection.sock.sendall("\r\n".join(lines).encode("latin-1"))
    except TimeoutError as exc:
        raise call.timeout() from exc
    except OSError as exc:
        raise _no_way(proxy, call, "it broke the connection off") from exc
    head = _tunnel_answer(connection, proxy, call)
    if not 200 <= head.status < 300:
        raise refused_by_proxy(proxy, call, head.status)


def _tunnel_answer(connection: Connection, proxy: Proxy, call: Call) -> AnswerHead:
    wire = Wire(connection, call)
    try:
        head = wire.read_head()
        while head is not None and head.status < 200:
            head = wire.read_head()
    except (BadHead, EOFError) as exc:
        raise _no_way(proxy, call, "it does not answer as an HTTP proxy does") from exc
    if head is None:
        raise _no_way(proxy, call, "it closed the connection")
    return head


def refused_by_proxy(proxy: Proxy, call: Call, status: int) -> TransportFault:
    reason = "it wants a login, or refuses the one that it was given"
    return _no_way(proxy, call, reason if status == 407 else f"it answers {status}")


def _no_way(proxy: Proxy, call: Call, reason: str) -> TransportFault:
    return call.fault(
        "connect",
        f"The proxy {proxy.label} gives no way to {call.host}: {reason}.",
        _proxy_hint(proxy),
    )

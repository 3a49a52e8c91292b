"""Sockets that listen."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys

from freellm_cli.core.errors import ConfigError
from freellm_cli.server.door import BACKLOG

_HOSTS = "`--host 127.0.0.1` serves this machine, `--host 0.0.0.0` its network too"
_LOOKED_AT = 50
_LAST_PORT = 65_535
_WINDOWS_EACCES = 10013


class CannotListen(ConfigError):
    """`is_taken`: another program has the port."""

    def __init__(self, message: str, *, hint: str, is_taken: bool) -> None:
        super().__init__(message, hint=hint)
        self.is_taken = is_taken


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets: for a loopback host also its other family, where that port is free, because
    `localhost` may mean either. Raises CannotListen."""
    name = host.strip("[]")
    first = _listen_on(name, port)
    if name not in ("127.0.0.1", "localhost", "::1"):
        return [first]
    other = "127.0.0.1" if first.family == socket.AF_INET6 else "::1"
    with contextlib.suppress(ConfigError):
        return [first, _listen_on(other, first.getsockname()[1])]
    return [first]


def allow_files(most: int) -> None:
    """Lets this process and those that it starts have `most` files and sockets open, as far as the system
    permits: many shells and services allow 256 or 1024, though anybody may ask for more."""
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen_on(host: str, port: int) -> socket.socket:
    try:
        return _listener(host, port)
    except (OSError, UnicodeError) as error:
        raise CannotListen(
            f"nothing can listen on {host} port {port}: {getattr(error, 'strerror', None) or error}",
            hint=_remedy(host, port, error),
            is_taken=_is_taken(error),
        ) from error


def _listener(host: str, port: int) -> socket.socket:
    """Raises OSError, or UnicodeError for a host that can be no name."""
    place = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[0]
    sock = socket.socket(place[0], socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place[0] == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place[4])
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_taken(error: OSError | UnicodeError) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EADDRINUSE


def _remedy(host: str, port: int, error: OSError | UnicodeError) -> str:
    """What to say instead, beside the options that were given."""
    if _is_taken(error):
        return f"another program has that port; {other_port(host, port)}"
    if isinstance(error, UnicodeError | socket.gaierror):
        return f"no host is called {host!r}; {_HOSTS}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; {_HOSTS}"
    if error.errno in (errno.EACCES, errno.EPERM, _WINDOWS_EACCES):
        return f"the system keeps that port for others; {other_port(host, max(port, 7999))}"
    return _HOSTS


def other_port(host: str, port: int) -> str:
    """Which port above `port` is free."""
    for number in range(port + 1, min(port + _LOOKED_AT, _LAST_PORT) + 1):
        with contextlib.suppress(OSError):
            _listener(host, number).close()
            return f"`--port {number}` is free"
    return "`--port 0` takes any that is free"

"""Sockets that listen."""

from __future__ import annotations

import contextlib
import socket
import sys

from freellm_cli.core.errors import ConfigError
from freellm_cli.server.door import BACKLOG


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets: for a loopback host also its other family, where that port is free, because
    `localhost` may mean either. Raises ConfigError."""
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
    sock: socket.socket | None = None
    try:
        place = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[0]
        sock = socket.socket(place[0], socket.SOCK_STREAM)
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place[0] == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place[4])
        sock.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        if sock is not None:
            sock.close()
        raise ConfigError(
            f"nothing can listen on {host} port {port}: {getattr(error, 'strerror', None) or error}",
            hint="another program has the port? `freellm serve --port 8001`",
        ) from error
    return sock

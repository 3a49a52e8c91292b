"""The first free of several addresses: a TCP connection that waits for no dead one.

Addresses are tried in the system's order, each a short while after the one before (RFC 8305 "Happy
Eyeballs", section 5). A refused one hands over at once; a silent one (an IPv6 route that leads nowhere,
`localhost` as ::1 on Windows, where a refusal takes two seconds) costs a quarter of a second.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable, Iterable
from typing import Any

from freellm_cli.transport.base import Cancel

HEAD_START = 0.25
_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, errno.EINTR, 10035})

Resolve = Callable[..., Iterable[tuple[Any, Any, int, str, Any]]]
"""As `socket.getaddrinfo`."""


def system_addresses(host: str, *more: Any) -> Iterable[tuple[Any, Any, int, str, Any]]:
    """`socket.getaddrinfo`, given bytes: for text it imports the rules of international names, 1.5 ms."""
    is_plain = host.isascii() and all(0 < len(label) < 64 for label in host.split("."))
    return socket.getaddrinfo(host.encode() if is_plain else host, *more)


def connect(
    host: str,
    port: int,
    *,
    resolve: Resolve,
    left: Callable[[], float],
    cancel: Cancel | None = None,
) -> socket.socket:
    """A connected socket without Nagle's delay.

    `left()` gives the seconds that remain, and raises when there are none. `cancel` ends the wait for a
    connection, not that for a name's addresses. Raises socket.gaierror or
    UnicodeError if the name has no address, TimeoutError, or the OSError of the last address.
    """
    found = list(resolve(host, port, 0, socket.SOCK_STREAM))
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
    cancel = cancel or Cancel()
    try:
        if len(found) == 1:
            sock = _connect_one(found[0], left(), cancel)
        else:
            race = _Race(left, cancel)
            try:
                sock = race.run(found)
            finally:
                race.close()
    finally:
        cancel.attach(None)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def _connect_one(
    place: tuple[Any, Any, int, str, Any], seconds: float, cancel: Cancel
) -> socket.socket:
    family, kind, protocol, _, address = place
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(seconds)
        cancel.attach(lambda: _give_up(sock))
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


class _Race:
    """Connects to several addresses at once, each started a little after the one before."""

    def __init__(self, left: Callable[[], float], cancel: Cancel) -> None:
        self._left = left
        self._cancel = cancel
        self._running: list[socket.socket] = []
        self._error: OSError = OSError("no address could be tried")

    def run(self, places: list[tuple[Any, Any, int, str, Any]]) -> socket.socket:
        waiting = list(reversed(places))
        while (waiting or self._running) and not self._cancel.cancelled:
            if waiting:
                winner = self._start(waiting.pop())
                if winner is not None:
                    return winner
                if not self._running:
                    continue
            winner = self._wait(min(HEAD_START, self._left()) if waiting else self._left())
            if winner is not None:
                return winner
        raise self._error

    def _start(self, place: tuple[Any, Any, int, str, Any]) -> socket.socket | None:
        family, kind, protocol, _, address = place
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as exc:
            self._error = exc
            return None
        self._running.append(sock)
        sock.setblocking(False)
        self._cancel.attach(self._give_up)
        code = sock.connect_ex(address)
        if code in _UNDER_WAY:
            return None
        return self._finish(sock, code)

    def _wait(self, seconds: float) -> socket.socket | None:
        """The first that stands within `seconds`; those that failed are dropped."""
        for sock in _settled(self._running, seconds):
            winner = self._finish(sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            if winner is not None:
                return winner
        return None

    def _finish(self, sock: socket.socket, code: int) -> socket.socket | None:
        self._running.remove(sock)
        if code == 0:
            return sock
        sock.close()
        self._error = OSError(code, os.strerror(code))
        return None

    def _give_up(self) -> None:
        for sock in list(self._running):
            _give_up(sock)

    def close(self) -> None:
        for sock in self._running:
            sock.close()


def _give_up(sock: socket.socket) -> None:
    """Ends a connecting that another thread waits for, where the system can; elsewhere it times out."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _settled(socks: list[socket.socket], seconds: float) -> list[socket.socket]:
    """Those that have connected or failed, after at most `seconds`."""
    if hasattr(select, "poll"):
        poll = select.poll()
        for sock in socks:
            poll.register(sock, select.POLLOUT)
        ready = {number for number, _ in poll.poll(seconds * 1000)}
        return [sock for sock in socks if sock.fileno() in ready]
    # Windows reports a refused connection among the exceptional ones.
    _, written, failed = select.select([], socks, socks, seconds)
    return [sock for sock in socks if sock in written or sock in failed]

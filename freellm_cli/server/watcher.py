"""One thread that looks after all clients who wait: who has hung up, who needs a sign of life."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freellm_cli.server.exchange import Exchange

LOOK_EVERY_S = 0.04
QUIET_LOOK_S = 0.25
"""Between two looks at the same clients, where the system tells at once who leaves."""
_WINDOWS_SELECT = 500
_HANGUP = getattr(select, "POLLRDHUP", 0)


class Watcher:
    """Calls `exchange.hang_up()` within a tenth of a second after its client left, and
    `exchange.stay_alive(now)` at each look. Clients are watched from their first look on, so that a quick
    answer costs nothing. `at_look()` is called at each look too."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        at_look: Callable[[], None] = lambda: None,
        *,
        quiet_look_s: float = QUIET_LOOK_S,
    ) -> None:
        self._monotonic = monotonic
        self._quiet_look_s = quiet_look_s
        self._at_look = at_look
        self._watched: dict[int, Exchange] = {}
        self._seen: list[Exchange] = []
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._rests = False
        """Whether somebody new has to wake it."""
        self._some = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._some.set()
        self._wake()
        self._thread.join()
        self._ours.close()
        self._theirs.close()

    def watch(self, exchange: Exchange) -> None:
        self._watched[id(exchange)] = exchange
        if not self._some.is_set():
            self._some.set()
        if self._rests:
            self._wake()

    def forget(self, exchange: Exchange) -> None:
        self._watched.pop(id(exchange), None)

    def everyone(self) -> list[Exchange]:
        return list(self._watched.values())

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._watched:
                self._seen = []
                self._some.clear()
                if not self._watched:
                    self._some.wait()
            self._rest()
            self._look()
            self._at_look()

    def _look(self) -> None:
        exchanges = self.everyone()
        for exchange in _noisy(exchanges):
            exchange.look()
        now = self._monotonic()
        for exchange in exchanges:
            exchange.stay_alive(now)

    def _rest(self) -> None:
        """Until the next look is due: soon, when somebody came or went since the last; else later, or as soon
        as somebody leaves."""
        exchanges = self.everyone()
        if not _HANGUP or exchanges != self._seen:
            self._seen = exchanges
            self._stopping.wait(LOOK_EVERY_S)
            return
        poll = select.poll()
        poll.register(self._theirs, select.POLLIN)
        for exchange in exchanges:
            number = exchange.connection.sock.fileno()
            # One that has ended, or was hung up, is not looked at any more; its client may stay half closed.
            if number >= 0 and not (exchange.has_ended or exchange.cancel.cancelled):
                poll.register(number, _HANGUP)
        self._rests = True
        if self.everyone() == exchanges and not self._stopping.is_set():
            poll.poll(self._quiet_look_s * 1000)
        self._rests = False
        with suppress(BlockingIOError):
            self._theirs.recv(64)

    def _wake(self) -> None:
        with suppress(OSError):
            self._ours.send(b"!")


def _noisy(exchanges: list[Exchange]) -> list[Exchange]:
    """Those whose socket has something to tell."""
    by_number = {}
    for exchange in exchanges:
        number = exchange.connection.sock.fileno()
        if number >= 0:
            by_number[number] = exchange
    if hasattr(select, "poll"):
        poll = select.poll()
        for number in by_number:
            poll.register(number, select.POLLIN | _HANGUP)
        return [by_number[number] for number, _ in poll.poll(0)]
    found = []
    numbers = list(by_number)
    for start in range(0, len(numbers), _WINDOWS_SELECT):
        ready, _, _ = select.select(numbers[start : start + _WINDOWS_SELECT], [], [], 0)
        found += [by_number[number] for number in ready]
    return found


def has_left(sock: socket.socket) -> bool:
    """Whether the other side has closed. Reads nothing away and does not wait."""
    if _HANGUP:
        number = sock.fileno()
        if number < 0:
            return False  # closed here meanwhile: the answer is complete
        poll = select.poll()
        poll.register(number, _HANGUP)
        return bool(poll.poll(0))
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except (BlockingIOError, TimeoutError):
        return False
    except OSError:
        return True

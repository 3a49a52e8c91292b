"""One thread that tells every open page what has changed, and does nothing while none is open.

A page's connection is handed over by the worker that answered it, so that a page which stays open for a
day holds no worker. Nothing is waited for: what a page does not read is kept up to a bound, then the page
is let go; it comes back by itself.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from freellm_cli.server.connection import ClientGone, Connection

TICK_S = 1.0
MOST_PAGES = 64
_MOST_UNREAD = 1_048_576
_SIGN_OF_LIFE_S, _SIGN_OF_LIFE = 15.0, b":\n\n"

Parts = dict[str, Any]


class _Reader:
    """An open page. `unread`: what the system did not take yet."""

    __slots__ = ("connection", "told_at", "unread")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.unread = b""
        self.told_at = 0.0

    def tell(self, data: bytes) -> None:
        """Sends what can be sent without waiting. Raises ClientGone when the page has left or is too slow."""
        data = self.unread + data if self.unread else data
        self.unread = data[self.connection.send_at_once(data) :] if data else b""
        if len(self.unread) > _MOST_UNREAD:
            raise ClientGone

    def look(self) -> None:
        """A page says nothing more. Raises ClientGone when it has left or talks."""
        if self.connection.receive():
            raise ClientGone


class Live:
    """`parts()`: the picture as named parts; must not raise. `left()` is called for each connection that
    was closed.


    Events are `data: {"now", "set": {name: part}, "gone": [name], "whole": bool}`; the first that a page
    gets holds every part, those after it what has changed.
    """

    def __init__(
        self,
        parts: Callable[[], Parts],
        left: Callable[[], None],
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        tick_s: float = TICK_S,
    ) -> None:
        self._make = parts
        self._left = left
        self._now = now
        self._monotonic = monotonic
        self._tick_s = tick_s
        self._coming: deque[Connection] = deque()
        self._readers: list[_Reader] = []
        self._parts: Parts = {}
        self._some = threading.Event()
        self._lock = threading.Lock()
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def pages(self) -> int:
        return len(self._readers) + len(self._coming)

    def take(self, connection: Connection) -> None:
        """Owns a connection on which the head of an event stream was sent."""
        with self._lock:
            if self._stopping:
                connection.close()
                self._left()
                return
            self._coming.append(connection)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="page", daemon=True)
                self._thread.start()
        self._some.set()

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            thread = self._thread
        self._some.set()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        next_tick = 0.0
        while not self._stopping:
            is_open = bool(self._readers or self._coming)
            self._some.wait(max(0.0, next_tick - self._monotonic()) if is_open else None)
            self._some.clear()
            if self._stopping or not (self._readers or self._coming):
                continue
            now = self._monotonic()
            if now >= next_tick:
                next_tick = now + self._tick_s
                self._tick(now)
            self._welcome(now)
        for reader in self._readers:
            self._close(reader.connection)
        self._readers = []
        while self._coming:
            self._close(self._coming.popleft())

    def _tick(self, now: float) -> None:
        before, self._parts = self._parts, self._make()
        changed = {name: part for name, part in self._parts.items() if before.get(name) != part}
        gone = [name for name in before if name not in self._parts]
        told = self._event(changed, gone, whole=False) if changed or gone else b""
        kept = []
        for reader in self._readers:
            silent_s = now - reader.told_at
            data = told or (_SIGN_OF_LIFE if silent_s > _SIGN_OF_LIFE_S else b"")
            if self._tell(reader, data, now):
                kept.append(reader)
        self._readers = kept

    def _welcome(self, now: float) -> None:
        if not self._coming:
            return
        told = self._event(self._parts, [], whole=True)
        while self._coming:
            reader = _Reader(self._coming.popleft())
            if self._tell(reader, told, now):
                self._readers.append(reader)

    def _tell(self, reader: _Reader, data: bytes, now: float) -> bool:
        """Whether the page is still there; if not, it was let go."""
        try:
            reader.look()
            reader.tell(data)
        except ClientGone:
            self._close(reader.connection)
            return False
        if data:
            reader.told_at = now
        return True

    def _event(self, parts: Parts, gone: list[str], *, whole: bool) -> bytes:
        data = {"now": round(self._now(), 1), "set": parts, "gone": gone, "whole": whole}
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return b"event: picture\ndata: " + text.encode("utf-8", "replace") + b"\n\n"

    def _close(self, connection: Connection) -> None:
        connection.close()
        self._left()

"""What a server needs beside the use cases themselves: settings that follow their files, and choices
bundled for a kind of client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import FreellmError
from freellm_cli.services.chat import ChatService
from freellm_cli.services.live_runtime import file_marks
from freellm_cli.transport.base import Cancel

if TYPE_CHECKING:
    from freellm_cli.services.oauth_background import BackgroundRefresh
    from freellm_cli.services.openrouter_quota import Reading
    from freellm_cli.services.runtime import Runtime

__all__ = ["Cancel", "Household", "LiveHousehold"]

LOOK_EVERY_S = 1.0


class Household(NamedTuple):
    """Settings, keys and catalog of one moment, and the chat service over them."""

    runtime: Runtime
    chat: ChatService


class LiveHousehold:
    """Reads config.toml, credentials.toml and the model lists anew when they have changed: looked at when
    somebody asks, at most once a second. Ledger and connections stay the same all the while.

    A file that cannot be understood changes nothing; `notice` is told once.
    """

    def __init__(
        self, runtime: Runtime, notice: Callable[[str], None], *, keeps_fresh: bool = True
    ) -> None:
        """`keeps_fresh`: it renews logins and reads providers' meters; one process of a server does."""
        self._notice = notice
        self._keeps_fresh = keeps_fresh
        self._monotonic = runtime.clock.monotonic
        self._lock = threading.Lock()
        self._looked_at = self._monotonic()
        self._marks = file_marks(runtime)
        self._first = runtime
        self._now: Household | None = None
        self._refresh: BackgroundRefresh | None = None
        self._meters: Reading | None = None

    def now(self) -> Household:
        """Raises ConfigError or StoreError if the very first reading fails."""
        found = self._now
        if found is not None and self._monotonic() - self._looked_at < LOOK_EVERY_S:
            return found
        with self._lock:
            if self._now is None:
                self._now = _furnished(self._first)
                self._looked_at = self._monotonic()
                self._keep_fresh(self._first)
            elif self._monotonic() - self._looked_at >= LOOK_EVERY_S:
                self._looked_at = self._monotonic()
                self._look(self._now)
            return self._now

    def _look(self, known: Household) -> None:
        marks = file_marks(known.runtime)
        if marks == self._marks:
            return
        self._marks = marks
        try:
            self._now = _furnished(known.runtime.renewed())
            self._keep_fresh(self._now.runtime)
        except FreellmError as error:
            self._notice(f"the changed settings are not used: {error.message}")

    def _keep_fresh(self, runtime: Runtime) -> None:
        if self._keeps_fresh:
            self._keep_logins_fresh(runtime)
            self._read_meters(runtime)

    def _keep_logins_fresh(self, runtime: Runtime) -> None:
        if self._refresh is not None:
            self._refresh.stop(0.0)
            self._refresh = None
        if any(item.kind == "oauth" for item in runtime.credentials()):
            from freellm_cli.services.oauth_background import BackgroundRefresh

            self._refresh = BackgroundRefresh(runtime)
            self._refresh.start()

    def _read_meters(self, runtime: Runtime) -> None:
        """What providers count of keys that others may use elsewhere."""
        from freellm_cli.services.openrouter_quota import Reading

        if self._meters is not None:
            self._meters.stop()
        self._meters = Reading(runtime)
        self._meters.start()

    def close(self) -> None:
        if self._refresh is not None:
            self._refresh.stop()
        if self._meters is not None:
            self._meters.stop()
        (self._now.runtime if self._now else self._first).close()


def _furnished(runtime: Runtime) -> Household:
    """Touches all that threads will share."""
    _ = runtime.settings.serve, runtime.catalog, runtime.transport, runtime.redactor
    runtime.credentials()
    runtime.ledger.rests()
    runtime.ledger.write_behind()
    return Household(runtime, ChatService(runtime))

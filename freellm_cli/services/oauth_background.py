"""Refreshing logins in the background of a server, so that no request waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from freellm_cli.core.errors import FreellmError
from freellm_cli.core.logins import NONE, refresh_need
from freellm_cli.services.oauth_refresh import fresh_login

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime


class BackgroundRefresh:
    """Looks at every login each `oauth.refresh_interval` seconds, from `start` to `stop`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """The first look is at once."""
        self._thread = threading.Thread(target=self._run, name="oauth-refresh", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Safe to repeat; waits at most `timeout_s` for a refresh that runs."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def run_once(self) -> tuple[str, ...]:
        """Refreshes what is in its window; returns the ids of those that are fresh now. Never raises for
        a login that cannot be refreshed: that is a notice."""
        runtime = self._runtime
        done = []
        for login in runtime.logins.list():
            if not login.enabled or refresh_need(login, runtime.clock.now()) == NONE:
                continue
            try:
                fresh = fresh_login(runtime, login.id)
            except FreellmError as error:
                runtime.notice(runtime.redactor.clean(f"{error.message} ({error.hint})"))
                continue
            if fresh.access_token != login.access_token:
                done.append(login.id)
        return tuple(done)

    def _run(self) -> None:
        from freellm_cli.services.code_assist_quota import read_all_quotas

        while not self._stop.is_set():
            try:
                self.run_once()
                read_all_quotas(self._runtime)
            except FreellmError as error:
                self._runtime.notice(error.message)
            self._stop.wait(self._runtime.settings.oauth.refresh_interval)

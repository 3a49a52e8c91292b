"""The logins of this process: those in files, and those of the environment, which stay in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from freellm_cli.core.credentials import Credential
from freellm_cli.core.login_files import logins_in
from freellm_cli.core.logins import Login, login_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from freellm_cli.core.errors import StoreError
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.token_files import TokenFiles

_MARKS = ("GEMINI_CLI_", "IFLOW_")


class LoginStore:
    """One instance a runtime. Thread-safe."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._files: TokenFiles | None = None
        self._lock = threading.Lock()
        self._own: dict[str, Login] | None = None
        self._doors: dict[str, threading.Lock] = {}

    @property
    def files(self) -> TokenFiles:
        if self._files is None:
            from freellm_cli.storage.paths import oauth_folder
            from freellm_cli.storage.token_files import TokenFiles

            runtime = self._runtime
            self._files = TokenFiles(
                oauth_folder(runtime.paths),
                runtime.clock,
                stores={"keyring": runtime.keyring},
                place=runtime.settings.secrets,
            )
        return self._files

    def list(self, broken: Callable[[StoreError], None] | None = None) -> tuple[Login, ...]:
        """Stored ones first. A file that is no login is told to `broken`, or raises StoreError."""
        return (*self.files.list(broken), *self._environment().values())

    def get(self, login_id: str) -> Login | None:
        """As it is now: another process may have refreshed it."""
        own = self._environment().get(login_id)
        if own is not None:
            return own
        provider, _, number = login_id.rpartition("-")
        return self.files.get(provider, int(number)) if number.isdecimal() else None

    def put(self, login: Login) -> None:
        """Raises StoreError; then nothing has changed."""
        if login.source == "env":
            with self._lock:
                assert self._own is not None
                self._own[login.id] = login
            return
        self.files.put(login)

    def door(self, login_id: str) -> threading.Lock:
        """Threads of one process queue here, so that one of them at most stands at the file's lock."""
        with self._lock:
            return self._doors.setdefault(login_id, threading.Lock())

    def lock(self, login: Login, timeout: float) -> AbstractContextManager[object]:
        """Keeps other processes out. Raises LockTimeout, StoreError."""
        if login.source == "env":
            from contextlib import nullcontext

            return nullcontext()
        return self.files.lock(login, timeout)

    def _environment(self) -> dict[str, Login]:
        with self._lock:
            if self._own is None:
                env = self._runtime.env
                found = logins_in(env) if any(name.startswith(_MARKS) for name in env) else ()
                self._own = {login.id: login for login in found}
            return self._own


def credential_of(login: Login) -> Credential:
    """A login as the pool sees it."""
    why = f"login again: `{login_command(login.provider)}` ({login.login_again})"
    secret = login.secret or None
    return Credential(
        id=login.id,
        provider=login.provider,
        kind="oauth",
        label=login.label,
        account=login.account,
        enabled=login.enabled and not login.login_again,
        added=login.added,
        source="oauth",
        secret=secret,
        mark=login.refresh_token.fingerprint() if login.refresh_token else "",
        extra=_extra(login),
        disabled_reason=why if login.login_again else "" if login.enabled else "disabled",
    )


def _extra(login: Login) -> dict[str, str]:
    found = {"project_id": login.project_id, "tier": login.tier}
    return {name: value for name, value in found.items() if value}

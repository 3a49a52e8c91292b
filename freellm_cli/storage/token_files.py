"""The files of logins, one each: `oauth/gemini_cli_1.json`, private, whole at every moment.

The tokens themselves may stand in another place, such as the system's keyring; the file then says which.

A refresh holds the login's lock, reads the file anew, and puts the new tokens in place before anybody
uses them; a process that is killed at any moment leaves the old tokens or the new.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from freellm_cli.core.errors import StoreError, UnknownName, UsageError
from freellm_cli.core.logins import PROVIDERS, Login, from_json, to_json
from freellm_cli.core.secret import Secret
from freellm_cli.storage.files import read_private, write_private
from freellm_cli.storage.locks import FileLock, Held

if TYPE_CHECKING:
    from freellm_cli.core.clock import Clock
    from freellm_cli.storage.vault import SecretStore

FILE = "file"

_Stamp = tuple[int, int, int]
_Row = dict[str, object]

_PLACE = "secret_in"
_TOKENS = ("access_token", "refresh_token", "api_key", "client_secret")


class TokensAway(StoreError):
    """A login's tokens are in a place that does not give them now, such as a locked keyring."""


class TokenFiles:
    """`folder` need not exist. Safe to use from several threads and processes."""

    def __init__(
        self,
        folder: str,
        clock: Clock,
        *,
        stores: Mapping[str, SecretStore] | None = None,
        place: str = FILE,
    ) -> None:
        """`stores`: further places for tokens, by name; `place`: where those of a new login go."""
        self.folder = folder
        self._clock = clock
        self._stores = dict(stores or {})
        self._place = place
        self._seen: dict[str, tuple[_Stamp, Login]] = {}

    def list(
        self,
        broken: Callable[[StoreError], None] | None = None,
        away: Callable[[StoreError], None] = lambda fault: None,
    ) -> tuple[Login, ...]:
        """All stored logins whose tokens can be had, by provider and number. A file that is no login is
        told to `broken` and left out, or raises StoreError; one whose tokens cannot be had is told to
        `away` and left out."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return ()
        except OSError as exc:
            raise StoreError(f"cannot read {self.folder}: {exc.strerror}") from exc
        found = []
        for place in sorted(filter(None, map(_place, names))):
            try:
                found.append(self.get(*place))
            except TokensAway as fault:
                away(fault)
            except StoreError as fault:
                if broken is None:
                    raise
                broken(fault)
        return tuple(login for login in found if login is not None)

    def get(self, provider: str, number: int) -> Login | None:
        """None when there is no such file. While it has not changed this costs one system call."""
        path = self.path(provider, number)
        stamp = _stamp(path)
        seen = self._seen.get(path)
        if seen is not None and stamp == seen[0]:
            return seen[1]
        row = self._read(path)
        if row is None:
            self._seen.pop(path, None)
            return None
        try:
            login = from_json(row, provider, number)
        except ValueError as exc:
            raise _corrupt(path, str(exc)) from None
        if stamp is not None:
            self._seen[path] = (stamp, login)
        return login

    def put(self, login: Login) -> Login:
        """Writes a login in place of its file, keeping fields that this version does not know."""
        path = self.path(login.provider, login.number)
        known = {_PLACE: "", **to_json(_FULL), **to_json(login)}
        before = self._raw(path) or {}
        kept = {k: v for k, v in before.items() if k not in known}
        self._write(path, {**to_json(login), **kept}, str(before.get(_PLACE, FILE)))
        return login

    def move(self, login: Login, place: str) -> bool:
        """Moves a login's tokens to another place, or back into the file; False when they are there. They
        are in the new place before they leave the old one. Raises StoreError."""
        path = self.path(login.provider, login.number)
        with self.lock(login):
            before = str((self._raw(path) or {}).get(_PLACE, FILE))
            row = self._read(path)
            if row is None or before == place:
                return False
            if self._write(path, row, place) != place:
                raise StoreError(f"the {place} does not take the tokens of {login.id}")
            if before in self._stores:
                self._stores[before].delete(_entry(path))
        return True

    def add(self, login: Login) -> Login:
        """Stores a new login under the next free number; returns it with its number."""
        with FileLock(os.path.join(self.folder, ".lock"), self._clock).hold():
            places = filter(None, map(_place, os.listdir(self.folder)))
            taken = [number for provider, number in places if provider == login.provider]
            numbered = login._replace(number=max(taken, default=0) + 1)
            path = self.path(login.provider, numbered.number)
            self._write(path, to_json(numbered), self._place)
        return numbered

    def remove(self, login: Login) -> None:
        with self.lock(login):
            path = self.path(login.provider, login.number)
            place = (self._raw(path) or {}).get(_PLACE)
            try:
                os.unlink(path)
            except FileNotFoundError:
                return
            except OSError as exc:
                raise StoreError(f"cannot remove the file of {login.id}: {exc.strerror}") from exc
            if place in self._stores:
                self._stores[str(place)].delete(_entry(path))

    def lock(self, login: Login, timeout: float = 60.0) -> Held:
        """Raises LockTimeout when another thread or process refreshes this login all that time."""
        return FileLock(self.path(login.provider, login.number) + ".lock", self._clock).hold(
            timeout
        )

    def path(self, provider: str, number: int) -> str:
        return os.path.join(self.folder, f"{provider}_{number}.json")

    def _read(self, path: str) -> _Row | None:
        """The row with its tokens, wherever they are."""
        row = self._raw(path)
        place = row.pop(_PLACE, FILE) if row else FILE
        if row is None or place == FILE:
            return row
        store = self._stores.get(str(place))
        tokens = store.get(_entry(path)) if store else None
        if tokens is None:
            raise TokensAway(
                f"the tokens of {path} are not in the {place}",
                hint="unlock it, or log in again",
            )
        try:
            return {**row, **json.loads(tokens.reveal())}
        except (ValueError, TypeError):
            raise _corrupt(path, f"what the {place} holds is not JSON") from None

    def _raw(self, path: str) -> _Row | None:
        data = read_private(path)
        if data is None:
            return None
        try:
            row = json.loads(data)
        except ValueError:
            raise _corrupt(path, "not JSON") from None
        if not isinstance(row, dict):
            raise _corrupt(path, "not a JSON object")
        return row

    def _write(self, path: str, row: _Row, place: str) -> str:
        """Returns where the tokens are: in the file when `place` does not take them, for new tokens must
        never be lost."""
        tokens = {name: row[name] for name in _TOKENS if name in row}
        store = self._stores.get(place)
        if store is not None:
            try:
                store.put(_entry(path), Secret(json.dumps(tokens)))
                row = {k: v for k, v in row.items() if k not in tokens} | {_PLACE: place}
            except StoreError:
                place = FILE
        data = json.dumps(row, ensure_ascii=False, indent=2) + "\n"
        write_private(path, data.encode(), now=self._clock.now)
        return place if store is not None else FILE


_FULL = Login("", email="x", project_id="x", tier="x", label="x", scope="x", client_id="x",
              login_again="x", added="x", enabled=False, failures=1)  # fmt: skip
"""Every field that a file of ours may hold: `put` keeps none of these from before."""


def find_login(logins: tuple[Login, ...], name: str) -> Login:
    """By id, file name, label or address. Raises UnknownName, UsageError when several fit."""
    matches = [
        item
        for item in logins
        if name in (item.id, f"{item.provider}_{item.number}", item.label, item.email) and name
    ]
    if not matches:
        matches = [item for item in logins if item.provider == name.replace("-", "_")]
    if len(matches) > 1:
        ids = ", ".join(item.id for item in matches)
        raise UsageError(f"{name!r} fits {ids}", hint="name one of them by its id")
    if not matches:
        known = ", ".join(item.id for item in logins)
        hint = f"stored: {known}" if known else "see `freellm oauth login --help`"
        raise UnknownName(f"no login is called {name!r}", hint=hint)
    return matches[0]


def _entry(path: str) -> str:
    """The name under which another place holds the tokens of a file."""
    return "login " + os.path.splitext(os.path.basename(path))[0]


def _place(name: str) -> tuple[str, int] | None:
    stem, dot, tail = name.rpartition(".")
    provider, _, number = stem.rpartition("_")
    if dot and tail == "json" and provider in PROVIDERS and number.isdecimal():
        return provider, int(number)
    return None


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _corrupt(path: str, why: str) -> StoreError:
    return StoreError(
        f"{path} is not a login: {why}",
        hint="mend it, or remove it and log in again; it was left as it is",
    )

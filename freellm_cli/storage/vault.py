"""The stored credentials: one private file (see `vault_file`) that many processes read and write.

Every change takes the lock, reads the file anew, changes it and replaces it whole, so that two writers
lose nothing and a writer killed at any moment leaves the old state or the new.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from freellm_cli.core.credentials import KINDS, Credential, DuplicateCredential, find_credential
from freellm_cli.core.errors import StoreError, UsageError
from freellm_cli.core.secret import Secret
from freellm_cli.storage.files import check_private
from freellm_cli.storage.vault_file import (
    Rows,
    Table,
    next_id,
    read_document,
    remember_number,
    rows_of,
    write_document,
)

if TYPE_CHECKING:
    from freellm_cli.core.clock import Clock
    from freellm_cli.storage.locks import Held

FILE = "file"
"""The place of a secret that stands in the file itself."""

_CHANGEABLE = (
    "label", "account", "enabled", "disabled_reason", "extra", "secret", "unchecked",
)  # fmt: skip


class SecretStore(Protocol):
    """Another place for secrets than the file, such as the system's keyring."""

    def get(self, credential_id: str) -> Secret | None:
        """None when the secret is not there or cannot be had now."""

    def put(self, credential_id: str, secret: Secret) -> None:
        """Raises StoreError."""

    def delete(self, credential_id: str) -> None:
        """Raises StoreError; a secret that is not there is no error."""


class Vault:
    """`stores`: further places for secrets, by name. Safe to use from several threads."""

    def __init__(
        self, path: str, clock: Clock, *, stores: Mapping[str, SecretStore] | None = None
    ) -> None:
        self.path = path
        self._clock = clock
        self._stores = dict(stores or {})
        self._seen: tuple[object, tuple[Credential, ...]] | None = None

    def list(self) -> tuple[Credential, ...]:
        """All stored credentials, in the order in which they were added.

        Asking again while the file has not changed costs one system call. Raises StoreError for a file
        that cannot be read or understood.
        """
        stamp = self._stamp()
        if self._seen is not None and stamp is not None and self._seen[0] == stamp:
            return self._seen[1]
        rows = rows_of(read_document(self.path), self.path)
        found = tuple(self._credential(row) for row in rows)
        is_whole = all(
            item.secret or "secret_in" not in row for item, row in zip(found, rows, strict=True)
        )
        # A keyring that is locked now may be open when somebody asks again.
        self._seen = (stamp, found) if is_whole else None
        return found

    def find(self, name: str) -> Credential:
        """By id, label or fingerprint. Raises UnknownName, UsageError, StoreError."""
        return find_credential(self.list(), name)

    def add(
        self,
        provider: str,
        secret: Secret | None,
        *,
        label: str = "",
        account: str = "",
        extra: Mapping[str, str] | None = None,
        kind: str = "key",
        place: str = FILE,
        unchecked: bool = False,
    ) -> Credential:
        """Stores a key, or the entry of a login whose tokens live in a file of their own.

        The id is the provider's name with a number that no credential of it had before. `place` names
        the store that takes the secret. Raises DuplicateCredential, UsageError (a label that is taken,
        an unknown place), StoreError.
        """
        if kind not in KINDS:
            raise UsageError(f"a credential is one of {', '.join(KINDS)}, not {kind!r}")
        self._require_place(place)

        def append(document: Table, rows: Rows) -> Table:
            self._refuse_twin(rows, provider, secret)
            _refuse_label(rows, label, "")
            row: Table = {"id": next_id(document, rows, provider), "provider": provider}
            row |= {"kind": kind, "added": self._today()}
            self._apply(
                row,
                {"label": label, "account": account, "extra": extra, "unchecked": unchecked},
            )
            if secret is not None:
                self._put_secret(row, secret, place)
            rows.append(row)
            return row

        return self._change(append)

    def update(self, credential_id: str, **changes: Any) -> Credential:
        """Changes `label`, `account`, `enabled`, `disabled_reason`, `extra`, `secret` or
        `unchecked`.

        Enabling forgets why it was disabled. Raises UnknownName, UsageError, DuplicateCredential,
        StoreError.
        """
        unknown = [name for name in changes if name not in _CHANGEABLE]
        if unknown:
            raise UsageError(f"a credential's {unknown[0]} cannot be changed")

        def change(document: Table, rows: Rows) -> Table:
            row = self._row(rows, credential_id)
            _refuse_label(rows, changes.get("label", ""), row["id"])
            if "secret" in changes:
                others = [other for other in rows if other is not row]
                self._refuse_twin(others, row["provider"], changes["secret"])
                self._put_secret(row, changes["secret"], row.get("secret_in", FILE))
            self._apply(row, {k: v for k, v in changes.items() if k != "secret"})
            return row

        return self._change(change)

    def remove(self, credential_id: str) -> Credential:
        """Forgets a credential; returns what it was. Its id is never given again."""
        places = []

        def drop(document: Table, rows: Rows) -> Table:
            row = self._row(rows, credential_id)
            remember_number(document, rows, row["provider"])
            rows.remove(row)
            places.append(row.get("secret_in", FILE))
            return row

        removed = self._change(drop)
        self._clear_place(removed.id, places[0])
        return removed

    def move_secret(self, credential_id: str, place: str) -> Credential:
        """Moves a secret to another store, or back into the file.

        It is in its new place before it leaves the old one, whatever happens in between. Raises
        UnknownName, UsageError, StoreError.
        """
        self._require_place(place)
        places = []

        def move(document: Table, rows: Rows) -> Table:
            row = self._row(rows, credential_id)
            secret = self._secret(row)
            if secret is None:
                raise StoreError(f"{row['id']} has no secret that could be moved")
            places.append(row.get("secret_in", FILE))
            self._put_secret(row, secret, place)
            return row

        moved = self._change(move)
        if places[0] != place:
            self._clear_place(moved.id, places[0])
        return moved

    def place_of(self, credential_id: str) -> str:
        """Where its secret is: FILE or the name of a store. Raises UnknownName, StoreError."""
        rows = rows_of(read_document(self.path), self.path)
        return str(self._row(rows, credential_id).get("secret_in", FILE))

    def privacy_warning(self) -> str | None:
        """What to say when others can read the file, else None; `files.make_private` mends it."""
        return check_private(self.path)

    def _change(self, change: Callable[[Table, Rows], Table]) -> Credential:
        """Makes a change under the lock; returns the credential of the entry that it concerned."""
        with self._lock():
            document = read_document(self.path)
            changed = change(document, rows_of(document, self.path))
            result = self._credential(changed)
            write_document(self.path, document)
            return result

    def _lock(self) -> Held:
        from freellm_cli.storage.locks import FileLock

        return FileLock(os.path.realpath(self.path) + ".lock", self._clock).hold()

    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells one state of the file from the next: every write makes a new file."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _row(self, rows: Rows, name: str) -> Table:
        found = find_credential([self._credential(row) for row in rows], name)
        return next(row for row in rows if row["id"] == found.id)

    def _credential(self, row: Table) -> Credential:
        secret = self._secret(row)
        lost = secret is None and "secret_in" in row
        reason = f"its secret is not in the {row['secret_in']}" if lost else ""
        return Credential(
            id=row["id"],
            provider=row["provider"],
            kind=row.get("kind", "key"),
            label=row.get("label", ""),
            account=row.get("account", ""),
            enabled=row.get("enabled", True) and not lost,
            added=str(row.get("added", "")),
            source="oauth" if row.get("kind") == "oauth" else "file",
            secret=secret,
            extra={name: str(value) for name, value in row.get("extra", {}).items()},
            disabled_reason=reason or row.get("disabled_reason", ""),
            unchecked=bool(row.get("unchecked", False)),
        )

    def _secret(self, row: Table) -> Secret | None:
        place = row.get("secret_in", FILE)
        if place == FILE:
            return Secret(row["secret"]) if row.get("secret") else None
        store = self._stores.get(place)
        return store.get(row["id"]) if store else None

    def _put_secret(self, row: Table, secret: Secret, place: str) -> None:
        if place == FILE:
            row["secret"] = secret.reveal()
            row.pop("secret_in", None)
            return
        self._require_place(place)
        self._stores[place].put(row["id"], secret)
        row["secret_in"] = place
        row.pop("secret", None)

    def _clear_place(self, credential_id: str, place: str) -> None:
        if place in self._stores:
            self._stores[place].delete(credential_id)

    def _require_place(self, place: str) -> None:
        if place != FILE and place not in self._stores:
            raise UsageError(f"there is no place for secrets called {place!r}")

    def _refuse_twin(self, rows: Rows, provider: str, secret: Secret | None) -> None:
        for row in rows:
            if secret and row["provider"] == provider and self._secret(row) == secret:
                raise DuplicateCredential(self._credential(row))

    @staticmethod
    def _apply(row: Table, changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            if name == "enabled":
                row[name] = bool(value)
            elif value:
                row[name] = dict(value) if name == "extra" else value
            else:
                row.pop(name, None)
        if changes.get("enabled"):
            del row["enabled"]
            row.pop("disabled_reason", None)

    def _today(self) -> str:
        import time

        return time.strftime("%Y-%m-%d", time.gmtime(self._clock.now()))


def _refuse_label(rows: Rows, label: str, own_id: str) -> None:
    if not label:
        return
    if not label.isprintable() or len(label) > 80:
        raise UsageError("a label is at most 80 characters on one line")
    for row in rows:
        if row["id"] != own_id and label in (row["id"], row.get("label")):
            raise UsageError(f"the label {label!r} is taken by {row['id']}")

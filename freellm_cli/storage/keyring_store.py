"""Secrets in the system's keyring, through the `keyring` library (https://keyring.readthedocs.io): the
Keychain of macOS, the Credential Locker of Windows, Secret Service or KWallet elsewhere.

The library is an extra and slow to import, so that happens with the first secret that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freellm_cli.core.errors import StoreError
from freellm_cli.core.secret import Secret

NAME = "keyring"
_INSTALL = "pip install 'freellm[keyring]' (uv tool install 'freellm[keyring]')"
_UNLOCK = "unlock the keyring, or keep keys in the file: freellm config set secrets file"


class KeyringStore:
    """A `storage.vault.SecretStore`. `service`: the name under which the keyring shows the entries;
    `notice` is told once why secrets cannot be had."""

    def __init__(self, service: str, notice: Callable[[str], None]) -> None:
        self._service = service
        self._notice = notice
        self._told = False

    def get(self, credential_id: str) -> Secret | None:
        """None when it is not there, or when the keyring is locked or absent; then `notice` says so."""
        try:
            text = self._call("get_password", credential_id)
        except StoreError as error:
            if not self._told:
                self._told = True
                self._notice(f"{error.message}; {error.hint}")
            return None
        return Secret(text) if text else None

    def put(self, credential_id: str, secret: Secret) -> None:
        """Returns when the keyring gives the secret back as it was. Raises StoreError."""
        self._call("set_password", credential_id, secret.reveal())
        if self._call("get_password", credential_id) != secret.reveal():
            raise StoreError(
                f"the keyring did not keep the secret of {credential_id}", hint=_UNLOCK
            )

    def delete(self, credential_id: str) -> None:
        """A secret that is not there is no error. Raises StoreError."""
        if self._call("get_password", credential_id) is not None:
            self._call("delete_password", credential_id)

    def _call(self, method: str, credential_id: str, *more: str) -> Any:
        try:
            import keyring
        except ImportError as exc:
            raise StoreError("the keyring library is not installed", hint=_INSTALL) from exc
        try:
            return getattr(keyring, method)(self._service, credential_id, *more)
        except Exception as exc:
            reason = type(exc).__name__
            raise StoreError(f"the keyring cannot be used ({reason})", hint=_UNLOCK) from exc

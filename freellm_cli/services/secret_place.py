"""Where keys are kept: the private file or the system's keyring, and moving them between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.core.errors import StoreError
from freellm_cli.core.secret import Secret
from freellm_cli.services.results import Line, Result
from freellm_cli.storage.keyring_store import NAME as KEYRING
from freellm_cli.storage.vault import FILE

if TYPE_CHECKING:
    from freellm_cli.core.credentials import Credential
    from freellm_cli.services.runtime import Runtime


def add_to_place(
    runtime: Runtime,
    provider: str,
    secret: Secret,
    *,
    label: str,
    account: str,
    extra: dict[str, str],
    unchecked: bool,
) -> tuple[Credential, str]:
    """Stores a key where `secrets` says; in the file, with a notice, when the keyring takes nothing.

    Raises as `Vault.add`.
    """

    def add(place: str) -> Credential:
        return runtime.vault.add(
            provider,
            secret,
            label=label,
            account=account,
            extra=extra,
            place=place,
            unchecked=unchecked,
        )

    if runtime.settings.secrets != KEYRING:
        return add(FILE), ""
    try:
        return add(KEYRING), ""
    except StoreError as error:
        stored = add(FILE)
        return stored, f"{error.message}: {stored.id} is kept in the file instead"


def move_secrets(runtime: Runtime, place: str) -> Result:
    """Moves every stored key and login to `place` ("file" or "keyring").

    Each is in its new place before it leaves the old one; on a failure those that moved stay where they
    are, and so does the rest.

    The data: {"key": "secrets", "value", "moved": [ids]}. Raises StoreError naming the first key that
    could not be moved.
    """
    moved: list[str] = []
    for item in runtime.vault.list():
        if item.kind != "key" or runtime.vault.place_of(item.id) == place:
            continue
        try:
            runtime.vault.move_secret(item.id, place)
        except StoreError as error:
            raise StoreError(
                f"{item.id} stays where it is: {error.message}; moved: {len(moved)}",
                hint=error.hint,
            ) from error
        moved.append(item.id)
    moved += _move_logins(runtime, place)
    runtime.forget_credentials()
    where = "the system's keyring" if place == KEYRING else "credentials.toml"
    line = Line(f"secrets = {place}: {len(moved)} secrets moved to {where}", "good")
    return Result({"key": "secrets", "value": place, "moved": moved}, (line,))


def _move_logins(runtime: Runtime, place: str) -> list[str]:
    if not runtime.may_have_logins():
        return []
    files = runtime.logins.files

    def stays(fault: StoreError) -> None:
        raise fault

    return [login.id for login in files.list(away=stays) if files.move(login, place)]

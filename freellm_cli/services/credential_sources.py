"""All credentials of this process: stored, from the environment, logins, and hosts that need none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.core.credentials import Credential, keyless_credential

if TYPE_CHECKING:
    from freellm_cli.core.settings import ProviderSettings
    from freellm_cli.services.runtime import Runtime


def all_credentials(runtime: Runtime) -> tuple[Credential, ...]:
    """Stored ones first, then the environment's, then logins, then keyless hosts that the settings name.

    Raises StoreError when the credentials file cannot be read or understood.
    """
    settings = runtime.settings
    stored = runtime.vault.list()
    logins = _logins(runtime)
    # The variable of an iFlow login's key is that of a plain key, too: it is one credential, not two.
    taken = {(item.provider, item.secret) for item in logins}
    keys = [
        it for it in _from_environment(runtime, stored) if (it.provider, it.secret) not in taken
    ]
    found = [*stored, *keys, *logins]
    known = {item.provider for item in found}
    for name in settings.providers:
        if name in runtime.catalog.provider_ids() and name not in known:
            provider = runtime.catalog.provider(name)
            if provider.auth == "none" or provider.local:
                found.append(keyless_credential(name))
    return tuple(_as_settings_say(item, settings.provider(item.provider)) for item in found)


def _logins(runtime: Runtime) -> tuple[Credential, ...]:
    if not runtime.may_have_logins():
        return ()
    from freellm_cli.services.oauth_store import credential_of

    # One broken file must not stand in the way of all other credentials; `oauth list` reports it.
    logins = runtime.logins.list(lambda fault: runtime.notice(f"{fault.message}; {fault.hint}"))
    return tuple(credential_of(login) for login in logins)


def _from_environment(runtime: Runtime, stored: tuple[Credential, ...]) -> tuple[Credential, ...]:
    if not any("KEY" in name or "TOKEN" in name for name in runtime.env):
        return ()
    from freellm_cli.storage.env_keys import environment_keys

    settings = runtime.settings
    further = {name: settings.provider(name).key_env for name in settings.providers}
    found = environment_keys(runtime.env, runtime.catalog.providers(), stored, further=further)
    for warning in found.warnings:
        runtime.notice(warning)
    return found.credentials


def _as_settings_say(item: Credential, settings: ProviderSettings) -> Credential:
    if settings.account_id and "account_id" not in item.extra:
        item = item._replace(extra={**item.extra, "account_id": settings.account_id})
    if settings.enabled:
        return item
    reason = f"providers.{item.provider}.enabled is false"
    return item._replace(enabled=False, disabled_reason=reason)

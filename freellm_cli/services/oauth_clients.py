"""Where the OAuth client of a login comes from: never out of our own source.

In this order: `--client-secrets FILE`; `providers.NAME.client_secrets` (a file) or `client_id` and
`client_secret` in config.toml or the environment; an official Gemini CLI on this machine.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import ConfigError
from freellm_cli.core.secret import Secret

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime


class OAuthClient(NamedTuple):
    client_id: str
    client_secret: Secret | None
    source: str
    """For people: which file or variable."""


class Endpoints(NamedTuple):
    authorize: str
    token: str
    userinfo: str
    api: str
    """Base of the API, without a final slash."""


def endpoints(runtime: Runtime, provider_id: str) -> Endpoints:
    """A provider's addresses: the user's, else the catalog's."""
    provider = runtime.catalog.provider(provider_id)
    settings = runtime.settings.provider(provider_id)
    known = provider.endpoints
    return Endpoints(
        settings.auth_url or known.get("authorize", ""),
        settings.token_url or known.get("token", ""),
        settings.userinfo_url or known.get("userinfo", ""),
        provider.base_url.rstrip("/"),
    )


def find_client(runtime: Runtime, provider_id: str, secrets_file: str = "") -> OAuthClient:
    """Raises ConfigError saying exactly how to give one."""
    settings = runtime.settings.provider(provider_id)
    path = secrets_file or settings.client_secrets
    if path:
        return client_from_file(path)
    if settings.client_id:
        return OAuthClient(settings.client_id, settings.client_secret, "config.toml")
    prefix = provider_id.upper()
    client_id = runtime.env.get(f"{prefix}_CLIENT_ID", "").strip()
    if client_id:
        secret = runtime.env.get(f"{prefix}_CLIENT_SECRET", "").strip()
        return OAuthClient(client_id, Secret(secret) if secret else None, f"{prefix}_CLIENT_ID")
    if provider_id == "gemini_cli":
        from freellm_cli.storage.installed_clients import gemini_cli_client

        found = gemini_cli_client(runtime.env)
        if found is not None:
            return OAuthClient(*found)
    raise _none_found(provider_id)


def _none_found(provider_id: str) -> ConfigError:
    name, prefix = provider_id.replace("_", "-"), provider_id.upper()
    if provider_id == "gemini_cli":
        return ConfigError(
            "no OAuth client for Gemini CLI's login was found: freellm ships none, and no official "
            "Gemini CLI is installed here",
            hint=f"`freellm oauth login {name} --client-secrets FILE` with a desktop client's JSON from "
            "https://console.cloud.google.com/auth/clients; or `npm install -g @google/gemini-cli`, "
            f"whose client is then used; or set {prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET",
        )
    return ConfigError(
        "no OAuth client for iFlow's login was found: freellm ships none",
        hint=f"set {prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET, or "
        f"`freellm oauth login {name} --client-secrets FILE` with "
        '{"client_id": "…", "client_secret": "…"}',
    )


def client_from_file(path: str) -> OAuthClient:
    """A client secrets file as Google's console gives it (`installed` or `web`), or the two fields alone.

    Raises ConfigError naming the file.
    """
    try:
        with open(path, "rb") as file:
            tree = json.loads(file.read(1_048_576))
    except OSError as exc:
        raise ConfigError(f"the client secrets file {path} cannot be read: {exc.strerror}") from exc
    except ValueError:
        raise ConfigError(f"the client secrets file {path} is no JSON") from None
    holder = tree if isinstance(tree, dict) else {}
    for name in ("installed", "web"):
        if isinstance(holder.get(name), dict):
            holder = holder[name]
    client_id, secret = holder.get("client_id"), holder.get("client_secret")
    if not isinstance(client_id, str) or not client_id:
        raise ConfigError(
            f"the client secrets file {path} holds no client_id",
            hint="download the JSON of a desktop client, or write client_id and client_secret into it",
        )
    known = Secret(secret) if isinstance(secret, str) and secret else None
    return OAuthClient(client_id, known, path)

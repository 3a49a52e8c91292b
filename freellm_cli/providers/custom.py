"""Providers that the user defines or changes in `[providers.NAME]` of config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freellm_cli.core.catalog import CAPABILITIES, ModelSpec, ProviderSpec
from freellm_cli.core.errors import ConfigError

DIALECTS = ("openai", "google", "code_assist")
_TAILS = ("/chat/completions", "/completions", "/embeddings", "/models")
_LOOPBACK = ("localhost", "127.", "[::1]", "0.0.0.0")  # noqa: S104 - compared, never bound
_TEXTS = (
    "title",
    "auth",
    "list_path",
    "limit_scope",
    "reset_zone",
    "trains_on_prompts",
    "terms",
    "key_check",
)
_SWITCHES = ("list_public", "local")


def clean_base_url(text: str, setting: str = "base_url") -> str:
    """The base of an API as people paste it: without the path of a method and without a final slash.

    `setting`: where it was said. Raises ConfigError for what is no http(s) URL or carries a user name, a
    query or a fragment.
    """
    url = text.strip().rstrip("/")
    for tail in _TAILS:
        url = url.removesuffix(tail).rstrip("/")
    scheme, found, rest = url.partition("://")
    host = rest.partition("/")[0]
    if scheme.lower() not in ("http", "https") or not found or not host:
        raise ConfigError(
            f"{setting} {text!r} is not an address",
            hint='write it like "http://127.0.0.1:8080/v1"',
        )
    if "@" in host or "?" in rest or "#" in rest:
        raise ConfigError(
            f"{setting} holds a user name, a query or a fragment",
            hint="keys belong in `freellm keys add`, not in an address",
        )
    return url


def other_base_url(url: str) -> str:
    """The same host with "/v1" where it lacks it, without where it has it: worth one try after a 404."""
    return url.removesuffix("/v1") if url.endswith("/v1") else f"{url}/v1"


def provider_from_table(
    name: str, table: Mapping[str, Any], known: ProviderSpec | None, defaults: ProviderSpec
) -> ProviderSpec:
    """`known` with the table's changes, or a new provider made of `defaults` (the entry "custom").

    Read here: base_url, dialect, key_env, quirks (switch by switch) and the plain fields of
    `ProviderSpec`; other keys of the table belong to the settings. An empty text changes nothing.
    Raises ConfigError.
    """
    base = known or _new(name, table, defaults)
    changes: dict[str, Any] = {}
    table = {key: value for key, value in table.items() if value != ""}
    if "dialect" in table and table["dialect"] != base.dialect:
        changes |= _other_dialect(name, base, table["dialect"])
    if "base_url" in table:
        where = f"providers.{name}.base_url"
        changes |= _moved(base, clean_base_url(_text(name, table, "base_url"), where))
        if known is None:
            changes["local"] = _is_loopback(changes["base_url"])
    changes |= {key: _text(name, table, key) for key in _TEXTS if key in table}
    changes |= {key: bool(table[key]) for key in _SWITCHES if key in table}
    if "key_env" in table:
        names = table["key_env"]
        changes["key_env"] = tuple([names] if isinstance(names, str) else names) + base.key_env
    if "quirks" in table:
        changes["quirks"] = {**changes.get("quirks", base.quirks), **table["quirks"]}
    return base._replace(**changes)


def _moved(base: ProviderSpec, url: str) -> dict[str, Any]:
    """What else changes with the address: nothing may be asked of the old one any more."""
    changes: dict[str, Any] = {"base_url": url}
    if "://" in base.list_path:
        changes["list_path"] = "/models"
    if base.status == "closed":
        # The service has closed; whatever answers at this address has not.
        changes |= {"status": "unknown", "closed_note": ""}
    changes["needs"] = tuple(need for need in base.needs if f"{{{need.upper()}}}" in url.upper())
    return changes


def _new(name: str, table: Mapping[str, Any], defaults: ProviderSpec) -> ProviderSpec:
    if not name or not name.replace("-", "_").isidentifier() or name != name.lower():
        raise ConfigError(
            f"[providers.{name}] is no usable name",
            hint="use small letters, digits, - and _, beginning with a letter",
        )
    if "base_url" not in table:
        raise ConfigError(
            f"[providers.{name}] has no base_url, and freellm knows no provider of this name",
            hint=f'freellm config set providers.{name}.base_url "http://127.0.0.1:8080/v1"',
        )
    variable = name.upper().replace("-", "_")
    return defaults._replace(
        id=name, title=name, base_url="", key_env=(f"FREELLM_{variable}_API_KEY",)
    )


def _other_dialect(name: str, base: ProviderSpec, dialect: str) -> dict[str, Any]:
    if dialect not in DIALECTS:
        raise ConfigError(
            f"[providers.{name}] dialect {dialect!r} is none of {', '.join(DIALECTS)}"
        )
    changes: dict[str, Any] = {
        "dialect": dialect,
        "auth": "bearer" if dialect == "openai" else base.auth,
        "quirks": {**base.quirks, **base.quirks.get(dialect, {})},
    }
    if dialect in base.endpoints:
        changes["base_url"] = base.endpoints[dialect]
    return changes


def models_from_table(name: str, table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The models that the user lists: `models.list = ["a", {name = "b", context = 32768}]`.

    Returns fields of `ModelSpec` as plain data. Raises ConfigError.
    """
    models = table.get("models", [])
    rows = models.get("list", []) if isinstance(models, Mapping) else models
    found = []
    for row in rows:
        fields = {"name": row} if isinstance(row, str) else dict(row)
        if not isinstance(fields.get("name"), str) or not fields["name"]:
            raise ConfigError(f"[providers.{name}] lists a model without a name")
        unknown = [key for key in fields if key not in ModelSpec._fields]
        if unknown:
            raise ConfigError(
                f"[providers.{name}] model {fields['name']!r}: nothing is called {unknown[0]!r}",
                hint="known are: name, family, title, context, max_output, capabilities, quirks",
            )
        odd = [word for word in fields.get("capabilities", ()) if word not in CAPABILITIES]
        if odd:
            raise ConfigError(
                f"[providers.{name}] model {fields['name']!r}: no capability is called {odd[0]!r}",
                hint=f"known are: {', '.join(CAPABILITIES)}",
            )
        found.append(fields)
    return found


def _text(name: str, table: Mapping[str, Any], key: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise ConfigError(f"[providers.{name}] {key} must be a text, not {value!r}")
    return value


def _is_loopback(url: str) -> bool:
    return url.partition("://")[2].startswith(_LOOPBACK)

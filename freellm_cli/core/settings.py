"""The settings, each of which knows where its value is from: flag > env > file > default.

`settings_schema` lists them; this module gives them types. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from freellm_cli.core.http import Timeouts
from freellm_cli.core.settings_schema import BY_NAME, canonical

if TYPE_CHECKING:
    from freellm_cli.core.catalog import ModelSpec
    from freellm_cli.core.limits import Limit
    from freellm_cli.core.route_rules import RouteRule
    from freellm_cli.core.secret import Secret
    from freellm_cli.core.set_limits import SetLimit
    from freellm_cli.core.settings_load import KeyPath, Locate, SettingWarning

_ENV_PREFIX = "FREELLM_"
_PROVIDER_PREFIX = "providers.<name>."


class Section:
    """The values of one table, read-only."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} is read-only: settings change in config.toml")


class ServeSettings(Section):
    host: str
    port: int
    token: Secret | None
    think: str
    profile: str
    cors_origins: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    lane: str
    max_body: int
    max_header: int
    header_timeout: float
    idle_timeout: float
    threads: int
    processes: int
    queue: int
    drain: float
    log_content: bool


class RetrySettings(Section):
    attempts: int
    budget: int


class DiscoverySettings(Section):
    enabled: bool
    max_age: float


class OauthSettings(Section):
    refresh_interval: float


class BatchSettings(Section):
    reserve: float
    """A share from 0 to 1."""
    width: int


class ProviderSettings(Section):
    """`[providers.NAME]`. "" and None: not said, the catalog or the general setting decides."""

    enabled: bool
    base_url: str
    dialect: str
    title: str
    priority: int
    rotation: str
    trains_on_prompts: str
    connect: float | None
    first_token: float | None
    idle: float | None
    total: float | None
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    models: tuple[dict[str, Any], ...]
    """Fields of `ModelSpec` for each model that the user lists."""
    limits: tuple[SetLimit, ...]
    catalog_limits: bool
    limit_scope: str
    reset_zone: str
    account_id: str
    key_env: tuple[str, ...]
    key_check: str
    auth: str
    headers: dict[str, str]
    list_path: str
    list_public: bool
    local: bool
    terms: str
    quirks: dict[str, Any]
    auth_url: str
    token_url: str
    userinfo_url: str
    client_id: str
    client_secret: Secret | None
    client_secrets: str
    redirect_port: int
    project_id: str


_Table = TypeVar("_Table", bound=Section)


class Settings:
    """Made by `load`. Immutable; safe to share between threads."""

    def __init__(
        self,
        values: Mapping[KeyPath, Any] | None = None,
        sources: Mapping[KeyPath, str] | None = None,
    ) -> None:
        self._values = dict(values or {})
        self._sources = dict(sources or {})
        self._providers: dict[str, ProviderSettings] = {}
        self._found: dict[KeyPath, Any] = {}

    @classmethod
    def load(
        cls,
        file_table: Mapping[str, Any],
        env: Mapping[str, str],
        overrides: Mapping[str, Any] | None = None,
        *,
        file: str = "config.toml",
        locate: Locate | None = None,
        known_providers: Collection[str] = (),
    ) -> tuple[Settings, tuple[SettingWarning, ...]]:
        """Settings out of a parsed file, the environment and the command line.

        `overrides` maps dotted names to values, None meaning "not given". `file` is named in
        messages; `locate` gives a key's line in it. With `known_providers` (the catalog's ids) a
        table of an unknown provider without an address is warned about. Unknown keys are warnings;
        raises ConfigError for a value of the wrong type or outside its range, and for aliases that
        lead in a circle.
        """
        given = any(value is not None for value in (overrides or {}).values())
        if not file_table and not given and not any(map(_is_ours, env)):
            return cls(), ()
        from freellm_cli.core.settings_load import Loader, refuse_problems

        loader = Loader(file, locate or _no_line, known_providers)
        loaded = loader.load(file_table, env, overrides or {})
        refuse_problems(loaded.problems)
        return cls(loaded.values, loaded.sources), loaded.warnings

    def get(self, path: Iterable[str]) -> Any:
        """The value at a key's path, such as `("serve", "port")`. Raises KeyError when there is
        none.
        """
        key = tuple(path)
        try:
            return self._found[key]
        except KeyError:
            given = key in self._values
            value = self._values[key] if given else BY_NAME[canonical(key)][2]
            return self._found.setdefault(key, value)

    def source(self, key: str) -> str:
        """ "flag", "env", "file" or "default" for a dotted name such as `serve.port`."""
        from freellm_cli.core.toml_text import split_key

        return self._sources.get(split_key(key), "default")

    def given(self) -> tuple[KeyPath, ...]:
        """The paths of all settings that are not left at their default, in the order of the files."""
        return tuple(self._values)

    @property
    def default_model(self) -> str:
        return self._text("default_model")

    @property
    def rotation(self) -> str:
        return self._text("rotation")

    @cached_property
    def wait(self) -> str:
        return self._text("wait")

    @property
    def max_wait(self) -> float | None:
        """Seconds; None: no limit but the call's own deadline."""
        return self._number("max_wait")

    @cached_property
    def hedge(self) -> float | None:
        """Seconds without a first token before another target is asked too; None: never."""
        return self._number("hedge")

    @cached_property
    def sticky(self) -> bool:
        return self._switch("sticky")

    @property
    def reroute_closed(self) -> bool:
        return self._switch("reroute_closed")

    @cached_property
    def private(self) -> bool:
        return self._switch("private")

    @property
    def think(self) -> str | None:
        """One of `core.chat.THINK_LEVELS`; None: not said."""
        return self._text("think") or None

    @property
    def history(self) -> bool:
        return self._switch("history")

    @property
    def secrets(self) -> str:
        return self._text("secrets")

    @cached_property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        return {path[1]: value for path, value in self._values.items() if path[0] == "aliases"}

    @cached_property
    def routes(self) -> tuple[RouteRule, ...]:
        rules: tuple[RouteRule, ...] = self.get(("routes",))
        return rules

    @cached_property
    def timeouts(self) -> Timeouts:
        return Timeouts(*(self.get(("timeouts", name)) for name in Timeouts._fields))

    @cached_property
    def serve(self) -> ServeSettings:
        return self._section("serve", ServeSettings)

    @cached_property
    def retry(self) -> RetrySettings:
        return self._section("retry", RetrySettings)

    @cached_property
    def discovery(self) -> DiscoverySettings:
        return self._section("discovery", DiscoverySettings)

    @cached_property
    def oauth(self) -> OauthSettings:
        return self._section("oauth", OauthSettings)

    @cached_property
    def batch(self) -> BatchSettings:
        return self._section("batch", BatchSettings)

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """The providers that the settings name."""
        return tuple(dict.fromkeys(path[1] for path in self._values if path[0] == "providers"))

    def provider(self, name: str) -> ProviderSettings:
        """The settings of a provider, all defaults when it is not named."""
        found = self._providers.get(name)
        if found is None:
            values = {}
            for row in BY_NAME.values():
                if row[0].startswith(_PROVIDER_PREFIX):
                    parts = row[0][len(_PROVIDER_PREFIX) :].split(".")
                    given = self._values.get(("providers", name, *parts), row[2])
                    values["models" if parts[-1] == "list" else parts[-1]] = given
            found = self._providers[name] = ProviderSettings(values)
        return found

    def provider_tables(self) -> dict[str, dict[str, Any]]:
        """What is said of each provider, as plain nested tables without secrets: what the catalog
        merges.
        """
        from freellm_cli.core.secret import Secret

        tables: dict[str, dict[str, Any]] = {}
        for path, value in self._values.items():
            if path[0] != "providers" or isinstance(value, Secret):
                continue
            table = tables.setdefault(path[1], {})
            for part in path[2:-1]:
                table = table.setdefault(part, {})
            table[path[-1]] = value
        return tables

    def timeouts_for(self, provider: str, usual: Mapping[str, float] | None = None) -> Timeouts:
        """A provider's timeouts. `usual` are the catalog's: they give way to anything the user
        said.
        """
        mine = self.provider(provider)
        found = []
        for name in Timeouts._fields:
            value = getattr(mine, name)
            if value is None and ("timeouts", name) not in self._values:
                value = (usual or {}).get(name)
            found.append(self.get(("timeouts", name)) if value is None else value)
        return Timeouts(*found)

    def limits_for(
        self,
        model: ModelSpec,
        *,
        credential: str,
        account: str = "",
        scope: str = "credential",
        zone: str = "UTC",
    ) -> tuple[Limit, ...]:
        """The user's own limits that a request for `model` with this credential touches.

        `scope` and `zone` are the provider's `limit_scope` and `reset_zone`, used by rows without
        their own.
        """
        mine = self.provider(model.provider)
        return tuple(
            row.limit(
                provider=model.provider,
                model=model.name,
                credential=credential,
                account=account,
                scope=mine.limit_scope or scope,
                zone=mine.reset_zone or zone,
            )
            for row in mine.limits
            if row.holds_for(model.name, account)
        )

    def _text(self, name: str) -> str:
        return str(self.get((name,)))

    def _switch(self, name: str) -> bool:
        return bool(self.get((name,)))

    def _number(self, name: str) -> float | None:
        number: float | None = self.get((name,))
        return number

    def _section(self, name: str, kind: type[_Table]) -> _Table:
        prefix = f"{name}."
        rows = [row for row in BY_NAME.values() if row[0].startswith(prefix)]
        return kind({row[0][len(prefix) :]: self.get(row[0].split(".")) for row in rows})


def _is_ours(variable: str) -> bool:
    return variable.startswith(_ENV_PREFIX)


def _no_line(path: Iterable[str | int]) -> None:
    return None

"""The composition root: everything that a use case needs, made when it is first asked for.

The faces build one `Runtime` from the process's environment; tests build one from a temporary folder, a
scripted clock and a simulator's address. Nothing else in the code reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from freellm_cli.core.clock import Clock
from freellm_cli.core.dice import Dice
from freellm_cli.core.redaction import Redactor
from freellm_cli.services.system_clock import SystemClock, SystemDice
from freellm_cli.storage.paths import Paths, find_paths
from freellm_cli.transport.turns import Turns

if TYPE_CHECKING:
    from freellm_cli.core.catalog import ProviderSpec
    from freellm_cli.core.credentials import Credential
    from freellm_cli.core.secret import Secret
    from freellm_cli.core.settings import Settings
    from freellm_cli.core.verdicts import Verdict
    from freellm_cli.providers.base import Dialect
    from freellm_cli.providers.registry import Catalog
    from freellm_cli.services.limit_map import LimitMaps
    from freellm_cli.services.oauth_store import LoginStore
    from freellm_cli.services.pool import PoolTarget
    from freellm_cli.storage.keyring_store import KeyringStore
    from freellm_cli.storage.ledger import Ledger
    from freellm_cli.storage.model_cache import ModelCache
    from freellm_cli.storage.vault import Vault
    from freellm_cli.transport.base import Transport


class Runtime:
    """`notice(text)` is called with things a person should know (a set-aside ledger, an unknown
    setting).

    Thread-safe once `settings`, `catalog` and `ledger` have been touched; `server` does so at start.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        config_dir: str | None = None,
        state_dir: str | None = None,
        overrides: Mapping[str, object] | None = None,
        clock: Clock | None = None,
        rng: Dice | None = None,
        transport: Transport | None = None,
        notice: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.env = env
        self.paths: Paths = find_paths(env, config_dir=config_dir, state_dir=state_dir)
        self.clock: Clock = clock or SystemClock()
        self.rng: Dice = rng or SystemDice()
        self.notice = notice
        self.on_refusal: Callable[[PoolTarget, Verdict], None] = lambda target, verdict: None
        """Told of every attempt that a provider refused or failed; must be quick."""
        self._overrides = dict(overrides or {})
        self._transport = transport
        self.turns = Turns()
        """Of threads that work for requests: whoever has one leaves it before a wait."""
        self._settings: Settings | None = None
        self._packaged: Catalog | None = None
        self._catalog: Catalog | None = None
        self._live_catalog: Catalog | None = None
        self._ledger: Ledger | None = None
        self._vault: Vault | None = None
        self._keyring: KeyringStore | None = None
        self._logins: LoginStore | None = None
        self._redactor: Redactor | None = None
        self._further_secrets: list[Secret] = []
        self._credentials: tuple[Credential, ...] | None = None
        self._dialects: dict[str, Dialect] = {}
        self._limit_maps: LimitMaps | None = None

    # what the user has said

    @property
    def settings(self) -> Settings:
        """Raises ConfigError; unknown keys become notices."""
        if self._settings is None:
            from freellm_cli.services.settings_source import load_settings

            self._settings, warnings = load_settings(
                self.paths,
                self.env,
                self._overrides,
                self.clock,
                self._packaged_catalog().provider_ids(),
            )
            for warning in warnings:
                self.notice(str(warning))
        return self._settings

    @property
    def vault(self) -> Vault:
        if self._vault is None:
            from freellm_cli.storage.paths import credentials_file
            from freellm_cli.storage.vault import Vault

            path = credentials_file(self.paths)
            self._vault = Vault(path, self.clock, stores={"keyring": self.keyring})
        return self._vault

    @property
    def keyring(self) -> KeyringStore:
        """The system's keyring; opened with the first secret that is asked of it."""
        if self._keyring is None:
            from freellm_cli.storage.keyring_store import KeyringStore

            self._keyring = KeyringStore(f"freellm {self.paths.config}", self.notice)
        return self._keyring

    def credentials(self) -> tuple[Credential, ...]:
        """Stored keys, keys of the environment, and one nameless credential a keyless host."""
        if self._credentials is None:
            from freellm_cli.services.credential_sources import all_credentials

            self._credentials = all_credentials(self)
        return self._credentials

    def usable_providers(self) -> tuple[str, ...]:
        """Those that a credential is for which is not switched off; each once, in the credentials' order."""
        return tuple(dict.fromkeys(item.provider for item in self.credentials() if item.enabled))

    @property
    def logins(self) -> LoginStore:
        """The OAuth logins, with tokens as they are at the moment of asking."""
        if self._logins is None:
            from freellm_cli.services.oauth_store import LoginStore

            self._logins = LoginStore(self)
        return self._logins

    def may_have_logins(self) -> bool:
        """A cheap look that spares a process without logins the import of all that serves them."""
        from os.path import isdir

        from freellm_cli.storage.paths import oauth_folder

        marks = ("GEMINI_CLI_", "IFLOW_")
        return any(name.startswith(marks) for name in self.env) or isdir(oauth_folder(self.paths))

    def keep_secret(self, *secrets: Secret) -> None:
        """Tokens that came while this process runs: no text that it prints shall hold them."""
        self._further_secrets += secrets
        self._redactor = None

    def forget_credentials(self) -> None:
        """Reads them anew next time: something was added, changed or removed."""
        self._credentials = self._redactor = None

    @property
    def redactor(self) -> Redactor:
        if self._redactor is None:
            secrets = [item.secret for item in self.credentials()]
            settings = self.settings
            secrets += [settings.provider(name).client_secret for name in settings.providers]
            if self.may_have_logins():
                logins = self.logins.list(lambda fault: None)
                secrets += [text for login in logins for text in login.secrets()]
            known = (*secrets, settings.serve.token, *self._further_secrets)
            self._redactor = Redactor(secret for secret in known if secret is not None)
        return self._redactor

    # what is known of the world

    @property
    def catalog(self) -> Catalog:
        """The packaged catalog with the user's providers; what the lists say is in
        `catalog_with_discovered`.
        """
        if self._catalog is None:
            tables = self.settings.provider_tables()
            self._catalog = self._packaged_catalog().with_custom_providers(tables)
        return self._catalog

    def _packaged_catalog(self) -> Catalog:
        if self._packaged is None:
            from freellm_cli.providers.registry import load_catalog

            self._packaged = load_catalog()
        return self._packaged

    def catalog_with_discovered(self) -> Catalog:
        """The catalog with every cached list merged over it."""
        if self._live_catalog is None:
            cache = self.model_cache
            known = set(self.catalog.provider_ids())
            names = [name for name in cache.providers() if name in known]
            lists = [cache.read(name, self.catalog.provider(name).base_url) for name in names]
            models = [model for cached in lists if cached for model in cached.models]
            self._live_catalog = self.catalog.merged_with(models) if models else self.catalog
        return self._live_catalog

    def forget_catalog(self) -> None:
        self._live_catalog = None

    @property
    def limit_maps(self) -> LimitMaps:
        if self._limit_maps is None:
            from freellm_cli.services.limit_map import LimitMaps

            self._limit_maps = LimitMaps(self)
        return self._limit_maps

    @property
    def model_cache(self) -> ModelCache:
        from freellm_cli.storage.model_cache import ModelCache

        return ModelCache(f"{self.paths.cache}/models")

    def dialect(self, provider: ProviderSpec) -> Dialect:
        """The translator of a provider; one instance a dialect, so that its caches are shared."""
        dialect = self._dialects.get(provider.dialect)
        if dialect is None:
            from freellm_cli.providers.dialects import make_dialect

            dialect = self._dialects.setdefault(provider.dialect, make_dialect(provider.dialect))
        return dialect

    # what is shared with other processes and with the network

    @property
    def ledger(self) -> Ledger:
        """Raises StoreError when the file cannot be used at all."""
        if self._ledger is None:
            from freellm_cli.storage.ledger import Ledger
            from freellm_cli.storage.paths import ledger_file

            self._ledger = Ledger(
                ledger_file(self.paths), clock=self.clock, rng=self.rng, notice=self.notice
            )
        return self._ledger

    @property
    def transport(self) -> Transport:
        if self._transport is None:
            from freellm_cli.transport.client import HttpTransport

            self._transport = HttpTransport(env=self.env, clock=self.clock, turns=self.turns)
        return self._transport

    def new_request_id(self) -> str:
        return f"req_{self.rng.getrandbits(80):020x}"

    def renewed(self) -> Runtime:
        """A runtime that reads settings, keys and lists anew. Ledger and transport are shared."""
        new = Runtime(
            env=self.env,
            config_dir=self.paths.config,
            state_dir=self.paths.state,
            overrides=self._overrides,
            clock=self.clock,
            rng=self.rng,
            transport=self._transport,
            notice=self.notice,
        )
        new.paths = self.paths
        new.on_refusal = self.on_refusal
        new._packaged = self._packaged
        new._ledger = self.ledger
        new._transport = self.transport
        new.turns = self.turns
        return new

    def close(self) -> None:
        """Ends idle connections and closes the ledger; safe to repeat."""
        if self._transport is not None:
            self._transport.close()
        if self._ledger is not None:
            self._ledger.close()

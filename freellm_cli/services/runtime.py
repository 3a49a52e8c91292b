"""The composition root: everything that a use case needs, made when it is first asked for.

The faces build one `Runtime` from the process's environment; tests build one from a temporary folder, a
scripted clock and a simulator's address. Nothing else in the code reads the environment.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from freellm_cli.core.clock import Clock
from freellm_cli.core.redaction import Redactor
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.paths import Paths, find_paths

if TYPE_CHECKING:
    from freellm_cli.core.catalog import ProviderSpec
    from freellm_cli.core.credentials import Credential
    from freellm_cli.core.http import Headers
    from freellm_cli.core.settings import Settings
    from freellm_cli.core.limits import Limit
    from freellm_cli.core.verdicts import Verdict
    from freellm_cli.providers.base import Dialect
    from freellm_cli.providers.registry import Catalog
    from freellm_cli.services.pool import PoolTarget
    from freellm_cli.storage.ledger import Ledger
    from freellm_cli.storage.vault import Vault
    from freellm_cli.transport.base import Transport


class Runtime:
    """`notice(text)` is called with things a person should know (a set-aside ledger, an unknown setting).

    Thread-safe once `settings`, `catalog` and `ledger` have been touched; `server` touches them at start.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        config_dir: str | None = None,
        state_dir: str | None = None,
        overrides: Mapping[str, object] | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        transport: Transport | None = None,
        notice: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.env = env
        self.paths: Paths = find_paths(env, config_dir=config_dir, state_dir=state_dir)
        self.clock: Clock = clock or SystemClock()
        self.rng = rng or random.Random()
        self.notice = notice
        self._overrides = dict(overrides or {})
        self._transport = transport
        self._settings: Settings | None = None
        self._catalog: Catalog | None = None
        self._ledger: Ledger | None = None
        self._vault: Vault | None = None
        self._redactor: Redactor | None = None
        self._credentials: tuple[Credential, ...] | None = None
        self._dialects: dict[str, Dialect] = {}

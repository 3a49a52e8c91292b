"""The settings of this process: config.toml, the environment, the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from freellm_cli.core.settings import Settings
from freellm_cli.storage.config_file import ConfigFile
from freellm_cli.storage.paths import config_file

if TYPE_CHECKING:
    from freellm_cli.core.clock import Clock
    from freellm_cli.core.settings_load import SettingWarning
    from freellm_cli.storage.paths import Paths


def load_settings(
    paths: Paths,
    env: Mapping[str, str],
    overrides: Mapping[str, object],
    clock: Clock,
    known_providers: tuple[str, ...],
) -> tuple[Settings, tuple[SettingWarning, ...]]:
    """Raises ConfigError naming file, line and key, or StoreError."""
    file = ConfigFile(config_file(paths), clock)
    return Settings.load(
        file.table(),
        env,
        overrides,
        file=file.path,
        locate=file.locate,
        known_providers=known_providers,
    )

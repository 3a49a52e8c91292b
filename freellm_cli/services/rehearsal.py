"""A server's life without keys and network: every provider is played by the simulator."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from freellm_cli.core.errors import UsageError
from freellm_cli.core.secret import Secret
from freellm_cli.providers.registry import load_catalog
from freellm_cli.services.runtime import Runtime
from freellm_cli.simulator.hosts import HOSTS
from freellm_cli.simulator.profiles import PROFILES
from freellm_cli.simulator.server import Simulator

_KEYS_EACH = 3


@contextmanager
def rehearsal(
    profile: str, overrides: Mapping[str, object], notice: Callable[[str], None]
) -> Iterator[Runtime]:
    """A runtime in a temporary folder, with three throw-away keys for each provider that the simulator
    plays. Nothing of the person's own settings, keys or counts is read or changed.

    `profile`: one of `simulator.profiles.PROFILES`. Raises UsageError for another.
    """
    if profile not in PROFILES:
        raise UsageError(
            f"--simulate knows no profile {profile!r}",
            hint=f"one of: {', '.join(sorted(PROFILES))}",
        )
    with (
        tempfile.TemporaryDirectory(
            prefix="freellm-rehearsal-", ignore_cleanup_errors=True
        ) as folder,
        Simulator(profile) as simulator,
    ):
        # Only what the catalog knows: another host's name would catch those of models (google/gemini-…).
        known = load_catalog().provider_ids()
        played = [name for name in HOSTS if name in known]
        addresses = {f"providers.{name}.base_url": simulator.base_url(name) for name in played}
        runtime = Runtime(
            env={"HOME": folder, "USERPROFILE": folder},
            config_dir=f"{folder}/config",
            state_dir=f"{folder}/state",
            overrides={**dict(PROFILES[profile].settings), **overrides, **addresses},
            notice=notice,
        )
        for provider in played:
            if runtime.catalog.provider(provider).auth != "oauth":
                for number in range(1, _KEYS_EACH + 1):
                    text = f"rehearsal-{provider}-{number}-0123456789abcdef"
                    runtime.vault.add(provider, Secret(text))
        runtime.forget_credentials()
        yield runtime
        simulator.release()

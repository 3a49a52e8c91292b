"""A server's life without keys: which providers are played."""

from __future__ import annotations

from freellm_cli.core.needs import Needs
from freellm_cli.providers.registry import load_catalog
from freellm_cli.services.pool import Pool
from freellm_cli.services.rehearsal import rehearsal


def test_nothing_is_played_that_the_catalog_does_not_know() -> None:
    with rehearsal("generous", {}, lambda text: None) as runtime:
        played = set(runtime.usable_providers())
        assert len(played) > 10
        assert played <= set(load_catalog().provider_ids())


def test_names_that_games_have_written_into_them_lead_somewhere() -> None:
    with rehearsal("generous", {}, lambda text: None) as runtime:
        plan = Pool(runtime).plan("google/gemini-2.0-flash-001", Needs(1, 1))
        assert {item.provider.id for item in plan.targets} >= {"gemini"}

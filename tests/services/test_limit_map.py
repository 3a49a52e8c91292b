"""What counts on which meter is worked out once, and anew when it may have changed."""

from __future__ import annotations

import pytest

from freellm_cli.services.limits import show_limits
from tests.support.household import FLASH, Household


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1", "k2")


def test_a_map_is_made_once_while_nothing_changes(home: Household) -> None:
    home.ask().completion()
    first = home.runtime.limit_maps.of()
    home.ask().completion()
    assert home.runtime.limit_maps.of() is first
    assert home.runtime.limit_maps.of("gemini") is home.runtime.limit_maps.of("gemini")
    assert home.runtime.limit_maps.of("gemini").targets == first.targets


def test_a_model_that_the_catalog_does_not_know_joins_when_it_is_asked(home: Household) -> None:
    home.provider("localai").runtime.forget_credentials()
    before = home.runtime.limit_maps.of()
    home.ask(model="gemini/brand-new").completion()
    after = home.runtime.limit_maps.of()
    assert "gemini/brand-new" in {item.model.id for item in after.targets}
    assert len(after.targets) == len(before.targets) + 2


def test_an_account_that_was_learned_moves_the_meters(home: Household) -> None:
    home.ask().completion()
    assert not any(meter.startswith("account:gemini/ours|") for meter in _meters(home))
    home.runtime.ledger.note_account("gemini-1", "gemini", "ours", how="named")
    assert any(meter.startswith("account:gemini/ours|") for meter in _meters(home))


def test_keys_that_were_added_count(home: Household) -> None:
    before = len(home.runtime.limit_maps.of().targets)
    home.keys("gemini", "k3")
    assert len(home.runtime.limit_maps.of().targets) == before * 3 // 2


def test_what_was_never_used_is_not_read_unless_it_was_set(home: Household) -> None:
    assert show_limits(home.runtime).data["targets"] == []
    home.limits("gemini", requests_per_day=7)
    shown = show_limits(home.runtime).data["targets"]
    assert [limit["amount"] for meter in shown for limit in meter["limits"]] == [7, 7]
    home.ask(model=FLASH).completion()
    shown = show_limits(home.runtime).data["targets"]
    assert sum(limit["used"] for meter in shown for limit in meter["limits"]) >= 1


def _meters(home: Household) -> set[str]:
    return set(home.runtime.limit_maps.of().users)

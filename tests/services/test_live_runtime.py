"""Settings and keys that follow their files while somebody stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from freellm_cli.core.secret import Secret
from freellm_cli.services.live_runtime import LiveRuntime
from freellm_cli.services.runtime import Runtime
from tests.support.household import Household


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1")


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def live(home: Household, notices: list[str]) -> LiveRuntime:
    return LiveRuntime(home.runtime, notices.append)


def ids(runtime: Runtime) -> list[str]:
    return [item.id for item in runtime.credentials()]


def config_of(home: Household) -> Path:
    return Path(home.env["FREELLM_CONFIG_DIR"]) / "config.toml"


def test_nothing_is_read_anew_while_nothing_changes(home: Household, live: LiveRuntime) -> None:
    assert live.now() is live.now() is home.runtime


def test_a_key_that_was_added_is_there_and_the_ledger_stays(
    home: Household, live: LiveRuntime
) -> None:
    assert ids(live.now()) == ["gemini-1"]
    home.runtime.vault.add("gemini", Secret("k2"))
    assert ids(live.now()) == ["gemini-1", "gemini-2"]
    assert live.now().ledger is home.runtime.ledger


def test_settings_that_cannot_be_understood_change_nothing_and_are_told_once(
    home: Household, live: LiveRuntime, notices: list[str]
) -> None:
    assert ids(live.now()) == ["gemini-1"]
    config = config_of(home)
    good = config.read_text(encoding="utf-8")
    config.write_text("this is [no TOML", encoding="utf-8")
    for _ in range(3):
        assert ids(live.now()) == ["gemini-1"]
    assert len(notices) == 1
    assert "the changed settings are not used" in notices[0]
    config.write_text(f'default_model = "smart"\n{good}', encoding="utf-8")
    assert live.now().settings.default_model == "smart"
    assert len(notices) == 1

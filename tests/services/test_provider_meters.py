"""What providers themselves say of a key's quota: read when a server starts and when keys are checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freellm_cli.core.errors import AllLimited
from freellm_cli.core.limits import REQUESTS
from freellm_cli.core.secret import Secret
from freellm_cli.services.key_check import check_credential
from freellm_cli.services.serving import LiveHousehold
from freellm_cli.simulator.limits import DAY_UTC, LimitRule
from freellm_cli.simulator.profiles import Profile
from freellm_cli.simulator.server import Simulator
from tests.support.google_emulator import GoogleEmulator
from tests.support.household import Household
from tests.support.login_home import ACCESS, REFRESH, google_login

ROUTER = "openrouter/openai/gpt-oss-20b:free"
NINE_A_DAY = LimitRule("account", REQUESTS, DAY_UTC, 9, "openrouter")


@pytest.fixture
def sim() -> Iterator[Simulator]:
    profile = Profile("nine", "for the test", (NINE_A_DAY,))
    with Simulator(profile, tokens_per_s=0, first_token_s=0) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, sim: Simulator) -> Iterator[Household]:
    household = Household(tmp_path / "home", sim)
    yield household
    household.forget()


def comes_true(happened: Callable[[], bool]) -> bool:
    until = time.monotonic() + 5
    while not happened() and time.monotonic() < until:
        time.sleep(0.005)
    return happened()


def told(home: Household) -> list[int]:
    """The amounts that were learned."""
    return [each.limit.amount for each in home.runtime.ledger.learned()]


def asked_for_meter(sim: Simulator) -> int:
    return sum(seen.path.endswith("/key") for seen in sim.seen)


def test_what_another_machine_used_of_a_key_counts_when_the_server_starts(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    elsewhere = Household(tmp_path / "elsewhere", sim).keys("openrouter", "k1")
    for _ in range(7):
        elsewhere.ask(model=ROUTER).completion()
    elsewhere.forget()
    home.keys("openrouter", "k1")
    live = LiveHousehold(home.runtime, home.notices.append)
    live.now()
    assert comes_true(lambda: told(home) == [9])
    for _ in range(2):
        home.ask(model=ROUTER).completion()
    with pytest.raises(AllLimited):
        home.ask(model=ROUTER, timeout_s=0.2)
    assert sim.counts.refused == 0
    live.close()


def test_a_key_that_is_added_while_the_server_runs_is_asked_for_too(
    home: Household, sim: Simulator
) -> None:
    home.keys("openrouter")
    live = LiveHousehold(home.runtime, home.notices.append)
    live.now()
    assert asked_for_meter(sim) == 0, "without a key nothing is asked"
    home.runtime.vault.add("openrouter", Secret("k2"))
    assert comes_true(lambda: bool(live.now()) and told(home) == [9])
    live.close()


def test_a_meter_that_hangs_delays_neither_the_answers_nor_the_end(
    home: Household, sim: Simulator
) -> None:
    home.keys("openrouter", "k1")
    sim.fail("stall_before_headers", on="other")
    live = LiveHousehold(home.runtime, home.notices.append)
    live.now()
    assert sim.wait_for(lambda counts: counts.stalled == 1)
    begun = time.monotonic()
    assert home.ask(model=ROUTER).completion().text
    live.close()
    assert time.monotonic() - begun < 2.0
    assert home.notices == []


def test_checking_a_key_learns_what_is_left_of_it(home: Household, sim: Simulator) -> None:
    home.keys("openrouter", "k1")
    assert home.run("keys", "check").code == 0
    assert told(home) == [9]
    assert asked_for_meter(sim) == 1, "the answer that proves the key tells it"


def test_checking_a_login_asks_google_for_its_quotas(tmp_path: Path) -> None:
    with GoogleEmulator() as google:
        google.grant(REFRESH, ACCESS)
        home = Household(tmp_path, None).config(google.config())  # type: ignore[arg-type]
        google_login(home)
        google.account.buckets = [
            {
                "modelId": "gemini-2.5-pro",
                "remainingFraction": 0.25,
                "remainingAmount": "25",
                "tokenType": "REQUESTS",
            }
        ]
        [login] = home.runtime.credentials()
        outcome = check_credential(home.runtime, login)
        assert outcome.state == "good", outcome
        assert told(home) == [100]
        home.forget()

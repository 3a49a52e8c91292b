"""Credentials that share a limit: how that is found out, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.core.errors import AllLimited
from freellm_cli.services.pool import Pool
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household, targets

GROQ = "groq/openai/gpt-oss-120b"
GROQ_429 = {
    "error": {
        "message": "Rate limit reached for model `openai/gpt-oss-120b` in organization "
        "`org_01h2x3y4z5` service tier `on_demand` on requests per minute (RPM): Limit 30, "
        "Used 30, Requested 1. Please try again in 2s.",
        "type": "requests",
        "code": "rate_limit_exceeded",
    }
}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator("generous", tokens_per_s=0, first_token_s=0) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, sim: Simulator) -> Iterator[Household]:
    household = Household(tmp_path, sim)
    yield household
    household.forget()


def refuse(sim: Simulator, key: str, times: int = 1) -> None:
    sim.fail("status", status=429, body=GROQ_429, key=key, times=times)


def test_an_organisation_named_by_two_refusals_is_one_pot(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2", "k3").config('rotation = "sequential"')
    refuse(sim, "k1")
    refuse(sim, "k2")
    answer = home.ask(model=GROQ)
    assert [outcome for _, outcome in targets(answer)] == ["rate_limited_minute"] * 2 + ["ok"]
    accounts = {item.id: item.account for item in Pool(home.runtime).credentials()}
    assert accounts["groq-1"] == accounts["groq-2"] != ""
    assert accounts["groq-3"] == ""
    assert "org_01h2" not in str(accounts), "the id itself is not kept"


def test_what_was_counted_goes_on_in_the_pot(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2").limits("groq", requests_per_minute=5)
    for _ in range(4):
        home.ask(model=GROQ).completion()
    ledger = home.runtime.ledger
    for name in ("groq-1", "groq-2"):
        ledger.note_account(name, "groq", "~org", how="named")
    home.ask(model=GROQ).completion()
    with pytest.raises(AllLimited):
        home.ask(model=GROQ, timeout_s=0.3)
    assert len(sim.seen) == 5


def test_an_open_lease_is_settled_in_the_pot(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1").limits("groq", requests_per_minute=2)
    answer = home.ask(model=GROQ)
    home.runtime.ledger.note_account("groq-1", "groq", "~org", how="named")
    answer.completion()
    home.ask(model=GROQ).completion()
    with pytest.raises(AllLimited):
        home.ask(model=GROQ, timeout_s=0.3)
    assert home.runtime.ledger.open_leases() == []


def test_what_the_user_says_of_an_account_holds(home: Household) -> None:
    home.keys("groq", "k1", account="mine")
    home.runtime.ledger.note_account("groq-1", "groq", "~org", how="named")
    assert Pool(home.runtime).credentials()[0].account == "mine"


def test_a_refusal_of_a_known_account_spares_its_other_keys(
    home: Household, sim: Simulator
) -> None:
    home.keys("gemini", "k1", "k2", account="project").keys("groq", "k3")
    home.config(f'[aliases]\nsmart = ["{FLASH}", "{GROQ}"]')
    sim.fail("rate_minute", provider="gemini", times=None)
    answer = home.ask(model="smart", timeout_s=5)
    assert answer.answerer.model_id == GROQ
    assert [seen.provider for seen in sim.seen] == ["gemini", "groq"]


def test_many_keys_behind_one_limit_are_not_refused_one_by_one(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", *(f"k{number}" for number in range(12)))
    sim.fail("rate_minute", provider="groq", times=None)
    with pytest.raises(AllLimited):
        home.ask(model=GROQ, timeout_s=2.5)
    assert len(sim.seen) <= 6


def test_a_good_key_among_refused_ones_is_still_found(home: Household, sim: Simulator) -> None:
    home.keys("groq", *(f"k{number}" for number in range(6))).config('rotation = "sequential"')
    for number in range(5):
        sim.fail("rate_minute", key=f"k{number}", times=None)
    assert home.ask(model=GROQ, timeout_s=20).completion().text
    assert home.ask(model=GROQ, timeout_s=2).answerer.attempts == 1


def test_keys_refused_together_again_and_again_share_a_pot(home: Household) -> None:
    import random

    from freellm_cli.storage.ledger import Ledger
    from freellm_cli.storage.ledger_accounts import Refusal
    from tests.support.stepping_clock import SteppingClock

    clock = SteppingClock()
    ledger = Ledger(str(home.folder / "l.db"), clock=clock, rng=random.Random(1), boot="b")

    def refused(key: str) -> tuple[str, ...]:
        refusal = Refusal("groq", GROQ, "rate_limited_minute", key, key, True)
        return ledger.note_refusal(refusal)[1]

    found = []
    for _ in range(3):
        refused("groq-1")
        clock.advance(1)
        found.append(refused("groq-2"))
        clock.advance(60)
    assert found == [(), (), ("groq-2", "groq-1")]
    ledger.close()

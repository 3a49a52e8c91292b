"""Credentials that share a limit: how that is found out, and what follows."""

from __future__ import annotations

from threading import Thread
from time import perf_counter

import pytest

from freellm_cli.core.errors import AllLimited
from freellm_cli.services.pool import Pool
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household, targets
from tests.support.stepping_clock import SteppingClock

GROQ = "groq/openai/gpt-oss-120b"
SILENT = "nvidia_nim"
SILENT_MODEL = "nvidia_nim/moonshotai/kimi-k2-instruct"
GROQ_429 = {
    "error": {
        "message": "Rate limit reached for model `openai/gpt-oss-120b` in organization "
        "`org_01h2x3y4z5` service tier `on_demand` on requests per minute (RPM): Limit 30, "
        "Used 30, Requested 1. Please try again in 2s.",
        "type": "requests",
        "code": "rate_limit_exceeded",
    }
}


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


def test_one_key_after_the_other_is_tried_and_ever_more_slowly(
    home: Household, sim: Simulator
) -> None:
    home.keys(SILENT, *(f"k{number}" for number in range(40)))
    sim.fail("rate_minute", provider=SILENT, times=None)
    with pytest.raises(AllLimited):
        home.ask(model=SILENT_MODEL, timeout_s=1.0)
    assert 4 <= len(sim.seen) <= 18


def test_many_callers_do_not_storm_the_keys_that_are_left(home: Household, sim: Simulator) -> None:
    home.keys(SILENT, *(f"k{number}" for number in range(40)))
    sim.fail("rate_minute", provider=SILENT, times=None)
    with pytest.raises(AllLimited):
        home.ask(model=SILENT_MODEL, timeout_s=0.1)
    before = len(sim.seen)
    home.runtime.settings, home.runtime.catalog, home.runtime.ledger  # noqa: B018 - as a server does

    def ask() -> None:
        with pytest.raises(AllLimited):
            home.ask(model=SILENT_MODEL, timeout_s=0.6)

    callers = [Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(sim.seen) - before <= 12


def test_a_good_key_among_ten_refused_ones_answers_within_a_second(
    home: Household, sim: Simulator
) -> None:
    home.keys(SILENT, *(f"k{number}" for number in range(10))).config('rotation = "sequential"')
    for number in range(9):
        sim.fail("rate_minute", key=f"k{number}", times=None)
    home.runtime.ledger.rests()
    begun = perf_counter()
    assert home.ask(model=SILENT_MODEL, timeout_s=20).completion().text
    assert perf_counter() - begun < 1.5, "0.45 s of pauses, and a slow machine"
    assert home.ask(model=SILENT_MODEL, timeout_s=2).answerer.attempts == 1
    assert not any(rest.key.startswith("model:") for rest in home.runtime.ledger.rests())


def test_errors_that_name_different_organisations_raise_no_suspicion(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", *(f"k{number}" for number in range(6))).config('rotation = "sequential"')
    for number in range(5):
        body = {"error": {**GROQ_429["error"]}}
        body["error"]["message"] = body["error"]["message"].replace("org_01", f"org_{number}1")
        sim.fail("status", status=429, body=body, key=f"k{number}", times=None)
    answer = home.ask(model=GROQ, timeout_s=5)
    assert [outcome for _, outcome in targets(answer)] == ["rate_limited_minute"] * 5 + ["ok"]
    assert not any(rest.key.startswith("model:") for rest in home.runtime.ledger.rests())


def test_errors_that_name_different_resets_raise_no_suspicion(
    home: Household, sim: Simulator
) -> None:
    home.keys(SILENT, *(f"k{number}" for number in range(6))).config('rotation = "sequential"')
    for number in range(5):
        sim.fail(
            "status",
            status=429,
            body={"status": 429, "title": "Too Many Requests"},
            headers={"Retry-After": str(20 + 7 * number)},
            key=f"k{number}",
            times=None,
        )
    assert home.ask(model=SILENT_MODEL, timeout_s=5).answerer.attempts == 6
    assert not any(rest.key.startswith("model:") for rest in home.runtime.ledger.rests())


def test_keys_refused_together_again_and_again_share_a_pot(home: Household) -> None:
    import random

    from freellm_cli.storage.ledger import Ledger
    from freellm_cli.storage.ledger_accounts import Refusal

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

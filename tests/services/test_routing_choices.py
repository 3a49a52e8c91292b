"""Where a request goes: the quickest, the warm one, the second when one is silent, what fits."""

from __future__ import annotations

import pytest

from freellm_cli.core.errors import (
    AllLimited,
    CallerGone,
    NoCredential,
    NotServed,
    UpstreamTimeout,
)
from freellm_cli.core.needs import Needs
from freellm_cli.services.pool import Pool
from freellm_cli.simulator.server import Simulator
from freellm_cli.transport.base import Cancel
from tests.support.household import FLASH, Household, targets

GROQ = "groq/openai/gpt-oss-120b"


def test_a_silent_target_is_overtaken_by_the_next_and_closed(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1", "k2").config('hedge = 0.15\nrotation = "sequential"')
    sim.fail("stall_before_first_token", key="k1", times=1)
    answer = home.ask(model=GROQ, timeout_s=10)
    assert answer.completion().text
    assert targets(answer) == [("groq-1", "hedged"), ("groq-2", "ok")]
    assert sim.wait_for(lambda counts: counts.aborted == 1)
    wait_until_settled(home)
    assert home.runtime.ledger.rests() == [], "who was slower has done nothing wrong"


def wait_until_settled(home: Household) -> None:
    import time

    for _ in range(200):
        if not home.runtime.ledger.open_leases():
            return
        time.sleep(0.01)
    raise AssertionError("a lease was left open")


def test_who_speaks_in_time_is_not_hedged(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2").config("hedge = 5")
    answer = home.ask(model=GROQ)
    assert answer.completion().text
    assert len(sim.seen) == 1


def test_a_refusal_is_not_waited_for(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2").config('hedge = 5\nrotation = "sequential"')
    sim.fail("bad_key", key="k1", times=None)
    answer = home.ask(model=GROQ)
    assert targets(answer) == [("groq-1", "auth_invalid"), ("groq-2", "ok")]


def test_a_target_without_slack_is_not_asked_for_a_hedge(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2").limits("groq", requests_per_minute=4)
    home.config('hedge = 0.1\nrotation = "sequential"\n[timeouts]\nfirst_token = 0.6')
    for _ in range(3):
        home.ask(model=GROQ).completion()
    before = home.runtime.ledger.requests(1)[0]["answerer"]["credential"]
    assert before == "groq-1"
    home.runtime.ledger.rest("credential:groq-1", until=None, reason="", kind="x")
    for _ in range(3):
        home.ask(model=GROQ).completion()
    home.runtime.ledger.wake(None)
    sim.fail("stall_before_first_token", times=1)
    with pytest.raises(UpstreamTimeout):
        home.ask(model=GROQ, timeout_s=1.2)
    outcomes = [item["outcome"] for item in home.runtime.ledger.requests(1)[0]["attempts"]]
    assert outcomes == ["timeout"]


def test_a_caller_that_hangs_up_ends_both(home: Household, sim: Simulator) -> None:
    import threading

    home.keys("groq", "k1", "k2").config("hedge = 0.1")
    sim.fail("stall_before_first_token", times=None)
    cancel = Cancel()
    outcome: list[BaseException] = []

    def ask() -> None:
        try:
            home.ask(model=GROQ, cancel=cancel)
        except CallerGone as error:
            outcome.append(error)

    home.runtime.settings, home.runtime.catalog, home.runtime.ledger  # noqa: B018 - as a server does
    thread = threading.Thread(target=ask)
    thread.start()
    assert sim.wait_for(lambda counts: counts.stalled == 2)
    cancel.cancel()
    thread.join(3)
    assert [type(error) for error in outcome] == [CallerGone]
    assert sim.wait_for(lambda counts: counts.aborted == 2)
    wait_until_settled(home)


def test_the_quickest_measured_target_is_asked(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2", "k3").config('rotation = "fastest"')
    candidates = {item.candidate.credential: item.candidate for item in plan(home).targets}
    for name, seconds in (("groq-1", 0.9), ("groq-2", 0.2), ("groq-3", 0.5)):
        home.runtime.ledger.note_answer(candidates[name], first_token_s=seconds)
    home.forget()
    assert {home.ask(model=GROQ).answerer.credential for _ in range(2)} == {"groq-2"}


def test_what_was_never_measured_is_tried_first(home: Household) -> None:
    home.keys("groq", "k1", "k2").config('rotation = "fastest"')
    first = {item.candidate.credential: item.candidate for item in plan(home).targets}
    home.runtime.ledger.note_answer(first["groq-1"], first_token_s=0.01)
    home.forget()
    assert home.ask(model=GROQ).answerer.credential == "groq-2"


def plan(home: Household, model: str = GROQ, prompt: int = 10):  # type: ignore[no-untyped-def]
    return Pool(home.runtime).plan(model, Needs(prompt, 10, frozenset({"chat"})))


def test_a_conversation_stays_where_its_prompt_cache_is(home: Household) -> None:
    home.keys("groq", "k1", "k2", "k3")
    first = home.ask(model=GROQ, conversation="c1")
    first.completion()
    for _ in range(4):
        again = home.ask(model=GROQ, conversation="c1")
        again.completion()
        assert again.answerer.credential == first.answerer.credential


def test_sticky_can_be_switched_off(home: Household) -> None:
    home.keys("groq", "k1", "k2", "k3").config("sticky = false")
    used = set()
    for _ in range(3):
        answer = home.ask(model=GROQ, conversation="c1")
        answer.completion()
        used.add(answer.answerer.credential)
    assert len(used) == 3


def test_a_rule_sends_small_prompts_elsewhere(home: Household) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(
        f'default_model = "{FLASH}"\n[[routes]]\nfor = "{FLASH}"\nmax_tokens = 100\nuse = "{GROQ}"'
    )
    assert home.ask("short").answerer.model_id == GROQ
    assert home.ask("long " * 400).answerer.model_id == FLASH


def test_a_rule_may_name_the_model_itself_as_its_fallback(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(f'[[routes]]\nuse = ["{GROQ}", "{FLASH}"]')
    sim.fail("no_model", provider="groq", times=None)
    assert home.ask(model=FLASH).answerer.model_id == FLASH


NEW = "groq/new-one"


def test_what_no_provider_has_goes_to_the_alias_for_unknown_names(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1").keys("gemini", "k2").config(f'[aliases]\n"*" = "{FLASH}"')
    sim.model("new-one", provider="groq").missing()
    first, again = home.ask(model=NEW), home.ask(model=NEW)
    assert targets(first) == [("groq-1", "model_not_found"), ("gemini-1", "ok")]
    assert targets(again) == [("gemini-1", "ok")], "it is known now, and not asked again"
    for answer in (first, again):
        assert answer.notices == (f"no provider serves {NEW}; {FLASH} answers instead",)
        answer.completion()
    story = home.run("why").out
    assert NEW in story
    assert FLASH in story


@pytest.mark.parametrize("star", [f'"*" = "{GROQ}"', '"*" = "nothing"', '"*" = "gemini/x"'])
def test_a_name_that_leads_nowhere_is_told_by_itself(
    home: Household, sim: Simulator, star: str
) -> None:
    home.keys("groq", "k1").config(f"[aliases]\n{star}")
    for name in (NEW, GROQ):
        sim.model(name.partition("/")[2], provider="groq").missing()
    with pytest.raises(NotServed, match=f"no provider serves {NEW}"):
        home.ask(model=NEW)


def test_who_answers_for_unknown_names_is_told_of_by_what_happened_there(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1").keys("gemini", "k2").limits("gemini", requests_per_day=1)
    home.config(f'[aliases]\n"*" = "{FLASH}"')
    sim.model("new-one", provider="groq").missing()
    home.ask(model=FLASH)
    for _ in range(2):
        with pytest.raises(AllLimited) as caught:
            home.ask(model=NEW, timeout_s=1)
        assert caught.value.retry_after_s


def test_the_default_model_is_no_unknown_name_either(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(f'default_model = "mine"\n[aliases]\nmine = "{NEW}"\n"*" = "{FLASH}"')
    sim.model("new-one", provider="groq").missing()
    for named in (["-m", "mine"], []):
        assert home.run("chat", *named, "hi").code == NotServed.exit_code
    assert {seen.provider for seen in sim.seen} == {"groq"}


def test_an_alias_is_no_unknown_name(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(f'[aliases]\nmine = "{NEW}"\n"*" = "{FLASH}"')
    sim.model("new-one", provider="groq").missing()
    with pytest.raises(NotServed):
        home.ask(model="mine")
    assert {seen.provider for seen in sim.seen} == {"groq"}


def test_an_alias_with_a_slip_in_it_answers_and_the_slip_is_told(home: Household) -> None:
    home.keys("gemini", "k2").config(f'[aliases]\nsmart = ["gemini/gemini-2.5-flahs", "{FLASH}"]')
    slip = "no model, family or alias is called 'gemini/gemini-2.5-flahs'; in config.toml 'smart'"
    done = home.run("chat", "-m", "smart", "hi")
    assert done.code == 0
    assert done.err.count(slip) == 1
    for told in (home.run("why", "--json"), home.run("route", "smart", "--json")):
        assert slip in told.out
    home.config('[aliases]\nsmart = ["gemini/gemini-2.5-flahs", "smrt"]')
    nobody = home.run("chat", "-m", "smart", "hi")
    assert nobody.code == 2
    assert slip in nobody.err


def test_a_person_is_told_who_answers_for_an_unknown_name(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1").keys("gemini", "k2").config(f'[aliases]\n"*" = "{FLASH}"')
    sim.model("new-one", provider="groq").missing()
    done = home.run("chat", "-m", NEW, "hi")
    assert done.code == 0
    assert f"no provider serves {NEW}; {FLASH} answers instead" in done.err


def test_private_keeps_prompts_from_who_trains_on_them(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(f'private = true\n[aliases]\nsmart = ["{FLASH}", "{GROQ}"]')
    assert home.ask(model="smart").answerer.model_id == GROQ
    with pytest.raises(NoCredential, match="train"):
        home.ask(model=FLASH)
    assert {seen.provider for seen in sim.seen} == {"groq"}


def test_auto_looks_further_when_its_first_choices_may_not_be_asked(
    home: Household, sim: Simulator
) -> None:
    for provider in ("gemini", "nvidia_nim", "mistral", "groq"):
        home.keys(provider, f"{provider}-key")
    assert home.ask(model="auto").answerer.model_id == FLASH
    answer = home.ask(model="auto", private=True)
    assert answer.answerer.model_id.startswith("groq/")
    home.run("keys", "disable", "groq-1")
    home.forget()
    with pytest.raises(NoCredential, match="train"):
        home.ask(model="auto", private=True)


def test_a_prompt_too_long_for_one_target_goes_to_one_that_fits(home: Household) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(f'[aliases]\nsmart = ["{GROQ}", "{FLASH}"]')
    assert home.ask("word " * 150_000, model="smart").answerer.model_id == FLASH


def test_an_image_goes_to_a_model_that_sees(home: Household) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(f'[aliases]\nsmart = ["{GROQ}", "{FLASH}"]')
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "what?"}, picture]}]
    assert home.ask(model="smart", messages=messages).answerer.model_id == FLASH


def test_a_plan_that_was_worked_out_is_given_only_to_requests_that_it_fits(home: Household) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(f'[aliases]\nsmart = ["{GROQ}", "{FLASH}"]')
    pool = Pool(home.runtime)

    def asked(prompt: int = 10, *needed: str, private: bool = False) -> list[str]:
        needs = Needs(prompt, 10, frozenset({"chat", *needed}), private)
        return [item.model.id for item in pool.plan("smart", needs).targets]

    for _ in range(2):
        assert asked() == [GROQ, FLASH]
        assert asked(200_000) == [FLASH]
        assert asked(10, "vision") == [FLASH]
        assert asked(10, private=True) == [GROQ]
        assert asked(200_000, private=True) == []


def test_a_plan_follows_what_was_learned_and_what_was_changed(home: Household) -> None:
    home.keys("groq", "k1", "k2")
    pool, needs = Pool(home.runtime), Needs(10, 10, frozenset({"chat"}))

    def accounts() -> dict[str, str]:
        found = pool.plan(GROQ, needs).targets
        return {item.credential.id: item.candidate.account for item in found}

    ledger = home.runtime.ledger
    assert accounts() == {"groq-1": "groq-1", "groq-2": "groq-2"}
    limit = pool.plan(GROQ, needs).by_key(f"groq-2/{GROQ}").candidate.limits[0]
    ledger.learn(limit._replace(amount=0, source="learned"), evidence="x")
    ledger.note_account("groq-1", "groq", "pot", how="named")
    assert accounts() == {"groq-1": "pot"}
    home.run("keys", "disable", "groq-1")
    home.runtime.forget_credentials()
    assert accounts() == {}

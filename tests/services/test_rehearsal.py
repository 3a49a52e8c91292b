"""A server's life without keys and network."""

from __future__ import annotations

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.needs import Needs
from freellm_cli.providers.registry import load_catalog
from freellm_cli.services.chat import ChatService
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


def test_a_slow_machine_at_home_is_asked_first_and_given_up() -> None:
    told: list[str] = []
    with rehearsal("local-slow", {}, told.append) as runtime:
        question = ChatRequest("auto", [{"role": "user", "content": "Hello"}], {})
        answer = ChatService(runtime).ask(question)
        answer.completion()
        tried = [(attempt.target.partition("/")[0], attempt.outcome) for attempt in answer.attempts]
        runtime.close()
    assert {outcome for who, outcome in tried if who.startswith("localai")} == {"timeout"}
    assert tried[-1][1] == "ok"
    assert not told


def test_what_a_person_sets_overrules_the_profile() -> None:
    with rehearsal("local-slow", {"default_model": "fast"}, lambda _: None) as runtime:
        assert runtime.settings.default_model == "fast"
        runtime.close()

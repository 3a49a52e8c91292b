"""The attempt loop against a strict upstream: as long as any credential can answer, there is an answer."""

from __future__ import annotations

import threading

import pytest

from freellm_cli.core.errors import (
    AllLimited,
    CallerGone,
    ContentFiltered,
    ContextTooLong,
    CredentialRefused,
    FreellmError,
    NoCredential,
    RequestRefused,
    UnknownName,
    UpstreamError,
)
from freellm_cli.simulator.server import Simulator
from freellm_cli.transport.base import Cancel
from tests.support.household import FLASH, Household, targets

GROQ = "groq/openai/gpt-oss-120b"


def test_a_question_is_answered_and_settled(home: Household, sim: Simulator) -> None:
    home.keys("gemini", "k1")
    answer = home.ask("why?")
    assert "why?" in answer.completion().text
    assert targets(answer) == [("gemini-1", "ok")]
    used = home.runtime.ledger.usage(home_limits(home))
    assert {usage.used for usage in used if usage.limit.unit == "requests"} == {1}
    assert all(usage.open == 0 for usage in used)


def home_limits(home: Household) -> list[object]:
    from freellm_cli.core.needs import Needs
    from freellm_cli.services.pool import Pool

    plan = Pool(home.runtime).plan(FLASH, Needs(10, 10))
    return [limit for item in plan.targets for limit in item.candidate.limits]


@pytest.mark.parametrize("fault", ["bad_key", "suspended", "out_of_credit"])
def test_one_bad_key_never_shows(home: Household, sim: Simulator, fault: str) -> None:
    home.keys("gemini", "broken", "good")
    sim.fail(fault, key="broken", times=None)
    for _ in range(3):
        answer = home.ask()
        assert answer.completion().text
        assert answer.answerer.credential == "gemini-2"
    assert len([seen for seen in sim.seen if seen.key == "broken"]) <= 2, "it is not asked for ever"


@pytest.mark.parametrize(
    "fault",
    [
        "server_error",
        "bad_gateway",
        "overloaded",
        "rate_minute",
        "rate_day",
        "html_502",
        "error_in_200",
        "blank_answer",
        "empty_body",
        "not_json",
        "cut_before_headers",
        "reset_before_headers",
        "cut_after_headers",
        "first_event_error",
    ],
)
@pytest.mark.parametrize("model", [FLASH, GROQ])
def test_another_credential_answers_whatever_goes_wrong_before_the_first_word(
    home: Household, sim: Simulator, fault: str, model: str
) -> None:
    provider = model.split("/")[0]
    home.keys(provider, "first", "second").config('rotation = "sequential"')
    sim.fail(fault, times=1)
    answer = home.ask(model=model, timeout_s=20)
    assert answer.completion().text
    assert answer.answerer.attempts == 2


@pytest.mark.parametrize(
    "fault", ["cut_midstream", "truncated_json", "error_after", "cut_mid_utf8"]
)
def test_a_whole_answer_survives_a_cut_in_its_middle(
    home: Household, sim: Simulator, fault: str
) -> None:
    home.keys("groq", "k1", "k2")
    sim.fail(fault, times=1)
    answer = home.ask(model=GROQ, whole=True)
    assert answer.completion().finish == "stop"
    assert answer.answerer.attempts == 2


def test_a_stream_that_breaks_after_the_first_word_ends_with_an_error(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1", "k2")
    sim.fail("cut_midstream", times=1)
    answer = home.ask(model=GROQ)
    with pytest.raises(UpstreamError, match="broke off"):
        list(answer.deltas())
    assert answer.answerer.attempts == 1


def test_an_alias_falls_back_to_its_next_model(home: Household, sim: Simulator) -> None:
    home.keys("gemini", "k1").keys("groq", "k2")
    home.config(f'[aliases]\nsmart = ["{FLASH}", "{GROQ}"]')
    sim.fail("no_model", provider="gemini", times=None)
    answer = home.ask(model="smart")
    assert answer.answerer.model_id == GROQ


def test_a_local_host_that_stays_silent_gives_way_to_the_next(
    home: Household, sim: Simulator
) -> None:
    home.keys("gemini", "k1").provider("localai")
    home.config(f'[aliases]\nhome = ["localai/llama", "{FLASH}"]\n[timeouts]\nfirst_token = 0.2')
    sim.fail("stall_before_first_token", provider="localai", times=None)
    answer = home.ask(model="home", timeout_s=20)
    assert answer.completion().text
    assert answer.answerer.model_id == FLASH


def test_a_closed_service_is_answered_by_its_family_elsewhere_and_says_so(
    home: Household, sim: Simulator
) -> None:
    home.keys("nvidia_nim", "nvapi-1")
    answer = home.ask(model="iflow/kimi-k2")
    assert answer.answerer.model_id.startswith("nvidia_nim/")
    assert "iFlow closed on 2026-04-17" in answer.notices[0]


def test_a_base_url_without_its_v1_is_understood(home: Household, sim: Simulator) -> None:
    home.provider("myhost", sim.base_url("myhost").removesuffix("/v1"))
    assert home.ask(model="myhost/llama").completion().text
    assert "/v1" in home.notices[-1]


def test_a_field_the_host_does_not_know_is_dropped_and_the_same_key_asked_again(
    home: Household, sim: Simulator
) -> None:
    home.keys("mistral", "k1")
    sim.fail(
        "status",
        status=422,
        body={"message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed_x"]}]}},
        times=1,
    )
    answer = home.ask(model="mistral/mistral-small-latest", params={"seed_x": 1})
    assert answer.completion().text
    assert targets(answer) == [("mistral-1", "bad_request"), ("mistral-1", "ok")]


@pytest.mark.parametrize(
    ("fault", "error", "exit_code"),
    [
        ("bad_key", CredentialRefused, 4),
        ("suspended", CredentialRefused, 4),
        ("rate_minute", AllLimited, 5),
        ("rate_day", AllLimited, 5),
        ("too_long", ContextTooLong, 7),
        ("bad_request", RequestRefused, 7),
        ("html_502", UpstreamError, 6),
        ("no_model", UnknownName, 2),
    ],
)
def test_when_nobody_can_answer_the_error_says_what_it_was(
    home: Household, sim: Simulator, fault: str, error: type[FreellmError], exit_code: int
) -> None:
    home.keys("groq", "k1")
    sim.fail(fault, times=None)
    with pytest.raises(error) as caught:
        home.ask(model=GROQ, timeout_s=1.5)
    assert caught.value.exit_code == exit_code
    assert "k1" not in caught.value.message


def test_a_filtered_prompt_is_tried_at_one_other_provider_at_most(
    home: Household, sim: Simulator
) -> None:
    home.keys("openrouter", "k1").keys("groq", "k2").keys("mistral", "k3")
    home.config(
        '[aliases]\nall = ["openrouter/openai/gpt-oss-20b:free", "groq/openai/gpt-oss-20b", '
        '"mistral/mistral-small-latest"]'
    )
    sim.fail("filtered", times=None)
    with pytest.raises(ContentFiltered):
        home.ask(model="all", timeout_s=5)
    assert len(sim.seen) == 2


def test_no_key_at_all_is_said_before_anything_is_sent(home: Household, sim: Simulator) -> None:
    with pytest.raises(NoCredential, match="no key of yours reaches groq/"):
        home.ask(model=GROQ)
    assert not sim.seen


def test_a_prompt_too_long_for_every_model_is_refused_unsent(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1")
    with pytest.raises(ContextTooLong) as caught:
        home.ask("word " * 200_000, model=GROQ)
    assert caught.value.exit_code == 7
    assert not sim.seen


def test_a_model_without_a_free_tier_is_told_once_for_all_keys_with_what_to_type(
    home: Household, sim: Simulator
) -> None:
    home.keys("gemini", "k1", "k2", "k3", "k4")
    with pytest.raises(NoCredential) as caught:
        home.ask(model="gemini/gemini-2.5-pro")
    assert "and 1 more: is not in the free tier" in caught.value.message
    assert caught.value.message.count("free tier (its limit") == 1
    assert "`freellm config set providers.gemini.catalog_limits false`" in caught.value.hint
    assert not sim.seen


@pytest.mark.parametrize("params", [{}, {"max_tokens": 200}, {"max_tokens": 20_000}])
def test_what_no_limit_will_ever_hold_is_too_long_and_nobody_is_told_to_wait(
    home: Household, sim: Simulator, params: dict[str, int]
) -> None:
    home.keys("groq", "g1", "g2")
    with pytest.raises(ContextTooLong) as caught:
        home.ask("word " * 12_000, model=GROQ, params=params)
    assert caught.value.message.count("do not fit into 8,000 tokens per minute") == 1
    assert "--max-tokens" in caught.value.hint
    assert "--" not in caught.value.client_hint
    assert not sim.seen


@pytest.mark.parametrize("longest", [8_000, 20_000, 10**30])
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_an_answer_longer_than_the_limits_hold_is_asked_for_as_long_as_they_do(
    home: Household, sim: Simulator, name: str, longest: int
) -> None:
    home.keys("groq", "g1")
    answer = home.ask("hi", model=GROQ, params={name: longest})
    assert answer.completion().text
    (seen,) = sim.seen
    allowed = next(
        seen.body[key] for key in ("max_tokens", "max_completion_tokens") if key in seen.body
    )
    assert 7_900 < allowed < 8_000
    assert answer.notices == (
        f"the limits hold no answer of {longest:,} tokens: asked for {allowed:,}",
    )


def test_what_only_a_reserve_keeps_out_is_limited_and_not_too_long(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "g1").limits("groq", tokens_per_minute=6_000)
    with pytest.raises(AllLimited):
        home.ask("word " * 3_600, model=GROQ, reserve=0.3, timeout_s=1)
    assert not sim.seen


def test_an_answer_is_not_made_so_short_that_it_is_none(home: Household, sim: Simulator) -> None:
    home.keys("groq", "g1").limits("groq", tokens_per_minute=300)
    with pytest.raises(ContextTooLong):
        home.ask("word " * 80, model=GROQ, params={"max_tokens": 600})
    assert not sim.seen


def test_an_answer_without_end_may_be_asked_for_where_no_limit_counts_its_tokens(
    home: Household, sim: Simulator
) -> None:
    home.keys("gemini", "k1")
    for name in ("max_tokens", "max_completion_tokens"):
        answer = home.ask(params={name: 10**30})
        assert answer.completion().text
        assert not answer.notices


def gemini_is_used_up(home: Household) -> None:
    """For today, so that of the alias `both` only Groq is left."""
    home.keys("groq", "g1").keys("gemini", "k1").limits("gemini", requests_per_day=1)
    home.config(f'[aliases]\nboth = ["{FLASH}", "{GROQ}"]')
    home.ask("one", model=FLASH)


def test_a_shorter_answer_now_is_better_than_none_before_tomorrow(
    home: Household, sim: Simulator
) -> None:
    gemini_is_used_up(home)
    answer = home.ask("hi", model="both", params={"max_tokens": 20_000}, timeout_s=1)
    assert answer.completion().text
    assert answer.answerer.model_id == GROQ


def test_what_fits_later_at_one_of_the_targets_is_limited_and_not_too_long(
    home: Household, sim: Simulator
) -> None:
    gemini_is_used_up(home)
    with pytest.raises(AllLimited) as caught:
        home.ask("word " * 12_000, model="both", timeout_s=1)
    assert caught.value.retry_after_s


def test_limits_are_kept_before_the_upstream_has_to_refuse(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2").limits("groq", requests_per_minute=2)
    sim.each_key().rpm(2)
    for _ in range(4):
        assert home.ask(model=GROQ).completion().text
    with pytest.raises(AllLimited) as caught:
        home.ask(model=GROQ, timeout_s=0.5)
    assert 50 < (caught.value.retry_after_s or 0) <= 61
    assert sim.counts.refused == 0


def test_a_refusal_that_is_over_in_time_is_waited_for(home: Household, sim: Simulator) -> None:
    home.keys("groq", "only")
    sim.fail("rate_minute", wait_s=1, times=1)
    answer = home.ask(model=GROQ, timeout_s=30)
    assert answer.completion().text
    assert targets(answer) == [("groq-1", "rate_limited_minute"), ("groq-1", "ok")]


def test_a_refusal_that_is_not_over_in_time_is_told_at_once_with_its_wait(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "only")
    sim.fail("rate_minute", wait_s=300, times=None)
    with pytest.raises(AllLimited) as caught:
        home.ask(model=GROQ, timeout_s=30)
    assert 295 < (caught.value.retry_after_s or 0) < 340
    assert len(sim.seen) == 1


def test_a_model_of_which_nothing_is_known_may_be_given_tools(
    home: Household, sim: Simulator
) -> None:
    home.provider("myhost")
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert home.ask(model="myhost/llama", params={"tools": [tool]}).completion()


def test_a_caller_that_leaves_closes_upstream_and_gives_the_lease_back(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1")
    sim.fail("stall_midstream", times=1)
    answer = home.ask(model=GROQ)
    stream = answer.deltas()
    next(stream)
    answer.close()
    assert home.runtime.ledger.open_leases() == []
    assert sim.wait_for(lambda counts: counts.aborted >= 1)


@pytest.mark.parametrize("fault", ["stall_before_headers", "stall_before_first_token"])
def test_a_caller_that_hangs_up_while_waiting_closes_upstream_at_once(
    home: Household, sim: Simulator, fault: str
) -> None:
    home.keys("groq", "k1", "k2")
    sim.fail(fault, times=None)
    cancel = Cancel()
    outcome: list[FreellmError] = []

    def ask() -> None:
        try:
            home.ask(model=GROQ, cancel=cancel)
        except FreellmError as error:
            outcome.append(error)

    home.runtime.settings, home.runtime.catalog, home.runtime.ledger  # noqa: B018 - as a server does
    thread = threading.Thread(target=ask)
    thread.start()
    assert sim.wait_for(lambda counts: counts.stalled == 1)
    cancel.cancel()
    thread.join(2)
    assert [type(error) for error in outcome] == [CallerGone]
    assert sim.wait_for(lambda counts: counts.aborted == 1)
    assert home.runtime.ledger.open_leases() == []
    assert home.runtime.ledger.requests(1)[0]["outcome"] == "caller-gone"
    assert home.runtime.ledger.rests() == [], "a hang-up says nothing about the target"


def test_the_story_is_remembered_without_the_words(home: Household, sim: Simulator) -> None:
    home.keys("gemini", "broken", "good").config('rotation = "sequential"')
    sim.fail("bad_key", key="broken", times=None)
    home.ask("a secret question").completion()
    trace = home.runtime.ledger.requests(1)[0]
    assert [item["outcome"] for item in trace["attempts"]] == ["auth_invalid", "ok"]
    assert "secret question" not in str(trace)

"""What servers say of their limits: shown beside the catalog's word, used, printed as a patch, forgotten."""

from __future__ import annotations

import tomllib

import pytest

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import AllLimited, UnknownName, UsageError
from freellm_cli.core.http import Headers
from freellm_cli.core.limits import REQUESTS, TOKENS, Limit, Window
from freellm_cli.services.chat import ChatService
from freellm_cli.services.keys import list_keys
from freellm_cli.services.limit_lessons import drift, forget
from freellm_cli.services.limit_plan import Question, parse_by, plan_limits
from freellm_cli.services.limits import show_limits
from freellm_cli.services.openrouter_quota import read_all
from freellm_cli.services.outcome import consequences
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household

GROQ = "groq/openai/gpt-oss-120b"
MINUTE = Window("sliding", 60.0)


def learn(home: Household, amount: int, unit: str = REQUESTS, window: Window = MINUTE) -> None:
    meter = "account:groq/groq-1|openai/gpt-oss-120b"
    limit = Limit(meter, unit, window, amount, "learned")
    home.runtime.ledger.learn(limit, evidence="x-ratelimit-limit-requests")


def test_a_learned_limit_is_kept_at_once_and_shown_beside_the_catalog(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1")
    learn(home, 2)
    home.ask(model=GROQ).completion()
    home.ask(model=GROQ).completion()
    with pytest.raises(AllLimited):
        home.ask(model=GROQ, timeout_s=0.3)
    assert len(sim.seen) == 2
    shown = show_limits(home.runtime).data["targets"][0]["limits"]
    row = next(row for row in shown if row["unit"] == "requests" and row["window"] == "minute")
    assert (row["amount"], row["published"], row["learned"]["amount"]) == (2, 30, 2)
    told = home.run("limits")
    assert "catalog 30, server said 2 on 20" in told.out


def test_headers_tell_what_others_have_used_of_the_same_key(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1")
    headers = {
        "x-ratelimit-limit-tokens": "8000",
        "x-ratelimit-remaining-tokens": "500",
        "x-ratelimit-reset-tokens": "50s",
    }
    request = ChatRequest(model=GROQ, messages=[], params={})
    target = ChatService(home.runtime).plan(request).targets[0]
    consequences(
        home.runtime,
        target,
        None,
        Headers(headers),
        request_id="r",
        answered_at=home.runtime.clock.now(),
    )
    limit = Limit("account:groq/groq-1|openai/gpt-oss-120b", TOKENS, MINUTE, 8000, "learned")
    usage = home.runtime.ledger.usage([limit])[0]
    assert usage.used == 7500
    assert 45 < (usage.resets_at or 0) - home.runtime.clock.now() < 51


def test_a_later_word_of_the_server_replaces_the_earlier(home: Household) -> None:
    home.keys("groq", "k1")
    learn(home, 5)
    learn(home, 7)
    assert [each.limit.amount for each in home.runtime.ledger.learned()] == [7]


def test_drift_is_a_patch_of_the_catalog(home: Household) -> None:
    home.keys("groq", "k1")
    learn(home, 20)
    learn(home, 6000, TOKENS)
    result = drift(home.runtime)
    patch = tomllib.loads("\n".join(block.text for block in result.blocks))  # type: ignore[union-attr]
    assert patch["models"] == [
        {
            "id": GROQ,
            "limits": [
                "account model: 20 requests per 60s",
                "account model: 6000 tokens per 60s",
            ],
        }
    ]
    assert {row["published"] for row in result.data["drift"]} >= {30}
    assert home.run("limits", "drift").code == 0


def test_what_agrees_with_the_catalog_is_no_drift(home: Household) -> None:
    home.keys("groq", "k1")
    learn(home, 30)
    assert drift(home.runtime).data == {"drift": []}


def test_what_was_learned_can_be_forgotten_by_key_and_altogether(home: Household) -> None:
    home.keys("groq", "k1")
    learn(home, 20)
    home.runtime.ledger.note_account("groq-1", "groq", "~org", how="named")
    assert forget(home.runtime, "groq-1").data == {"forgotten": 2}
    learn(home, 20)
    assert forget(home.runtime, "").data == {"forgotten": 1}
    assert home.runtime.ledger.learned() == []
    with pytest.raises(UnknownName):
        forget(home.runtime, "groq-1")


def test_a_model_that_the_server_gives_no_quota_is_not_asked_for_a_day(
    home: Household, sim: Simulator
) -> None:
    home.keys("groq", "k1").keys("gemini", "k2")
    home.config(f'[aliases]\nsmart = ["{GROQ}", "{FLASH}"]')
    learn(home, 0)
    answer = home.ask(model="smart")
    assert answer.answerer.model_id == FLASH
    trace = home.runtime.ledger.requests(1)
    answer.completion()
    trace = home.runtime.ledger.requests(1)[0]
    assert "free tier" in str(trace["excluded"])


def test_keys_and_limits_show_who_shares_a_pot_and_how_that_is_known(home: Household) -> None:
    home.keys("groq", "k1", "k2").keys("gemini", "k3", "k4", account="project")
    for name in ("groq-1", "groq-2"):
        home.runtime.ledger.note_account(name, "groq", "~org", how="named")
    home.forget()
    rows = {row["id"]: row for row in list_keys(home.runtime).data["keys"]}
    assert rows["groq-1"]["shares_limits_with"] == ["groq-2"]
    assert rows["groq-1"]["account_known_by"] == "an error named it"
    assert rows["gemini-2"]["account_known_by"] == "you said so"
    shared = show_limits(home.runtime).data["shared"]
    assert {pot["credentials"] for pot in shared} == {
        ("groq-1", "groq-2"),
        ("gemini-1", "gemini-2"),
    }


def test_openrouters_own_meter_is_read(home: Household, sim: Simulator) -> None:
    home.keys("openrouter", "k1")
    read_all(home.runtime)
    learned = home.runtime.ledger.learned()
    assert [each.limit.window for each in learned] == [Window("day", zone="UTC")]
    assert learned[0].limit.amount in (50, 1000)
    before = len(sim.seen)
    read_all(home.runtime)
    assert len(sim.seen) == before, "not again within ten minutes"


def test_a_plan_tells_when_and_how_many_more_keys_it_takes(home: Household) -> None:
    home.keys("groq", "k1")
    now = home.runtime.clock.now()
    result = plan_limits(home.runtime, Question(GROQ, 90, 10, now + 60))
    assert result.data["possible"] == 90
    assert 110 < result.data["finish_in_s"] < 140
    assert result.data["in_time"] is False
    assert result.data["more_keys"] == 2


def test_a_plan_names_a_fallback_that_makes_it_in_time(home: Household) -> None:
    home.keys("groq", "k1").keys("mistral", "k2")
    now = home.runtime.clock.now()
    result = plan_limits(home.runtime, Question(GROQ, 45, 10, now + 55))
    assert result.data["in_time"] is False
    assert any(name.startswith("mistral/") for name in result.data["fallbacks"])


def test_a_plan_promises_nothing_of_a_host_whose_limits_nobody_knows(home: Household) -> None:
    home.provider("attic", home.sim.base_url("attic")).keys("groq", "k1")
    home.config(f'[aliases]\nboth = ["attic/own", "{GROQ}"]')
    now = home.runtime.clock.now()
    result = plan_limits(home.runtime, Question("attic/own", 5000, 10, now + 60))
    assert result.data["unknown_limits"] == ["attic-local/attic/own"]
    assert (result.data["finish_in_s"], result.data["in_time"]) == (None, None)
    told = home.run("limits", "plan", "--model", "both", "--requests", "5000", "--by", "1min")
    assert "unknown: no limits are known of attic-local/attic/own" in told.out
    assert "in time" not in told.out
    late = plan_limits(home.runtime, Question(GROQ, 300, 10, now + 60))
    assert late.data["unknown_limits"] == []
    assert late.data["in_time"] is False
    assert not [name for name in late.data["fallbacks"] if name.startswith("attic/")]


def test_a_limit_that_the_person_has_set_is_one_to_plan_with(home: Household) -> None:
    home.provider("attic", home.sim.base_url("attic")).limits("attic", requests_per_minute=10)
    data = plan_limits(home.runtime, Question("attic/own", 25, 10)).data
    assert data["unknown_limits"] == []
    assert 110 < data["finish_in_s"] < 140


def test_a_plan_on_the_command_line(home: Household) -> None:
    home.keys("groq", "k1")
    told = home.run("limits", "plan", "--model", GROQ, "--requests", "10")
    assert told.code == 0, told.err
    assert "10 of about 800 tokens" in told.out
    assert home.run("limits", "--requests", "10").code == 2


@pytest.mark.parametrize(("text", "seconds"), [("2h", 7200), ("90min", 5400), ("45 s", 45)])
def test_a_deadline_may_be_a_span(text: str, seconds: float) -> None:
    assert parse_by(text, 1_800_000_000.0) == 1_800_000_000.0 + seconds


def test_a_deadline_may_be_a_time_of_day_which_then_is_the_next_one() -> None:
    now = 1_800_000_000.0
    assert 0 < parse_by("18:00", now) - now <= 86_400
    with pytest.raises(UsageError):
        parse_by("soon", now)

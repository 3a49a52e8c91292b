"""What a person is told afterwards: which targets were not free, why, and for how much longer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freellm_cli.core.errors import AllLimited
from freellm_cli.services.explain import spent_on, why
from freellm_cli.services.limit_lessons import drift
from freellm_cli.services.limits import reset_limits, why_limited
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household
from tests.support.upstream import simulator

GROQ = "groq/openai/gpt-oss-120b"


def spend_gemini(home: Household) -> None:
    home.keys("gemini", "g1", "g2").keys("groq", "k1").limits("gemini", requests_per_minute=1)
    home.config(f'[aliases]\nsmart = ["{FLASH}", "{GROQ}"]')
    for _ in range(2):
        home.ask(model=FLASH).completion()


def busy(home: Household) -> list[tuple[str, str]]:
    told = why(home.runtime).data["request"]["candidates"]
    return [(item["target"].split("/")[0], item["text"]) for item in told]


SPENT = [(f"gemini-{number}", "1 request per minute (1 used, set)") for number in (1, 2)]


def test_why_names_the_limit_of_each_target_that_a_refused_request_found_spent(
    home: Household,
) -> None:
    spend_gemini(home)
    with pytest.raises(AllLimited):
        home.ask(model=FLASH, timeout_s=0.2)
    assert busy(home) == SPENT
    told = home.run("why").out
    assert "1 request per minute (1 used, set)" in told
    assert "60 s" in told or "59 s" in told


def test_why_tells_what_was_in_the_way_of_the_first_choice(home: Household) -> None:
    spend_gemini(home)
    answer = home.ask(model="smart")
    answer.completion()
    assert answer.answerer.model_id == GROQ
    assert busy(home) == SPENT


def test_why_says_nothing_of_targets_that_were_free(home: Household) -> None:
    home.keys("gemini", "g1", "g2")
    home.ask(model=FLASH).completion()
    assert busy(home) == []


def test_a_provider_is_woken_by_its_name(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2")
    sim.fail("rate_minute", provider="groq", times=2)
    with pytest.raises(AllLimited):
        home.ask(model=GROQ, timeout_s=0.5)
    assert len(why_limited(home.runtime, "groq").data["blocked"]) >= 2
    assert len(reset_limits(home.runtime, "groq").data["woken"]) == 2
    assert home.ask(model=GROQ, timeout_s=0.5).completion().text


def test_one_answer_of_several_keys_is_told_once(home: Household, sim: Simulator) -> None:
    home.keys("groq", "k1", "k2")
    refusal = {
        "error": {
            "message": "Rate limit reached on requests per minute (RPM): Limit 10, Used 10, "
            "Requested 1. Please try again in 20s.",
            "code": "rate_limit_exceeded",
        }
    }
    sim.fail("status", status=429, body=refusal, times=2)
    with pytest.raises(AllLimited) as caught:
        home.ask(model=GROQ, timeout_s=0.5)
    assert caught.value.message.count("Limit 10") == 1
    assert "groq-1/" in caught.value.message
    assert "groq-2/" in caught.value.message
    patch = [block.text for block in drift(home.runtime).blocks]  # type: ignore[union-attr]
    assert sum("10 requests" in line for line in patch) == 1


def trace(seconds: float, *tried: float, waited: float = 0, began: float | None = None) -> Any:
    """Of a request whose last try answered if `began` says when."""
    answerer = {"waited_s": waited, "first_token_s": began} if began is not None else None
    return {
        "seconds": seconds,
        "attempts": [{"seconds": each} for each in tried],
        "answerer": answerer,
    }


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        (
            trace(0.594, 0.004, 0.17, waited=0.012, began=0.183),
            ["0.01 s choosing", "0.17 s until the answer began", "0.41 s reading it"],
        ),
        (
            trace(3.0, 0.5, 0.2, waited=2.5, began=2.7),
            [
                "0.50 s tried in vain",
                "2.00 s waiting for room",
                "0.20 s until the answer began",
                "0.30 s reading it",
            ],
        ),
        (trace(2.0, 0.5), ["0.50 s tried in vain", "1.50 s waiting for room"]),
        (
            trace(1.0, 0.9, 0.3, waited=0.5, began=0.8),  # hedged: the two ran side by side
            ["0.50 s tried in vain", "0.30 s until the answer began", "0.20 s reading it"],
        ),
    ],
)
def test_what_a_request_took_is_told_in_parts(told: Any, parts: list[str]) -> None:
    assert spent_on(told) == parts


times = st.floats(0, 100)


@given(times, times, times, st.lists(times, min_size=1, max_size=4))
@example(whole=0.005, waited=0.0, began=0.0, tried=[0.0])
def test_the_parts_add_up_to_what_is_shown(
    whole: float, waited: float, began: float, tried: list[float]
) -> None:
    waited, began, whole = sorted((whole, waited, began))
    parts = spent_on(trace(whole, *tried, waited=waited, began=began))
    assert sum(float(part.split()[0]) for part in parts) == pytest.approx(round(whole, 2))


def test_why_tells_them(tmp_path: Path) -> None:
    with simulator(first_token_s=0.05, tokens_per_s=400) as paced:
        home = Household(tmp_path, paced).keys("groq", "k1")
        home.ask(model=GROQ).completion()
        told = home.run("why").out
    assert re.search(r"of that +.* s until the answer began, 0\.\d\d s reading it", told)

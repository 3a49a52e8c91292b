"""Refusals have the shape of the recorded ones, and mean to the judge what they are meant to mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.verdicts import classify
from freellm_cli.simulator.hosts import HOSTS
from freellm_cli.simulator.refusals import STATUS, STYLES, Facts, Refused, duration, refuse

RECORDED = Path(__file__).resolve().parent.parent / "fixtures" / "errors"
FACTS = Facts(
    "some-model",
    field="top_k",
    value=32_000,
    limit=10,
    used=10,
    wait_s=29.506854381,
    reset_at=1_788_912_000.0,
    key="AIzaSyThrowAwayThrowAwayThrowAway",
)

SAME_SHAPE = [
    ("gemini", "rate_day", "gemini_429_day_limit_200"),
    ("gemini", "bad_key", "gemini_400_api_key_invalid_nested"),
    ("gemini", "wrong_token_type", "gemini_401_access_token_type_unsupported"),
    ("gemini", "no_model", "gemini_404_model_not_found"),
    ("gemini", "overloaded", "gemini_503_overloaded"),
    ("gemini", "capacity", "gemini_429_double_encoded_bare"),
    ("gemini", "too_long", "gemini_400_token_count_nested"),
    ("groq", "bad_key", "groq_401_invalid_key_headers"),
    ("groq", "retired", "groq_400_model_decommissioned"),
    ("groq", "suspended", "groq_400_organization_restricted"),
    ("groq", "tokens_minute", "groq_429_tpm_seconds"),
    ("cerebras", "bad_key", "cerebras_401_wrong_key"),
    ("cerebras", "rate_minute", "cerebras_429_request_quota"),
    ("cerebras", "tokens_day", "cerebras_429_tpd_retry_after_86399"),
    ("mistral", "rate_minute", "mistral_429_1300"),
    ("mistral", "no_key", "mistral_401_detail_unauthorized"),
    ("mistral", "bad_key", "mistral_401_kong_request_id"),
    ("mistral", "bad_field", "mistral_422_extra_forbidden"),
    ("nvidia", "rate_minute", "nvidia_429_title_only"),
    ("nvidia", "bad_key", "nvidia_403_authorization_failed"),
    ("nvidia", "server_error", "nvidia_400_degraded_function"),
    ("openrouter", "no_key", "openrouter_401_no_cookie_auth"),
    ("openrouter", "bad_key", "openrouter_401_user_not_found"),
    ("cohere", "no_model", "cohere_404_model"),
    ("huggingface", "out_of_credit", "huggingface_402_monthly_credits"),
    ("iflow", "suspended", "iflow_200_status_434_blocked"),
    ("iflow", "wrong_url", "iflow_404_spring"),
    ("ollama", "no_model", "ollama_404_model_not_pulled"),
    ("ollama", "overloaded", "ollama_503_overloaded"),
    ("zai", "rate_minute", "zai_429_1302_rate"),
]


def shape(value: Any) -> Any:
    """Names and nesting, with the kinds of the leaves; lists by their first element."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items() if name != "domain"}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) else type(value).__name__


def recorded(name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    inner = case["body"].get("error") if isinstance(case["body"], dict) else None
    if isinstance(inner, dict) and str(inner.get("message", "")).startswith("{"):
        case["body"] = json.loads(inner["message"])
    return case


@pytest.mark.parametrize(("style", "kind", "name"), SAME_SHAPE)
def test_a_refusal_is_shaped_as_it_was_recorded(style: str, kind: str, name: str) -> None:
    case = recorded(name)
    said = refuse(style, kind, FACTS)
    assert said.status == case["status"]
    assert shape(json.loads(said.body)) == shape(case["body"])


MEANS = {
    "rate_minute": {"rate_limited_minute"},
    "tokens_minute": {"rate_limited_minute"},
    "rate_day": {"quota_exhausted_day"},
    "tokens_day": {"quota_exhausted_day"},
    "concurrent": {"rate_limited_minute", "overloaded"},
    "capacity": {"overloaded", "rate_limited_minute"},
    "no_key": {"auth_invalid", "auth_forbidden"},
    "bad_key": {"auth_invalid"},
    "suspended": {"key_suspended", "auth_forbidden"},
    "out_of_credit": {"payment_required"},
    "no_model": {"model_not_found"},
    "retired": {"model_not_found"},
    "too_long": {"context_too_long"},
    "filtered": {"content_filtered"},
    "bad_field": {"bad_request"},
    "bad_request": {"bad_request"},
    "server_error": {"server_error"},
    "bad_gateway": {"server_error"},
    "overloaded": {"overloaded"},
    "timeout": {"timeout"},
}
# These bodies do not tell a day from a minute, a missing model from a broken one, and so on.
SILENT = {
    ("nvidia_nim", "rate_day"): {"rate_limited_minute"},
    ("nvidia_nim", "tokens_day"): {"rate_limited_minute"},
    ("mistral", "rate_day"): {"rate_limited_minute"},
    ("mistral", "tokens_day"): {"rate_limited_minute"},
    ("mistral", "overloaded"): {"server_error"},
    ("localai", "no_model"): {"server_error"},
    ("iflow", "no_model"): {"bad_request"},
}


@pytest.mark.parametrize("provider", [name for name in HOSTS if name != "google"])
@pytest.mark.parametrize("kind", MEANS)
def test_the_judge_takes_every_refusal_for_what_it_is(provider: str, kind: str) -> None:
    said = refuse(HOSTS[provider].style, kind, FACTS)
    headers = {**dict(said.headers), "content-type": said.content_type}
    verdict = classify(provider=provider, status=said.status, headers=headers, body=said.body)
    assert verdict.kind in SILENT.get((provider, kind), MEANS[kind])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", STATUS)
def test_every_style_has_words_for_every_kind(style: str, kind: str) -> None:
    said = refuse(style, kind, FACTS)
    assert isinstance(said, Refused)
    assert 200 <= said.status < 600
    if said.content_type == "application/json" and said.body:
        json.loads(said.body)


def test_google_quotes_the_key_that_it_suspends() -> None:
    assert FACTS.key.encode() in refuse("gemini", "suspended", FACTS).body


def test_google_names_every_quota_that_was_hit_and_lies_about_a_day() -> None:
    facts = FACTS._replace(wait_s=40_000.0, quotas=(("rate_day", 20), ("rate_minute", 5)))
    error = json.loads(refuse("gemini", "rate_day", facts).body)["error"]
    failure, retry = error["details"][1], error["details"][2]
    assert [one["quotaId"] for one in failure["violations"]] == [
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    ]
    assert [one["quotaValue"] for one in failure["violations"]] == ["20", "5"]
    assert retry["retryDelay"] == "38s"
    assert "Please retry in 38.94" in error["message"]


def test_openrouter_states_the_reset_in_milliseconds_as_text() -> None:
    error = json.loads(refuse("openrouter", "rate_day", FACTS).body)["error"]
    assert error["metadata"]["headers"]["X-RateLimit-Reset"] == "1788912000000"


def test_groq_asks_to_shrink_what_can_never_fit() -> None:
    facts = FACTS._replace(limit=6000, requested=10_338)
    said = refuse("groq", "tokens_minute", facts)
    assert said.status == 413
    assert b"Limit 6000, Requested 10338" in said.body


def test_groq_and_cerebras_say_how_long_in_a_header_others_do_not() -> None:
    assert ("retry-after", "29.507") in refuse("groq", "rate_minute", FACTS).headers
    assert ("retry-after", "30") in refuse("cerebras", "rate_minute", FACTS).headers
    assert refuse("nvidia", "rate_minute", FACTS).headers == ()
    assert refuse("gemini", "rate_minute", FACTS).headers == ()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.66, "7.66s"), (179.56, "2m59.56s"), (3780, "1h3m0s"), (0.644, "644ms"), (60, "1m0s")],
)
def test_groq_writes_durations_its_own_way(seconds: float, text: str) -> None:
    assert duration(seconds) == text

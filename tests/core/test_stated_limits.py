"""What refusals say of limits, windows and whose pot it is."""

from __future__ import annotations

import json

import pytest

from freellm_cli.core.stated_limits import (
    LearnedLimit,
    offer_cut,
    window_in_headers,
    window_in_ids,
    window_in_prose,
    window_of_free_quota,
)
from tests.support.error_cases import FIXTURES, google, judge, judge_case, load, say


def limits(name: str) -> list[tuple[object, ...]]:
    verdict = judge_case(load(next(FIXTURES.glob(f"errors*/{name}.json"))))
    return [(x.subject, x.unit, x.window, x.amount) for x in verdict.limits]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gemini_429_day_limit_200", [("gemini-2.0-flash", "requests", "day", 200)]),
        (
            "gemini_429_limit_zero_three_violations",
            [
                ("gemini-2.0-flash", "requests", "day", 0),
                ("gemini-2.0-flash", "requests", "minute", 0),
                ("gemini-2.0-flash", "tokens", "minute", 0),
            ],
        ),
        ("gemini_429_nested_string_truncated_day", [("gemini-2.5-flash", "requests", "day", 20)]),
        ("gemini_429_tokens_per_minute_nested", [("gemini-2.5-flash", "tokens", "minute", 250000)]),
        ("groq_429_tpm_seconds", [("llama3-70b-8192", "tokens", "minute", 7000)]),
        ("groq_413_request_too_large", [("llama-3.3-70b-versatile", "tokens", "minute", 6000)]),
        ("groq_429_tpd_offer", [("llama-3.3-70b-versatile", "tokens", "day", 100000)]),
        ("openai_429_rpm_with_offer", [("gpt-4o-mini", "requests", "minute", 3)]),
        ("openai_429_old_wording_tpm", [("10KTPM-200RPM", "tokens", "minute", 10000)]),
        ("github_429_by_model_by_day", [(None, "requests", "day", 8)]),
        ("openrouter_429_free_per_day_limit_source_truncated", [(None, "requests", "day", 50)]),
        ("openrouter_429_limit_rpm", [("qwen/qwen3-coder:free", "requests", "minute", 8)]),
        ("anthropic_429_tokens_per_minute", [(None, "tokens", "minute", 20000)]),
        ("cohere_429_trial_minute_truncated", [(None, "requests", "minute", 10)]),
        ("nvidia_429_title_only", []),
        ("mistral_429_1300", []),
        ("zai_429_1302_rate", []),
    ],
)
def test_amounts_are_learned_from_the_body(name, expected):
    assert limits(name) == expected


def test_a_limit_keeps_the_providers_own_name_of_the_counter():
    verdict = judge_case(load(FIXTURES / "errors" / "github_429_by_model_by_day.json"))
    assert verdict.limits == (LearnedLimit(None, "requests", "day", 8, "UserByModelByDay"),)


def test_an_unnamed_window_is_told_in_seconds():
    text = "Rate limit of 15 per 300s exceeded for UserConcurrentTokens. Please wait 9 seconds"
    assert [(x.unit, x.window) for x in judge("x", 429, say(text)).limits] == [("tokens", "300s")]


def test_a_bigger_plans_numbers_are_not_ours():
    text = "Rate limit exceeded. Upgrade to a plan that allows 1000 requests per minute."
    assert judge("x", 429, say(text)).limits == ()


def test_only_refusals_over_limits_teach_limits():
    assert judge("x", 400, say("rejected: max 20 requests per minute of audio")).limits == ()


@pytest.mark.parametrize(
    ("provider", "status", "message", "account"),
    [
        ("groq", 429, "Rate limit reached in organization `org_01abcdef` on x", "org_01abcdef"),
        (
            "openai",
            429,
            "Rate limit reached for gpt-4 in organization org-AbCd12 on x",
            "org-AbCd12",
        ),
        ("gemini_cli", 429, "for consumer 'project_number:123456789'", "123456789"),
        ("gemini_cli", 403, "has not been used in project 1234567890 before", "1234567890"),
        ("nvidia_nim", 404, "Function 'f': Not found for account 'Ab-1_c'", "Ab-1_c"),
        ("mistral", 429, "Rate limit exceeded", None),
        ("custom", 429, "an organised project with accounts", None),
    ],
)
def test_the_account_is_told_whole_and_masked_in_the_message(provider, status, message, account):
    verdict = judge(provider, status, say(message))
    assert verdict.account == account
    if account:
        assert account not in verdict.message


def test_openrouters_user_is_an_account():
    body = {**say("Insufficient credits", code=402), "user_id": "user_2abcDEF"}
    assert judge("openrouter", 402, body).account == "user_2abcDEF"


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("on tokens per day (tpd): limit 100", "day"),
        ("free-models-per-day", "day"),
        ("your daily allocation", "day"),
        ("rate limit of 8 per 86400s exceeded", "day"),
        ("come back tomorrow", "day"),
        ("limited to 1000 api calls / month.", "month"),
        ("your weekly usage limit", "week"),
        ("you've reached your hourly usage limit", "hour"),
        ("usage limit reached for 5 hour.", "session"),
        ("session usage limit", "session"),
        ("requests per minute (rpm)", "minute"),
        ("limited to 8 requests per minute", "minute"),
        ("requests per second limit exceeded", "second"),
        ("too many concurrent requests", "concurrent"),
        ("已达到 5 小时的使用上限", "session"),
        ("每日调用次数已达上限", "day"),
        ("10 per 1 minute, 100 per day", "minute"),
        ("per minute. upgrade for 1000 per day", "minute"),
        ("on monday we are closed", None),
        ("yesterday was fine", None),
        ("see https://host/per-day", None),
        ("too many requests", None),
        ("a minor problem", None),
        ("1 second ago", None),
    ],
)
def test_the_first_window_that_a_text_names(text, window):
    assert window_in_prose(text) == window


@pytest.mark.parametrize(
    ("codes", "window"),
    [
        ({"generaterequestsperdayperprojectpermodelfreetier"}, "day"),
        ({"generaterequestsperminuteperprojectpermodelfreetier"}, "minute"),
        ({"generatecontentinputtokenspermodelperminute", "xperday"}, "day"),
        ({"userbymodelbyday"}, "day"),
        ({"openrouterfreetierdaily"}, "day"),
        ({"permissiondenied", "birthday"}, None),
        (set(), None),
    ],
)
def test_windows_in_the_names_of_counters(codes, window):
    assert window_in_ids(frozenset(codes)) == window


@pytest.mark.parametrize(
    ("headers", "window"),
    [
        ({"x-ratelimit-type": "UserByModelByDay"}, "day"),
        ({"x-ratelimit-remaining-tokens-month": "0"}, "month"),
        ({"x-ratelimit-remaining-requests-day": "0.0"}, "day"),
        ({"x-ratelimit-remaining-requests-minute": "0"}, "minute"),
        ({"x-ratelimit-remaining-requests-day": "12"}, None),
        ({"remaining-day": "0"}, None),
    ],
)
def test_windows_in_headers(headers, window):
    assert window_in_headers(headers) == window


def test_gemini_without_its_quota_id_is_told_by_the_size_of_the_limit():
    assert (
        window_of_free_quota("x/generate_content_free_tier_requests, limit: 20, model: m") == "day"
    )
    assert (
        window_of_free_quota("x/generate_content_free_tier_requests, limit: 10, model: m") is None
    )
    assert (
        window_of_free_quota("x/generate_content_free_tier_requests, limit: 30, model: m") is None
    )
    assert (
        window_of_free_quota("generate_content_free_tier_input_token_count, limit: 250000") is None
    )


def test_an_offer_is_cut_off_its_sentence_only():
    text = "spent the daily quota, please upgrade to pro. resets at noon. subscribe for more."
    assert offer_cut(text) == "spent the daily quota, please  resets at noon. "


def test_violations_without_an_amount_teach_nothing():
    violation = {"quotaId": "GenerateRequestsPerDayPerProject", "quotaDimensions": {"model": "m"}}
    body = google(429, "Quota exceeded", "RESOURCE_EXHAUSTED", {"violations": [violation]})
    assert judge("gemini", 429, json.loads(json.dumps(body))).limits == ()

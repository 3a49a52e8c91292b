"""What rests after a refusal, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.rest import LONGEST_S, Rest, next_midnight, rest_for
from freellm_cli.core.verdicts import KINDS, SCOPES, Verdict, transport_verdict
from tests.support.error_cases import google, judge, say

NOON = datetime(2026, 8, 20, 12, 0, tzinfo=UTC).timestamp()
HOUR = 3600.0


def rest(verdict: Verdict, strikes: int = 1, now: float = NOON) -> Rest:
    return rest_for(verdict, now=now, strikes=strikes)


def seconds(verdict: Verdict, *strikes: int) -> list[float]:
    return [rest(verdict, n).seconds for n in strikes]


def test_a_stated_wait_is_honoured():
    verdict = judge("groq", 429, say("Rate limit reached. Please try again in 7.66s."))
    found = rest(verdict)
    assert found == Rest("model", 7.66, NOON + 7.66)


def test_a_wait_of_nothing_is_a_second():
    assert rest(judge("x", 429, "", {"Retry-After": "0"})).seconds == 1.0


def test_a_hint_that_keeps_being_false_is_stretched():
    verdict = judge("x", 429, "", {"Retry-After": "2"})
    assert seconds(verdict, 1, 2, 3, 4, 5) == [2.0, 2.0, 20.0, 40.0, 80.0]


def test_an_unstated_minute_doubles_to_five_minutes():
    assert seconds(judge("x", 429, ""), 1, 2, 3, 4, 5, 50) == [
        20.0,
        40.0,
        80.0,
        160.0,
        300.0,
        300.0,
    ]


def test_nvidia_begins_lower():
    assert seconds(judge("nvidia_nim", 429, ""), 1, 2, 3) == [10.0, 20.0, 40.0]


def test_seconds_and_slots_rest_shorter():
    assert rest(judge("mistral", 429, say("Requests per second limit"))).seconds == 1.5
    assert (
        rest(judge("iflow", 200, {"status": "429", "msg": "账号已达到平台并发限制"})).seconds == 5.0
    )


def test_a_stated_reset_is_waited_for():
    body = say("Rate limit exceeded: free-models-per-day", metadata={
        "headers": {"X-RateLimit-Reset": str(int((NOON + 5 * HOUR) * 1000))}})  # fmt: skip
    assert rest(judge("openrouter", 429, body)).until == NOON + 5 * HOUR + 2


def test_a_reset_in_the_past_is_no_reset():
    body = say("Rate limit exceeded: free-models-per-min", metadata={
        "headers": {"X-RateLimit-Reset": str(int((NOON - 60) * 1000))}})  # fmt: skip
    assert rest(judge("openrouter", 429, body)).seconds == 20.0


def test_a_spent_gemini_day_waits_for_midnight_in_los_angeles_whatever_its_hint_says():
    detail = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
    hint = {"@type": "x/google.rpc.RetryInfo", "retryDelay": "8s"}
    verdict = judge("gemini", 429, google(429, "q", "RESOURCE_EXHAUSTED", detail, hint))
    assert rest(verdict).until == datetime(2026, 8, 21, 7, 0, 2, tzinfo=UTC).timestamp()


def test_a_model_without_free_quota_rests_a_day():
    verdict = judge("gemini", 429, google(429, "limit: 0, model: m", "RESOURCE_EXHAUSTED"))
    assert rest(verdict) == Rest("model", 24 * HOUR, NOON + 24 * HOUR)


@pytest.mark.parametrize("provider", ["openrouter", "cloudflare"])
def test_days_that_end_at_utc_midnight(provider):
    verdict = judge(provider, 429, say("Daily limit reached"))
    assert rest(verdict).until == datetime(2026, 8, 21, 0, 0, 2, tzinfo=UTC).timestamp()


def test_a_day_of_unknown_end_is_probed_hourly_then_less_often():
    verdict = judge("custom", 429, say("Daily limit reached"))
    assert seconds(verdict, 1, 2, 3, 9) == [HOUR, 2 * HOUR, 4 * HOUR, 24 * HOUR]


def test_a_spent_month_is_tried_daily():
    verdict = judge("cohere", 429, say("limited to 1000 API calls / month"))
    assert seconds(verdict, 1, 2, 3) == [24 * HOUR, LONGEST_S, LONGEST_S]


def test_a_long_believable_hint_on_a_day_is_honoured():
    verdict = judge("cerebras", 429, say("Tokens per day limit exceeded"), {"retry-after": "80000"})
    assert rest(verdict).seconds == 80000.0


def test_an_hour_rests_an_hour():
    assert rest(judge("ollama", 429, say("hourly usage limit"))).seconds == HOUR


def test_nothing_rests_longer_than_36_hours():
    verdict = judge("x", 429, "", {"Retry-After": "900000"})
    assert rest(verdict).seconds == LONGEST_S


def test_a_refused_key_is_tried_again_soon_and_then_ever_more_seldom():
    verdict = judge("groq", 401, say("Invalid API Key"))
    assert rest(verdict, 1) == Rest("key", 60.0, NOON + 60.0)
    assert seconds(verdict, 2, 3, 9) == [HOUR, 2 * HOUR, LONGEST_S]
    assert not rest(verdict, 9).permanent, "a provider's bad day must not cost the key for ever"


def test_a_suspended_key_is_out_at_once():
    found = rest(judge("gemini", 403, say("Your API key was reported as leaked.")))
    assert (found.scope, found.permanent) == ("key", True)


def test_what_only_the_owner_can_mend_does_not_wake_by_itself():
    assert rest(judge("gemini_cli", 403, say("Verify your account to continue."))).permanent
    assert not rest(judge("custom", 403, say("Forbidden"))).permanent


def test_an_unpaid_bill_rests_an_hour_and_doubles():
    verdict = judge("openrouter", 402, say("Insufficient credits"))
    assert seconds(verdict, 1, 2, 9) == [HOUR, 2 * HOUR, 24 * HOUR]
    assert rest(judge("openrouter", 402, say("busy"), {"Retry-After": "30"})).seconds == 30.0


def test_a_region_rests_the_provider_not_the_key():
    verdict = judge("gemini", 400, say("User location is not supported for the API use."))
    assert rest(verdict).scope == "provider"
    assert not rest(verdict).permanent


def test_a_missing_model_rests_a_day():
    found = rest(judge("groq", 404, say("The model `x` does not exist")))
    assert (found.scope, found.seconds, found.shared) == ("model", 24 * HOUR, False)
    assert rest(judge("groq", 400, say("x", code="model_decommissioned"))).shared


def test_a_model_that_lacks_a_feature_is_not_put_away():
    verdict = judge("openrouter", 404, say("No endpoints found that support tool use", code=404))
    assert rest(verdict).seconds == 0.0


def test_a_crowd_rests_half_a_minute():
    assert seconds(judge("gemini", 503, say("The model is overloaded.")), 1, 2, 3, 4) == [
        30.0, 60.0, 120.0, 120.0]  # fmt: skip


def test_a_page_rests_the_provider_and_grows():
    edge = judge("custom", 403, "<html><body>blocked</body></html>")
    assert seconds(edge, 1, 2, 9) == [30.0, 60.0, 900.0]
    assert rest(edge).scope == "provider"


def test_a_gateways_page_is_forgiven_quickly_at_first():
    gateway = judge("custom", 502, "<html><body>no</body></html>")
    assert seconds(gateway, 1, 2, 9) == [2.0, 4.0, 300.0]


@pytest.mark.parametrize(
    "verdict",
    [
        judge("x", 400, say("bad")),
        judge("x", 413, say("too long")),
        judge("x", 400, say("x", code="content_filter")),
        judge("x", 200, {"choices": [{"message": {"content": "hi"}}]}),
        judge("x", 200, {"choices": []}),
        judge("x", 408, say("timeout")),
        judge("x", 404, "404 page not found"),
        transport_verdict("cut"),
    ],
)
def test_nothing_rests_for_one_request(verdict):
    found = rest(verdict)
    assert found.seconds == 0.0
    assert found.until is None
    assert not found.permanent


def test_a_broken_connection_rests_the_provider_shortly():
    assert seconds(transport_verdict("connect"), 1, 2, 3, 9) == [5.0, 10.0, 20.0, 120.0]
    assert rest(transport_verdict("first_token_timeout")).scope == "model"


def test_jitter_stretches_by_a_tenth_and_never_by_more_than_a_minute():
    verdict = judge("x", 429, "")
    assert rest_for(verdict, now=NOON, strikes=1, jitter=0.5).seconds == pytest.approx(21.0)
    long = judge("x", 429, "", {"Retry-After": "36000"})
    assert rest_for(long, now=NOON, strikes=1, jitter=0.999).seconds == pytest.approx(36060, abs=1)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 8, 20, 6, 59, tzinfo=UTC), datetime(2026, 8, 20, 7, tzinfo=UTC)),
        (datetime(2026, 8, 20, 7, 0, tzinfo=UTC), datetime(2026, 8, 21, 7, tzinfo=UTC)),
        (datetime(2026, 1, 20, 12, tzinfo=UTC), datetime(2026, 1, 21, 8, tzinfo=UTC)),
        # the nights in which the clocks change
        (datetime(2026, 3, 8, 9, tzinfo=UTC), datetime(2026, 3, 9, 7, tzinfo=UTC)),
        (datetime(2026, 11, 1, 8, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)),
    ],
)
def test_midnight_in_los_angeles(now, expected):
    assert next_midnight(now.timestamp(), "America/Los_Angeles") == expected.timestamp()


def test_without_zone_data_midnight_is_never_too_early():
    found = next_midnight(NOON, "Nowhere/Unknown")
    assert found == datetime(2026, 8, 21, 8, tzinfo=UTC).timestamp()
    assert found >= next_midnight(NOON, "America/Los_Angeles")


@given(
    kind=st.sampled_from(KINDS),
    scope=st.sampled_from(SCOPES),
    hint=st.none() | st.floats(0, 1e9),
    strikes=st.integers(-5, 10_000),
    window=st.sampled_from([None, "minute", "day", "month", "concurrent", "hour", "session"]),
    jitter=st.floats(0, 0.999),
)
def test_every_rest_is_bounded(kind, scope, hint, strikes, window, jitter):
    verdict = Verdict(kind, scope, retry_after_s=hint, window=window, provider="gemini")
    found = rest_for(verdict, now=NOON, strikes=strikes, jitter=jitter)
    assert 0.0 <= found.seconds <= LONGEST_S
    if found.seconds and not found.permanent:
        assert found.until == NOON + found.seconds

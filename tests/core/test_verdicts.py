"""Every recorded error body gets the verdict its meaning asks for, and words in another sense do not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freellm_cli.core import http
from freellm_cli.core.verdicts import (
    KINDS,
    SCOPES,
    classify,
    fields_to_drop,
    transport_verdict,
)
from tests.support.error_cases import (
    POSTED,
    RECORDED,
    google,
    judge,
    judge_case,
    load,
    retry,
    say,
    wire,
)


@pytest.mark.parametrize("path", RECORDED + POSTED, ids=lambda path: path.stem)
def test_a_recorded_answer_gets_its_verdict(path):
    case = load(path)
    verdict = judge_case(case)
    assert (verdict.kind, verdict.scope) == (case["meaning"], case["scope"]), verdict
    if case["retry_after_s"] is None:
        assert verdict.retry_after_s is None
    else:
        assert verdict.retry_after_s == pytest.approx(case["retry_after_s"])
    if "reset_at" in case:
        assert verdict.reset_at is not None
        assert verdict.reset_at.isoformat() == case["reset_at"].replace("Z", "+00:00")


@pytest.mark.parametrize("path", RECORDED + POSTED, ids=lambda path: path.stem)
def test_no_key_and_no_account_is_left_in_a_message(path):
    verdict = judge_case(load(path))
    for sign in ("AIzaSy", "org_RED", "org-RED", "user_RED", "REDACTED-account"):
        assert sign not in verdict.message
        assert sign not in verdict.code


def test_there_is_a_fixture_for_every_kind_but_ok():
    assert {load(path)["meaning"] for path in RECORDED + POSTED} == set(KINDS) - {"ok"}


def test_what_the_client_sent_does_not_decide():
    body = {
        "detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "input": "invalid api key"}],
        "error": {
            "code": "tool_use_failed",
            "failed_generation": "rate limit per day",
            "message": "bad",
        },
    }
    assert judge("mistral", 422, body).kind == "bad_request"


def test_a_long_hint_means_a_long_window():
    assert judge("custom", 429, "", {"Retry-After": "3600"}).kind == "quota_exhausted_day"
    assert judge("custom", 429, "", {"Retry-After": "295"}).kind == "rate_limited_minute"


def test_a_spent_meter_in_the_headers_names_the_window():
    headers = {
        "x-ratelimit-remaining-requests-day": "0",
        "x-ratelimit-reset-requests-day": "4000.5",
    }
    verdict = judge("sambanova", 429, say("Too many requests"), headers)
    assert (verdict.kind, verdict.window, verdict.retry_after_s) == (
        "quota_exhausted_day",
        "day",
        4000.5,
    )
    headers = {
        "x-ratelimit-remaining-requests-day": "7",
        "x-ratelimit-remaining-requests-minute": "0",
    }
    assert judge("sambanova", 429, "", headers).kind == "rate_limited_minute"


@pytest.mark.parametrize(
    ("provider", "body", "believed"),
    [
        (
            "gemini",
            google(429, "q", "RESOURCE_EXHAUSTED", {"quotaId": "XPerDayY"}, retry("8s")),
            False,
        ),
        ("gemini", google(429, "limit: 0", "RESOURCE_EXHAUSTED", retry("50000s")), False),
        (
            "gemini",
            google(429, "q", "RESOURCE_EXHAUSTED", {"quotaId": "XPerMinuteY"}, retry("8s")),
            True,
        ),
        ("groq", say("Rate limit reached on tokens per day (TPD). Please try again in 20s."), True),
        ("gemini_cli", google(429, "Your quota will reset after 8h.", "RESOURCE_EXHAUSTED"), True),
    ],
)
def test_a_short_hint_on_a_spent_day_is_not_believed(provider, body, believed):
    verdict = judge(provider, 429, body)
    assert verdict.hint_believed is believed
    assert verdict.retry_after_s is not None


@pytest.mark.parametrize(
    ("provider", "status", "body", "fields"),
    [
        ("gemini", 400, google(400, 'Unknown name "top_k": Cannot find field.\nUnknown name "const" at '
                               "'tools[0].function_declarations[0].parameters': Cannot find field.", "X"),
         ("top_k", "tools.0.function_declarations.0.parameters.const")),
        ("mistral", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "messages", 3, "name"]}]},
         ("messages.3.name",)),
        ("groq", 400, say("property 'frequency_penalty' is unsupported"), ("frequency_penalty",)),
        ("groq", 400, say("'messages.0' : for 'role:user' the following must be satisfied[('messages.0' : "
                          "property 'name' is unsupported)]"), ("messages.0.name",)),
        ("openai", 400, say("Unrecognized request arguments supplied: user, top_k"), ("user", "top_k")),
        ("openai", 400, say("Unknown parameter: 'foo'.", param="foo", code="unknown_parameter"), ("foo",)),
        ("openai", 400, say("Unsupported value: 'temperature' does not support 0.7 with this model."),
         ("temperature",)),
        ("openai", 400, say("no", param="seed", code="unsupported_parameter"), ("seed",)),
        ("anthropic", 400, say("`temperature` is deprecated for this model."), ("temperature",)),
        ("anthropic", 400, say("store: Extra inputs are not permitted"), ("store",)),
        ("fireworks", 400, say("Extra inputs are not permitted, field: 'top_a'"), ("top_a",)),
        ("nvidia_nim", 400, say("Validation: Unsupported parameter(s): `seed`"), ("seed",)),
        ("nvidia_nim", 400, "detail={'type': 'extra_forbidden', 'loc': ('body', 'messages', 0, 'name')}",
         ("messages.0.name",)),
        ("custom", 400, say("Error from provider: Extra inputs are not permitted, field: 'min_p'"),
         ("min_p",)),
        ("custom", 400, "detail={'type': 'missing', 'loc': ('body', 'model')}", ()),
        ("custom", 400, say("This model is not supported"), ()),
        ("custom", 400, say("max_tokens is too large: 8192", param="max_tokens"), ()),
    ],
)  # fmt: skip
def test_fields_to_leave_out(provider, status, body, fields):
    verdict = judge(provider, status, body)
    assert fields_to_drop(verdict) == fields


def test_only_a_bad_request_names_fields():
    verdict = judge("groq", 429, say("property 'x' is unsupported, rate limit"))
    assert fields_to_drop(verdict._replace(fields=("x",))) == ()


def test_a_bad_request_helps_elsewhere_only_where_it_is_this_providers_dislike():
    assert judge("mistral", 400, say("Unexpected role 'tool'", code="3230")).elsewhere
    assert judge("groq", 400, say("property 'x' is unsupported")).elsewhere
    assert not judge("custom", 400, say("messages must not be empty")).elsewhere
    assert judge("custom", 429, "").elsewhere


def test_an_upstreams_trouble_behind_openrouter_does_not_rest_our_key():
    raw = json.dumps(say("Incorrect API key provided: sk-abc", code="invalid_api_key"))
    wrapped = say("Provider returned error", code=401, metadata={"raw": raw, "is_byok": False})
    verdict = judge("openrouter", 401, wrapped)
    assert (verdict.kind, verdict.scope, verdict.shared) == ("server_error", "model", True)
    own = say("Provider returned error", code=401, metadata={"raw": raw, "is_byok": True})
    assert judge("openrouter", 401, own).scope == "key"


def test_a_key_in_the_text_is_masked():
    key = "AIzaSy" + "a" * 33
    verdict = judge("gemini", 403, say(f"Consumer 'api_key:{key}' has been suspended."))
    assert verdict.kind == "key_suspended"
    assert key not in repr(verdict)


def test_escape_sequences_and_half_characters_do_not_reach_a_terminal():
    body = b'{"error":{"message":"\\u001b[2J\\ud83d bad \\u202e end","code":"\\u001b[31m"}}'
    verdict = classify(provider="custom", status=400, headers={}, body=body)
    assert verdict.message.isprintable()
    assert verdict.code.isprintable()
    verdict.message.encode("utf-8")


def test_a_page_says_its_title():
    verdict = judge("custom", 502, "<html><head><title>502 Bad Gateway</title></head></html>")
    assert verdict.message == "HTML page: 502 Bad Gateway"


def test_html_inside_json_is_a_page_and_words_under_an_html_type_are_words():
    assert judge("custom", 500, say("<html><body>no</body></html>")).kind == "html_error_page"
    verdict = judge(
        "custom", 429, "Too many requests", {"Content-Type": "text/html; charset=utf-8"}
    )
    assert verdict.kind == "rate_limited_minute"


@pytest.mark.parametrize("fault", [*http.FAULTS, "malformed", "something new"])
def test_a_transport_fault_is_never_the_keys(fault):
    verdict = transport_verdict(fault)
    assert verdict.kind in ("timeout", "server_error", "bad_request")
    assert verdict.scope in ("provider", "request", "model")
    assert verdict.elsewhere


def test_a_verdict_knows_its_reset_in_epoch_seconds():
    verdict = judge("custom", 429, say("x", reset_at="2026-09-09T00:00:00Z"))
    assert verdict.reset_at_epoch == 1788912000.0
    assert judge("custom", 429, "").reset_at_epoch is None


# What must hold for any answer at all.
@settings(max_examples=400, deadline=None)
@given(
    provider=st.sampled_from(["gemini", "openrouter", "zai", "iflow", "custom", ""]),
    status=st.sampled_from(
        [0, 100, 200, 204, 301, 400, 401, 403, 404, 422, 429, 500, 503, 529, 999]
    ),
    headers=st.dictionaries(
        st.sampled_from(
            ["Retry-After", "Date", "content-type", "X-RateLimit-Reset", "ratelimit", "x"]
        ),
        st.text(max_size=40),
    ),
    body=st.one_of(st.binary(max_size=400), st.text(max_size=400), st.none()),
)
def test_whatever_comes_there_is_a_verdict(provider, status, headers, body):
    verdict = classify(provider=provider, status=status, headers=headers, body=body)
    assert verdict.kind in KINDS
    assert verdict.scope in SCOPES
    assert verdict.message.isprintable()
    assert verdict.retry_after_s is None or verdict.retry_after_s >= 0


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["error", "message", "code", "choices", "detail", "loc", "retry_after", "reset_at",
                         "raw", "quotaId", "model", "quotaValue", "status", "base_resp", "response", "type"]),
        inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(status=st.sampled_from([200, 400, 404, 429, 503]), tree=JSON_VALUES, cut=st.integers(0, 60))
def test_any_json_and_any_piece_of_it_gets_a_verdict(status, tree, cut):
    body = json.dumps(tree).encode()
    for piece in (body, body[: max(0, len(body) - cut)]):
        assert classify(provider="gemini", status=status, headers={}, body=piece).kind in KINDS


def shells(case: dict[str, Any]) -> list[bytes]:
    """The body as relays and SDKs pass it on."""
    body = case["body"]
    text = json.dumps(body)
    return [
        json.dumps([body]).encode(),
        json.dumps(body, indent=2, ensure_ascii=False).encode(),
        b"\xef\xbb\xbf" + text.encode(),
        json.dumps(text).encode(),
        json.dumps(json.dumps(text)).encode(),
        json.dumps({"error": body}).encode(),
        json.dumps({"error": {"message": text, "code": case["status"], "status": "X"}}).encode(),
        f"upstream error: {text}".encode(),
        f"Error code: {case['status']} - {body!r}".encode(),
        text[:-1].encode(),
        json.dumps({"error": {"message": text}})[:-4].encode(),
    ]


@pytest.mark.parametrize(
    "path",
    [path for path in RECORDED + POSTED if not isinstance(load(path)["body"], str)],
    ids=lambda path: path.stem,
)
def test_a_shell_around_a_body_does_not_change_its_kind(path):
    case = load(path)
    for body in shells(case):
        assert judge_case(case, body).kind == case["meaning"], body


def end_of_message(case: dict[str, Any]) -> int:
    """Where the sentence that decides ends in the body; -1 when the text alone does not decide."""
    message = json.dumps(judge_case(case).message)[1:-1]
    place = wire(case["body"]).decode().find(message)
    tells = judge_case(case, message.encode()).kind == case["meaning"]
    return place + len(message) if place >= 0 and tells else -1


@pytest.mark.parametrize(
    "path",
    [path for path in RECORDED + POSTED if end_of_message(load(path)) >= 0],
    ids=lambda path: path.stem,
)
def test_a_cut_body_keeps_its_kind_while_its_telling_text_is_whole(path):
    case = load(path)
    whole = wire(case["body"]).decode()
    for end in range(end_of_message(case) + 1, len(whole), max(1, len(whole) // 25)):
        piece = whole[:end].encode()
        assert judge_case(case, piece).kind == case["meaning"], piece


def test_only_the_first_64_kib_count():
    filler = " " * 70_000
    late = '{"error":{"message":"oops' + filler + 'invalid api key"}}'
    assert judge("custom", 400, late).kind == "bad_request"
    early = '{"error":{"message":"invalid api key' + filler + '"}}'
    assert judge("custom", 400, early).kind == "auth_invalid"

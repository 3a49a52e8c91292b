"""Bodies of every shape give up their fields."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.error_body import (
    SCAN_BYTES,
    flatten_escapes,
    fold,
    looks_like_html,
    read_body,
    squash,
    status_in_prose,
)


def test_the_usual_envelope():
    body = read_body(
        b'{"error":{"message":"Invalid API Key","type":"x_error","code":"invalid_api_key"}}'
    )
    assert body.shape == "json"
    assert body.message == "Invalid API Key"
    assert body.text == "invalid api key"
    assert body.codes == {"invalidapikey", "xerror"}
    assert body.code == "invalid_api_key"
    assert body.inner_status is None


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"error": "plain"}, "plain"),
        ({"error": {"error": {"message": "doubled"}}}, "doubled"),
        ([{"error": {"message": "in a list"}}], "in a list"),
        ({"message": "flat"}, "flat"),
        ({"msg": "short"}, "short"),
        ({"status": 403, "title": "Forbidden", "detail": "the reason"}, "the reason"),
        ({"status": 429, "title": "Too Many Requests"}, "Too Many Requests"),
        ({"detail": [{"loc": ["body", "x"], "msg": "Extra inputs"}]}, "Extra inputs"),
        ({"message": {"detail": [{"msg": "Nested"}]}}, "Nested"),
        ({"success": False, "errors": [{"code": 7, "message": "in errors"}]}, "in errors"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "why not"}}},
            "why not",
        ),
        ({"error": {"message": "Provider returned error"}}, "Provider returned error"),
        ({"error": "invalid_grant", "error_description": "Token expired."}, "Token expired."),
        ({"error": {"some_unknown_key": "a sentence of its own"}}, "a sentence of its own"),
        ({}, ""),
    ],
)
def test_the_message_is_found_wherever_it_stands(tree, message):
    assert read_body(json.dumps(tree)).message == message


def test_a_sentence_under_an_unknown_key_is_still_read():
    assert (
        read_body('{"fault":{"faultstring":"Spike arrest violation"}}').text
        == "spike arrest violation"
    )


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_json_inside_a_string_is_opened(levels):
    inner = {"error": {"message": "deep", "status": "RESOURCE_EXHAUSTED", "code": 429}}
    for _ in range(levels):
        inner = {"error": {"message": json.dumps(inner)}}
    body = read_body(json.dumps(inner))
    assert body.message == "deep"
    assert "resourceexhausted" in body.codes
    assert body.inner_status == 429


def test_a_body_cut_off_anywhere_keeps_the_fields_before_the_cut():
    whole = json.dumps({"error": {"message": json.dumps(
        {"error": {"code": 429, "message": "You exceeded", "details": [{"quotaId": "PerDayX"}]}}
    )}})  # fmt: skip
    body = read_body(whole[: whole.index("PerDayX") + 7])
    assert body.shape == "cut"
    assert body.inner_status == 429
    assert body.message == "You exceeded"
    assert "perdayx" in body.codes


def test_a_python_repr_is_read_too():
    body = read_body("Error code: 429 - {'error': {'message': 'slow', 'code': 'too_fast'}}")
    assert body.shape == "text"
    assert "toofast" in body.codes


def test_what_the_client_sent_is_left_out():
    body = read_body(
        '{"detail":[{"msg":"bad","input":"my secret question"}],"error":{"failed_generation":"text"}}'
    )
    assert "secret" not in body.text
    assert "text" not in body.text


def test_an_event_stream_is_read_by_the_event_that_tells():
    body = read_body(': ping\n\nevent: x\ndata: {"a":1}\n\ndata: {"error":{"message":"late"}}\n\n')
    assert body.message == "late"


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b"", "empty"),
        (None, "empty"),
        (b"  \r\n\t", "empty"),
        (b"\xef\xbb\xbf{}", "json"),
        ("null", "text"),
        ('"a sentence in quotes"', "text"),
        (b"\xff\xfe\xfa", "text"),
        (b"[" * 5000, "cut"),
        ({"message": "already parsed"}, "json"),
        (bytearray(b'{"a":1}'), "json"),
    ],
)
def test_shapes(body, shape):
    assert read_body(body).shape == shape


@pytest.mark.parametrize(
    ("text", "is_page"),
    [
        ("<!DOCTYPE html>\n<html>", True),
        ("\n\n <html lang='en'>", True),
        ("<center><h1>504</h1></center>", True),
        ("<!-- x --><html><head>", True),
        ("502: <html><head><title>x</title>", True),
        ("the tag <html> is not allowed in prompts", False),
        ("<?xml version='1.0'?><Error/>", False),
        ("<function=search>", False),
        ("", False),
    ],
)
def test_pages_are_known_by_their_tags(text, is_page):
    assert looks_like_html(text) is is_page


def test_only_so_much_is_read():
    body = read_body(b'{"message":"' + b"x" * (2 * SCAN_BYTES) + b'"}')
    assert body.shape == "cut"
    assert len(body.source) == SCAN_BYTES


@pytest.mark.parametrize(
    "code", ["RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "rate-limit exceeded"]
)
def test_codes_lose_their_spelling(code):
    assert squash(code) == "ratelimitexceeded"


def test_texts_are_folded():
    assert fold("Can’t\n  DO\u00a0it") == "can't do it"


def test_escapes_of_any_depth_are_flattened():
    assert flatten_escapes(r"{\\\"a\\\":\"b\\n\",\u00e9}") == '{"a":"b ",é}'


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("error code: 524", 524),
        ("upstream answered with status code 429", 429),
        ("http/1.1 503 service unavailable", 503),
        ("code 12345", None),
        ("429 apples", None),
    ],
)
def test_a_status_in_prose(text, status):
    assert status_in_prose(text) == status


@pytest.mark.parametrize(
    ("tree", "code"),
    [
        ({"error": {"type": "tokens", "code": "rate_limit_exceeded"}}, "rate_limit_exceeded"),
        ({"error": {"code": 403, "status": "DENIED", "details": [{"reason": "WHY"}]}}, "WHY"),
        ({"type": "error", "error": {"type": "overloaded_error"}}, "overloaded_error"),
        ({"error": {"code": "1302", "message": "x"}}, "1302"),
        ({"error": {"code": 429, "message": "x"}}, "429"),
        ({"message": "x"}, ""),
    ],
)
def test_the_most_telling_code_is_kept(tree, code):
    assert read_body(json.dumps(tree)).code == code


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_no_bytes_break_it(body):
    read_body(body)

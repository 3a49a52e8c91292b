"""Our errors as responses: status, headers, body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core import errors
from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.errors import HttpRefusal, error_reply, retry_headers
from freellm_cli.core.faces.registry import FACE_NAMES, face


def reply(error: errors.FreellmError, name: str = "openai") -> tuple[int, dict[str, str], Any]:
    made = error_reply(error, "req_1", face(name))
    return made.status, made.headers, json.loads(made.body)


NEVER = {"x-should-retry": "false"}


@pytest.mark.parametrize(
    ("error", "status", "kind", "code", "headers"),
    [
        (BadField("model", "a string"), 400, "invalid_request_error", "invalid_request", NEVER),
        (errors.UnknownName("x"), 404, "invalid_request_error", "model_not_found", NEVER),
        (
            errors.ContextTooLong("x"),
            400,
            "invalid_request_error",
            "context_length_exceeded",
            NEVER,
        ),
        (errors.ContentFiltered("x"), 400, "invalid_request_error", "content_filter", NEVER),
        (
            errors.AllLimited("x", retry_after_s=12.2),
            429,
            "rate_limit_error",
            "rate_limit_exceeded",
            {"retry-after": "13", "x-should-retry": "true"},
        ),
        (
            errors.AllLimited("x", retry_after_s=61),
            429,
            "rate_limit_error",
            "rate_limit_exceeded",
            {"retry-after": "61", "x-should-retry": "false"},
        ),
        (errors.AllLimited("x"), 429, "rate_limit_error", "rate_limit_exceeded", NEVER),
        (
            errors.AllLimited("x", retry_after_s=30000, daily=True),
            429,
            "insufficient_quota",
            "insufficient_quota",
            {"retry-after": "30000", "x-should-retry": "false"},
        ),
        (errors.NoCredential("x"), 503, "server_error", "no_credentials", NEVER),
        (errors.CredentialRefused("x"), 502, "server_error", "upstream_credentials", NEVER),
        (errors.UpstreamError("x"), 502, "server_error", "upstream_error", NEVER),
        (errors.UpstreamTimeout("x"), 504, "server_error", "upstream_timeout", NEVER),
        (
            errors.Overloaded("x"),
            503,
            "server_error",
            "overloaded",
            {"retry-after": "2", "x-should-retry": "true"},
        ),
        (
            HttpRefusal("x", status=401, code="invalid_api_key"),
            401,
            "invalid_request_error",
            "invalid_api_key",
            NEVER,
        ),
        (
            HttpRefusal("x", status=429, code="concurrency", retry_after_s=1),
            429,
            "rate_limit_error",
            "concurrency",
            {"retry-after": "1", "x-should-retry": "true"},
        ),
        (errors.FreellmError("x"), 500, "server_error", "internal_error", NEVER),
    ],
)
def test_openai_clients_are_told(
    error: errors.FreellmError, status: int, kind: str, code: str, headers: dict[str, str]
) -> None:
    got_status, got_headers, body = reply(error)
    assert (got_status, got_headers) == (status, headers)
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert (body["error"]["type"], body["error"]["code"]) == (kind, code)


@pytest.mark.parametrize("name", FACE_NAMES)
@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_providers_refusal_of_a_key_is_not_the_clients(name: str, status: int) -> None:
    class Leaked(errors.CredentialRefused):
        http_status = status

    assert reply(Leaked("groq refused the key"), name)[0] == 502


def test_anthropics_own_status_for_overload() -> None:
    status, _, body = reply(errors.Overloaded("busy"), "anthropic")
    assert (status, body["error"]["type"], body["request_id"]) == (
        529,
        "overloaded_error",
        "req_1",
    )


def test_googles_own_words() -> None:
    status, _, body = reply(errors.AllLimited("all limited", retry_after_s=5), "gemini")
    assert status == 429
    assert body["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert body["error"]["details"][0]["retryDelay"] == "5s"
    assert reply(errors.UpstreamError("x"), "gemini")[2]["error"]["status"] == "UNAVAILABLE"


@pytest.mark.parametrize("name", FACE_NAMES)
def test_every_error_body_has_an_error(name: str) -> None:
    """TALKER and others look at nothing but `error`."""
    for kind in (errors.FreellmError, errors.NoCredential, errors.AllLimited):
        assert reply(kind("what happened", hint="what mends it"), name)[2]["error"]


def test_the_hint_is_told() -> None:
    error = errors.NoCredential("no key for groq", hint="freellm keys add groq")
    message = reply(error)[2]["error"]["message"]
    assert message == "no key for groq (freellm keys add groq) [req_1]"


def test_a_wait_is_at_least_a_second() -> None:
    assert retry_headers(errors.AllLimited("x", retry_after_s=0.01))["retry-after"] == "1"
    assert retry_headers(errors.AllLimited("x", retry_after_s=0))["retry-after"] == "1"

"""The emulators refuse what the services refused: a client that is wrong must not pass against them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from freellm_cli.core.http import HttpRequest, Timeouts
from freellm_cli.core.secret import Secret
from freellm_cli.providers.iflow import signed_headers
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.transport.client import HttpTransport
from tests.support.google_emulator import CLIENT_ID, SCOPES, GoogleEmulator
from tests.support.iflow_emulator import IflowEmulator

TOKEN = Secret("ya29.good")
PLAIN: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CALL = {"functionCall": {"name": "f", "args": {}}}
RESULT = {"functionResponse": {"name": "f", "response": {"a": 1}}}


@pytest.fixture
def google() -> Iterator[GoogleEmulator]:
    with GoogleEmulator() as emulator:
        emulator.grant("1//x", TOKEN.reveal())
        yield emulator


@pytest.fixture
def iflow() -> Iterator[IflowEmulator]:
    with IflowEmulator() as emulator:
        emulator.grant("r", "a", "sk-good-key")
        yield emulator


def post(url: str, body: Any, headers: dict[str, str], secret: Secret) -> tuple[int, bytes]:
    transport = HttpTransport(clock=SystemClock(), env={})
    auth = (("Authorization", "Bearer ", secret),)
    sent = {"content-type": "application/json", **headers}
    response = transport.send(
        HttpRequest("POST", url, sent, auth, json.dumps(body).encode()), Timeouts()
    )
    try:
        return response.status, response.read()
    finally:
        response.close()
        transport.close()


def generate(google: GoogleEmulator, request: Any, model: str, **envelope: Any) -> int:
    body = {"model": model, "user_prompt_id": "p", "project": "x", "request": request, **envelope}
    url = f"{google.url}/v1internal:streamGenerateContent?alt=sse"
    return post(url, body, {}, TOKEN)[0]


def turns(*parts: list[dict[str, Any]]) -> dict[str, Any]:
    roles = ("user", "model", "user")
    return {
        "contents": [{"role": r, "parts": p} for r, p in zip(roles, parts, strict=False)],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    }


WRONG = [
    (PLAIN, {"project": None}, 500),
    (PLAIN, {"project": ""}, 400),
    (PLAIN, {"model": "models/gemini-2.5-flash"}, 400),
    (PLAIN, {"session_id": "outside"}, 400),
    (turns([{"text": "hi"}], [CALL], [RESULT]), {"model": "gemini-3-flash-preview"}, 400),
    (turns([{"text": "hi"}], [CALL, CALL], [RESULT]), {}, 400),
    (
        {
            **turns([{"text": "hi"}]),
            "generationConfig": {"responseMimeType": "application/json"},
        },
        {},
        400,
    ),
    (
        {
            **PLAIN,
            "generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "low"}},
        },
        {},
        400,
    ),
]


@pytest.mark.parametrize(("request_body", "envelope", "status"), WRONG)
def test_code_assist_refuses(
    google: GoogleEmulator, request_body: Any, envelope: dict[str, Any], status: int
) -> None:
    assert generate(google, PLAIN, "gemini-2.5-flash") == 200
    model = envelope.pop("model", "gemini-2.5-flash")
    assert generate(google, request_body, model, **envelope) == status


GOOD_PAGE = {
    "client_id": CLIENT_ID,
    "response_type": "code",
    "state": "s",
    "redirect_uri": "http://127.0.0.1:5/oauth2callback",
    "scope": " ".join(SCOPES),
    "access_type": "offline",
    "prompt": "consent",
    "code_challenge_method": "S256",
    "code_challenge": "x" * 43,
}


@pytest.mark.parametrize(
    "changed",
    [
        {"state": ""},
        {"client_id": "x"},
        {"scope": "openid"},
        {"redirect_uri": "http://evil.example/cb"},
        {"code_challenge_method": "plain"},
        {"prompt": "none"},
    ],
)
def test_google_refuses_a_login_page_that_is_asked_wrongly(
    google: GoogleEmulator, changed: dict[str, str]
) -> None:
    from urllib.parse import urlencode

    from tests.support.login_home import visit

    status, page = visit(f"{google.url}/o/oauth2/v2/auth?{urlencode({**GOOD_PAGE, **changed})}")
    assert status == 400
    assert "Error 400" in page


CHAT = {"model": "glm-4.6", "messages": [], "stream": True}


def chat(iflow: IflowEmulator, key: str = "sk-good-key", **changed: Any) -> tuple[int, bytes]:
    signed_at = changed.pop("at", SystemClock().now())
    headers = signed_headers(
        Secret(changed.pop("signed_with", key)),
        user_agent="freellm/test",
        session_id="s",
        timestamp_ms=round(signed_at * 1000),
    )
    headers["User-Agent"] = "freellm/test"
    return post(f"{iflow.url}/v1/chat/completions", {**CHAT, **changed}, headers, Secret(key))


def test_iflow_refuses_what_is_not_signed_as_it_wants(iflow: IflowEmulator) -> None:
    assert chat(iflow)[0] == 200
    assert chat(iflow, signed_with="another") == (406, b"")
    assert chat(iflow, at=SystemClock().now() - 301) == (406, b"")
    assert chat(iflow, stream_options={}) == (406, b"")
    assert chat(iflow, tools=[{"function": {"strict": True}}])[0] == 400
    status, body = chat(iflow, key="an-access-token")
    assert status == 200
    assert b'"434"' in body

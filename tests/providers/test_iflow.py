"""iFlow's signed headers and its request, against what its clients were seen to send."""

from __future__ import annotations

import hashlib
import hmac

from freellm_cli import __version__
from freellm_cli.core.secret import Secret
from freellm_cli.providers.iflow import signature, signed_headers
from tests.support.openai_talk import ask, dialect, target

SESSION = "session-00000000-0000-4000-8000-000000000000"


def test_the_signature_is_the_known_one() -> None:
    assert (
        signature("sk-test", "iFlow-Cli", SESSION, 1_700_000_000_000)
        == "0e714708175abecc3f936816c5841e7f17b53d0fbde504322d902f1be7dc7ab4"
    )


def test_without_a_key_nothing_is_signed() -> None:
    headers = signed_headers(None, user_agent="x", session_id="1", timestamp_ms=5)

    assert headers == {"session-id": "session-1", "x-iflow-timestamp": "5"}


def test_a_request_is_signed_for_the_user_agent_that_it_carries() -> None:
    where = target("iflow", "kimi-k2", quirks={"signature": "iflow", "always_stream": True})

    call = dialect().chat(ask(), where, Secret("sk-test"), stream=False)

    agent = f"freellm/{__version__}"
    session = "session-00000000-0000-4000-8000-000000000001"
    message = f"{agent}:{session}:1700000000000".encode()
    assert call.headers["User-Agent"] == agent
    assert call.headers["session-id"] == session
    assert call.headers["x-iflow-timestamp"] == "1700000000000"
    expected = hmac.new(b"sk-test", message, hashlib.sha256).hexdigest()
    assert call.headers["x-iflow-signature"] == expected
    assert call.headers["Accept"].startswith("text/event-stream")
    assert call.auth == (("Authorization", "Bearer ", Secret("sk-test")),)


def test_a_session_may_be_given() -> None:
    where = target(quirks={"signature": "iflow"}, options={"session_id": SESSION})

    call = dialect().chat(ask(), where, Secret("sk-test"), stream=True)

    assert call.headers["session-id"] == SESSION


def test_the_key_is_nowhere_but_in_its_header() -> None:
    where = target(quirks={"signature": "iflow"})

    call = dialect().chat(ask(), where, Secret("sk-very-secret"), stream=True)

    assert "sk-very-secret" not in f"{call.url}{call.headers}{call.body!r}{call!r}{call.auth}"

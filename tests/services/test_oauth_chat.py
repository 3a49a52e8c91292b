"""Asking with a login: fresh tokens, the pool around a dead one, every refusal to its consequence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.errors import CredentialRefused, FreellmError
from freellm_cli.core.secret import Secret
from freellm_cli.services.oauth_background import BackgroundRefresh
from freellm_cli.services.oauth_refresh import fresh_login
from tests.support.google_emulator import (
    TYPE,
    UNAUTHENTICATED,
    GoogleEmulator,
    envelope,
    error,
    sse,
)
from tests.support.household import Household, targets
from tests.support.login_home import ACCESS, OLD_ACCESS, REFRESH, google_login
from tests.support.stepping_clock import SteppingClock

MODEL = "gemini_cli/gemini-2.5-flash"
SECOND = "1//0refresh-of-the-second-9876543210"
STREAM = "streamGenerateContent"


@pytest.fixture
def google() -> Iterator[GoogleEmulator]:
    with GoogleEmulator() as emulator:
        emulator.grant(REFRESH, ACCESS)
        yield emulator


@pytest.fixture
def home(tmp_path: Path, google: GoogleEmulator) -> Household:
    return Household(tmp_path, None).config(google.config())  # type: ignore[arg-type]


def home_at(clock: SteppingClock, folder: Path, google: GoogleEmulator) -> Household:
    return Household(folder, None, clock=clock).config(google.config())  # type: ignore[arg-type]


def ask(home: Household, model: str = MODEL, **more: Any) -> str:
    return home.ask(model=model, **more).completion().text


def stored(home: Household, number: int = 1) -> dict[str, Any]:
    path = home.folder / "config" / "oauth" / f"gemini_cli_{number}.json"
    return dict(json.loads(path.read_text()))


# The envelope


def test_a_question_goes_out_in_the_envelope(home: Household, google: GoogleEmulator) -> None:
    google_login(home)
    assert ask(home) == "Hello from gemini-2.5-flash"
    [seen] = google.asked(STREAM)
    assert seen.query == {"alt": "sse"}
    assert seen.headers["authorization"] == f"Bearer {ACCESS}"
    assert seen.headers["user-agent"].startswith("freellm/")
    assert "x-goog-api-key" not in seen.headers
    assert set(seen.body) == {"model", "project", "user_prompt_id", "request"}
    assert seen.body["project"] == "server-project"
    assert not google.asked("/token")


def test_a_login_without_a_project_sends_none(home: Household, google: GoogleEmulator) -> None:
    google_login(home, project_id="")
    ask(home)
    assert "project" not in google.asked(STREAM)[0].body


def test_the_conversation_keeps_its_session_and_each_prompt_has_its_id(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    first = {"role": "user", "content": "one"}
    ask(home, messages=[first])
    said = {"role": "assistant", "content": "two"}
    ask(home, messages=[first, said, {"role": "user", "content": "three"}])
    ask(home, messages=[{"role": "user", "content": "another"}])
    bodies = [seen.body for seen in google.asked(STREAM)]
    sessions = [body["request"]["session_id"] for body in bodies]
    assert sessions[0] == sessions[1] != sessions[2]
    assert len({body["user_prompt_id"] for body in bodies}) == 3


def test_a_system_prompt_has_the_role_that_gemini_cli_gives_it(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    ask(
        home,
        messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
    )
    instruction = google.asked(STREAM)[0].body["request"]["systemInstruction"]
    assert instruction == {"role": "user", "parts": [{"text": "be brief"}]}


def test_a_renamed_model_is_sent_under_its_wire_name(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    ask(home, "gemini_cli/gemini-3.5-flash")
    assert google.asked(STREAM)[0].body["model"] == "gemini-3-flash"


def test_parallel_calls_come_back_with_the_signature_of_the_first(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    signature = "c2lnbmF0dXJl"
    calls = [{"functionCall": {"name": "look", "args": {"at": n}}} for n in (1, 2)]
    calls[0]["thoughtSignature"] = signature  # type: ignore[assignment]
    google.answer = lambda body: sse(envelope(*calls, finish="STOP"))
    schema = {"type": "object", "properties": {"at": {"type": "integer"}}}
    tools = [{"type": "function", "function": {"name": "look", "parameters": schema}}]
    model = "gemini_cli/gemini-3-flash-preview"
    question = {"role": "user", "content": "look twice"}
    answer = home.ask(model=model, messages=[question], params={"tools": tools}).completion()
    assert [call.arguments for call in answer.tool_calls] == ['{"at":1}', '{"at":2}'] or len(
        answer.tool_calls
    ) == 2
    assistant = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in answer.tool_calls
        ],
    }
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "seen"} for call in answer.tool_calls
    ]
    google.answer = lambda body: sse(envelope({"text": "done"}, finish="STOP"), newline="\r\n")
    messages = [question, assistant, *results]
    assert ask(home, model, messages=messages, params={"tools": tools}) == "done"
    turns = google.asked(STREAM)[1].body["request"]["contents"]
    sent = [part for part in turns[1]["parts"] if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in sent] == [signature, None]
    assert len(turns[2]["parts"]) == 2


def test_thoughts_and_usage_come_out_of_the_envelope(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    thought = {"text": "Hmm.", "thought": True}
    google.answer = lambda body: sse(envelope(thought), envelope({"text": "Yes."}, finish="STOP"))
    answer = home.ask(model=MODEL, think="low").completion()
    assert (answer.reasoning, answer.text) == ("Hmm.", "Yes.")
    assert answer.usage.total == 7


@pytest.mark.parametrize("as_array", [False, True])
def test_an_error_inside_the_stream_is_judged_like_one_before_it(
    home: Household, google: GoogleEmulator, as_array: bool
) -> None:
    google_login(home)
    body = error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXHAUSTED")
    google.answer = lambda _: json.dumps([body]).encode() if as_array else sse(body)
    with pytest.raises(FreellmError):
        ask(home, timeout_s=1)
    assert [rest.kind for rest in home.runtime.ledger.rests()] == ["quota_exhausted_day"]


# Tokens


def test_an_expired_token_is_refreshed_before_it_is_used(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=-5, access_token=Secret(OLD_ACCESS))
    assert ask(home)
    assert len(google.asked(STREAM)) == 1
    assert stored(home)["access_token"] != OLD_ACCESS
    assert stored(home)["refresh_token"] == REFRESH


def test_a_401_is_answered_by_one_refresh_and_the_same_target(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=2000, access_token=Secret(OLD_ACCESS))
    answer = home.ask(model=MODEL)
    assert answer.completion().text
    assert targets(answer) == [("gemini_cli-1", "ok")]
    assert (len(google.asked(STREAM)), google.tally["refreshed"]) == (2, 1)


def test_a_second_401_is_not_answered_by_a_second_refresh(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=2000)
    google.refuse_next(STREAM, 401, UNAUTHENTICATED, times=2)
    with pytest.raises(CredentialRefused):
        ask(home)
    assert (len(google.asked(STREAM)), google.tally["refreshed"]) == (2, 1)


def test_a_clock_that_was_set_back_does_not_keep_a_dead_token_alive(
    tmp_path: Path, google: GoogleEmulator
) -> None:
    clock = SteppingClock()
    home = home_at(clock, tmp_path, google)
    google_login(home, expires_in=3599, access_token=Secret(OLD_ACCESS))
    clock.advance(-7200)
    assert ask(home)
    assert google.tally["refreshed"] == 1


def test_a_rotated_refresh_token_is_kept(home: Household, google: GoogleEmulator) -> None:
    google.rotate = True
    google_login(home, expires_in=-5)
    ask(home)
    first = stored(home)["refresh_token"]
    assert first != REFRESH
    fresh = home.run("oauth", "refresh")
    assert fresh.code == 0, fresh.err
    assert stored(home)["refresh_token"] != first


def test_a_revoked_login_rests_until_a_new_one_and_the_pool_goes_on(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=-5, refresh_token=Secret("1//0revoked-refresh-token"))
    google.grant(SECOND, "ya29.second-access-token-0123")
    google_login(
        home,
        email="second@example.com",
        refresh_token=Secret(SECOND),
        access_token=Secret("ya29.second-access-token-0123"),
    )
    seen = [targets(home.ask(model=MODEL)) for _ in range(3)]
    assert all(tries[-1] == ("gemini_cli-2", "ok") for tries in seen)
    assert [("gemini_cli-1", "auth_invalid")] in [tries[:-1] for tries in seen]
    assert len(google.asked("/token")) == 1
    rest = next(r for r in home.runtime.ledger.rests() if r.key == "credential:gemini_cli-1")
    assert "freellm oauth login gemini-cli" in rest.reason
    assert rest.until is None
    listed = home.run("oauth", "list")
    assert "login again: freellm oauth login gemini-cli" in listed.out


def test_a_revoked_login_alone_is_exit_4_with_the_command(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=-5)
    google.revoke_all()
    outcome = home.run("chat", "-m", MODEL, "hi")
    assert outcome.code == 4
    assert "freellm oauth login gemini-cli" in outcome.err
    assert REFRESH not in outcome.err + outcome.out


def test_the_session_policy_of_an_organisation_is_named(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=-5)
    body = {"error": "invalid_grant", "error_subtype": "invalid_rapt"}
    google.refuse_next("/token", 400, body)
    with pytest.raises(CredentialRefused, match="session policy"):
        ask(home)


def test_a_token_endpoint_that_fails_for_a_moment_is_asked_again(
    tmp_path: Path, google: GoogleEmulator
) -> None:
    clock = SteppingClock()
    home = home_at(clock, tmp_path, google)
    google_login(home, expires_in=-5)
    google.refuse_next("/token", 500, b"", times=2)
    assert ask(home)
    assert clock.slept[:2] == [1.0, 2.0]


def test_a_failed_refresh_is_not_repeated_by_every_request(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=-5)
    google.refuse_next("/token", 429, {"error": "rate"}, Retry_After="120")
    for _ in range(3):
        with pytest.raises(FreellmError):
            ask(home, timeout_s=0.5)
    assert len(google.asked("/token")) == 1


def test_in_the_advisory_window_a_failure_is_nobodys(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=300)
    google.refuse_next("/token", 429, {}, times=3)
    assert ask(home)
    assert ask(home)
    assert len(google.asked("/token")) == 1


def test_tokens_that_cannot_be_stored_are_not_used(home: Household, google: GoogleEmulator) -> None:
    google_login(home, expires_in=-5)
    folder = home.folder / "config" / "oauth"
    taken = folder / "gemini_cli_1.json"
    text = taken.read_text()

    def block(body: dict[str, Any]) -> bytes:
        raise AssertionError("it was asked with tokens that are stored nowhere")

    google.answer = block
    home.runtime.logins.files.lock(home.runtime.logins.list()[0]).release()
    taken.unlink()
    taken.mkdir()
    try:
        with pytest.raises(FreellmError):
            ask(home, timeout_s=0.5)
    finally:
        taken.rmdir()
        taken.write_text(text)
    assert not google.asked(STREAM)


def test_another_process_that_refreshed_is_seen_at_once(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    ask(home)
    other = Household(home.folder, None).config(google.config())  # type: ignore[arg-type]
    assert other.run("oauth", "refresh").code == 0
    google.expire_access()
    google.grant(REFRESH, str(stored(home)["access_token"]))
    ask(home)
    assert google.tally["refreshed"] == 1


# Logins of the environment


def test_a_login_of_the_environment_is_used_and_refreshed_in_memory(
    home: Household, google: GoogleEmulator
) -> None:
    home.env |= {
        "GEMINI_CLI_1_REFRESH_TOKEN": REFRESH,
        "GEMINI_CLI_1_PROJECT_ID": "env-project",
        "GEMINI_CLI_1_EMAIL": "env@example.com",
    }
    home.forget()
    assert ask(home)
    assert ask(home)
    assert google.tally["refreshed"] == 1
    assert google.asked(STREAM)[0].body["project"] == "env-project"
    assert not (home.folder / "config" / "oauth").exists()
    assert "gemini_cli-env-1" in home.run("oauth", "list").out


def test_what_export_prints_is_what_the_environment_is_read_from(
    home: Household, google: GoogleEmulator, tmp_path: Path
) -> None:
    google_login(home)
    masked = home.run("oauth", "export", "--env")
    assert REFRESH not in masked.out
    assert "--reveal" in masked.err
    shown = home.run("oauth", "export", "--env", "--reveal").out
    other = Household(tmp_path / "other", None).config(google.config())  # type: ignore[arg-type]
    other.env |= dict(line.split("=", 1) for line in shown.split("\n") if line)
    other.forget()
    assert ask(other) == "Hello from gemini-2.5-flash"


# Refusals

FLASH_TARGET = "target:gemini_cli-1/gemini_cli/gemini-2.5-flash"
CREDENTIAL = "credential:gemini_cli-1"
GROUP = "account:gemini_cli/person@example.com|group:25-flash"


def quota(message: str, reason: str, delay: str, retry: str) -> dict[str, Any]:
    metadata = {"model": "gemini-2.5-flash", "quotaResetDelay": delay}
    info = {"@type": f"{TYPE}RetryInfo", "retryDelay": retry}
    return error(429, "RESOURCE_EXHAUSTED", message, reason, metadata, info)


REFUSALS = [
    (
        429,
        quota(
            "You have exhausted your capacity on this model. Your quota will reset after 40s.",
            "RATE_LIMIT_EXCEEDED",
            "40s",
            "40s",
        ),
        "rate_limited_minute",
        GROUP,
        (38, 60),
    ),
    (
        429,
        quota(
            "You have exhausted your capacity on this model. Your quota will reset after 19h9m0s.",
            "QUOTA_EXHAUSTED",
            "19h9m0s",
            "68940s",
        ),
        "quota_exhausted_day",
        GROUP,
        (68_000, 70_000),
    ),
    (
        429,
        error(
            429,
            "RESOURCE_EXHAUSTED",
            "No capacity available for model gemini-2.5-flash on the server",
            "MODEL_CAPACITY_EXHAUSTED",
            {"model": "gemini-2.5-flash"},
        ),
        "overloaded",
        "model:gemini_cli/gemini-2.5-flash",
        (10, 130),
    ),
    (
        403,
        error(403, "PERMISSION_DENIED", "Verify your account to continue.", "VALIDATION_REQUIRED"),
        "auth_forbidden",
        CREDENTIAL,
        None,
    ),
    (
        403,
        error(
            403,
            "PERMISSION_DENIED",
            "This service has been disabled in this account for violation of Terms of Service.",
            "TOS_VIOLATION",
        ),
        "key_suspended",
        CREDENTIAL,
        None,
    ),
    (
        403,
        error(403, "PERMISSION_DENIED", "No licence (#3501)", "SUBSCRIPTION_REQUIRED"),
        "auth_forbidden",
        CREDENTIAL,
        None,
    ),
    (
        403,
        error(
            403,
            "PERMISSION_DENIED",
            "Gemini for Google Cloud API has not been used in project 1 before or it is disabled. "
            "Enable it by visiting https://console.developers.google.com/x",
            "SERVICE_DISABLED",
            domain="googleapis.com",
        ),
        "auth_forbidden",
        CREDENTIAL,
        None,
    ),
    (
        403,
        error(403, "PERMISSION_DENIED", "Permission denied on resource project x.", "CONSUMER_INVALID"),
        "auth_forbidden",
        CREDENTIAL,
        None,
    ),
    (
        404,
        error(404, "NOT_FOUND", "Requested entity was not found."),
        "model_not_found",
        FLASH_TARGET,
        (80_000, 130_000),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "key", "seconds"), REFUSALS)
def test_each_refusal_rests_what_it_speaks_of(
    home: Household,
    google: GoogleEmulator,
    status: int,
    body: dict[str, Any],
    kind: str,
    key: str,
    seconds: tuple[int, int] | None,
) -> None:
    google_login(home)
    google.refuse_next(STREAM, status, body, times=9)
    with pytest.raises(FreellmError):
        ask(home, timeout_s=1)
    rests = home.runtime.ledger.rests()
    assert key in [item.key for item in rests]
    rest = next(item for item in rests if item.key == key)
    assert rest.kind == kind
    if seconds is None:
        assert rest.until is None
    else:
        assert rest.until is not None
        assert seconds[0] <= rest.until - home.runtime.clock.now() <= seconds[1]
    assert google.tally["refreshed"] == 0


def test_models_of_a_quota_group_share_one_count(home: Household, google: GoogleEmulator) -> None:
    google_login(home)
    ask(home)
    ask(home, "gemini_cli/gemini-2.5-flash-lite")
    ask(home, "gemini_cli/gemini-2.5-pro")
    limits = home.runtime.catalog
    from freellm_cli.core.published import limits_for

    provider = limits.provider("gemini_cli")
    model = limits.model(MODEL)
    assert model is not None
    mine = limits_for(provider, model, credential="gemini_cli-1", account="person@example.com")
    group = next(limit for limit in mine if limit.meter.endswith("|group:25-flash"))
    [usage] = home.runtime.ledger.usage([group])
    assert usage.used == 2


# Quota and background


def test_what_google_calls_spent_rests_until_the_time_it_names(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    in_an_hour = datetime.fromtimestamp(home.runtime.clock.now() + 3600, UTC).isoformat()
    google.account.buckets = [
        {
            "modelId": "gemini-2.5-pro",
            "tokenType": "REQUESTS",
            "remainingFraction": 0,
            "resetTime": in_an_hour,
        },
        {
            "modelId": "gemini-2.5-flash",
            "tokenType": "REQUESTS",
            "remainingFraction": 0.5,
            "remainingAmount": "600",
            "resetTime": in_an_hour,
        },
        {"modelId": "gemini-3-flash", "tokenType": "REQUESTS"},
    ]
    outcome = home.run("oauth", "list", "--quota", "--json")
    assert outcome.code == 0, outcome.err
    [row] = json.loads(outcome.out)["logins"]
    assert [item["left"] for item in row["quota"]] == [0.0, 0.5, None]
    [rest] = home.runtime.ledger.rests()
    assert rest.key == "target:gemini_cli-1/gemini_cli/gemini-2.5-pro"
    assert "advisory" in rest.reason
    learned = {item.limit.meter: item.limit.amount for item in home.runtime.ledger.learned()}
    assert learned == {"account:gemini_cli/person@example.com|group:25-flash": 1200}
    assert ask(home)


def test_the_background_refreshes_what_expires_soon(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, expires_in=500)
    google_login(home, email="second@example.com", expires_in=3000)
    assert BackgroundRefresh(home.runtime).run_once() == ("gemini_cli-1",)
    assert BackgroundRefresh(home.runtime).run_once() == ()


def test_the_background_says_what_it_cannot_refresh(
    home: Household, google: GoogleEmulator
) -> None:
    google.revoke_all()
    google_login(home, expires_in=500)
    assert BackgroundRefresh(home.runtime).run_once() == ()
    assert "freellm oauth login gemini-cli" in home.notices[-1]


def test_the_background_starts_and_stops(home: Household, google: GoogleEmulator) -> None:
    google_login(home, expires_in=500)
    background = BackgroundRefresh(home.runtime)
    background.start()
    background.stop()
    assert fresh_login(home.runtime, "gemini_cli-1").access_token != Secret(ACCESS)


def test_a_refresh_that_hangs_elsewhere_is_not_waited_for_beyond_the_deadline(
    home: Household, google: GoogleEmulator
) -> None:
    login = google_login(home, expires_in=-5)
    began = home.runtime.clock.monotonic()
    with home.runtime.logins.files.lock(login), pytest.raises(FreellmError):
        ask(home, timeout_s=0.3)
    assert home.runtime.clock.monotonic() - began < 5
    assert not google.asked("/token")

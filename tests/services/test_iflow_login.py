"""iFlow's login, refresh and signed requests, against its endpoints as an emulator plays them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.errors import CredentialRefused, FreellmError, Overloaded, ProviderClosed
from freellm_cli.core.logins import Login
from freellm_cli.core.secret import Secret
from freellm_cli.services.oauth_refresh import RefreshFailed, fresh_login
from tests.support.household import Household
from tests.support.iflow_emulator import BLOCKED, BUSY, CLIENT_ID, CLIENT_SECRET, IflowEmulator
from tests.support.login_home import ScriptedTalk, log_in
from tests.support.stepping_clock import SteppingClock

MODEL = "iflow/glm-4.6"
USER_INFO = "/api/oauth/getUserInfo"
TOKEN = "/oauth/token"
CHAT = "/v1/chat/completions"
DAY = 86_400.0


@pytest.fixture
def iflow() -> Iterator[IflowEmulator]:
    with IflowEmulator() as emulator:
        emulator.grant("refresh-of-the-test", "access-of-the-test", "sk-iflow-key-of-the-test")
        yield emulator


@pytest.fixture
def home(tmp_path: Path, iflow: IflowEmulator, free_port: int) -> Household:
    return Household(tmp_path, None).config(iflow.config(free_port))  # type: ignore[arg-type]


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def stored(home: Household) -> dict[str, Any]:
    path = home.folder / "config" / "oauth" / "iflow_1.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def iflow_login(home: Household, *, expires_in: float, issued_ago: float = 4000.0) -> Login:
    now = home.runtime.clock.now()
    login = Login(
        "iflow",
        access_token=Secret("access-of-the-test"),
        refresh_token=Secret("refresh-of-the-test"),
        expires_at=now + expires_in,
        issued_at=now - issued_ago,
        api_key=Secret("sk-iflow-key-of-the-test"),
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
        email="person@example.cn",
    )
    made = home.runtime.logins.files.add(login)
    home.runtime.forget_credentials()
    return made


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_login_stores_the_key_that_the_api_takes(
    home: Household, iflow: IflowEmulator, wrapped: bool
) -> None:
    iflow.wrapped = wrapped
    assert log_in(home.runtime, "iflow").data["account"] == "person@example.cn"
    assert stored(home)["api_key"] == "sk-iflow-key-of-the-test"
    assert home.ask(model=MODEL).completion().text == "Hello there"
    [seen] = iflow.asked(CHAT)
    assert seen.headers["user-agent"].startswith("freellm/")
    assert "stream_options" not in seen.body


def test_an_identity_by_telephone_is_masked(home: Household, iflow: IflowEmulator) -> None:
    iflow.identity = {"email": "", "phone": "13812345678"}
    assert log_in(home.runtime, "iflow").data["account"] == "138****5678"
    assert "13812345678" not in json.dumps(stored(home))


def refused(home: Household, talk: ScriptedTalk | None = None) -> FreellmError:
    with pytest.raises(FreellmError) as caught:
        log_in(home.runtime, "iflow", talk)
    assert not stored(home)
    return caught.value


def test_a_login_without_a_key_is_none(home: Household, iflow: IflowEmulator) -> None:
    iflow.gives_key = False
    fault = refused(home)
    assert (fault.exit_code, "no API key" in fault.message) == (4, True)


def test_a_forged_state_and_a_denial_are_told_apart(home: Household, iflow: IflowEmulator) -> None:
    iflow.forge_state = True
    assert "state" in refused(home).message
    iflow.forge_state, iflow.consent = False, "deny"
    assert "denied" in refused(home).message


def test_too_many_people_is_a_reason_to_come_back(home: Household, iflow: IflowEmulator) -> None:
    iflow.refuse_next(TOKEN, 200, BUSY)
    assert isinstance(refused(home), Overloaded)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html"}, b"<html>iFlow</html>"),
        (404, {}, b'{"status": 404}'),
        (410, {}, b""),
    ],
)
def test_a_page_in_place_of_tokens_means_that_the_service_is_closed(
    home: Household, iflow: IflowEmulator, answer: tuple[int, dict[str, str], bytes]
) -> None:
    iflow.refuse_next(TOKEN, answer[0], answer[2], **answer[1])
    fault = refused(home)
    assert isinstance(fault, ProviderClosed)
    assert fault.exit_code == 3
    assert "2026-04-17" in fault.message


def test_a_host_that_is_gone_means_that_the_service_is_closed(
    home: Household, iflow: IflowEmulator, free_port: int
) -> None:
    from freellm_cli.core.errors import TransportFault
    from freellm_cli.services.oauth_exchange import unreachable

    gone = unreachable("iflow", TransportFault("no such host", fault="dns", sent=False))
    assert isinstance(gone, ProviderClosed)


def test_the_warning_names_the_day_it_closed(home: Household) -> None:
    talk = ScriptedTalk()
    log_in(home.runtime, "iflow", talk)
    assert "iFlow closed on 2026-04-17" in talk.said[0]


# Refresh


@pytest.mark.parametrize(
    ("lifetime", "left", "due"),
    [
        (7 * DAY, 2 * DAY, False),
        (7 * DAY, 0.9 * DAY, True),
        (3600.0, 3000.0, False),
        (3600.0, 600.0, True),
    ],
)
def test_a_token_is_refreshed_a_day_before_its_end_or_in_the_last_fifth(
    home: Household, iflow: IflowEmulator, lifetime: float, left: float, due: bool
) -> None:
    iflow_login(home, expires_in=left, issued_ago=lifetime - left)
    fresh_login(home.runtime, "iflow-1")
    assert iflow.tally["refreshed"] == (1 if due else 0)


@pytest.mark.parametrize("lifetime", [None, 3600, 60])
def test_a_short_lifetime_is_no_refresh_storm(
    home: Household, iflow: IflowEmulator, lifetime: int | None
) -> None:
    iflow.lifetime = lifetime
    iflow_login(home, expires_in=-1)
    for _ in range(5):
        fresh_login(home.runtime, "iflow-1")
    assert iflow.tally["refreshed"] == 1


def test_the_key_is_had_anew_after_each_refresh(home: Household, iflow: IflowEmulator) -> None:
    iflow.new_key_each_time = True
    iflow_login(home, expires_in=-1)
    assert home.ask(model=MODEL).completion().text == "Hello there"
    assert stored(home)["api_key"] in iflow.keys
    assert stored(home)["api_key"] != "sk-iflow-key-of-the-test"
    assert stored(home)["refresh_token"] != "refresh-of-the-test"


def test_a_key_that_cannot_be_had_anew_still_serves(home: Household, iflow: IflowEmulator) -> None:
    iflow.refuse_next(USER_INFO, 500, b"")
    iflow_login(home, expires_in=-1)
    assert home.ask(model=MODEL).completion().text == "Hello there"
    assert "old one stays" in home.notices[0]


def test_an_invalid_key_inside_a_200_is_refreshed_once(
    home: Household, iflow: IflowEmulator
) -> None:
    iflow_login(home, expires_in=5 * DAY)
    iflow.keys, iflow.new_key_each_time = set(), True
    assert home.ask(model=MODEL).completion().text == "Hello there"
    assert iflow.tally["refreshed"] == 1


def test_a_blocked_key_is_not_refreshed(home: Household, iflow: IflowEmulator) -> None:
    iflow_login(home, expires_in=5 * DAY)
    iflow.refuse_next(CHAT, 200, BLOCKED)
    with pytest.raises(FreellmError):
        home.ask(model=MODEL, timeout_s=1)
    assert iflow.tally["refreshed"] == 0
    [rest] = home.runtime.ledger.rests()
    assert (rest.kind, rest.until) == ("key_suspended", None)


def test_busy_for_an_hour_means_that_the_session_is_dead(
    tmp_path: Path, iflow: IflowEmulator
) -> None:
    clock = SteppingClock()
    home = Household(tmp_path, None, clock=clock).config(iflow.config())  # type: ignore[arg-type]
    iflow_login(home, expires_in=-1)
    iflow.refuse_next(TOKEN, 200, BUSY, times=9)
    for _ in range(4):
        with pytest.raises(RefreshFailed):
            fresh_login(home.runtime, "iflow-1")
        clock.advance(1000)
    with pytest.raises(CredentialRefused) as caught:
        fresh_login(home.runtime, "iflow-1")
    assert "freellm oauth login iflow" in caught.value.hint


def test_a_client_must_be_in_the_header_and_in_the_form(
    home: Household, iflow: IflowEmulator
) -> None:
    log_in(home.runtime, "iflow")
    [seen] = iflow.asked(TOKEN)
    assert seen.headers["authorization"].startswith("Basic ")
    assert seen.body["client_secret"] == CLIENT_SECRET


def test_no_token_of_iflow_is_in_any_output_or_state(home: Household, iflow: IflowEmulator) -> None:
    talk = ScriptedTalk()
    result = log_in(home.runtime, "iflow", talk)
    listed = home.run("oauth", "list", "--json")
    state = "".join(
        path.read_bytes().decode("latin-1")
        for path in (home.folder / "state").rglob("*")
        if path.is_file()
    )
    text = "\n".join([*talk.said, str(result), listed.out, listed.err, state, *home.notices])
    row = stored(home)
    for name in ("access_token", "refresh_token", "api_key"):
        assert row[name] not in text


def test_the_variables_of_a_login_are_one_credential(home: Household) -> None:
    home.env |= {
        "IFLOW_ACCESS_TOKEN": "access-of-the-test",
        "IFLOW_REFRESH_TOKEN": "refresh-of-the-test",
        "IFLOW_API_KEY": "sk-iflow-key-of-the-test",
    }
    home.forget()
    [credential] = home.runtime.credentials()
    assert (credential.id, credential.kind) == ("iflow-env", "oauth")


ACCOUNT = "account:iflow/person@example.cn"
REFUSALS: list[tuple[int, Any, str, str, int]] = [
    (200, {"status": "449", "msg": "rate limit"}, "rate_limited_minute", ACCOUNT, 60),
    (
        200,
        {"success": False, "code": "429", "message": "您当前的账号已达到平台并发限制"},
        "rate_limited_minute",
        ACCOUNT,
        5,
    ),
    (
        200,
        {"success": False, "code": "500", "message": "当前模型已达到平台速率限制"},
        "rate_limited_minute",
        f"{ACCOUNT}|glm-4.6",
        60,
    ),
    (406, b"", "model_not_found", "target:iflow-1/iflow/glm-4.6", 3600),
]


@pytest.mark.parametrize(("status", "body", "kind", "key", "seconds"), REFUSALS)
def test_each_refusal_of_iflow_rests_what_it_speaks_of(
    home: Household,
    iflow: IflowEmulator,
    status: int,
    body: Any,
    kind: str,
    key: str,
    seconds: int,
) -> None:
    iflow_login(home, expires_in=5 * DAY)
    iflow.refuse_next(CHAT, status, body, times=3)
    with pytest.raises(FreellmError):
        home.ask(model=MODEL, timeout_s=0.5)
    [rest] = home.runtime.ledger.rests()
    assert (rest.key, rest.kind) == (key, kind)
    assert rest.until is not None
    assert seconds - 1 <= rest.until - home.runtime.clock.now() <= seconds * 1.1 + 1
    assert iflow.tally["refreshed"] == 0


def test_a_wrong_path_is_not_the_keys_fault(home: Household, iflow: IflowEmulator) -> None:
    iflow_login(home, expires_in=5 * DAY)
    spring = {"timestamp": "x", "status": 404, "error": "Not Found", "path": "/v1/x"}
    iflow.refuse_next(CHAT, 404, spring)
    with pytest.raises(FreellmError):
        home.ask(model=MODEL, timeout_s=0.5)
    assert not [rest for rest in home.runtime.ledger.rests() if rest.key.startswith("credential")]


def _chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data:" + json.dumps({"id": "c", "choices": [choice], **more}).encode() + b"\n\n"


def test_calls_that_end_as_if_they_were_text_are_calls(
    home: Household, iflow: IflowEmulator
) -> None:
    iflow_login(home, expires_in=5 * DAY)
    call = {"index": 0, "id": "t1", "function": {"name": "f", "arguments": "{}"}}
    iflow.stream = _chunk({"tool_calls": [call]}) + _chunk({}, "stop", usage={})
    answer = home.ask(model=MODEL).completion()
    assert (answer.finish, answer.tool_calls[0].name) == ("tool_calls", "f")
    assert answer.usage.estimated


def test_a_network_error_in_the_stream_is_a_failure(home: Household, iflow: IflowEmulator) -> None:
    iflow_login(home, expires_in=5 * DAY)
    iflow.stream = _chunk({}, "network_error")
    with pytest.raises(FreellmError, match="network_error"):
        home.ask(model=MODEL, timeout_s=0.5)

"""Logins of other programs, and logins in variables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.login_files import env_lines, epoch_seconds, logins_in, read_login
from freellm_cli.core.secret import Secret

TOKENS = {"access_token": "ya29.a", "refresh_token": "1//r"}


def read(**tree: Any) -> Any:
    return read_login(json.dumps(tree).encode())


def test_gemini_clis_file_counts_milliseconds() -> None:
    login = read(**TOKENS, expiry_date=1_767_225_600_000, token_type="Bearer")
    assert (login.provider, login.expires_at) == ("gemini_cli", 1_767_225_600)
    assert login.refresh_token == Secret("1//r")


@pytest.mark.parametrize("holder", ["token", "credential"])
def test_tokens_may_lie_one_level_down(holder: str) -> None:
    tree = {holder: TOKENS, "project_id": "p", "email": "a@b.c", "type": "gemini"}
    login = read(**tree)
    assert (login.access_token, login.project_id) == (Secret("ya29.a"), "p")


def test_metadata_of_llm_api_key_proxy_is_taken() -> None:
    login = read(**TOKENS, _proxy_metadata={"email": "a@b.c", "tier": "free-tier"})
    assert (login.email, login.tier) == ("a@b.c", "free-tier")


@pytest.mark.parametrize(
    "expiry",
    [
        {"expiry_date": "2026-01-01T00:00:00Z"},
        {"expired": "2026-01-01T00:00:00+00:00"},
        {"token_expiry": "2026-01-01T00:00:00Z"},
        {"expiry_date": 1_767_225_600_000},
        {"expiry_date": 1_767_225_600},
    ],
)
def test_every_spelling_of_an_expiry_is_read(expiry: dict[str, Any]) -> None:
    assert read(**TOKENS, **expiry).expires_at == 1_767_225_600


def test_a_file_with_an_api_key_beside_its_tokens_is_iflows() -> None:
    login = read(access_token="a", refresh_token="r", api_key="sk-k", email="13812345678")
    assert (login.provider, login.secret, login.email) == ("iflow", Secret("sk-k"), "138****5678")


@pytest.mark.parametrize("value", [None, True, "yesterday", -1, [], {}])
def test_what_is_no_time_is_not_known(value: object) -> None:
    assert epoch_seconds(value) == 0.0


def test_variables_hold_several_logins() -> None:
    env = {
        "GEMINI_CLI_ACCESS_TOKEN": "a0",
        "GEMINI_CLI_2_REFRESH_TOKEN": "r2",
        "GEMINI_CLI_2_PROJECT_ID": "p2",
        "IFLOW_1_REFRESH_TOKEN": "r",
        "IFLOW_1_API_KEY": "sk-k",
        "GEMINI_CLI_3_PROJECT_ID": "without tokens",
        "IFLOW_API_KEY": "a plain key, not a login",
    }
    assert [item.id for item in logins_in(env)] == [
        "gemini_cli-env",
        "gemini_cli-env-2",
        "iflow-env-1",
    ]


def test_what_is_exported_is_what_is_read() -> None:
    [login] = logins_in(
        {"GEMINI_CLI_1_REFRESH_TOKEN": "r", "GEMINI_CLI_1_EXPIRY_DATE": "1767225600000"}
    )
    lines = env_lines([login], reveal=True)
    assert logins_in(dict(line.split("=", 1) for line in lines)) == (login,)


def test_an_export_is_masked_unless_told() -> None:
    [login] = logins_in({"GEMINI_CLI_1_REFRESH_TOKEN": "1//a-refresh-token-of-some-length"})
    assert "a-refresh-token" not in "\n".join(env_lines([login], reveal=False))

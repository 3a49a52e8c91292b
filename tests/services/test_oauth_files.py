"""`oauth list`, `refresh`, `logout`, `import`: what a person does with stored logins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.google_emulator import CLIENT_ID, CLIENT_SECRET, GoogleEmulator
from tests.support.household import Household
from tests.support.login_home import ACCESS, REFRESH, google_login


@pytest.fixture
def google() -> Iterator[GoogleEmulator]:
    with GoogleEmulator() as emulator:
        emulator.grant(REFRESH, ACCESS)
        yield emulator


@pytest.fixture
def home(tmp_path: Path, google: GoogleEmulator) -> Household:
    made = Household(tmp_path, None).config(google.config())  # type: ignore[arg-type]
    made.env["HOME"] = str(tmp_path / "home")
    return made


def write(path: Path, tree: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree))
    return path


GEMINI_CLI = {
    "access_token": ACCESS,
    "refresh_token": REFRESH,
    "scope": "https://www.googleapis.com/auth/cloud-platform",
    "token_type": "Bearer",
    "id_token": "x",
    "expiry_date": 4_000_000_000_000,
}
LLM_API_KEY_PROXY = {
    **GEMINI_CLI,
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "token_uri": "https://oauth2.googleapis.com/token",
    "universe_domain": "googleapis.com",
    "_proxy_metadata": {
        "email": "proxy@example.com",
        "project_id": "proxy-project",
        "tier": "standard-tier",
        "last_check_timestamp": 1.0,
    },
}


def test_gemini_clis_own_login_is_copied_and_left_as_it_is(
    home: Household, google: GoogleEmulator
) -> None:
    original = write(Path(home.env["HOME"]) / ".gemini" / "oauth_creds.json", GEMINI_CLI)
    before = original.read_bytes()
    outcome = home.run("oauth", "import", "--accept-risk", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["logins"][0]["id"] == "gemini_cli-1"
    [login] = home.runtime.logins.list()
    assert (login.email, login.project_id) == ("person@example.com", "server-project")
    assert login.client_id == CLIENT_ID
    assert original.read_bytes() == before
    assert home.ask(model="gemini_cli/gemini-2.5-flash").completion().text


def test_a_folder_of_llm_api_key_proxy_is_taken_over(
    home: Household, google: GoogleEmulator, tmp_path: Path
) -> None:
    write(tmp_path / "creds" / "gemini_cli_oauth_1.json", LLM_API_KEY_PROXY)
    iflow = {
        "access_token": "a",
        "refresh_token": "r",
        "api_key": "sk-iflow-imported-key",
        "email": "i@example.cn",
        "expiry_date": "2099-01-01T00:00:00Z",
    }
    write(tmp_path / "creds" / "iflow_oauth_1.json", iflow)
    outcome = home.run("oauth", "import", str(tmp_path / "creds"), "--accept-risk", "--no-check")
    assert outcome.code == 0, outcome.err
    first, second = home.runtime.logins.list()
    assert (first.email, first.project_id) == ("proxy@example.com", "proxy-project")
    assert (second.id, second.email) == ("iflow-1", "i@example.cn")
    assert not google.seen


def test_an_import_wants_the_risk_accepted(home: Household, tmp_path: Path) -> None:
    file = write(tmp_path / "x.json", GEMINI_CLI)
    outcome = home.run("oauth", "import", str(file))
    assert outcome.code == 2
    assert "--accept-risk" in outcome.err
    assert not (home.folder / "config" / "oauth").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "no JSON"),
        ("[]", "no JSON object"),
        ('{"selectedAuthType": "api-key", "apiKey": "sk-x"}', "API key, not a login"),
        ('{"scope": "x"}', "neither an access nor a refresh token"),
    ],
)
def test_a_file_without_a_login_is_refused_in_words(
    home: Household, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    outcome = home.run("oauth", "import", str(file), "--accept-risk")
    assert outcome.code == 2
    assert words in outcome.err
    assert "sk-x" not in outcome.err


def test_a_missing_gemini_cli_login_says_what_to_do(home: Household) -> None:
    outcome = home.run("oauth", "import", "gemini-cli", "--accept-risk")
    assert outcome.code == 3
    assert "freellm oauth login gemini-cli" in outcome.err


def test_a_list_shows_no_token(home: Household, google: GoogleEmulator) -> None:
    google_login(home, label="work")
    outcome = home.run("oauth", "list")
    for shown in ("gemini_cli-1", "work", "person@example.com", "server-project", "ready"):
        assert shown in outcome.out
    assert ACCESS not in outcome.out
    assert REFRESH not in outcome.out
    assert home.run("oauth").out == outcome.out


def test_a_refresh_on_demand_renews_one_login(home: Household, google: GoogleEmulator) -> None:
    google_login(home)
    google_login(home, email="second@example.com")
    assert home.run("oauth", "refresh", "gemini_cli-2").code == 0
    assert google.tally["refreshed"] == 1
    due = home.run("oauth", "refresh", "--due", "--json")
    assert [row["outcome"] for row in json.loads(due.out)["logins"]] == ["not due", "not due"]


def test_a_refresh_of_a_dead_login_is_exit_4(home: Household, google: GoogleEmulator) -> None:
    google.revoke_all()
    google_login(home)
    outcome = home.run("oauth", "refresh")
    assert outcome.code == 4
    assert "freellm oauth login gemini-cli" in outcome.out


def test_a_logout_forgets_the_file_and_revokes_only_when_told(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    google_login(home, email="second@example.com")
    assert home.run("oauth", "logout", "gemini_cli-1").code == 0
    assert not google.asked("/revoke")
    assert home.run("oauth", "logout", "second@example.com", "--revoke").code == 0
    assert google.asked("/revoke")[0].body == {"token": REFRESH}
    assert home.run("oauth", "list", "--json").out.strip() == '{\n  "logins": []\n}'


def test_an_unknown_login_names_those_there_are(home: Household) -> None:
    google_login(home)
    outcome = home.run("oauth", "logout", "gemini_cli-7")
    assert outcome.code == 2
    assert "gemini_cli-1" in outcome.err


def test_a_number_is_not_given_twice_while_it_is_taken(home: Household) -> None:
    assert [google_login(home).id for _ in range(3)] == [f"gemini_cli-{n}" for n in (1, 2, 3)]


def test_a_broken_login_file_is_named_and_left_alone(home: Household) -> None:
    google_login(home)
    path = home.folder / "config" / "oauth" / "gemini_cli_1.json"
    path.write_text('{"access_token": "ya29.half')
    outcome = home.run("oauth", "list")
    assert outcome.code == 3
    assert str(path) in outcome.err
    assert "ya29.half" not in outcome.err
    assert path.read_text() == '{"access_token": "ya29.half'


def test_a_broken_login_file_leaves_the_others_usable(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home)
    google_login(home, email="second@example.com")
    path = home.folder / "config" / "oauth" / "gemini_cli_1.json"
    path.write_text("{")
    home.forget()
    answer = home.ask(model="gemini_cli/gemini-2.5-flash")
    assert answer.completion().text
    assert answer.answerer.credential == "gemini_cli-2"
    assert str(path) in home.notices[0]
    assert google_login(home, email="third@example.com").id == "gemini_cli-3"


def test_a_dead_login_is_named_by_every_request_for_it(
    home: Household, google: GoogleEmulator
) -> None:
    google_login(home, login_again="it was revoked")
    outcome = home.run("chat", "-m", "gemini_cli/gemini-2.5-flash", "hi")
    assert outcome.code == 4
    assert "login again: `freellm oauth login gemini-cli`" in outcome.err


def test_fields_of_a_newer_version_are_kept(home: Household, google: GoogleEmulator) -> None:
    google_login(home)
    path = home.folder / "config" / "oauth" / "gemini_cli_1.json"
    row = {**json.loads(path.read_text()), "of_tomorrow": 1}
    path.write_text(json.dumps(row))
    assert home.run("oauth", "refresh").code == 0
    assert json.loads(path.read_text())["of_tomorrow"] == 1

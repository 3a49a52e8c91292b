"""`oauth login gemini-cli`, end to end against Google's endpoints as an emulator plays them."""

from __future__ import annotations

import json
import stat
import urllib.parse
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from freellm_cli.core.errors import (
    ConfigError,
    CredentialRefused,
    FreellmError,
    Overloaded,
    ProviderClosed,
    TransportFault,
    UpstreamError,
    UpstreamTimeout,
    UsageError,
)
from tests.support.google_emulator import UNSUPPORTED, GoogleEmulator, error
from tests.support.household import Household
from tests.support.login_home import ScriptedTalk, google_login, log_in, texts_of, visit
from tests.support.stepping_clock import SteppingClock


@pytest.fixture
def google() -> Iterator[GoogleEmulator]:
    with GoogleEmulator() as emulator:
        yield emulator


@pytest.fixture
def home(tmp_path: Path, google: GoogleEmulator) -> Household:
    return Household(tmp_path, None).config(google.config())  # type: ignore[arg-type]


def stored(home: Household) -> list[dict[str, object]]:
    folder = home.folder / "config" / "oauth"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("gemini_cli_*.json"))]


def test_a_login_stores_tokens_project_and_tier_in_a_private_file(
    home: Household, google: GoogleEmulator
) -> None:
    talk = ScriptedTalk()
    result = log_in(home.runtime, talk=talk)
    assert result.data["id"] == "gemini_cli-1"
    assert result.data["project_id"] == "server-project"
    [row] = stored(home)
    assert row["tier"] == "standard-tier"
    assert row["email"] == "person@example.com"
    assert str(row["refresh_token"]).startswith("1//0refresh")
    path = home.folder / "config" / "oauth" / "gemini_cli_1.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert talk.pages[0][0] == 200
    assert "You are logged in" in talk.pages[0][1]


def test_the_login_page_is_asked_with_pkce_and_a_long_random_state(
    home: Household, google: GoogleEmulator
) -> None:
    first, second = ScriptedTalk(), ScriptedTalk()
    log_in(home.runtime, talk=first)
    log_in(home.runtime, talk=second)
    queries = [
        dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(talk.opened[0]).query))
        for talk in (first, second)
    ]
    assert queries[0]["code_challenge_method"] == "S256"
    assert len(queries[0]["state"]) >= 40
    assert queries[0]["state"] != queries[1]["state"]
    assert queries[0]["code_challenge"] != queries[1]["code_challenge"]
    assert google.asked("/token")[0].body["code_verifier"]


def test_the_warning_is_said_before_any_browser_opens(home: Household) -> None:
    talk = ScriptedTalk(interactive=True, answers=("n",))
    with pytest.raises(UsageError, match="not accepted"):
        log_in(home.runtime, talk=talk, accept_risk=False)
    assert not talk.opened
    said = "\n".join(talk.said)
    assert "2026-06-18" in said
    assert "suspended" in said
    assert "freellm keys add gemini" in said


def test_a_script_must_accept_the_risk(home: Household, google: GoogleEmulator) -> None:
    outcome = home.run("oauth", "login", "gemini-cli")
    assert outcome.code == 2
    assert "--accept-risk" in outcome.err
    assert not google.seen


def test_logging_in_again_renews_the_same_login(home: Household, google: GoogleEmulator) -> None:
    log_in(home.runtime, label="work")
    log_in(home.runtime)
    google.account.email = "other@example.com"
    log_in(home.runtime)
    assert [row["email"] for row in stored(home)] == ["person@example.com", "other@example.com"]
    assert stored(home)[0]["label"] == "work"


def test_a_new_login_wakes_a_credential_that_waited_for_it(home: Household) -> None:
    google_login(home, login_again="revoked")
    home.runtime.ledger.rest("credential:gemini_cli-1", until=None, reason="x", kind="auth_invalid")
    log_in(home.runtime)
    assert home.runtime.ledger.rests() == []
    assert home.runtime.credentials()[0].enabled


def test_mixed_tiers_are_warned_about(home: Household, google: GoogleEmulator) -> None:
    log_in(home.runtime)
    google.account.email, google.account.tier = "free@example.com", "free-tier"
    result = log_in(home.runtime)
    assert "gemini_cli-1" in result.notices[-1]
    assert "different tiers" in result.notices[-1]


def refused(home: Household, talk: ScriptedTalk | None = None, **options: object) -> FreellmError:
    with pytest.raises(FreellmError) as caught:
        log_in(home.runtime, talk=talk, **options)
    assert not stored(home)
    return caught.value


def test_a_forged_state_ends_the_login(home: Household, google: GoogleEmulator) -> None:
    google.forge_state = True
    talk = ScriptedTalk()
    fault = refused(home, talk)
    assert isinstance(fault, CredentialRefused)
    assert fault.exit_code == 4
    assert "state" in fault.message
    assert not google.asked("/token")
    assert "failed" in talk.pages[0][1]


def test_a_denial_in_the_browser_is_told(home: Household, google: GoogleEmulator) -> None:
    google.consent = "deny"
    fault = refused(home)
    assert (fault.exit_code, fault.message) == (4, "the login was denied in the browser")


def test_a_callback_that_comes_twice_spends_the_code_once(
    home: Household, google: GoogleEmulator
) -> None:
    pages: list[tuple[int, str]] = []

    def prefetching(url: str) -> None:
        target = _redirect_of(url)
        import threading

        twin = threading.Thread(target=lambda: pages.append(visit(target)))
        twin.start()
        pages.append(visit(target))
        twin.join(20)

    log_in(home.runtime, talk=ScriptedTalk(prefetching))
    assert sorted(status for status, _ in pages) == [200, 410]
    assert len(google.asked("/token")) == 1


def _redirect_of(url: str) -> str:
    """Where the login page sends the browser."""
    import http.client

    split = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(split.netloc)
    connection.request("GET", f"{split.path}?{split.query}")
    answer = connection.getresponse()
    target = answer.headers["Location"]
    connection.close()
    assert target
    return str(target)


def test_a_code_that_was_spent_elsewhere_is_told(home: Household, google: GoogleEmulator) -> None:
    why = {"error": "invalid_grant", "error_description": "Bad Request"}
    google.refuse_next("/token", 400, why)
    fault = refused(home)
    assert fault.exit_code == 4
    assert "spent, too old" in fault.message


def test_a_favicon_changes_nothing(home: Household) -> None:
    pages: list[int] = []

    def browse(url: str) -> None:
        redirect = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["redirect_uri"]
        split = urllib.parse.urlsplit(redirect)
        pages.append(visit(f"{split.scheme}://{split.netloc}/favicon.ico")[0])
        pages.append(visit(redirect)[0])
        pages.append(visit(url)[0])

    log_in(home.runtime, talk=ScriptedTalk(browse))
    assert pages == [404, 400, 200]


def test_nobody_logs_in(home: Household) -> None:
    fault = refused(home, ScriptedTalk(lambda url: None), timeout_s=0.05)
    assert isinstance(fault, UpstreamTimeout)
    assert fault.exit_code == 6


def test_a_taken_port_is_named(home: Household) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fault = refused(home, port=port)
    assert fault.exit_code == 3
    assert str(port) in fault.message
    assert "--port" in fault.hint


def test_a_refused_client_is_a_matter_of_configuration(
    home: Household, google: GoogleEmulator
) -> None:
    google.refuse_next("/token", 401, {"error": "invalid_client", "error_description": "x"})
    fault = refused(home)
    assert isinstance(fault, ConfigError)
    assert fault.exit_code == 3


@pytest.mark.parametrize(("status", "kind"), [(429, Overloaded), (500, UpstreamError)])
def test_a_token_endpoint_that_fails(
    home: Household, google: GoogleEmulator, status: int, kind: type[FreellmError]
) -> None:
    google.refuse_next("/token", status, b"<html>")
    fault = refused(home)
    assert isinstance(fault, kind)
    assert fault.exit_code == 6


def test_an_unreachable_host_is_named(home: Household, google: GoogleEmulator) -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    home.config(google.config().replace(f"{google.url}/token", f"{dead}/token"))
    fault = refused(home)
    assert isinstance(fault, TransportFault)
    assert fault.exit_code == 6
    assert "127.0.0.1" in fault.message
    assert "network" in fault.hint or fault.hint


def test_a_wrong_clock_is_noticed(tmp_path: Path, google: GoogleEmulator) -> None:
    clock = SteppingClock(1_800_000_000.0)
    google.date = formatdate(1_800_000_000 - 3600, usegmt=True)
    home = Household(tmp_path, None, clock=clock).config(google.config())  # type: ignore[arg-type]
    result = log_in(home.runtime)
    assert result.data["id"] == "gemini_cli-1"
    assert "60 minutes ahead" in result.notices[0]


def test_no_refresh_token_is_told(home: Household, google: GoogleEmulator) -> None:
    google.refresh_token_on_exchange = False
    assert "no refresh token" in log_in(home.runtime).notices[0]


def test_without_a_browser_the_address_is_pasted(home: Household, google: GoogleEmulator) -> None:
    class Pasting(ScriptedTalk):
        def ask(self, question: str) -> str:
            page = next(text for text in self.said if "/o/oauth2" in text)
            return _redirect_of(page.split("\n")[1]) + "\n"

    log_in(home.runtime, talk=Pasting(), no_browser=True)
    assert stored(home)


def test_without_a_browser_the_bare_code_will_do(home: Household, google: GoogleEmulator) -> None:
    class Pasting(ScriptedTalk):
        tries = 0

        def ask(self, question: str) -> str:
            self.tries += 1
            if self.tries == 1:
                return "no idea\n"
            page = next(text for text in self.said if "/o/oauth2" in text)
            query = urllib.parse.urlsplit(_redirect_of(page.split("\n")[1])).query
            return dict(urllib.parse.parse_qsl(query))["code"]

    log_in(home.runtime, talk=Pasting(), no_browser=True)
    assert stored(home)


def test_nothing_pasted_is_a_usage_error(home: Household) -> None:
    outcome = home.run(
        "oauth", "login", "gemini-cli", "--accept-risk", "--no-browser", stdin="\n\n"
    )
    assert outcome.code == 2
    assert "no code" in outcome.err


def test_no_token_or_code_is_in_any_output_or_state(
    home: Household, google: GoogleEmulator
) -> None:
    talk = ScriptedTalk()
    result = log_in(home.runtime, talk=talk)
    listed = home.run("oauth", "list", "--json")
    exported = home.run("oauth", "export")
    refused_login = home.run("oauth", "refresh", "--json")
    shown = [*talk.said, str(result), *home.notices, listed.out, listed.err, exported.out]
    shown += [refused_login.out, refused_login.err, *(page for _, page in talk.pages)]
    text = "\n".join([*shown, texts_of(home.folder)])
    google_secrets = {s for s in google.secrets() if s not in google.config()}
    assert len(google_secrets) >= 3
    for secret in google_secrets:
        assert secret not in text


# Discovery of project and tier


def test_a_new_free_account_is_onboarded_by_polling(tmp_path: Path, google: GoogleEmulator) -> None:
    clock = SteppingClock()
    home = Household(tmp_path, None, clock=clock).config(google.config())  # type: ignore[arg-type]
    google.account.tier, google.account.polls = None, 3
    result = log_in(home.runtime)
    assert (result.data["project_id"], result.data["tier"]) == ("managed-project-1", "free-tier")
    assert clock.slept == [5.0, 5.0, 5.0]
    assert "cloudaicompanionProject" not in google.asked("onboardUser")[0].body


def test_onboarding_that_never_ends_is_given_up(tmp_path: Path, google: GoogleEmulator) -> None:
    home = Household(tmp_path, None, clock=SteppingClock()).config(google.config())  # type: ignore[arg-type]
    google.account.tier, google.account.polls = None, 10_000
    fault = refused(home)
    assert isinstance(fault, UpstreamTimeout)
    assert "5 minutes" in fault.message


def test_the_project_may_come_as_an_object_and_wins_over_the_hint(
    home: Household, google: GoogleEmulator
) -> None:
    google.account.project = {"id": "object-project"}
    home.env["GOOGLE_CLOUD_PROJECT"] = "mine"
    home.forget()
    assert log_in(home.runtime).data["project_id"] == "object-project"
    assert google.asked("loadCodeAssist")[0].body["cloudaicompanionProject"] == "mine"


def test_the_paid_tier_is_the_one_in_force(home: Household, google: GoogleEmulator) -> None:
    google.account.tier, google.account.paid_tier = "free-tier", "g1-ultra-tier"
    assert log_in(home.runtime).data["tier"] == "g1-ultra-tier"


def test_a_standard_tier_without_a_project_says_how_to_name_one(
    home: Household, google: GoogleEmulator
) -> None:
    google.account.project = None
    fault = refused(home)
    assert isinstance(fault, ConfigError)
    assert "providers.gemini_cli.project_id" in fault.hint
    home.env["GOOGLE_CLOUD_PROJECT"] = "my-project"
    home.forget()
    assert log_in(home.runtime).data["project_id"] == "my-project"


def test_a_project_number_is_refused_before_it_is_sent(
    home: Household, google: GoogleEmulator
) -> None:
    home.env["GOOGLE_CLOUD_PROJECT"] = "123456789"
    home.forget()
    fault = refused(home)
    assert "number" in fault.message
    assert not google.asked("loadCodeAssist")


def test_the_closed_programme_says_what_to_use_instead(
    home: Household, google: GoogleEmulator
) -> None:
    google.account.tier, google.account.allowed = None, []
    google.account.ineligible = [UNSUPPORTED]
    fault = refused(home)
    assert isinstance(fault, ProviderClosed)
    assert fault.exit_code == 3
    assert "no longer supported" in fault.message
    assert "freellm keys add gemini" in fault.hint


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("DASHER_USER", "organisation"),
        ("INELIGIBLE_ACCOUNT", "not eligible"),
        ("NON_USER_ACCOUNT", "service account"),
        ("RESTRICTED_AGE", "of age"),
        ("RESTRICTED_NETWORK", "network"),
        ("UNKNOWN", "no tier"),
        ("UNKNOWN_LOCATION", "country"),
        ("UNSUPPORTED_LOCATION", "country"),
    ],
)
def test_every_reason_of_ineligibility_is_said_in_words(
    home: Household, google: GoogleEmulator, reason: str, words: str
) -> None:
    google.account.tier, google.account.allowed = None, []
    google.account.ineligible = [{"reasonCode": reason, "reasonMessage": "because"}]
    fault = refused(home)
    assert fault.exit_code == 4
    assert words in fault.message
    assert "because" in fault.message
    assert fault.hint


VALIDATION = {
    "reasonCode": "VALIDATION_REQUIRED",
    "validationErrorMessage": "Verify your account to continue.",
    "validationUrl": "https://accounts.google.com/verify",
}


def test_an_account_to_be_verified_gets_the_link(home: Household, google: GoogleEmulator) -> None:
    google.account.tier, google.account.ineligible = None, [VALIDATION]
    fault = refused(home)
    assert fault.exit_code == 4
    assert "https://accounts.google.com/verify" in fault.hint


def test_a_person_who_verifies_goes_on(home: Household, google: GoogleEmulator) -> None:
    google.account.tier, google.account.ineligible = None, [VALIDATION]

    class Verifying(ScriptedTalk):
        def confirm(self, question: str) -> bool:
            google.account.tier, google.account.ineligible = "standard-tier", []
            return True

    assert log_in(home.runtime, talk=Verifying(interactive=True)).data["tier"] == "standard-tier"


API_FAULTS = [
    (
        403,
        error(
            403,
            "PERMISSION_DENIED",
            "This service has been disabled in this account for violation of Terms of Service.",
            "TOS_VIOLATION",
            {"appeal_url": "https://forms.gle/appeal"},
        ),
        4,
        "blocked",
        "https://forms.gle/appeal",
    ),
    (
        403,
        error(
            403,
            "PERMISSION_DENIED",
            "Gemini for Google Cloud API has not been used in project 1 before or it is disabled.",
            "SERVICE_DISABLED",
            {"activationUrl": "https://console.developers.google.com/enable"},
            domain="googleapis.com",
        ),
        3,
        "switched off",
        "https://console.developers.google.com/enable",
    ),
    (
        403,
        error(403, "PERMISSION_DENIED", "Permission denied on resource project wrong.", "CONSUMER_INVALID"),
        3,
        "project wrong cannot be used",
        "project_id",
    ),
    (
        403,
        error(403, "PERMISSION_DENIED", "No licence (#3501)", "SUBSCRIPTION_REQUIRED"),
        4,
        "licence",
        "freellm keys add gemini",
    ),
    (401, error(401, "UNAUTHENTICATED", "invalid authentication credentials"), 4, "refuses", "clock"),
    (503, [error(503, "UNAVAILABLE", "The model is overloaded.")], 6, "busy", "minute"),
    (500, b"<html>oops</html>", 6, "HTTP 500", ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "code", "words", "step"), API_FAULTS)
def test_every_refusal_of_the_setup_has_its_message_and_exit_code(
    home: Household,
    google: GoogleEmulator,
    status: int,
    body: object,
    code: int,
    words: str,
    step: str,
) -> None:
    home.env["GOOGLE_CLOUD_PROJECT"] = "wrong"
    home.forget()
    google.refuse_next("loadCodeAssist", status, body)
    fault = refused(home)
    assert fault.exit_code == code, fault.message
    assert words in fault.message
    assert step in fault.hint


def test_a_project_behind_a_perimeter_is_a_licence_holders(
    home: Household, google: GoogleEmulator
) -> None:
    home.env["GOOGLE_CLOUD_PROJECT"] = "perimeter"
    home.forget()
    body = error(403, "PERMISSION_DENIED", "denied", "SECURITY_POLICY_VIOLATED")
    google.refuse_next("loadCodeAssist", 403, body)
    result = log_in(home.runtime)
    assert (result.data["project_id"], result.data["tier"]) == ("perimeter", "standard-tier")


# The OAuth client


def test_no_client_at_all_is_exit_3_and_says_how_to_give_one(
    tmp_path: Path, google: GoogleEmulator
) -> None:
    home = Household(tmp_path, None).config(google.config(client=False))  # type: ignore[arg-type]
    home.env |= {"HOME": str(tmp_path), "PATH": ""}
    from freellm_cli.storage.installed_clients import gemini_cli_client

    if gemini_cli_client(home.env) is not None:
        pytest.skip("a Gemini CLI is installed for everybody here")
    outcome = home.run("oauth", "login", "gemini-cli", "--accept-risk")
    assert outcome.code == 3
    for way in ("--client-secrets", "npm install -g @google/gemini-cli", "GEMINI_CLI_CLIENT_ID"):
        assert way in outcome.err


def test_the_client_comes_from_a_file_then_the_settings_then_an_installed_gemini_cli(
    tmp_path: Path, google: GoogleEmulator
) -> None:
    from freellm_cli.services.oauth_clients import find_client

    package = tmp_path / "lib" / "node_modules" / "@google" / "gemini-cli" / "bundle"
    package.mkdir(parents=True)
    (package / "chunk.js").write_text(
        'var OAUTH_CLIENT_ID = "99-cli.apps.googleusercontent.com";\n'
        "var OAUTH_CLIENT_SECRET = 'GOCSPX-of-the-cli';"
    )
    file = tmp_path / "client.json"
    file.write_text('{"installed": {"client_id": "of-the-file", "client_secret": "s"}}')
    home = Household(tmp_path, None).config(google.config(client=False))  # type: ignore[arg-type]
    home.env |= {"NPM_CONFIG_PREFIX": str(tmp_path), "PATH": ""}
    assert find_client(home.runtime, "gemini_cli").client_id == "99-cli.apps.googleusercontent.com"
    home.env["GEMINI_CLI_CLIENT_ID"] = "of-the-environment"
    home.forget()
    assert find_client(home.runtime, "gemini_cli").client_id == "of-the-environment"
    home.config(google.config())
    assert find_client(home.runtime, "gemini_cli").source == "config.toml"
    assert find_client(home.runtime, "gemini_cli", str(file)).client_id == "of-the-file"
    assert (package / "chunk.js").read_text().startswith("var OAUTH")


@pytest.mark.parametrize("text", ["", "[]", '{"installed": {}}', "no json"])
def test_a_bad_client_secrets_file_is_named(home: Household, tmp_path: Path, text: str) -> None:
    file = tmp_path / "client.json"
    file.write_text(text)
    fault = refused(home, client_secrets=str(file))
    assert fault.exit_code == 3
    assert str(file) in fault.message

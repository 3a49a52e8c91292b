"""Every command's help has an example, and the example works as it stands, typed into a real shell."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.cli.command_tree import command_tree
from freellm_cli.simulator.server import Simulator
from tests.support.google_emulator import CLIENT_ID, CLIENT_SECRET, GoogleEmulator
from tests.support.household import Household
from tests.support.login_home import REFRESH
from tests.support.program import program_script

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = {
    command.name: command.example for command in command_tree().walk() if not command.is_word
}
# A person must be there: what they are asked, and what they type.
WANTS_A_PERSON: dict[str, tuple[tuple[str, str], ...]] = {
    "freellm keys add gemini": (("key, not shown", "AIza-three-0123456789"), ("another", "")),
    "freellm oauth login": (("Go on, knowing this", "y"),),
    "freellm oauth refresh": (),
    "freellm oauth logout": (),
    "freellm oauth import": (),
}
LASTS = "freellm serve"

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no shell on this machine")


@pytest.fixture
def typed_there(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder to type in, and an environment with keys, an account and a past request."""
    with Simulator("generous") as sim:
        home = Household(tmp_path, sim)
        for name in ("gemini", "groq", "nvidia_nim"):
            home.provider(name)
        home.keys("gemini", "AIza-one-0123456789", "AIza-two-0123456789")
        home.keys("nvidia_nim", "nvapi-one-0123456789")
        assert home.run("chat", "-m", "kimi-k3", "hello").code == 0
        program = program_script(tmp_path / "bin" / "freellm")
        (tmp_path / ".env").write_text("GROQ_API_KEY_1=gsk_from_a_file_0123456789\n")
        env = {
            **home.env,
            "HOME": str(tmp_path),
            "PATH": f"{program.parent}:/usr/bin:/bin",
            "MY_KEY": "gsk_from_a_variable_0123456789",
        }
        home.forget()
        yield tmp_path, env


def test_every_command_has_an_example() -> None:
    assert [name for name, example in EXAMPLES.items() if not example] == []
    assert all("freellm" in example and "\n" not in example for example in EXAMPLES.values())


@pytest.mark.parametrize(
    "example",
    [e for e in EXAMPLES.values() if not e.startswith((*WANTS_A_PERSON, LASTS))],
)
def test_an_example_works(example: str, typed_there: tuple[Path, dict[str, str]]) -> None:
    folder, env = typed_there
    done = subprocess.run(
        ["bash", "-o", "errexit", "-c", example],
        cwd=folder, env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def with_a_login(typed_there: tuple[Path, dict[str, str]]) -> Iterator[tuple[Path, dict[str, str]]]:
    """The same, with a Google that knows a stored login, and a browser in which its owner agrees."""
    folder, env = typed_there
    browser = folder / "bin" / "browser"
    browser.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -c \'import sys\n'
        'from tests.support.login_home import visit\nvisit(sys.argv[1])\' "$1"\n'
    )
    browser.chmod(0o755)
    with GoogleEmulator() as google:
        settings = Path(env["FREELLM_CONFIG_DIR"]) / "config.toml"
        settings.write_text(settings.read_text() + google.config(client=False))
        client = {"installed": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}}
        (folder / "client.json").write_text(json.dumps(client))
        google.grant(REFRESH)
        login = {"refresh_token": REFRESH, **client["installed"], "type": "authorized_user"}
        (folder / "oauth_creds").mkdir()
        (folder / "oauth_creds" / "gemini_cli_oauth_1.json").write_text(json.dumps(login))
        yield folder, {**env, "BROWSER": str(browser)}


@pytest.mark.parametrize("begins", WANTS_A_PERSON)
def test_an_example_works_for_a_person(
    begins: str, with_a_login: tuple[Path, dict[str, str]]
) -> None:
    pexpect = pytest.importorskip("pexpect")
    folder, env = with_a_login
    if begins.endswith(("refresh", "logout")):
        done = subprocess.run(
            ["bash", "-c", "freellm oauth import ./oauth_creds/ --accept-risk"],
            cwd=folder, env=env, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    (example,) = {text for text in EXAMPLES.values() if text.startswith(begins)}
    person = pexpect.spawn(
        "bash", ["-c", example], cwd=str(folder), env={**env, "TERM": "xterm"},
        encoding="utf-8", timeout=30, use_poll=True, dimensions=(40, 120),
    )  # fmt: skip
    for asked, answer in WANTS_A_PERSON[begins]:
        person.expect(asked)
        person.sendline(answer)
    person.expect(pexpect.EOF)
    said = person.before
    person.close()
    assert person.exitstatus == 0, said


def test_a_server_serves_until_it_is_interrupted(typed_there: tuple[Path, dict[str, str]]) -> None:
    pexpect = pytest.importorskip("pexpect")
    folder, env = typed_there
    (example,) = {text for text in EXAMPLES.values() if text.startswith(LASTS)}
    settings = Path(env["FREELLM_CONFIG_DIR"]) / "config.toml"
    settings.write_text(settings.read_text() + "\n[serve]\nport = 0\n")
    server = pexpect.spawn(
        "bash",
        ["-c", example],
        cwd=str(folder),
        env=env,
        encoding="utf-8",
        timeout=30,
        use_poll=True,
    )
    server.expect("http://127.0.0.1:")
    server.expect(r"\d+")
    server.sendintr()
    server.expect(pexpect.EOF)
    server.close()
    assert server.exitstatus in (0, 130)

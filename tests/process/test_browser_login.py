"""A login driven by a real browser, from the command line to the stored tokens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.google_emulator import GoogleEmulator
from tests.support.iflow_emulator import IflowEmulator
from tests.support.program import PROGRAM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a shell and a named pipe"),
]
ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs Chromium")
    return found


def browser_script(folder: Path) -> Path:
    """What `BROWSER` names: a headless Chromium whose last page `last_page` reads."""
    os.mkfifo(folder / "page")
    script = folder / "browser"
    script.write_text(
        f"#!/bin/sh\nexec > /dev/null 2>&1\npage=$({chromium()} --headless --no-sandbox "
        "--disable-gpu --disable-dev-shm-usage "
        f"--user-data-dir={folder}/profile --virtual-time-budget=20000 --timeout=20000 "
        f'--dump-dom "$1" 2> {folder}/browser.log)\necho "$page" > {folder}/page\n'
    )
    script.chmod(0o755)
    return script


def last_page(folder: Path) -> str:
    """Once the browser, which may outlive the command, has left it."""
    done = subprocess.run(["cat", folder / "page"], capture_output=True, text=True, timeout=60)
    return done.stdout


def freellm(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=ROOT,
        env={
            **{k: v for k, v in os.environ.items() if k not in ("CI", "SSH_CONNECTION", "SSH_TTY")},
            "FREELLM_CONFIG_DIR": str(folder / "config"),
            "FREELLM_STATE_DIR": str(folder / "state"),
            **env,
        },
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
    )


def configure(folder: Path, text: str) -> None:
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.toml").write_text(text)


def test_a_person_with_a_browser_logs_in_to_gemini_cli_and_asks(tmp_path: Path) -> None:
    script = browser_script(tmp_path)
    with GoogleEmulator() as google:
        google.consent = "page"
        configure(tmp_path, google.config())
        done = freellm(
            tmp_path, "oauth", "login", "gemini-cli", "--accept-risk", "--json", BROWSER=str(script)
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["id"] == "gemini_cli-1"
        asked = freellm(tmp_path, "chat", "-m", "gemini_cli/gemini-2.5-flash", "hello")
        assert "Hello from gemini-2.5-flash" in asked.stdout, asked.stderr
        for secret in google.secrets():
            for shown in (done.stdout, done.stderr, asked.stdout, asked.stderr):
                assert secret not in shown
    assert "You are logged in" in last_page(tmp_path)


def test_a_browser_shows_why_a_login_failed(tmp_path: Path) -> None:
    script = browser_script(tmp_path)
    with GoogleEmulator() as google:
        google.consent = "deny"
        configure(tmp_path, google.config())
        done = freellm(
            tmp_path, "oauth", "login", "gemini-cli", "--accept-risk", BROWSER=str(script)
        )
    assert done.returncode == 4
    assert "denied" in done.stderr
    assert "denied" in last_page(tmp_path)


def test_a_person_with_a_browser_logs_in_to_iflow_and_asks(tmp_path: Path) -> None:
    import socket

    script = browser_script(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with IflowEmulator() as iflow:
        configure(tmp_path, iflow.config(port))
        done = freellm(tmp_path, "oauth", "login", "iflow", "--accept-risk", BROWSER=str(script))
        assert done.returncode == 0, done.stderr
        asked = freellm(tmp_path, "chat", "-m", "iflow/glm-4.6", "hello")
        assert "Hello there" in asked.stdout, asked.stderr
    assert "You are logged in" in last_page(tmp_path)

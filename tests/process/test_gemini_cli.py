"""Google's own Gemini CLI as the judge of the Code Assist emulator, and as the source of an OAuth client.

Its npm package is installed once into a cache folder (`FREELLM_TEST_CACHE`, else `~/.cache/freellm-tests`);
where that cannot be done, the tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.storage.installed_clients import gemini_cli_client
from tests.support.google_emulator import GoogleEmulator

pytestmark = [pytest.mark.slow, pytest.mark.sdk]
PACKAGE = "@google/gemini-cli"


def cache_folder() -> Path:
    given = os.environ.get("FREELLM_TEST_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        pytest.skip("needs FREELLM_TEST_CACHE")
    import pwd

    # Not HOME: tests have one of their own.
    return Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "freellm-tests"


@pytest.fixture(scope="module")
def modules() -> Path:
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("needs Node and npm")
    folder = cache_folder() / "gemini-cli"
    package = folder / "node_modules" / PACKAGE
    if not package.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=240)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"the package cannot be installed here: {error}")
    return folder / "node_modules"


@pytest.fixture
def google() -> Iterator[GoogleEmulator]:
    with GoogleEmulator() as emulator:
        emulator.grant("1//x", "ya29.token-of-gemini-cli")
        yield emulator


def gemini(modules: Path, home: Path, google: GoogleEmulator, *arguments: str) -> str:
    settings = home / ".gemini" / "settings.json"
    settings.parent.mkdir(parents=True)
    chosen = {"auth": {"selectedType": "oauth-personal"}}
    settings.write_text(
        json.dumps({"security": chosen, "privacy": {"usageStatisticsEnabled": False}})
    )
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GOOGLE_GENAI_USE_GCA": "true",
        "GOOGLE_CLOUD_ACCESS_TOKEN": "ya29.token-of-gemini-cli",
        "CODE_ASSIST_ENDPOINT": google.url,
        "GOOGLE_CLOUD_PROJECT": "proj-1",
    }
    command = [str(modules / ".bin" / "gemini"), "--skip-trust", *arguments]
    done = subprocess.run(
        command,
        cwd=home,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_gemini_cli_takes_the_emulator_for_code_assist(
    modules: Path, tmp_path: Path, google: GoogleEmulator
) -> None:
    shown = gemini(modules, tmp_path, google, "-p", "hi", "-m", "gemini-2.5-flash")
    assert "Hello from gemini-2.5-flash" in shown
    names = [seen.name for seen in google.seen]
    assert names[0] == "loadCodeAssist"
    assert "streamGenerateContent" in names
    body = google.asked("streamGenerateContent")[0].body
    assert {"model", "project", "request", "user_prompt_id"} <= set(body)


def test_our_client_is_read_out_of_the_installed_package(modules: Path) -> None:
    env = {"PATH": str(modules / ".bin"), "HOME": "/nonexistent"}
    found = gemini_cli_client(env)
    assert found is not None
    client_id, secret, path = found
    assert client_id.endswith(".apps.googleusercontent.com")
    assert secret.reveal().startswith("GOCSPX-")
    assert path.startswith(str(modules.resolve()))

"""Command-line clients from the npm registry, installed once into a cache outside the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.locks import FileLock

PACKAGES = (
    "@anthropic-ai/claude-code",
    "@openai/codex",
    "opencode-ai",
    "@google/gemini-cli",
    "openai",
)
INSTALL_TIMEOUT_S = 420


class NotInstallable(Exception):
    """npm is absent, or could not install; says why."""


def npm_folder() -> Path:
    """The folder whose `node_modules` holds PACKAGES. Raises NotInstallable."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstallable("npm is not installed")
    folder = cache_folder() / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(str(folder / "install.lock"), SystemClock()).hold(INSTALL_TIMEOUT_S):
        _install(npm, folder)
    return folder


def cache_folder() -> Path:
    """Outside the repository, and not under HOME: tests have a home of their own."""
    given = os.environ.get("FREELLM_TEST_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ["LOCALAPPDATA"], "freellm-tests")
    import pwd

    return Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache", "freellm-tests")


def _install(npm: str, folder: Path) -> None:
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == "\n".join(PACKAGES):
        return
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    try:
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", *PACKAGES],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstallable("npm took too long") from error
    if done.returncode != 0:
        raise NotInstallable(done.stderr[-300:])
    stamp.write_text("\n".join(PACKAGES), encoding="utf-8")

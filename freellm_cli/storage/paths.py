"""Where freellm keeps its files.

The answers are those of platformdirs (`user_config_dir`, `user_state_dir`, `user_cache_dir`), which
takes longer to import than most commands take to run. On POSIX systems its rules are a few lines:
XDG variables that hold an absolute path
(https://specifications.freedesktop.org/basedir-spec/latest/), else the platform's usual folders.
Windows asks the system for its known folders, so there platformdirs itself is asked.
"""

import os
import posixpath
import sys
from collections.abc import Mapping
from typing import NamedTuple

APP = "freellm"

_XDG_FOLDERS = {"CONFIG": ".config", "STATE": ".local/state", "CACHE": ".cache"}
_MAC_FOLDERS = {
    "CONFIG": "Library/Application Support",
    "STATE": "Library/Application Support",
    "CACHE": "Library/Caches",
}


class Paths(NamedTuple):
    """Absolute folders, none of which need exist yet."""

    config: str
    state: str
    cache: str


def find_paths(
    env: Mapping[str, str],
    *,
    config_dir: str | None = None,
    state_dir: str | None = None,
    platform: str = sys.platform,
) -> Paths:
    """The folders for this environment.

    `config_dir` and `state_dir` (the command line's) win over `FREELLM_CONFIG_DIR`,
    `FREELLM_STATE_DIR` and `FREELLM_CACHE_DIR`. A state folder chosen in either way holds the cache
    too, unless that is chosen as well: one folder is then enough to keep an instance apart.
    """
    config = config_dir or env.get("FREELLM_CONFIG_DIR")
    state = state_dir or env.get("FREELLM_STATE_DIR")
    cache = env.get("FREELLM_CACHE_DIR") or (os.path.join(state, "cache") if state else None)
    if config and state and cache:
        return Paths(_absolute(config, env), _absolute(state, env), _absolute(cache, env))
    usual = _usual(env, platform)
    return Paths(
        _absolute(config, env) if config else usual.config,
        _absolute(state, env) if state else usual.state,
        _absolute(cache, env) if cache else usual.cache,
    )


def config_file(paths: Paths) -> str:
    return os.path.join(paths.config, "config.toml")


def credentials_file(paths: Paths) -> str:
    return os.path.join(paths.config, "credentials.toml")


def oauth_folder(paths: Paths) -> str:
    return os.path.join(paths.config, "oauth")


def oauth_file(paths: Paths, provider: str, number: int) -> str:
    """One login's file, for example `oauth/gemini_cli_1.json`."""
    return os.path.join(oauth_folder(paths), f"{provider}_{number}.json")


def templates_folder(paths: Paths) -> str:
    return os.path.join(paths.config, "templates")


def ledger_file(paths: Paths) -> str:
    return os.path.join(paths.state, "ledger.db")


def history_file(paths: Paths) -> str:
    return os.path.join(paths.state, "history.db")


def log_folder(paths: Paths) -> str:
    return os.path.join(paths.state, "log")


def models_cache_file(paths: Paths, provider: str) -> str:
    """What a provider's own model list said, for example `models/gemini.json`."""
    return os.path.join(paths.cache, "models", f"{provider}.json")


def _usual(env: Mapping[str, str], platform: str) -> Paths:
    if platform == "win32" or _is_android(env):
        return _ask_platformdirs()
    folders = _MAC_FOLDERS if platform == "darwin" else _XDG_FOLDERS
    found = []
    for kind, folder in folders.items():
        base = env.get(f"XDG_{kind}_HOME", "")
        if not posixpath.isabs(base):
            base = posixpath.join(_home(env), folder)
        found.append(posixpath.join(base, APP))
    return Paths(*found)


def _home(env: Mapping[str, str]) -> str:
    home = env.get("HOME", "")
    if posixpath.isabs(home):
        return home.rstrip("/") or "/"
    # HOME unset or relative: the password database knows (a cron job, a container).
    import pwd

    return pwd.getpwuid(os.getuid()).pw_dir.rstrip("/") or "/"


def _is_android(env: Mapping[str, str]) -> bool:
    """An app on Android; a terminal there (Termux) sets SHELL or PREFIX and has a usual home."""
    android = hasattr(sys, "getandroidapilevel") or (
        env.get("ANDROID_DATA") == "/data" and env.get("ANDROID_ROOT") == "/system"
    )
    return android and not (env.get("SHELL") or env.get("PREFIX"))


def _ask_platformdirs() -> Paths:
    import platformdirs

    return Paths(
        platformdirs.user_config_dir(APP, appauthor=False),
        platformdirs.user_state_dir(APP, appauthor=False),
        platformdirs.user_cache_dir(APP, appauthor=False),
    )


def _absolute(path: str, env: Mapping[str, str]) -> str:
    if path == "~" or path.startswith(("~/", "~\\")):
        home = env.get("HOME") or env.get("USERPROFILE")
        path = (home + path[1:]) if home else os.path.expanduser(path)
    return os.path.abspath(path)

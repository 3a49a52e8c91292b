"""Folders are platformdirs' folders, without importing it where its rules are simple."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from freellm_cli.storage import paths
from freellm_cli.storage.paths import Paths, find_paths

ENVIRONMENTS = [
    {},
    {"HOME": "/home/ada"},
    {"HOME": "/home/ada/"},
    {"HOME": "/"},
    {"HOME": ""},
    {"HOME": "relative/home"},
    {"HOME": "/home/with space"},
    {"HOME": "/home/ada", "XDG_CONFIG_HOME": "/etc/ada"},
    {"HOME": "/home/ada", "XDG_CONFIG_HOME": "/etc/ada/"},
    {"HOME": "/home/ada", "XDG_STATE_HOME": "/var/ada", "XDG_CACHE_HOME": "/tmp/ada"},
    {"HOME": "/home/ada", "XDG_CONFIG_HOME": ""},
    {"HOME": "/home/ada", "XDG_CONFIG_HOME": "  "},
    {"HOME": "/home/ada", "XDG_CONFIG_HOME": "relative"},
    {"HOME": "/home/ada", "XDG_STATE_HOME": "~/state"},
    {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k"},
    {"HOME": "/data/data/com.termux/files/home", "ANDROID_DATA": "/data",
     "ANDROID_ROOT": "/system", "PREFIX": "/data/data/com.termux/files/usr"},
]  # fmt: skip
VARIABLES = (
    "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "ANDROID_DATA", "ANDROID_ROOT",
    "PREFIX", "SHELL",
)  # fmt: skip


@pytest.fixture(params=ENVIRONMENTS, ids=[str(sorted(env)) for env in ENVIRONMENTS])
def env(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The same environment for us (as an argument) and for platformdirs (in the process)."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)
    return dict(request.param)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX homes")
@pytest.mark.parametrize(("platform", "authority"), [("linux", Unix), ("darwin", MacOS)])
def test_folders_are_those_of_platformdirs(
    env: dict[str, str], platform: str, authority: type[Unix | MacOS]
) -> None:
    said = authority("freellm", appauthor=False)
    assert find_paths(env, platform=platform) == Paths(
        said.user_config_dir, said.user_state_dir, said.user_cache_dir
    )


def test_this_machine_gets_the_answer_of_platformdirs() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("FREELLM_")}
    assert find_paths(env) == Paths(
        platformdirs.user_config_dir("freellm", appauthor=False),
        platformdirs.user_state_dir("freellm", appauthor=False),
        platformdirs.user_cache_dir("freellm", appauthor=False),
    )


def test_windows_asks_platformdirs_itself() -> None:
    # On this system platformdirs answers for this system; what matters is who was asked.
    asked = find_paths({"HOME": "/nowhere"}, platform="win32")
    assert asked.config == platformdirs.user_config_dir("freellm", appauthor=False)


@pytest.mark.skipif(sys.platform == "win32", reason="platformdirs is what Windows asks")
def test_the_hot_path_does_not_import_platformdirs() -> None:
    code = (
        "import os, sys\nfrom freellm_cli.storage.paths import find_paths\nfind_paths(os.environ)\n"
        "heavy = {'platformdirs', 'pathlib', 'tempfile', 'subprocess'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-S", "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_a_flag_wins_over_the_environment() -> None:
    env = {"HOME": "/h", "FREELLM_CONFIG_DIR": "/env/c", "FREELLM_STATE_DIR": "/env/s"}
    assert find_paths(env).config == os.path.abspath("/env/c")
    found = find_paths(env, config_dir="/flag/c", state_dir="/flag/s")
    assert (found.config, found.state) == (os.path.abspath("/flag/c"), os.path.abspath("/flag/s"))


def test_a_chosen_state_folder_holds_the_cache_too() -> None:
    env = {"HOME": "/h"}
    assert find_paths(env, state_dir="/s").cache == os.path.abspath("/s/cache")
    assert find_paths({**env, "FREELLM_STATE_DIR": "/s"}).cache == os.path.abspath("/s/cache")
    chosen = find_paths({**env, "FREELLM_CACHE_DIR": "/k"}, state_dir="/s")
    assert chosen.cache == os.path.abspath("/k")


def test_a_chosen_config_folder_moves_nothing_else() -> None:
    assert find_paths({"HOME": "/h"}, config_dir="/c")._replace(config="") == find_paths(
        {"HOME": "/h"}
    )._replace(config="")


def test_relative_and_home_paths_become_absolute() -> None:
    assert find_paths({"HOME": "/h"}, config_dir="here").config == os.path.abspath("here")
    assert find_paths({"HOME": os.path.abspath("/h")}, config_dir="~/c").config == os.path.abspath(
        "/h/c"
    )


def test_an_empty_variable_counts_as_not_set() -> None:
    env = {"HOME": "/h", "FREELLM_CONFIG_DIR": "", "FREELLM_STATE_DIR": ""}
    assert find_paths(env) == find_paths({"HOME": "/h"})


def test_each_file_has_its_place() -> None:
    at = Paths("/c", "/s", "/k")
    assert [
        paths.config_file(at),
        paths.credentials_file(at),
        paths.oauth_file(at, "gemini_cli", 1),
        paths.templates_folder(at),
        paths.ledger_file(at),
        paths.history_file(at),
        paths.log_folder(at),
        paths.models_cache_file(at, "gemini"),
    ] == [
        os.path.join("/c", "config.toml"),
        os.path.join("/c", "credentials.toml"),
        os.path.join("/c", "oauth", "gemini_cli_1.json"),
        os.path.join("/c", "templates"),
        os.path.join("/s", "ledger.db"),
        os.path.join("/s", "history.db"),
        os.path.join("/s", "log"),
        os.path.join("/k", "models", "gemini.json"),
    ]

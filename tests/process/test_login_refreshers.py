"""Many users of one login, and users that are killed: one refresh, and never a lost or broken login."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.core.secret import Secret
from tests.support.google_emulator import GoogleEmulator
from tests.support.household import Household
from tests.support.login_home import OLD_ACCESS, REFRESH, google_login

ROOT = Path(__file__).parents[2]
PROCESSES, THREADS = 4, 20
UNLIMITED = "catalog_limits = false\n"


@pytest.fixture
def google() -> Iterator[GoogleEmulator]:
    with GoogleEmulator() as emulator:
        emulator.grant(REFRESH)
        yield emulator


@pytest.fixture
def home(tmp_path: Path, google: GoogleEmulator) -> Household:
    return Household(tmp_path, None).config(google.config() + UNLIMITED)  # type: ignore[arg-type]


def start(home: Household, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.login_refreshers", *arguments],
        cwd=ROOT,
        env={**os.environ, **home.env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask_at_once(home: Household) -> list[str]:
    askers = [start(home, "ask", str(THREADS)) for _ in range(PROCESSES)]
    for asker in askers:
        assert asker.stdout is not None
        assert asker.stdout.readline() == "ready\n", asker.communicate()[1]
    for asker in askers:
        assert asker.stdin is not None
        asker.stdin.write("go\n")
        asker.stdin.flush()
    answers: list[str] = []
    for asker in askers:
        out, err = asker.communicate(timeout=120)
        assert asker.returncode == 0, err
        assert "Traceback" not in err, err
        answers += json.loads(out)
    return answers


@pytest.mark.parametrize("rotate", [False, True])
def test_eighty_callers_with_an_expired_token_refresh_it_once(
    home: Household, google: GoogleEmulator, rotate: bool
) -> None:
    google.rotate, google.refresh_delay_s = rotate, 0.2
    google_login(home, expires_in=-60, access_token=Secret(OLD_ACCESS))
    answers = ask_at_once(home)
    assert answers == ["Hello from gemini-2.5-flash"] * (PROCESSES * THREADS)
    assert google.tally["refreshed"] == 1
    assert google.tally["/token"] == 1
    used = {item.headers["authorization"] for item in google.asked("streamGenerateContent")}
    assert len(used) == 1
    assert OLD_ACCESS not in used.pop()


def test_eighty_callers_whose_token_was_revoked_early_refresh_it_once(
    home: Household, google: GoogleEmulator
) -> None:
    google.refresh_delay_s = 0.2
    google_login(home, expires_in=3000, access_token=Secret(OLD_ACCESS))
    answers = ask_at_once(home)
    assert len(answers) == PROCESSES * THREADS
    assert google.tally["refreshed"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork to kill quickly")
@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_refresher_killed_at_any_moment_leaves_a_whole_login(
    home: Household, google: GoogleEmulator, seed: str
) -> None:
    google_login(home, expires_in=-60)
    killer = start(home, "kill_refreshers", "100", seed)
    out, err = killer.communicate(timeout=120)
    assert killer.returncode == 0, err
    assert "100 kills" in out
    done = int(out.split("kills, ")[1].split()[0])
    assert 10 < done < 100
    folder = home.folder / "config" / "oauth"
    assert not [name for name in os.listdir(folder) if name == "gemini_cli_2.json"]

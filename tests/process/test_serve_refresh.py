"""A server keeps its logins fresh while nobody asks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.support.google_emulator import GoogleEmulator
from tests.support.household import Household
from tests.support.login_home import ACCESS, REFRESH, google_login
from tests.support.program import PROGRAM

ROOT = Path(__file__).parents[2]


def test_a_server_refreshes_a_login_that_ends_soon(tmp_path: Path) -> None:
    with GoogleEmulator() as google:
        google.grant(REFRESH, ACCESS)
        home = Household(tmp_path, None).config(google.config())  # type: ignore[arg-type]
        google_login(home, expires_in=300)
        home.forget()
        server = subprocess.Popen(
            [*PROGRAM, "--json", "serve", "--port", "0"],
            cwd=ROOT,
            env={**os.environ, **home.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert google.wait_for_refreshes(1)
        finally:
            server.terminate()
            _, err = server.communicate(timeout=30)
        assert server.returncode == 0, err
        assert ACCESS not in err
        assert REFRESH not in err
    row = json.loads((tmp_path / "config" / "oauth" / "gemini_cli_1.json").read_text())
    assert row["access_token"] != ACCESS

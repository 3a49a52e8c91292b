"""What a short command does not do: import what it has no use for, or tidy up what ends with it anyway."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.household import Household
from tests.support.program import only_python_itself
from tests.support.upstream import simulator

pytestmark = only_python_itself
ROOT = Path(__file__).parents[2]

# Milliseconds each, and a plain question needs none of them. `ssl` comes with the first https address.
NOT_TO_BE_IMPORTED = {
    "asyncio", "dataclasses", "email", "http", "http.client", "importlib.metadata", "inspect", "ipaddress",
    "locale", "logging", "pathlib", "platformdirs", "random", "requests", "rich", "shutil", "ssl",
    "stringprep", "subprocess", "tempfile", "textwrap", "threading", "tomli_w", "tomlkit", "typer",
    "urllib.parse", "zoneinfo",
    "freellm_cli.cli.app", "freellm_cli.core.forecast", "freellm_cli.core.pacing",
    "freellm_cli.services.hedge", "freellm_cli.services.oauth_store", "freellm_cli.services.pots",
    "freellm_cli.services.suspicion", "freellm_cli.storage.ledger_accounts",
    "freellm_cli.storage.ledger_behind", "freellm_cli.storage.ledger_paces",
    "freellm_cli.storage.ledger_reports", "freellm_cli.storage.ledger_views",
    "freellm_cli.storage.ledger_waiting", "freellm_cli.transport.proxies",
}  # fmt: skip

ASK_AND_TELL = """
import sys
from freellm_cli.__main__ import main
code = main()
print(*sys.modules, sep="\\n", file=sys.stderr)
sys.exit(code)
"""


def run(code: str, *arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, check=False, **settings
    )


def test_a_plain_question_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    with simulator("generous") as sim:
        home = Household(tmp_path, sim).keys("groq", "k1")
        home.config('default_model = "groq/openai/gpt-oss-120b"')
        home.run("chat", "a question before, so that something has been learned")
        home.forget()
        done = run(ASK_AND_TELL, "chat", "hello", env={**home.env, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    imported = set(done.stderr.split())
    assert "freellm_cli.storage.ledger" in imported
    assert imported & NOT_TO_BE_IMPORTED == set()


def test_a_finished_command_leaves_nothing_behind(tmp_path: Path) -> None:
    with simulator("generous") as sim:
        home = Household(tmp_path, sim).keys("groq", "k1")
        home.config('default_model = "groq/openai/gpt-oss-120b"')
        home.forget()
        code = "from freellm_cli.__main__ import program; program()"
        done = run(code, "chat", "hello", env={**home.env, "PYTHONPATH": str(ROOT)})
        assert done.stdout.endswith("\n")
        assert done.returncode == 0, done.stderr
        assert os.listdir(tmp_path / "state" / "ledger.db.owners") == []
        assert len(home.runtime.ledger.requests()) == 1
        assert home.run("history").out.count("hello") == 1


def test_leaving_at_once_runs_what_runs_at_exit_and_writes_what_was_printed() -> None:
    code = (
        "import atexit; from freellm_cli.__main__ import leave_at_once\n"
        "atexit.register(print, 'at exit'); print('x' * 100_000); leave_at_once(3); print('too late')"
    )
    done = run(code)
    assert done.returncode == 3
    assert done.stdout == "x" * 100_000 + "\nat exit\n"


def test_a_thread_that_still_works_is_waited_for() -> None:
    code = (
        "import threading, time; from freellm_cli.__main__ import leave_at_once\n"
        "threading.Thread(target=lambda: (time.sleep(0.05), print('done'))).start(); leave_at_once(0)"
    )
    assert run(code).stdout == "done\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_what_cannot_be_written_at_the_end_is_told() -> None:
    code = "from freellm_cli.__main__ import leave_at_once; print('x'); leave_at_once(0)"
    with open("/dev/full", "w") as full:
        done = run(code, stdout=full)
    assert done.returncode != 0
    assert "No space left" in done.stderr

"""Whole commands in a Python that shows freellm a Windows: tests/support/like_windows.py.

What this cannot show is Windows' own behaviour (files that cannot be replaced while they are open, consoles);
it shows that freellm takes its Windows branches and needs nothing that is not there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.household import FLASH, Household
from tests.support.upstream import simulator

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    "whoami": """printf '%s\\r\\n' '"pc\\ann","S-1-5-21-1-2-3-1001"'""",
    "icacls": """printf '%s\\n' "$*" >> "$ICACLS_LOG\"""",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there, every test is like Windows"),
]


class Windows:
    """A person's folders and programs on such a machine."""

    def __init__(self, home: Household, folder: Path) -> None:
        programs = folder / "programs"
        programs.mkdir()
        for name, line in PROGRAMS.items():
            path = programs / name
            path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
            path.chmod(0o755)
        self.log = folder / "icacls.txt"
        self.env = {
            **os.environ,
            **home.env,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "ICACLS_LOG": str(self.log),
        }

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.like_windows", *words],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str, stdin: str = "") -> str:
        process = self.start(*words)
        out, err = process.communicate(stdin.encode(), timeout=60)
        assert process.returncode == 0, err.decode()
        return out.decode()


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Windows]:
    with simulator("generous") as sim:
        home = Household(tmp_path, sim).keys("gemini", "k1", "k2")
        home.limits("gemini", requests_per_minute=3)
        yield Windows(home, tmp_path)
        home.forget()


def test_the_demonstration_runs_from_its_first_line_to_its_last(windows: Windows) -> None:
    assert "Your turn" in windows.run("demo")


def test_what_is_private_is_granted_to_the_person_alone(windows: Windows) -> None:
    windows.run(
        "keys", "add", "groq", "--stdin", "--no-check", stdin="gsk_0123456789012345678901234567"
    )
    granted = windows.log.read_text(encoding="utf-8").splitlines()
    assert any("credentials.toml" in line for line in granted)
    for line in granted:
        assert "/inheritance:r /grant:r *S-1-5-21-1-2-3-1001:" in line
    assert "groq-1" in windows.run("keys", "list")


def test_processes_share_their_limits(windows: Windows) -> None:
    asked = [windows.start("chat", "-m", FLASH, f"question {number}") for number in range(6)]
    for process in asked:
        _, errors = process.communicate(b"", timeout=60)
        assert process.returncode == 0, errors.decode()
    more = windows.start("chat", "-m", FLASH, "--timeout", "1", "one more")
    more.communicate(b"", timeout=60)
    assert more.returncode == 5, "two keys with three requests a minute each are spent"


def test_the_server_answers_and_leaves_when_it_is_told(windows: Windows) -> None:
    process = windows.start("serve", "--port", "0", "--json")
    try:
        assert process.stdout
        told = b""
        while b"}" not in told:
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            told += line
        body = {"model": FLASH, "messages": [{"role": "user", "content": "hello"}]}
        request = urllib.request.Request(
            json.loads(told)["url"] + "/v1/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert json.load(answer)["choices"]
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors.decode()


def test_the_service_is_a_task_for_the_task_scheduler(windows: Windows) -> None:
    text = windows.run("serve", "--install-service", "--print")
    assert "http://schemas.microsoft.com/windows/2004/02/mit/task" in text

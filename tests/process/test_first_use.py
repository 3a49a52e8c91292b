"""The very first commands of a new user, several at once: they all open, and create, one ledger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import random, sys
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.ledger import Ledger
ledger = Ledger(sys.argv[1], clock=SystemClock(), rng=random.Random())
ledger.rests()
ledger.record_request({"id": sys.argv[2], "at": 1.0})
"""


@pytest.mark.parametrize("turn", range(4))
def test_eight_processes_create_one_ledger_together(tmp_path: Path, turn: int) -> None:
    path = str(tmp_path / "state" / "ledger.db")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, path, f"req-{number}"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number in range(8)
    ]
    complaints = [process.communicate()[1] for process in running]
    assert complaints == [""] * 8
    assert [process.returncode for process in running] == [0] * 8

"""Whole processes that share a pool, against a simulator that counts strictly: the benchmark, made small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "limits.py"


@pytest.mark.slow
def test_nothing_foreseeable_is_refused_and_all_is_used_though_a_process_is_killed() -> None:
    size = ["--processes", "8", "--calls", "30", "--kill", "1"]
    command = [sys.executable, str(SCRIPT), *size]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr

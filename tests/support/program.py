"""How tests start freellm as a process: this tree, or the program that FREELLM_COMMAND names.

    FREELLM_COMMAND=dist/freellm-…/freellm pytest tests/process tests/cli

runs whatever starts processes against that program. Its unpacked files then lie in `build/`, once for all.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = os.environ.get("FREELLM_COMMAND", "")
RUNTIME = ROOT / "build" / "tests"


def _words() -> list[str]:
    if not NAMED:
        return [sys.executable, "-m", "freellm_cli"]
    env = shutil.which("env")
    keep = [env, f"FREELLM_RUNTIME_DIR={RUNTIME}"] if env else []
    return [*keep, os.path.abspath(NAMED)]


only_python_itself = pytest.mark.skipif(
    bool(NAMED), reason="the one file does not read PYTHON… variables, so that none can break it"
)
PROGRAM = _words()
"""The words to which arguments are added. The tree's need PYTHONPATH; another program ignores it."""


def program_script(path: Path) -> Path:
    """Writes the shell script `path`, which runs freellm from any folder and any environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {shlex.join(PROGRAM)} "$@"\n')
    path.chmod(0o755)
    return path

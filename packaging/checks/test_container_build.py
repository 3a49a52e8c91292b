"""The commands of the Dockerfile's first stage, run here in folders of their own: no engine is needed.

What the base image brings (Python, pip) is this machine's; the rest is as in the container.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the container is a Linux")


def first_stage() -> list[tuple[str, str]]:
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = re.sub(r"\\\n\s*", "", text).strip().split("\nFROM ")[0].splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def test_its_commands_make_a_working_freellm(tmp_path: Path) -> None:
    places = {"/opt/freellm": tmp_path / "opt", "/wheels": tmp_path / "wheels"}
    source = tmp_path / "src"
    source.mkdir()
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = 0
    for word, rest in first_stage():
        if word == "COPY":
            *names, _ = rest.split()
            for name in names:
                copy(ROOT / name, source / name)
        elif word == "RUN":
            for name, place in places.items():
                rest = rest.replace(name, str(place))
            done = subprocess.run(
                rest, shell=True, cwd=source, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{rest}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran >= 2
    program = tmp_path / "opt" / "bin" / "freellm"
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("freellm ")


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)

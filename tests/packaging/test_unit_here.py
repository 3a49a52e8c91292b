"""The user unit in the eyes of this machine's systemd."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from freellm_cli.core.service_files import ServiceSpec, systemd_unit

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd on this machine"
)


def analyze(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--user", *words],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "warning"},
        capture_output=True,
        text=True,
        check=False,
    )


def unit(tmp_path: Path, folder: str) -> Path:
    program = tmp_path / folder / "freellm"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    spec = ServiceSpec((str(program), "serve", "--port", "9000"), (str(program.parent),), 30.0)
    path = tmp_path / "freellm.service"
    path.write_text(systemd_unit(spec), encoding="utf-8")
    return path


@pytest.mark.parametrize("folder", ["bin", "a b", 'it\'s 100% "free"', "$HOME", "a\\b", "鍵"])
def test_systemd_finds_the_program_and_nothing_to_complain_of(tmp_path: Path, folder: str) -> None:
    done = analyze(tmp_path, "verify", "--man=no", str(unit(tmp_path, folder)))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_would_say_so_if_the_program_were_not_there(tmp_path: Path) -> None:
    path = unit(tmp_path, "a b")
    shutil.rmtree(tmp_path / "a b")
    assert "is not executable" in analyze(tmp_path, "verify", "--man=no", str(path)).stderr


def test_systemd_thinks_it_well_contained(tmp_path: Path) -> None:
    done = analyze(tmp_path, "security", "--offline=true", str(unit(tmp_path, "bin")))
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", done.stdout)
    if found is None:
        pytest.skip(f"systemd-analyze security does not work here: {done.stderr}")
    assert float(found.group(1)) < 3.0

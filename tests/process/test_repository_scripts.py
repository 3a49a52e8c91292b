"""scripts/setup and scripts/check in a clone: what they are doing is seen, and Ctrl-C ends them in a line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="its Ctrl-C is another one")

ROOT = Path(__file__).resolve().parents[2]
PIP = """\
#!{python}
import sys, time
if "--version" in sys.argv: sys.exit(0)
print("Collecting one\\nCollecting two\\nInstalling collected packages: one, two", flush=True)
{then}
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("scripts/setup", "scripts/check", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def with_pip(clone: Path, then: str) -> None:
    """An environment whose Python is a pip that says what pip says, and `then` does this."""
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP.format(python=sys.executable, then=then))
    python.chmod(0o755)


def test_each_stage_of_the_installation_is_seen(clone: Path) -> None:
    with_pip(clone, "")
    done = subprocess.run(
        [sys.executable, "scripts/setup", "--group", "dev"],
        cwd=clone, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "getting a pip that knows dependency groups …",
        "..",
        "  2 fetched, putting them in place …",
        "installing freellm and what dev needs (once; a minute or so) …",
        "..",
        "  2 fetched, putting them in place …",
    ]


def test_a_failing_stage_is_told_with_all_that_was_said(clone: Path) -> None:
    with_pip(clone, 'print("no such version", file=sys.stderr); sys.exit(1)')
    done = subprocess.run(
        [sys.executable, "scripts/check"], cwd=clone, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "no such version" in done.stderr
    assert "this step failed: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("script", ["setup", "check"])
def test_ctrl_c_ends_it_in_one_line(clone: Path, script: str) -> None:
    with_pip(
        clone, "signal = __import__('signal'); signal.signal(2, signal.SIG_DFL); time.sleep(60)"
    )
    running = subprocess.Popen(
        [sys.executable, f"scripts/{script}"],
        cwd=clone, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stderr is not None
    while "putting them in place" not in running.stderr.readline():
        pass
    os.killpg(running.pid, signal.SIGINT)
    (said,) = running.stderr.read().splitlines()
    assert said.startswith("interrupted")
    assert running.wait(20) == 130
    running.stderr.close()


def test_what_setup_was_asked_to_run_answers_ctrl_c_itself(clone: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f"#!{sys.executable}\nimport sys, time\n"
        'if "freellm_cli" not in sys.argv: sys.exit(0)\n'
        'try:\n    print("serving", flush=True); time.sleep(60)\n'
        'except KeyboardInterrupt:\n    print("stopped by itself", flush=True); sys.exit(7)\n'
    )
    python.chmod(0o755)
    running = subprocess.Popen(
        [sys.executable, "scripts/setup", "serve"],
        cwd=clone, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "serving\n"
    os.killpg(running.pid, signal.SIGINT)
    assert running.stdout.read() == "stopped by itself\n"
    assert running.wait(20) == 7
    running.stdout.close()

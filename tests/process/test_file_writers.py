"""Many writers, and writers that are killed: nothing is lost, nothing is half-written, nothing is open."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.config_file import ConfigFile
from freellm_cli.storage.files import LEFTOVER_AGE_S, write_private
from freellm_cli.storage.locks import FileLock, LockTimeout
from freellm_cli.storage.vault import Vault
from tests.support.file_writers import key

ROOT = Path(__file__).parents[2]
WRITERS = 8
EACH = 12


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.file_writers", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def test_eight_writers_at_once_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "config" / "credentials.toml"
    writers = [start("add_keys", str(path), f"w{n}", str(EACH)) for n in range(WRITERS)]
    for writer in writers:
        finish(writer)
    held = Vault(str(path), SystemClock()).list()
    keys = {item.secret.reveal() for item in held if item.secret}
    assert keys == {key(f"w{n}", number) for n in range(WRITERS) for number in range(EACH)}
    assert Counter(item.id for item in held) == Counter(
        f"gemini-{number}" for number in range(1, WRITERS * EACH + 1)
    )
    assert sorted(item.name for item in path.parent.iterdir()) == [
        "credentials.toml",
        "credentials.toml.lock",
    ]


def test_writers_of_the_same_key_store_it_once(tmp_path: Path) -> None:
    path = str(tmp_path / "credentials.toml")
    writers = [start("add_keys", path, "same", "1") for _ in range(4)]
    codes = []
    for writer in writers:
        writer.communicate(timeout=60)
        codes.append(writer.returncode)
    assert sorted(codes) == [0, 1, 1, 1]
    assert len(Vault(path, SystemClock()).list()) == 1


def test_settings_changed_at_once_are_all_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "config.toml")
    Path(path).write_text("# mine\n[aliases]\n")
    for writer in [start("set_settings", path, f"w{n}", "8") for n in range(4)]:
        finish(writer)
    file = ConfigFile(path, SystemClock())
    assert len(file.table()["aliases"]) == 32
    assert file.text().startswith("# mine\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork to kill quickly")
@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_writer_killed_at_any_moment_leaves_a_whole_private_file(
    tmp_path: Path, seed: str
) -> None:
    path = tmp_path / "config" / "credentials.toml"
    path.parent.mkdir()
    assert "100 kills" in finish(start("kill_writers", str(path), "100", seed))
    leftovers = [item for item in path.parent.iterdir() if item.name.endswith(".tmp")]
    assert all(stat.S_IMODE(item.stat().st_mode) == 0o600 for item in leftovers)
    later = SystemClock().now() + LEFTOVER_AGE_S + 60
    write_private(str(path), path.read_bytes(), now=lambda: later)
    assert not [item for item in path.parent.iterdir() if item.name.endswith(".tmp")]


def test_a_lock_keeps_other_processes_out_until_its_holder_dies(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    holder = start("hold_lock", path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    lock = FileLock(path, SystemClock())
    with pytest.raises(LockTimeout):
        lock.hold(timeout=0)
    holder.kill()
    holder.communicate(timeout=30)
    lock.hold(timeout=5).release()

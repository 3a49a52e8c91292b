"""Writers of freellm's files as processes, to be run many at once or killed (`python -m` this module)."""

from __future__ import annotations

import os
import random
import signal
import stat
import sys
import time
from pathlib import Path

from freellm_cli.core.secret import Secret
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.config_file import ConfigFile
from freellm_cli.storage.locks import FileLock
from freellm_cli.storage.vault import Vault


def key(writer: str, number: int) -> str:
    return f"key-of-{writer}-{number:06d}"


def add_keys(path: str, writer: str, count: str) -> None:
    vault = Vault(path, SystemClock())
    for number in range(int(count)):
        vault.add("gemini", Secret(key(writer, number)))


def set_settings(path: str, writer: str, count: str) -> None:
    file = ConfigFile(path, SystemClock())
    for number in range(int(count)):
        file.set(f"aliases.{writer}-{number}", "gemini/x")


def hold_lock(path: str) -> None:
    with FileLock(path, SystemClock()).hold():
        print("held", flush=True)
        sys.stdin.read()


def kill_writers(path: str, kills: str, seed: str) -> None:
    """Starts writers one after another and kills each at a random moment; looks at the file after each.

    Every key whose `add` had returned must be there, the file whole, and no file ever readable by others.
    """
    os.umask(0)
    chance = random.Random(int(seed))
    Vault(path, SystemClock()).add("gemini", Secret(key("first", 0)))  # imports what writers need
    span = 0.02
    stored = 0
    remembered: set[str] = set()
    for round_number in range(int(kills)):
        reported = _killed_writer(path, str(round_number), chance.uniform(0, span))
        stored += len(reported)
        # However busy the machine: about every second writer lives to store a key.
        span *= 0.9 if reported else 1.2
        held = Vault(path, SystemClock()).list()
        kept = {item.secret.reveal() for item in held if item.secret}
        lost = (remembered | reported) - kept
        assert not lost, f"round {round_number}: lost {lost}"
        ids = [item.id for item in held]
        assert len(ids) == len(set(ids)), ids
        _assert_private(Path(path).parent)
        remembered = kept
    assert stored > int(kills) / 10, "the writers were killed before they could write"
    print(f"{kills} kills, {stored} keys stored")


def _killed_writer(path: str, writer: str, delay: float) -> set[str]:
    """The keys that the writer said it had stored before it was killed."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        vault = Vault(path, SystemClock())
        os.write(write_end, b"ready\n")
        for number in range(10_000):
            vault.add("gemini", Secret(key(writer, number)))
            os.write(write_end, f"{key(writer, number)}\n".encode())
    os.close(write_end)
    with open(read_end, "rb", buffering=0) as pipe:
        assert pipe.read(6) == b"ready\n"
        end = time.monotonic() + delay
        while time.monotonic() < end:
            _assert_private(Path(path).parent)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return set(pipe.read().decode().split("\n")) - {""}


def _assert_private(folder: Path) -> None:
    for entry in os.scandir(folder):
        try:
            mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
        except FileNotFoundError:
            continue
        assert mode == 0o600, f"{entry.name} has mode {mode:o}"


if __name__ == "__main__":
    {
        "add_keys": add_keys,
        "set_settings": set_settings,
        "hold_lock": hold_lock,
        "kill_writers": kill_writers,
    }[sys.argv[1]](*sys.argv[2:])

"""One holder at a time, among threads too; processes are in tests/process."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from freellm_cli.core.errors import StoreError
from freellm_cli.storage.locks import FileLock, Held, LockTimeout, WindowsLocking
from tests.support.stepping_clock import SteppingClock


def test_a_second_holder_waits_until_the_first_lets_go(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    first = FileLock(path, SteppingClock()).hold()
    clock = SteppingClock(
        on_sleep=lambda seconds: first.release() if len(clock.slept) == 3 else None
    )
    with FileLock(path, clock).hold(timeout=5):
        assert len(clock.slept) == 3


def test_waiting_ends_with_the_timeout_and_names_the_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    clock = SteppingClock()
    with FileLock(path, clock).hold(), pytest.raises(LockTimeout) as caught:
        FileLock(path, clock).hold(timeout=2)
    assert path in caught.value.message
    assert sum(clock.slept) == pytest.approx(2)
    assert max(clock.slept) <= 0.05


def test_a_timeout_of_zero_tries_once(tmp_path: Path) -> None:
    clock = SteppingClock()
    lock = FileLock(str(tmp_path / "a.lock"), clock)
    with lock.hold(timeout=0), pytest.raises(LockTimeout):
        lock.hold(timeout=0)
    assert clock.slept == []


def test_it_is_free_after_the_block_even_when_that_fails(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "a.lock"), SteppingClock())
    with pytest.raises(ZeroDivisionError), lock.hold():
        raise ZeroDivisionError
    lock.hold(timeout=0).release()


def test_releasing_twice_does_not_take_another_holders_lock_away(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "a.lock"), SteppingClock())
    first = lock.hold()
    first.release()
    second = lock.hold(timeout=0)
    first.release()
    with pytest.raises(LockTimeout):
        lock.hold(timeout=0)
    second.release()


def test_threads_count_without_losing_one(tmp_path: Path) -> None:
    from freellm_cli.services.system_clock import SystemClock

    counter = tmp_path / "counter"
    counter.write_text("0")
    lock = FileLock(str(tmp_path / "a.lock"), SystemClock())

    def count() -> None:
        for _ in range(25):
            with lock.hold():
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "200"


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    with FileLock(str(tmp_path / "new" / "a.lock"), SteppingClock()).hold():
        assert (tmp_path / "new" / "a.lock").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_lock_file_that_was_removed_meanwhile_keeps_nobody_out_and_is_not_trusted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.lock"
    first = FileLock(str(path), SteppingClock()).hold()

    def somebody_tidies_up(seconds: float) -> None:
        path.unlink(missing_ok=True)

    clock = SteppingClock(on_sleep=somebody_tidies_up)
    second = FileLock(str(path), clock).hold(timeout=1)
    with pytest.raises(LockTimeout):
        FileLock(str(path), SteppingClock()).hold(timeout=0)
    first.release()
    second.release()


def test_an_unusable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot lock .*file"):
        FileLock(str(tmp_path / "file" / "a.lock"), SteppingClock()).hold()


class FakeMsvcrt(ModuleType):
    """`msvcrt.locking` with one lockable byte for all descriptors."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.holder: int | None = None

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert count == 1
        if mode == self.LK_UNLCK:
            assert self.holder == descriptor
            self.holder = None
        elif self.holder is None:
            self.holder = descriptor
        else:
            raise PermissionError(13, "Permission denied")


def test_the_windows_branch_locks_one_byte_and_gives_it_back(tmp_path: Path) -> None:
    system = FakeMsvcrt()
    lock = FileLock(str(tmp_path / "a.lock"), SteppingClock(), locking=WindowsLocking(system))
    held: Held = lock.hold()
    with pytest.raises(LockTimeout):
        lock.hold(timeout=0.2)
    held.release()
    assert system.holder is None
    lock.hold(timeout=0).release()

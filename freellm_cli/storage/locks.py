"""A lock that threads and processes share, held by an open file.

The system lets go of it when its holder's process ends, however it ends, so nothing is ever left
locked. POSIX: `flock`, which belongs to the open file and so keeps threads apart too. Windows:
`msvcrt.locking` on the first byte. Each `hold` opens the file anew; a lock is not reentrant.
"""

from __future__ import annotations

import os
from contextlib import suppress
from types import ModuleType, TracebackType
from typing import Protocol

from freellm_cli.core.clock import Clock
from freellm_cli.core.errors import StoreError
from freellm_cli.storage.files import make_private_folder, store_error
from freellm_cli.storage.permissions import system_permissions

_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05


class LockTimeout(StoreError):
    """Somebody else held the lock all the time that we were willing to wait."""


class Locking(Protocol):
    """How a system locks an open file."""

    def take(self, descriptor: int, path: str) -> bool:
        """True when the lock is ours now, False when another holds it. Raises OSError for anything
        else.
        """

    def give_back(self, descriptor: int) -> None: ...


class PosixLocking:
    def __init__(self, fcntl: ModuleType) -> None:
        self._fcntl = fcntl

    def take(self, descriptor: int, path: str) -> bool:
        try:
            self._fcntl.flock(descriptor, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        try:
            # Somebody may have removed the file meanwhile: a lock on it would keep nobody out.
            return os.path.samestat(os.fstat(descriptor), os.stat(path))
        except FileNotFoundError:
            return False

    def give_back(self, descriptor: int) -> None:
        self._fcntl.flock(descriptor, self._fcntl.LOCK_UN)


class WindowsLocking:
    def __init__(self, msvcrt: ModuleType) -> None:
        self._msvcrt = msvcrt

    def take(self, descriptor: int, path: str) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            self._msvcrt.locking(descriptor, self._msvcrt.LK_NBLCK, 1)
        except PermissionError:  # EACCES: another handle has it
            return False
        return True

    def give_back(self, descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        self._msvcrt.locking(descriptor, self._msvcrt.LK_UNLCK, 1)


class Held:
    """A lock that is ours until `release` or the end of the `with` block."""

    __slots__ = ("_descriptor", "_locking")

    def __init__(self, descriptor: int, locking: Locking) -> None:
        self._descriptor = descriptor
        self._locking = locking

    def release(self) -> None:
        """Safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            self._locking.give_back(descriptor)
        finally:
            os.close(descriptor)

    def __enter__(self) -> Held:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class FileLock:
    """`path` is the lock's own file: created when missing, empty, never removed."""

    def __init__(self, path: str, clock: Clock, *, locking: Locking | None = None) -> None:
        self.path = path
        self._clock = clock
        self._locking = locking

    def hold(self, timeout: float = 20.0) -> Held:
        """Waits at most `timeout` seconds; 0 tries once. Raises LockTimeout, StoreError.

        Use it as `with lock.hold(): …`.
        """
        locking = self._locking or system_locking()
        deadline = self._clock.monotonic() + timeout
        pause = _FIRST_PAUSE_S
        while True:
            held = self._try(locking)
            if held is not None:
                return held
            left = deadline - self._clock.monotonic()
            if left <= 0:
                raise LockTimeout(
                    f"another freellm process has held {self.path} for {timeout:g} seconds",
                    hint="let it finish, then try again",
                )
            self._clock.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _try(self, locking: Locking) -> Held | None:
        try:
            descriptor = self._open()
        except OSError as exc:
            raise store_error("lock", self.path, exc) from exc
        try:
            if locking.take(descriptor, self.path):
                return Held(descriptor, locking)
        except OSError as exc:
            os.close(descriptor)
            raise store_error("lock", self.path, exc) from exc
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            make_private_folder(os.path.dirname(self.path))
        with suppress(FileExistsError):  # another process may be quicker
            os.close(system_permissions().create(self.path))
        return os.open(self.path, os.O_RDWR)


def system_locking() -> Locking:
    if os.name == "nt":
        import msvcrt

        return WindowsLocking(msvcrt)
    import fcntl

    return PosixLocking(fcntl)

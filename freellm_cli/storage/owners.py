"""Who holds leases: a small file for each process, locked while it lives.

The system lets go of the lock when the process ends, however it ends, and never for another process that
took its number. The file tells what became of the process's leases since they were written, at the cost
of writing a few bytes instead of a transaction: which were sent, and when their answers began. What the
file says outlives a killed process; a machine that went down may have lost it.

    16 bytes nobody reads, then places of 16 bytes: lease id (int64), answered (float64, 0.0: not yet),
    little endian
"""

from __future__ import annotations

import os
import struct
from _thread import allocate_lock
from typing import NamedTuple
from weakref import WeakSet

from freellm_cli.core.errors import StoreError
from freellm_cli.storage.files import make_private_folder, store_error
from freellm_cli.storage.locks import Locking, system_locking

_HEAD = 16
_PLACE = struct.Struct("<qd")
_TIME = struct.Struct("<d")
_RESERVED = _HEAD + 255 * _PLACE.size


class Board(NamedTuple):
    """What an owner's file says. `sent`: lease id to when its answer began, 0.0 when it has not."""

    alive: bool
    sent: dict[int, float]


class Owner:
    """This process's file. Made with the first lease, under the ledger's write lock."""

    def __init__(self, folder: str, name: str) -> None:
        """Raises StoreError."""
        self.name = name
        self._path = os.path.join(folder, name)
        self._lock = allocate_lock()
        self._free: list[int] = []
        self._places = 0
        self._descriptor = -1
        try:
            make_private_folder(folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(self._path, flags, 0o600)
            os.write(
                self._descriptor, bytes(_RESERVED)
            )  # a disk that fills up later cannot stop us
            _lock(system_locking(), self._descriptor, self._path)
        except OSError as exc:
            raise store_error("create", self._path, exc) from exc
        _OWNERS.add(self)

    @property
    def is_retired(self) -> bool:
        return self._descriptor < 0

    def place(self) -> int:
        """A free place on the board for a new lease."""
        with self._lock:
            if self._free:
                return self._free.pop()
            self._places += 1
            return self._places - 1

    def give_back(self, place: int) -> None:
        with self._lock:
            self._free.append(place)

    def sent(self, place: int, lease: int) -> None:
        self._write(_HEAD + place * _PLACE.size, _PLACE.pack(lease, 0.0))

    def answered(self, place: int, at: float) -> None:
        self._write(_HEAD + place * _PLACE.size + 8, _TIME.pack(at))

    def retire(self) -> None:
        """Ends this owner. The file stays for others to read if leases are still out. Safe twice."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            idle = len(self._free) == self._places
        if descriptor < 0:
            return
        if idle and os.name != "nt":
            _remove(self._path)
        os.close(descriptor)
        if idle and os.name == "nt":
            _remove(self._path)  # Windows does not remove what is open

    def forget_parent(self) -> None:
        """In the child after a fork: the file, its lock and its leases are the parent's."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        self._lock = allocate_lock()

    def _write(self, offset: int, data: bytes) -> None:
        if self._descriptor < 0:
            return
        try:
            if hasattr(os, "pwrite"):
                os.pwrite(self._descriptor, data, offset)
                return
            with self._lock:
                os.lseek(self._descriptor, offset, os.SEEK_SET)
                os.write(self._descriptor, data)
        except OSError:
            return  # only if we were killed now would anybody miss it


def examine(folder: str, name: str) -> Board | None:
    """What another owner's file says and whether its process lives; None when there is no file."""
    path = os.path.join(folder, name)
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise store_error("read", path, exc) from exc
    try:
        alive = not _lock(system_locking(), descriptor, path)
        os.lseek(descriptor, _HEAD, os.SEEK_SET)
        data = os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)
    whole = len(data) - len(data) % _PLACE.size
    return Board(alive, {lease: at for lease, at in _PLACE.iter_unpack(data[:whole]) if lease})


def remove(folder: str, name: str) -> None:
    """Takes away a dead owner's file."""
    _remove(os.path.join(folder, name))


def names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _lock(locking: Locking, descriptor: int, path: str) -> bool:
    """Whether the lock could be had. Where a file system has no locks, nobody ever can: then a process
    is taken to live, and its leases end with their deadlines."""
    try:
        return locking.take(descriptor, path)
    except (OSError, StoreError):
        return False


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


_OWNERS: WeakSet[Owner] = WeakSet()


def _after_fork() -> None:
    for owner in list(_OWNERS):
        owner.forget_parent()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)

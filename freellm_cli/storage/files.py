"""Small private files that are whole at every moment.

A write goes to a new file beside the target, is flushed to the disk, then takes the target's name;
a reader or a power cut sees the old text or the new, never a part. Every failure is a StoreError
that names the file and what to do.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from typing import TypeVar

from freellm_cli.core.errors import StoreError
from freellm_cli.storage.permissions import Permissions, system_permissions

Result = TypeVar("Result")

LEFTOVER_AGE_S = 600.0
"""A temporary file older than this belongs to a writer that was killed."""

_WINDOWS_TRIES = 20
_WINDOWS_PAUSE_S = 0.02

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space, then try again; nothing was changed"),
    getattr(errno, "EDQUOT", -1): (
        "your disk quota is used up",
        "free some space; nothing was changed",
    ),
    errno.EFBIG: ("the file may not grow that large", "raise the limit (`ulimit -f`)"),
    errno.EROFS: (
        "it is on a read-only file system",
        "{elsewhere}",
    ),
    errno.EACCES: (
        "permission denied",
        "check who owns it (`freellm doctor`), or {elsewhere}",
    ),
    errno.EPERM: (
        "the system does not permit it",
        "check who owns it (`freellm doctor`), or {elsewhere}",
    ),
    errno.ENOTDIR: (
        "a part of its path is a file, not a folder",
        "move that file away, or {elsewhere}",
    ),
    errno.EISDIR: ("it is a folder, not a file", "move the folder away"),
    errno.ENOENT: ("its folder cannot be made", "{elsewhere}"),
    errno.ENAMETOOLONG: ("its path is too long", "{elsewhere}"),
    errno.ELOOP: ("its links lead in a circle", "remove the link"),
    errno.EIO: ("the disk reports an error", "check the disk; nothing was changed"),
}
_MOVED_BY = (
    ("--config-dir", ("config.toml", "credentials.toml", "oauth", "templates")),
    (
        "--state-dir",
        ("ledger.db", "history.db", "ledger.db.owners", "log", "crash.log", "typed_lines"),
    ),
)
"""The option that moves a file of ours, by its own or its folder's name."""


def store_error(doing: str, path: str, exc: OSError) -> StoreError:
    """The StoreError for a system error; `doing` is "read", "write", "lock"…"""
    fallback = (exc.strerror or str(exc), "see `freellm doctor`")
    reason, hint = _REASONS.get(exc.errno or 0, fallback)
    return StoreError(
        f"cannot {doing} {path}: {reason}", hint=hint.replace("{elsewhere}", _elsewhere(path))
    )


def _elsewhere(path: str) -> str:
    last = path.replace("\\", "/").split("/")[-2:]
    for option, names in _MOVED_BY:
        if any(part.removesuffix(".lock") in names for part in last):
            return f"choose another folder with {option}"
    return "choose another folder"


def read_private(path: str, *, sleep: Callable[[float], None] = time.sleep) -> bytes | None:
    """The file's bytes; None when there is no such file. Raises StoreError."""
    try:
        return _again_if_busy(lambda: _read(path), sleep)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise store_error("read", path, exc) from exc


def write_private(
    path: str,
    data: bytes,
    *,
    permissions: Permissions | None = None,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Puts `data` in place of the file, readable by this person alone from the first byte on.

    Missing folders are made, private too. A symbolic link stays: what it points at is replaced.
    Leftovers of writers that were killed are removed once they are `LEFTOVER_AGE_S` old. Raises
    StoreError; then the old file is untouched.
    """
    guard = permissions or system_permissions()
    target = os.path.realpath(path)
    try:
        if os.path.lexists(target) and not stat.S_ISREG(os.lstat(target).st_mode):
            raise StoreError(f"cannot write {path}: it is not a plain file", hint="move it away")
        make_private_folder(os.path.dirname(target), permissions=guard)
        temporary = _write_beside(target, data, guard)
        try:
            _again_if_busy(lambda: os.replace(temporary, target), sleep)
        except BaseException:
            _remove(temporary)
            raise
        _flush_folder(os.path.dirname(target))
        _sweep(target, now())
    except OSError as exc:
        raise store_error("write", path, exc) from exc


def make_private_folder(path: str, *, permissions: Permissions | None = None) -> None:
    """Creates the folder and its missing parents, each private; leaves what exists as it is. Raises
    OSError.
    """
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    guard = permissions or system_permissions()
    for folder in reversed(missing):
        try:
            guard.make_folder(folder)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise NotADirectoryError(errno.ENOTDIR, "not a folder", folder) from None


def check_private(path: str, *, permissions: Permissions | None = None) -> str | None:
    """A warning when others can read the file, None when all is well or there is no file.

    `make_private` is the repair. Raises StoreError when the system does not say.
    """
    try:
        others = (permissions or system_permissions()).exposure(path)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise store_error("check", path, exc) from exc
    return f"{path} can be read by {others}" if others else None


def make_private(path: str, *, permissions: Permissions | None = None) -> None:
    """Takes the file from everybody else's eyes. Raises StoreError."""
    try:
        (permissions or system_permissions()).restrict(path)
    except OSError as exc:
        raise store_error("protect", path, exc) from exc


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write_beside(target: str, data: bytes, guard: Permissions) -> str:
    temporary = os.path.join(
        os.path.dirname(target), f".{os.path.basename(target)}.{os.urandom(8).hex()}.tmp"
    )
    descriptor = guard.create(temporary)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        _remove(temporary)
        raise
    return temporary


def _again_if_busy(
    action: Callable[[], Result], sleep: Callable[[float], None], *, windows: bool = os.name == "nt"
) -> Result:
    """Windows refuses to open or replace a file at the moment another process has it open."""
    for _ in range(_WINDOWS_TRIES if windows else 0):
        try:
            return action()
        except PermissionError:
            sleep(_WINDOWS_PAUSE_S)
    return action()


def _flush_folder(folder: str) -> None:
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # a folder that may be written but not listed
    try:
        os.fsync(descriptor)
    except OSError as exc:
        # Some network and FUSE file systems cannot flush a folder; the file itself is safe.
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def _sweep(target: str, now: float) -> None:
    folder, name = os.path.split(target)
    try:
        entries = os.listdir(folder)
    except PermissionError:
        return
    for entry in entries:
        if entry.startswith(f".{name}.") and entry.endswith(".tmp"):
            leftover = os.path.join(folder, entry)
            try:
                if now - os.lstat(leftover).st_mtime > LEFTOVER_AGE_S:
                    os.unlink(leftover)
            except OSError:
                continue


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def remove_files(*paths: str, doing: str = "remove") -> None:
    """Those of them that there are. `doing` is for the error. Raises StoreError."""
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise store_error(doing, path, exc) from exc


def write_all(descriptor: int, data: bytes, path: str) -> None:
    """All of `data`, however little the system takes at once. `path` is for the error. Raises StoreError."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as exc:
        raise store_error("write", path, exc) from exc

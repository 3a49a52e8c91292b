"""What becomes of a SQLite file that is damaged, and what people are told of one that cannot be used."""

from __future__ import annotations

import os
import sqlite3

from freellm_cli.core.clock import Clock
from freellm_cli.storage.database import file_identity
from freellm_cli.storage.files import store_error
from freellm_cli.storage.locks import FileLock

_OTHER_FOLDER = "check who owns it (`freellm doctor`), or choose another folder with --state-dir"
REASONS = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space, then try again"),
    sqlite3.SQLITE_READONLY: ("it is read-only", _OTHER_FOLDER),
    sqlite3.SQLITE_PERM: ("permission denied", _OTHER_FOLDER),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", _OTHER_FOLDER),
    sqlite3.SQLITE_IOERR: (
        "the disk reports an error",
        "check the disk and its free space, or choose another folder with --state-dir",
    ),
}
"""By SQLite's primary result code: what is wrong, and a hint."""


def set_aside(path: str, known: tuple[int, int], clock: Clock) -> str | None:
    """Gives the file, its log too, a name that ends in ".broken-<time>", and returns it; None when another
    process has done it: the file is no longer the `known` one. Raises StoreError."""
    with FileLock(path + ".lock", clock).hold():
        if known[1] and file_identity(path) != known:
            return None
        broken = f"{path}.broken-{int(clock.now())}"
        while os.path.exists(broken):
            broken += "+"
        try:
            # The log first: a new file must never meet the log of the old one.
            for tail in ("-wal", "-shm", ""):
                if os.path.exists(path + tail):
                    os.replace(path + tail, broken + tail)
        except OSError as failed:
            raise store_error("set aside the damaged", path, failed) from failed
    return broken

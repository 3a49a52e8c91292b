"""Leaving SQLite's write-ahead log where it is.

Whoever closes a file's last connection copies the log into the file and removes it: 8 ms of flushing the
disk at the end of every short command, and 5 ms more for the next one that begins a new log. SQLite can
be told not to (https://www.sqlite.org/c3ref/c_dbconfig_defensive.html, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE),
by Python from 3.12 on. Before, the connection is kept from being closed at the end of the process, and
one that can only read is made to be the last.

SQLite begins a log anew with the first write after all of it was copied. A process that writes once never
comes to that: its write is added to a log that the next process takes for not copied at all. So whoever
closes a file with a long log has it copied and removed.
"""

from __future__ import annotations

import os
import sqlite3

LONGEST_KEPT = 512 * 1024
"""Bytes of log; a log that is begun anew after `wal_autocheckpoint` pages stays below."""
_NO_CHECKPOINT_ON_CLOSE = 1006


def keep_log_at_exit(connection: sqlite3.Connection, *, keep: bool = True) -> None:
    """Whether the end of the process (from Python 3.12 on: any closing) leaves the log alone."""
    configure = getattr(connection, "setconfig", None)
    if configure is not None:
        configure(_NO_CHECKPOINT_ON_CLOSE, keep)
    elif keep:
        # A function that holds its connection makes a circle that no collector sees.
        connection.create_function("stay_open", 0, lambda: id(connection))


def close_connection(connection: sqlite3.Connection, path: str, *, keep_log: bool) -> None:
    """Closes a connection that `keep_log_at_exit` has prepared. A long log is not kept."""
    if not keep_log or _size(path + "-wal") > LONGEST_KEPT:
        keep_log = False
        keep_log_at_exit(connection, keep=False)
    if not keep_log or hasattr(connection, "setconfig"):
        connection.close()
        return
    try:
        last = sqlite3.connect(_read_only(path), uri=True, timeout=0)
    except sqlite3.Error:  # somebody took the file away
        connection.close()
        return
    try:
        last.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return  # then closing ours copies the log after all
    finally:
        connection.close()
        last.close()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _read_only(path: str) -> str:
    """As https://www.sqlite.org/uri.html says."""
    name = path.replace("\\", "/").replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    root = "file://" if name.startswith("/") else "file:///"
    return f"{root}{name}?mode=ro"

"""Whether a database file of ours is sound, told without changing it."""

from __future__ import annotations

import os
import sqlite3
from urllib.parse import quote


def database_fault(path: str) -> str:
    """What is wrong with the file, "" when it is sound or is not there yet."""
    if not os.path.exists(path):
        return ""
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=5.0)
        try:
            row = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as exc:
        return str(exc)
    said = str(row[0]) if row else "it says nothing"
    return "" if said == "ok" else said


def sqlite_version() -> str:
    return sqlite3.sqlite_version

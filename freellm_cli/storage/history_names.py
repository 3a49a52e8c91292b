"""The names of the latest conversations, for whoever must not make, migrate or mend the file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing


def latest_names(path: str, limit: int) -> list[tuple[str, str]]:
    """(id, title) of the conversations used last, newest first; empty when the file cannot be read."""
    if not os.path.exists(path):
        return []
    address = f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0.05)) as connection:
            query = "SELECT id, title FROM conversation ORDER BY updated DESC LIMIT ?"
            return connection.execute(query, (limit,)).fetchall()
    except sqlite3.Error:
        return []

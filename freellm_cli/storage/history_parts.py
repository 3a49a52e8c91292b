"""Attachments of kept messages: each stored once, however often a conversation repeats it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

_PREFIX = "kept:"
# Where the kinds of parts hold their data (see core.chat).
_PLACES = {
    "image_url": ("image_url", "url"),
    "input_audio": ("input_audio", "data"),
    "file": ("file", "file_data"),
}


def put_away(connection: sqlite3.Connection, parts: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """JSON of the parts with names in place of their data, and those names' digests."""
    import hashlib

    slim, digests = [], []
    for part in parts:
        outer, inner = _PLACES.get(str(part.get("type")), ("", ""))
        holder = part.get(outer)
        data = holder.get(inner) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or not isinstance(data, str) or data.startswith("http"):
            slim.append(part)
            continue
        digest = hashlib.sha256(data.encode("utf-8", "replace")).hexdigest()
        connection.execute("INSERT OR IGNORE INTO attachment VALUES (?, ?)", (digest, data))
        digests.append(digest)
        slim.append({**part, outer: {**holder, inner: _PREFIX + digest}})
    return json.dumps(slim, ensure_ascii=False), digests


def brought_back(connection: sqlite3.Connection, parts: str) -> Any:
    """The content that `put_away` was given."""
    content = json.loads(parts)
    for part in content if isinstance(content, list) else ():
        outer, inner = _PLACES.get(str(part.get("type")), ("", ""))
        name = part.get(outer, {}).get(inner, "") if outer else ""
        if name.startswith(_PREFIX):
            query = "SELECT data FROM attachment WHERE digest = ?"
            found = connection.execute(query, (name.removeprefix(_PREFIX),)).fetchone()
            part[outer][inner] = found[0] if found else ""
    return content

"""Finding words in kept messages: by an index where SQLite has one, else by reading them all.

Both ways find the same: text that holds every word, in any case, anywhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from freellm_cli.storage.history import Hit
from freellm_cli.storage.history_schema import SEARCH_INDEX

_INDEXED_LENGTH = 3
_COLUMNS = "SELECT m.conversation, c.title, m.role, m.text, m.at FROM message m JOIN conversation c"
_ORDER = " ORDER BY m.id DESC LIMIT ?"


def search(
    connection: sqlite3.Connection, words: Sequence[str], limit: int, *, index: str = SEARCH_INDEX
) -> list[Hit]:
    """`index`: the statement that makes the index unless it is there."""
    connection.create_function("holds_all", -1, _holds_all, deterministic=True)
    folded = [word.casefold() for word in words if word]
    long = [word for word in words if len(word) >= _INDEXED_LENGTH]
    test = f"holds_all(m.text{', ?' * len(folded)})"
    if long and _index(connection, index):
        match = " ".join('"' + word.replace('"', '""') + '"' for word in long)
        query = (
            f"{_COLUMNS} ON c.id = m.conversation WHERE m.id IN"  # noqa: S608 - only places for values
            f" (SELECT rowid FROM message_words WHERE message_words MATCH ?) AND {test}{_ORDER}"
        )
        return [Hit(*row) for row in connection.execute(query, (match, *folded, limit))]
    query = f"{_COLUMNS} ON c.id = m.conversation WHERE {test}{_ORDER}"
    return [Hit(*row) for row in connection.execute(query, (*folded, limit))]


def forget(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Takes messages out of the index; they must still be in their table."""
    if not _exists(connection):
        return
    try:
        for number in ids:
            connection.execute(
                "INSERT INTO message_words (message_words, rowid, text) SELECT 'delete', m.id, m.text"
                " FROM message m JOIN message_words_docsize d ON d.id = m.id WHERE m.id = ?",
                (number,),
            )
        # Entries leave the index's pages only when these are merged.
        connection.execute("INSERT INTO message_words (message_words) VALUES ('optimize')")
    except sqlite3.OperationalError as exc:
        # The index was made by an SQLite that knows it; this one does not.
        if not _is_missing(exc):
            raise


def _index(connection: sqlite3.Connection, statement: str) -> bool:
    """Brings the index up to date. False when this SQLite has none."""
    try:
        connection.execute(statement)
        connection.execute(
            "INSERT INTO message_words (rowid, text) SELECT id, text FROM message"
            " WHERE id > (SELECT COALESCE(MAX(id), 0) FROM message_words_docsize)"
        )
    except sqlite3.OperationalError as exc:
        if _is_missing(exc):
            return False
        raise
    return True


def _exists(connection: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE name = 'message_words'"
    return connection.execute(query).fetchone() is not None


def _is_missing(exc: sqlite3.OperationalError) -> bool:
    return "no such module" in str(exc) or "no such tokenizer" in str(exc)


def _holds_all(text: str, *words: str) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)

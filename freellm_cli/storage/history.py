"""Conversations that are kept: history.db, for this person's eyes only.

An exchange is written whole, question and answer together, after the answer has been shown. The search
index is brought up to date by whoever searches, so that asking pays nothing for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.dice import Dice
from freellm_cli.storage.database import Database
from freellm_cli.storage.history_schema import HISTORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from freellm_cli.core.clock import Clock

TITLE_LENGTH = 60


class Head(NamedTuple):
    """A conversation without its messages. `model`: what is asked, "" for the default; `answered_by`: who
    gave the last answer."""

    id: str
    title: str
    model: str
    system: str | None
    started: float
    updated: float
    turns: int
    answered_by: str


class Kept(NamedTuple):
    """A message. `content`: what goes into a request, text or a list of parts."""

    turn: int
    role: str
    text: str
    content: str | list[dict[str, Any]]
    at: float
    model: str = ""
    credential: str = ""
    request: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Exchange(NamedTuple):
    """A question and its answer, to be kept."""

    question: str
    content: str | list[dict[str, Any]]
    answer: str
    model: str
    credential: str
    request: str
    prompt_tokens: int
    completion_tokens: int


class Hit(NamedTuple):
    conversation: str
    title: str
    role: str
    text: str
    at: float


_HEADS = (
    "SELECT id, title, model, system, started, updated,"
    " (SELECT COUNT(DISTINCT turn) FROM message WHERE conversation = conversation.id),"
    " COALESCE((SELECT model FROM message WHERE conversation = conversation.id"
    " AND role = 'assistant' ORDER BY id DESC LIMIT 1), '')"
    " FROM conversation "
)
_MESSAGES = (
    "SELECT turn, role, text, parts, at, model, credential, request, prompt_tokens,"
    " completion_tokens FROM message WHERE conversation = ? ORDER BY id"
)


class History:
    """Opens the file when it is first used. Every method raises StoreError when the file cannot be used, or
    was written by a newer version; then it is left as it is."""

    def __init__(
        self, path: str, *, clock: Clock, rng: Dice, notice: Callable[[str], None]
    ) -> None:
        self.path = path
        self._clock = clock
        self._database = Database(path, HISTORY, clock=clock, rng=rng, notice=notice)

    def add(self, conversation: str, model: str, system: str | None, exchange: Exchange) -> None:
        """Puts an exchange at the end of a conversation, which begins with it if it is new."""
        now = self._clock.now()

        def work(connection: sqlite3.Connection) -> None:
            title = title_of(exchange.question)
            connection.execute(
                "INSERT INTO conversation VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET model = excluded.model, system = excluded.system, updated = excluded.updated",
                (conversation, title, model, system, now, now),
            )
            query = "SELECT COALESCE(MAX(turn), 0) + 1 FROM message WHERE conversation = ?"
            turn = connection.execute(query, (conversation,)).fetchone()[0]
            _insert_question(connection, conversation, turn, exchange, now)
            _insert(
                connection, conversation, turn, "assistant", exchange.answer, None, now, exchange
            )

        self._database.write(work)

    def drop_last_turn(self, conversation: str) -> None:
        """Takes the last exchange back; a conversation without any is forgotten."""

        def work(connection: sqlite3.Connection) -> None:
            rows = connection.execute(
                "SELECT id FROM message WHERE conversation = ?1 AND turn ="
                " (SELECT MAX(turn) FROM message WHERE conversation = ?1)",
                (conversation,),
            )
            _forget_messages(connection, [row[0] for row in rows])
            connection.execute(
                "DELETE FROM conversation WHERE id = ?1 AND NOT EXISTS"
                " (SELECT 1 FROM message WHERE conversation = ?1)",
                (conversation,),
            )

        self._database.write(work)

    def heads(self, limit: int = -1) -> list[Head]:
        """The latest conversations, newest first; -1: all."""
        query = _HEADS + "ORDER BY updated DESC, id LIMIT ?"
        return self._database.read(
            lambda connection: [Head(*row) for row in connection.execute(query, (limit,))]
        )

    def matching(self, name: str) -> list[Head]:
        """The conversation with this id, else those whose id begins so."""

        def work(connection: sqlite3.Connection) -> list[Head]:
            exact = connection.execute(_HEADS + "WHERE id = ?", (name,)).fetchall()
            query = _HEADS + "WHERE substr(id, 1, ?) = ? ORDER BY updated DESC LIMIT 10"
            rows = exact or connection.execute(query, (len(name), name)).fetchall()
            return [Head(*row) for row in rows]

        return self._database.read(work)

    def messages(self, conversation: str) -> list[Kept]:
        """All messages in order, with their attachments."""

        def work(connection: sqlite3.Connection) -> list[Kept]:
            rows = connection.execute(_MESSAGES, (conversation,)).fetchall()
            return [_kept(connection, row) for row in rows]

        return self._database.read(work)

    def search(self, words: Sequence[str], limit: int = 20) -> list[Hit]:
        """Messages that hold all `words`, in any case and anywhere in a word; the newest first."""
        from freellm_cli.storage.history_search import search

        return self._database.write(lambda connection: search(connection, words, limit))

    def delete(self, conversations: Sequence[str]) -> int:
        """Forgets conversations for good: their text does not stay in the file. Returns how many."""

        def work(connection: sqlite3.Connection) -> int:
            connection.execute("PRAGMA secure_delete = ON")
            gone = 0
            for name in conversations:
                query = "SELECT id FROM message WHERE conversation = ?"
                ids = [row[0] for row in connection.execute(query, (name,))]
                _forget_messages(connection, ids)
                gone += connection.execute(
                    "DELETE FROM conversation WHERE id = ?", (name,)
                ).rowcount
            return gone

        gone = self._database.write(work)
        if gone:
            self._empty_log()
        return gone

    def close(self) -> None:
        self._database.close()

    def _empty_log(self) -> None:
        """The write-ahead log still holds what was deleted; a reader elsewhere may keep it for a while."""
        connection = sqlite3.connect(self.path, timeout=1, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error:
            return
        finally:
            connection.close()


def title_of(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"


def _insert_question(
    connection: sqlite3.Connection, conversation: str, turn: int, exchange: Exchange, now: float
) -> None:
    parts: str | None = None
    digests: list[str] = []
    if isinstance(exchange.content, list):
        from freellm_cli.storage.history_parts import put_away

        parts, digests = put_away(connection, exchange.content)
    elif exchange.content != exchange.question:
        import json

        parts = json.dumps(exchange.content, ensure_ascii=False)
    number = _insert(connection, conversation, turn, "user", exchange.question, parts, now, None)
    for digest in digests:
        connection.execute(
            "INSERT OR IGNORE INTO message_attachment VALUES (?, ?)", (number, digest)
        )


def _insert(
    connection: sqlite3.Connection,
    conversation: str,
    turn: int,
    role: str,
    text: str,
    parts: str | None,
    now: float,
    by: Exchange | None,
) -> int | None:
    who = ("", "", "", 0, 0) if by is None else by[3:]
    return connection.execute(
        "INSERT INTO message (conversation, turn, role, text, parts, at, model, credential, request,"
        " prompt_tokens, completion_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (conversation, turn, role, text, parts, now, *who),
    ).lastrowid


def _kept(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Kept:
    turn, role, text, parts, *rest = row
    content: Any = text
    if parts is not None:
        from freellm_cli.storage.history_parts import brought_back

        content = brought_back(connection, parts)
    return Kept(turn, role, text, content, *rest)


def _forget_messages(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    from freellm_cli.storage.history_search import forget

    forget(connection, ids)
    for number in ids:
        connection.execute("DELETE FROM message_attachment WHERE message = ?", (number,))
        connection.execute("DELETE FROM message WHERE id = ?", (number,))
    connection.execute(
        "DELETE FROM attachment WHERE digest NOT IN (SELECT digest FROM message_attachment)"
    )

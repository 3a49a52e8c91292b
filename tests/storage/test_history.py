"""Conversations in their file: whole exchanges, attachments once, found again, gone when deleted."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from freellm_cli.core.errors import StoreError
from freellm_cli.storage.history import Exchange, History
from freellm_cli.storage.history_schema import HISTORY
from tests.support.stepping_clock import SteppingClock

PICTURE = "data:image/png;base64," + "iVBOR" * 400


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def history(tmp_path: Path, clock: SteppingClock) -> Iterator[History]:
    store = History(
        str(tmp_path / "state" / "history.db"), clock=clock, rng=Random(1), notice=print
    )
    yield store
    store.close()


def add(
    history: History, name: str, question: str, answer: str = "yes", content: object = None
) -> None:
    given = question if content is None else content
    exchange = Exchange(question, given, answer, "groq/x", "groq-1", "req_1", 3, 4)  # type: ignore[arg-type]
    history.add(name, "kimi-k2", "be brief", exchange)


def test_an_exchange_is_kept_whole(history: History) -> None:
    add(history, "c_1", "why is the sky blue?", "Rayleigh.")
    question, answer = history.messages("c_1")
    assert (question.role, question.content, question.model) == ("user", "why is the sky blue?", "")
    assert (answer.role, answer.content, answer.model) == ("assistant", "Rayleigh.", "groq/x")
    assert (answer.credential, answer.prompt_tokens, answer.completion_tokens) == ("groq-1", 3, 4)
    head = history.heads()[0]
    assert (head.title, head.model, head.system, head.turns) == (
        "why is the sky blue?", "kimi-k2", "be brief", 1,
    )  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_the_file_is_for_its_owner_alone(history: History) -> None:
    add(history, "c_1", "a secret thought")
    for name in os.listdir(os.path.dirname(history.path)):
        mode = os.stat(os.path.join(os.path.dirname(history.path), name)).st_mode
        assert stat.S_IMODE(mode) == 0o600, name


def test_conversations_are_listed_newest_first(history: History, clock: SteppingClock) -> None:
    for name in ("c_1", "c_2", "c_3"):
        add(history, name, f"question {name}")
        clock.sleep(10)
    add(history, "c_1", "again")
    assert [head.id for head in history.heads()] == ["c_1", "c_3", "c_2"]
    assert [head.id for head in history.heads(1)] == ["c_1"]
    assert history.heads(1)[0].turns == 2


def test_an_id_may_be_shortened_but_a_whole_one_wins(history: History) -> None:
    for name in ("npc", "npc-smith", "other"):
        add(history, name, "hello")
    assert [head.id for head in history.matching("npc")] == ["npc"]
    assert [head.id for head in history.matching("npc-")] == ["npc-smith"]
    assert len(history.matching("n")) == 2
    assert history.matching("%") == []


def test_an_attachment_is_stored_once_and_comes_back(history: History) -> None:
    content = [
        {"type": "image_url", "image_url": {"url": PICTURE}},
        {"type": "text", "text": "what is this?"},
    ]
    add(history, "c_1", "what is this?", content=content)
    add(history, "c_1", "and what is this?", content=content)
    assert history.messages("c_1")[0].content == content
    with sqlite3.connect(history.path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM attachment").fetchone() == (1,)
    history.delete(["c_1"])
    with sqlite3.connect(history.path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM attachment").fetchone() == (0,)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["rayleigh"], ["c_1"]),
        (["SKY", "blue"], ["c_1"]),
        (["straße"], ["c_2"]),
        (["天空"], ["c_3"]),  # two letters, fewer than the index knows
        (["天空为什么"], ["c_3"]),
        (['"', "blue"], []),
        (["blue OR straße"], []),
        (["nothing"], []),
    ],
)
@pytest.mark.parametrize("indexed", [True, False])
def test_search_finds_every_word_anywhere(
    history: History, words: list[str], found: list[str], indexed: bool
) -> None:
    add(history, "c_1", "why is the sky blue?", "Rayleigh scattering")
    add(history, "c_2", "Wo ist die Straße?", "dort")
    add(history, "c_3", "天空为什么是蓝的", "瑞利散射")
    if not indexed:
        words = [letter for word in words for letter in _in_short_pieces(word)]
    assert sorted({hit.conversation for hit in history.search(words)}) == found


def _in_short_pieces(word: str) -> list[str]:
    """Pieces that no index knows, so that all messages are read."""
    return [word[at : at + 2] for at in range(0, len(word), 2)]


def test_an_sqlite_without_an_index_reads_all_messages(history: History) -> None:
    from freellm_cli.storage.history_search import search

    add(history, "c_1", "why is the sky blue?", "Rayleigh scattering")
    with sqlite3.connect(history.path) as connection:
        index = "CREATE VIRTUAL TABLE words USING fts99(text)"
        hits = search(connection, ["Rayleigh"], 20, index=index)
    assert [(hit.conversation, hit.role) for hit in hits] == [("c_1", "assistant")]


def test_what_is_deleted_is_not_in_the_file_any_more(history: History) -> None:
    add(history, "c_1", "the unmistakable word is Xylophonquark")
    add(history, "c_2", "something harmless")
    history.search(["Xylophonquark"])
    history.close()
    assert history.delete(["c_1"]) == 1
    assert history.search(["xylophonquark"]) == []
    assert [head.id for head in history.heads()] == ["c_2"]
    folder = os.path.dirname(history.path)
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            assert b"ylophonquar" not in file.read().replace(b"\x00", b""), name


def test_the_last_turn_can_be_taken_back(history: History) -> None:
    add(history, "c_1", "first")
    add(history, "c_1", "second")
    history.drop_last_turn("c_1")
    assert [message.text for message in history.messages("c_1")] == ["first", "yes"]
    history.drop_last_turn("c_1")
    assert history.heads() == []


def test_a_file_of_a_newer_version_is_refused_and_left_alone(history: History) -> None:
    add(history, "c_1", "hello")
    history.close()
    with sqlite3.connect(history.path) as connection:
        connection.execute(f"PRAGMA user_version = {HISTORY.version + 1}")
    with pytest.raises(StoreError, match="newer freellm"):
        history.heads()
    with pytest.raises(StoreError, match="newer freellm"):
        add(history, "c_1", "more")
    with sqlite3.connect(history.path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM message").fetchone() == (2,)

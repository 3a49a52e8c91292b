"""SQLite under many hands, and in all kinds of trouble."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from freellm_cli.core.errors import StoreError
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.database import Database, Schema
from freellm_cli.storage.schema import LEDGER
from tests.support.stepping_clock import SteppingClock
from tests.support.unprivileged import unprivileged_folder

NOTES = Schema("notes", ("CREATE TABLE note (text TEXT); -- what was noted\n",))
NOTES_2 = Schema(
    "notes", (*NOTES.migrations, "ALTER TABLE note ADD COLUMN at REAL;\nCREATE TABLE x (y);\n")
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "deep" / "notes.db")


Opening = Callable[..., Database]


@pytest.fixture
def opening(path: str) -> Iterator[Opening]:
    opened: list[Database] = []

    def open_it(schema: Schema = NOTES, **more: object) -> Database:
        clock = more.pop("clock", None) or SystemClock()
        database = Database(path, schema, clock=clock, rng=random.Random(1), **more)  # type: ignore[arg-type]
        opened.append(database)
        return database

    yield open_it
    for database in opened:
        database.close()


def note(database: Database, text: str) -> None:
    database.write(lambda file: file.execute("INSERT INTO note (text) VALUES (?)", (text,)))


def notes(database: Database) -> list[str]:
    return database.read(
        lambda file: [row[0] for row in file.execute("SELECT text FROM note ORDER BY rowid")]
    )


def test_what_was_written_is_there_for_the_next(opening: Opening) -> None:
    note(opening(), "one")
    assert notes(opening()) == ["one"]


def test_a_new_file_is_private(opening: Opening, path: str) -> None:
    note(opening(), "one")
    if os.name == "posix":
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(path + "-wal").st_mode) == 0o600


def test_a_failed_write_leaves_nothing(opening: Opening) -> None:
    database = opening()

    def half(file: sqlite3.Connection) -> None:
        file.execute("INSERT INTO note (text) VALUES ('half')")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(half)
    note(database, "whole")
    assert notes(database) == ["whole"]


def test_writes_inside_a_block_are_kept_together_or_not_at_all(opening: Opening) -> None:
    database = opening()
    with database.together():
        note(database, "one")
        with database.together():
            note(database, "two")
        assert notes(database) == ["one", "two"]


def test_a_block_that_fails_leaves_nothing(opening: Opening) -> None:
    database = opening()
    note(database, "one")

    def failing() -> None:
        with database.together():
            note(database, "two")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert notes(database) == ["one"]


def test_threads_take_turns(opening: Opening) -> None:
    database = opening()
    note(database, "first")
    threads = [
        threading.Thread(target=lambda: [note(database, "x") for _ in range(50)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notes(database)) == 401


# Versions


def test_an_old_file_is_brought_up_to_date_with_all_it_holds(opening: Opening) -> None:
    note(opening(), "old")
    newer = opening(NOTES_2)
    assert notes(newer) == ["old"]
    newer.write(lambda file: file.execute("UPDATE note SET at = 1.0"))


def test_a_newer_file_is_refused_by_name_and_left_alone(opening: Opening, path: str) -> None:
    note(opening(NOTES_2), "new")
    with pytest.raises(StoreError) as caught:
        notes(opening(NOTES))
    assert "version 2, this one knows 1" in caught.value.message
    assert "update freellm" in caught.value.hint
    assert notes(opening(NOTES_2)) == ["new"]


def test_a_failed_step_leaves_the_old_version_whole(opening: Opening) -> None:
    note(opening(), "old")
    broken = Schema(
        "notes", (*NOTES.migrations, "CREATE TABLE y (z); SELECT no_such_function();\n")
    )
    with pytest.raises(StoreError):
        notes(opening(broken))
    assert notes(opening(NOTES_2)) == ["old"]


def test_the_ledgers_schema_explains_every_table() -> None:
    for script in LEDGER.migrations:
        lines = script.splitlines()
        for before, line in pairwise(lines):
            assert not line.startswith("CREATE TABLE") or before.startswith("-- "), line


# Trouble


@pytest.mark.parametrize(
    "damage",
    [b"this is no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000],
    ids=["not a database", "a damaged head"],
)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    opening: Opening, path: str, damage: bytes
) -> None:
    os.makedirs(os.path.dirname(path))
    Path(path).write_bytes(damage)
    notices: list[str] = []
    database = opening(clock=SteppingClock(now=1234.0), notice=notices.append)
    note(database, "new")
    assert notes(database) == ["new"]
    assert Path(path + ".broken-1234").read_bytes() == damage
    assert len(notices) == 1
    assert "notes.db.broken-1234" in notices[0]


def test_a_file_that_is_damaged_in_mid_run_is_set_aside_and_the_work_is_done_again(
    opening: Opening, path: str
) -> None:
    notices: list[str] = []
    database = opening(notice=notices.append)
    with database.together():
        for _ in range(500):
            note(database, "much text " * 20)
    opening().close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as raw:
        raw.seek(2048)
        raw.write(b"\xee" * 60_000)
    with closing(sqlite3.connect(path)) as file, pytest.raises(sqlite3.DatabaseError):
        file.execute("SELECT count(*) FROM note").fetchone()
    database.close()
    assert notes(database) == []
    note(database, "new")
    assert notes(database) == ["new"]
    assert len(notices) == 1


def test_damage_that_shows_in_the_middle_of_a_block_does_not_stop_the_program(
    opening: Opening, path: str
) -> None:
    notices: list[str] = []
    database = opening(notice=notices.append)
    with database.together():
        for _ in range(500):
            note(database, "much text " * 20)
    database.close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as raw:
        raw.seek(1024)
        raw.write(b"\xee" * (os.path.getsize(path) - 1024))
    with database.together():
        note(database, "lost")
    note(database, "new")
    assert notes(database) == ["new"]
    assert len(notices) == 1


def test_two_who_find_the_damage_set_one_file_aside(opening: Opening, path: str) -> None:
    note(opening(), "old")
    first, second = opening(), opening()
    assert notes(first) == notes(second) == ["old"]
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO note (text) VALUES ('more')")
        file.commit()
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as raw:
        raw.write(b"\xee" * os.path.getsize(path))
    note(first, "new")
    note(second, "newer")
    assert notes(first) == ["new", "newer"]
    aside = [name for name in os.listdir(os.path.dirname(path)) if "broken" in name]
    assert sum(not name.endswith(("-wal", "-shm")) for name in aside) == 1


def test_a_file_that_was_removed_under_a_running_process_is_made_anew(
    opening: Opening, path: str
) -> None:
    clock = SteppingClock()
    database = opening(clock=clock)
    note(database, "old")
    for tail in ("", "-wal", "-shm"):
        os.unlink(path + tail)
    clock.advance(1.1)
    note(database, "new")
    assert notes(opening()) == ["new"]


def test_missing_tables_are_damage_too(opening: Opening, path: str) -> None:
    note(opening(), "old")
    with closing(sqlite3.connect(path)) as file:
        file.execute("DROP TABLE note")
    notices: list[str] = []
    database = opening(notice=notices.append)
    note(database, "new")
    assert notes(database) == ["new"]
    assert "no such table" in notices[0]


def test_a_writer_that_never_ends_is_waited_for_and_then_named(opening: Opening, path: str) -> None:
    note(opening(), "old")
    clock = SteppingClock()
    database = opening(clock=clock, busy_s=3.0)
    assert notes(database) == ["old"]
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            note(database, "new")
    assert "another process has been writing" in caught.value.message
    assert sum(clock.slept) == pytest.approx(3.0, abs=0.01)
    assert max(clock.slept) <= 0.002


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit on the size of a file")
def test_a_full_disk_is_named_and_what_was_there_stays(opening: Opening, path: str) -> None:
    database = opening()
    note(database, "old")

    def fill(file: sqlite3.Connection) -> None:
        file.execute("PRAGMA max_page_count = 1")
        file.execute("INSERT INTO note (text) VALUES (?)", ("x" * 100_000,))

    with pytest.raises(StoreError) as caught:
        database.write(fill)
    assert "the disk is full" in caught.value.message
    assert path in caught.value.message
    assert "free some space" in caught.value.hint
    assert notes(database) == ["old"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_read_only_folder_is_named() -> None:
    with unprivileged_folder() as folder:
        folder.chmod(0o500)
        database = Database(
            str(folder / "notes.db"), NOTES, clock=SystemClock(), rng=random.Random(1)
        )
        with pytest.raises(StoreError) as caught:
            note(database, "new")
        folder.chmod(0o700)
    assert "notes.db: permission denied" in caught.value.message


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_read_only_file_is_named() -> None:
    with unprivileged_folder() as folder:
        file = folder / "notes.db"
        database = Database(str(file), NOTES, clock=SystemClock(), rng=random.Random(1))
        note(database, "old")
        database.close()
        file.chmod(0o400)
        with pytest.raises(StoreError) as caught:
            note(database, "new")
        database.close()
    assert "it is read-only" in caught.value.message
    assert "--state-dir" in caught.value.hint


def test_a_path_through_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    database = Database(
        str(tmp_path / "file" / "notes.db"), NOTES, clock=SystemClock(), rng=random.Random(1)
    )
    with pytest.raises(StoreError) as caught:
        note(database, "new")
    assert "notes.db" in caught.value.message


# The log


def test_closing_leaves_the_log_to_the_next(opening: Opening, path: str) -> None:
    database = opening()
    note(database, "one")
    database.close()
    assert os.path.getsize(path + "-wal") > 0
    assert notes(opening()) == ["one"]


def test_a_busy_process_leaves_no_long_log_behind(opening: Opening, path: str) -> None:
    database = opening()
    for number in range(300):
        note(database, str(number))
    database.close()
    assert not os.path.exists(path + "-wal") or os.path.getsize(path + "-wal") == 0


def test_processes_that_write_once_do_not_let_the_log_grow_for_ever(
    opening: Opening, path: str
) -> None:
    longest = 0
    for _ in range(3):
        for number in range(12):
            database = opening()
            note(database, str(number) * 50_000)
            database.close()
            log = path + "-wal"
            longest = max(longest, os.path.getsize(log) if os.path.exists(log) else 0)
    assert 0 < longest < 600_000
    assert len(notes(opening())) == 36


@pytest.mark.parametrize("name", ["why?.db", "50%.db", "a#b.db", "with space.db", "über.db"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    database = Database(str(tmp_path / name), NOTES, clock=SystemClock(), rng=random.Random(1))
    note(database, "one")
    database.close()
    assert notes(database) == ["one"]
    assert (tmp_path / (name + "-wal")).exists()
    database.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_after_a_fork_opens_the_file_for_itself(opening: Opening) -> None:
    database = opening()
    note(database, "parent")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            note(database, "child")
            code = 0 if notes(database) == ["parent", "child"] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    note(database, "parent again")
    assert notes(database) == ["parent", "child", "parent again"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_another_thread_writes_does_not_hang_the_child(opening: Opening) -> None:
    database = opening()
    note(database, "before")
    inside, go_on = threading.Event(), threading.Event()

    def slowly(file: sqlite3.Connection) -> None:
        file.execute("INSERT INTO note (text) VALUES ('slow')")
        inside.set()
        go_on.wait(20)

    thread = threading.Thread(target=lambda: database.write(slowly))
    thread.start()
    inside.wait(20)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if notes(database) == ["before"] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go_on.set()
    thread.join()
    assert notes(database) == ["before", "slow"]


def test_what_became_of_a_transaction_is_told_once(opening: Opening) -> None:
    database = opening()
    told: list[bool] = []

    def fail(file: sqlite3.Connection) -> None:
        database.afterwards(told.append)
        raise ValueError("no")

    database.write(lambda file: database.afterwards(told.append))
    assert told == [True]
    with pytest.raises(ValueError, match="no"):
        database.write(fail)
    assert told == [True, False]
    with database.together():
        database.write(lambda file: database.afterwards(told.append))
        assert told == [True, False]
    note(database, "another")
    assert told == [True, False, True]


def test_nobody_else_of_this_process_comes_between(opening: Opening) -> None:
    database = opening()
    with database.alone() as had_to_wait:
        other = threading.Thread(target=note, args=(database, "later"))
        other.start()
        other.join(0.05)
        assert other.is_alive()
        assert notes(database) == []
    other.join()
    assert not had_to_wait
    assert notes(database) == ["later"]

"""SQLite for stores that many processes and threads share.

One connection serves a process, guarded by a lock of its own: the write lock of the file lets only one
writer in anyway, a connection for each of a server's short-lived threads would cost more to open than a
request's transactions, and one connection keeps its prepared statements.

Writers of other processes are waited for in short random steps: SQLite's own busy handler sleeps ever
longer, and with sixteen busy writers its slowest thousandth waited several times as long.

Short processes leave the write-ahead log where it is (`storage.sqlite_log`); it stays small.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
from _thread import RLock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar
from weakref import WeakSet

from freellm_cli.core.clock import Clock
from freellm_cli.core.dice import Dice
from freellm_cli.core.errors import StoreError
from freellm_cli.storage.sqlite_log import close_connection, keep_log_at_exit

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]

_BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_BROKEN_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_FIRST_PAUSE_S = 0.0004
_LONGEST_PAUSE_S = 0.002
_LOOK_EVERY_S = 1.0
_KEPT_WAL_BYTES = 4_194_304
# Small pages: a transaction changes a few bytes in each of several, and writes each whole to the log.
_PAGE_BYTES = 1024
# Pages in the log before it is copied into the file: the next command reads what is left there when it
# starts (1 ms for the short one), a busy process flushes the disk each time (5 ms).
_SHORT_LOG, _LONG_LOG = 400, 4000
_BUSY_AFTER = 200
_NEW_FILES = 3
"""So often a damaged file is set aside for one piece of work before it is given up."""


class Schema(NamedTuple):
    """`migrations`: the SQL that leads from each version to the next, the first from an empty file; the
    last version is how many there are. `name`: what people call the store."""

    name: str
    migrations: tuple[str, ...]

    @property
    def version(self) -> int:
        return len(self.migrations)


class Database:
    """A SQLite file with a schema. Safe from any thread, across processes and a fork.

    A file that is damaged is set aside under a name ending in ".broken-<time>", `notice` is told, and a
    new one is begun. Every failure of the system is a StoreError that names the file.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        *,
        clock: Clock,
        rng: Dice,
        notice: Callable[[str], None] = lambda text: None,
        busy_s: float = 15.0,
    ) -> None:
        """Opens nothing yet. `busy_s`: how long to wait for other processes' writes."""
        self.path = path
        self.generation = 0
        """Grows whenever another file (or another process's copy of us) is at work: forget what you knew."""
        self._schema = schema
        self._clock = clock
        self._rng = rng
        self._notice = notice
        self._busy_s = busy_s
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._looked = 0.0
        self._inside = False
        self._afterwards: list[Callable[[bool], None]] = []
        self._writes = 0
        self._inherited: list[object] = []
        _DATABASES.add(self)

    def write(self, work: Work[Result]) -> Result:
        """What `work(connection)` returns, run under the file's write lock; its changes are kept together
        or not at all. It runs again on a new file when the old one turns out to be damaged. Inside
        `together` or another `write` it is part of that transaction."""
        return self._run(work, "BEGIN IMMEDIATE")

    def read(self, work: Work[Result]) -> Result:
        """What `work(connection)` returns, which sees one state of the file and changes nothing."""
        return self._run(work, "BEGIN")

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keeps the other threads of this process out; whether one of them was in."""
        had_to_wait = not self._lock.acquire(blocking=False)
        if had_to_wait:
            self._lock.acquire()
        try:
            yield had_to_wait
        finally:
            self._lock.release()

    def afterwards(self, tell: Callable[[bool], None]) -> None:
        """To be called inside a transaction: `tell(kept)` is, before anybody else's, when it has ended."""
        self._afterwards.append(tell)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Makes one transaction of all writes of this thread inside the `with` block. A file that turns out
        to be damaged is set aside, and what the block wrote is lost with it: no reason to fail."""
        with self._lock:
            if self._inside:
                yield
                return
            connection = self._run(lambda ready: ready, "BEGIN IMMEDIATE", end="")
            try:
                yield
                self._commit(connection, "COMMIT")
            except BaseException as exc:
                self._inside = False
                self._roll_back(connection)
                if not isinstance(exc, sqlite3.Error):
                    raise
                if not _is_broken(exc):
                    raise self._store_error(exc) from exc
                self._set_aside(exc)
            finally:
                self._inside = False

    def close(self) -> None:
        """The next use opens the file again."""
        atexit.unregister(self.close)
        with self._lock:
            if self._connection is not None:
                close_connection(self._connection, self.path, keep_log=self._writes < _BUSY_AFTER)
            self._connection = None

    def forget_parent(self) -> None:
        """Called in the child after a fork: the parent's connection and lock are not ours to use. They
        are kept, for closing the connection here would let go of it there."""
        self._inherited += [self._connection, self._lock]
        self._lock = RLock()
        self._connection = None
        self._inside = False
        self._afterwards = []
        self.generation += 1

    def _run(self, work: Work[Result], begin: str, end: str = "COMMIT") -> Result:
        with self._lock:
            if self._inside and self._connection is not None:
                return work(self._connection)
            for _ in range(_NEW_FILES):
                try:
                    return self._insist(work, begin, end)
                except sqlite3.Error as exc:
                    if not _is_broken(exc):
                        raise self._store_error(exc) from exc
                    self._set_aside(exc)
            try:
                return self._attempt(work, begin, end)
            except sqlite3.Error as exc:
                raise self._store_error(exc) from exc

    def _insist(self, work: Work[Result], begin: str, end: str) -> Result:
        """As `_attempt`. A reader takes its lock with its first look, not with BEGIN: where that meets
        somebody who opens, recovers or leaves the file, it looks again."""
        deadline = 0.0
        while True:
            try:
                return self._attempt(work, begin, end)
            except sqlite3.OperationalError as exc:
                now = self._clock.monotonic()
                deadline = deadline or now + self._busy_s
                if begin != "BEGIN" or _code(exc) not in _BUSY_CODES or now >= deadline:
                    raise
            self._clock.sleep(self._rng.random() * _LONGEST_PAUSE_S)

    def _attempt(self, work: Work[Result], begin: str, end: str) -> Result:
        connection = self._begin(begin)
        try:
            result = work(connection)
            if end:
                self._commit(connection, end)
                self._inside = False
            return result
        except BaseException:
            self._inside = False
            self._roll_back(connection)
            raise

    def _begin(self, begin: str) -> sqlite3.Connection:
        connection = self._open_if_needed()
        self._patiently(connection, begin)
        self._inside = True
        self._writes += 1
        if self._writes == _BUSY_AFTER:
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LONG_LOG}")
            keep_log_at_exit(connection, keep=False)
            atexit.register(
                self.close
            )  # its log is long: better one slow end than a slow next start
        return connection

    def _commit(self, connection: sqlite3.Connection, statement: str) -> None:
        self._patiently(connection, statement)
        self._tell(kept=True)

    def _tell(self, *, kept: bool) -> None:
        waiting, self._afterwards = self._afterwards, []
        for tell in waiting:
            tell(kept)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        self._tell(kept=False)
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()

    def _patiently(self, connection: sqlite3.Connection, statement: str) -> sqlite3.Cursor:
        """Runs a statement that may find the file locked."""
        longest = _FIRST_PAUSE_S
        deadline = 0.0
        while True:
            try:
                return connection.execute(statement)
            except sqlite3.OperationalError as exc:
                if _code(exc) not in _BUSY_CODES:
                    raise
                now = self._clock.monotonic()
                deadline = deadline or now + self._busy_s
                if now >= deadline:
                    raise StoreError(
                        f"another process has been writing to {self.path} for "
                        f"{self._busy_s:g} seconds",
                        hint="let it finish or end it, then try again",
                    ) from exc
            self._clock.sleep(self._rng.random() * longest)
            longest = min(longest * 1.5, _LONGEST_PAUSE_S)

    # Opening

    def _open_if_needed(self) -> sqlite3.Connection:
        connection = self._connection
        if connection is not None:
            now = self._clock.monotonic()
            if now - self._looked < _LOOK_EVERY_S and now >= self._looked:
                return connection
            self._looked = now
            if file_identity(self.path) == self._file:
                return connection
            connection.close()  # somebody moved or removed the file below us
        self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self.generation += 1
        self._writes = 0
        self._looked = self._clock.monotonic()
        if not os.path.exists(self.path):
            self._create_file()
        connection = sqlite3.connect(
            self.path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            keep_log_at_exit(connection)
            self._patiently(connection, "PRAGMA synchronous = NORMAL")
            self._patiently(connection, f"PRAGMA wal_autocheckpoint = {_SHORT_LOG}")
            row = self._patiently(connection, "PRAGMA user_version").fetchone()
            if row[0] != self._schema.version:
                self._prepare(connection, row[0])
            self._file = file_identity(self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create_file(self) -> None:
        from freellm_cli.storage.files import make_private_folder, store_error
        from freellm_cli.storage.permissions import system_permissions

        try:
            make_private_folder(os.path.dirname(self.path))
            os.close(system_permissions().create(self.path))
        except FileExistsError:
            return  # another process was quicker
        except OSError as exc:
            raise store_error("create", self.path, exc) from exc

    def _prepare(self, connection: sqlite3.Connection, version: int) -> None:
        """Brings the file to our schema. The version is read again under the write lock: several
        processes may start at once."""
        self._refuse_newer(version)
        if version == 0:
            self._patiently(connection, f"PRAGMA page_size = {_PAGE_BYTES}")
            self._patiently(connection, "PRAGMA journal_mode = WAL")
            self._patiently(connection, f"PRAGMA journal_size_limit = {_KEPT_WAL_BYTES}")
        self._patiently(connection, "BEGIN IMMEDIATE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            self._refuse_newer(version)
            for script in self._schema.migrations[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {self._schema.version}")
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back(connection)
            raise

    def _refuse_newer(self, version: int) -> None:
        if version > self._schema.version:
            raise StoreError(
                f"{self.path} was written by a newer freellm: {self._schema.name} version {version}, "
                f"this one knows {self._schema.version}",
                hint="update freellm, or choose another folder with --state-dir",
            )

    # Trouble

    def _set_aside(self, exc: sqlite3.Error) -> None:
        from freellm_cli.storage.database_damage import set_aside

        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        broken = set_aside(self.path, self._file, self._clock)
        if broken:
            self._notice(
                f"{self.path} was damaged ({exc}) and is now {broken}; "
                f"the {self._schema.name} begins anew"
            )

    def _store_error(self, exc: sqlite3.Error) -> StoreError:
        from freellm_cli.storage.database_damage import REASONS

        told, hint = REASONS.get(_code(exc), (str(exc), "see `freellm doctor`"))
        return StoreError(f"cannot use {self.path}: {told}", hint=hint)


_DATABASES: WeakSet[Database] = WeakSet()


def _after_fork() -> None:
    for database in list(_DATABASES):
        database.forget_parent()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)


def _code(exc: sqlite3.Error) -> int:
    """SQLite's primary result code: the low byte of the extended one."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def _is_broken(exc: sqlite3.Error) -> bool:
    return _code(exc) in _BROKEN_CODES or str(exc).startswith(("no such table", "no such column"))


def file_identity(path: str) -> tuple[int, int]:
    """Tells one file from another that took its name."""
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

"""What every part of the ledger stands on: its file, its time scale and the limits it has learned."""

from __future__ import annotations

import sqlite3
from binascii import crc32
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from freellm_cli.core.clock import Clock
from freellm_cli.core.counters import Moment
from freellm_cli.core.dice import Dice
from freellm_cli.core.limits import Limit
from freellm_cli.core.rotation import Candidate, Lineup
from freellm_cli.storage.database import Database
from freellm_cli.storage.schema import LEDGER
from freellm_cli.storage.timeline import Timeline, boot_identity

Result = TypeVar("Result")

_LINEUPS_KEPT = 64
_LEARNED_AGAIN_S = 3600.0


class LedgerStore:
    """Base of `storage.ledger.Ledger`."""

    def __init__(
        self,
        path: str,
        *,
        clock: Clock,
        rng: Dice,
        notice: Callable[[str], None],
        boot: str | None,
    ) -> None:
        self._db = Database(path, LEDGER, clock=clock, rng=rng, notice=notice)
        self._notice = notice
        boot = boot_identity(clock) if boot is None else boot
        self._boot_mark = f"{crc32(boot.encode()):08x}"
        self._timeline = Timeline(clock, boot)
        self._generation = 0
        self._lineups: dict[tuple[Candidate, ...], Lineup] = {}
        self._learned_version = -1
        self._learned_at = 0.0
        self._learned: dict[str, list[Limit]] = {}
        self._news = 0

    @property
    def path(self) -> str:
        return self._db.path

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Makes one transaction of all calls of this thread inside the `with` block: settling, learning and
        recording after an answer cost little more than settling alone. Nothing slow may happen inside."""
        with self._db.together():
            yield

    def _write(
        self, work: Callable[[sqlite3.Connection, Moment], Result], *, is_news: bool = True
    ) -> Result:
        """`is_news`: others of this process, who looked before, should look again."""

        def run(connection: sqlite3.Connection) -> Result:
            self._notice_new_file()
            self._news += is_news
            timeline = self._timeline
            if not timeline.is_loaded:
                timeline.load(connection)
                if not timeline.is_loaded:
                    timeline.begin(connection)
            moment = timeline.moment()
            timeline.note_leap(connection, moment)
            return work(connection, moment)

        return self._db.write(run)

    def _read(self, work: Callable[[sqlite3.Connection, Moment], Result]) -> Result:
        self._catch_up()

        def run(connection: sqlite3.Connection) -> Result:
            self._notice_new_file()
            if not self._timeline.is_loaded:
                self._timeline.load(connection)
            return work(connection, self._timeline.moment())

        return self._db.read(run)

    def _catch_up(self) -> bool:
        """Writes what waits to be written; whether there was anything."""
        return False

    def _notice_new_file(self) -> None:
        if self._generation != self._db.generation:
            self._generation = self._db.generation
            self._timeline.forget()
            self._learned_version = -1
            self._news += 1

    def _lineup(
        self,
        connection: sqlite3.Connection,
        candidates: tuple[Candidate, ...],
        learned_version: int,
        wall: float,
    ) -> Lineup:
        if learned_version != self._learned_version or wall > self._learned_at + _LEARNED_AGAIN_S:
            from freellm_cli.storage import ledger_learned

            self._learned = ledger_learned.trusted(connection, wall)
            self._learned_version = learned_version
            self._learned_at = wall
            self._lineups = {}
        lineup = self._lineups.get(candidates)
        if lineup is None:
            if len(self._lineups) >= _LINEUPS_KEPT:
                self._lineups = {}
            lineup = self._lineups[candidates] = Lineup(candidates, self._learned)
        return lineup

    def _lineup_now(
        self, connection: sqlite3.Connection, candidates: tuple[Candidate, ...], moment: Moment
    ) -> Lineup:
        version = connection.execute("SELECT learned FROM state").fetchone()[0]
        return self._lineup(connection, candidates, version, moment.wall)

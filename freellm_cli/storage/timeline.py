"""The ledger's time scale: as even as the monotonic clock, and the same for all processes.

Everything relative (sliding windows, leases, most rests) is kept in steady time, so a clock that is set
forward or back neither frees nor blocks anything. Calendars follow the wall clock. On another start of
the machine the scale goes on from the wall clock, but never behind what the ledger has seen.
"""

from __future__ import annotations

import sqlite3

from freellm_cli.core.clock import Clock
from freellm_cli.core.counters import Moment

LEAP_S = 2.0
"""A wall clock that moved against the steady one by more than this has been set."""

_BOOTS_KEPT = 8
_BEGIN = """
INSERT INTO timeline
VALUES (?, ?, ?, (SELECT 1 + ifnull(max(noted), 0) FROM timeline))
"""
_NOTE = """
UPDATE timeline
SET skew = ?, noted = (SELECT 1 + max(noted) FROM timeline)
WHERE boot = ?
"""


class Timeline:
    """Steady time for one open ledger. `load` before anything else, inside a transaction."""

    def __init__(self, clock: Clock, boot: str) -> None:
        self._clock = clock
        self.boot = boot
        self._shift: float | None = None
        self._skew = 0.0

    @property
    def is_loaded(self) -> bool:
        return self._shift is not None

    def forget(self) -> None:
        """Another file is at work now."""
        self._shift = None

    def load(self, connection: sqlite3.Connection) -> None:
        """Reads the scale of this start of the machine, if it has been begun."""
        row = connection.execute(
            "SELECT shift, skew FROM timeline WHERE boot = ?", (self.boot,)
        ).fetchone()
        if row is not None:
            self._shift, self._skew = row

    def begin(self, connection: sqlite3.Connection) -> None:
        """Starts the scale for this start of the machine, where the ledger's time stood before."""
        row = connection.execute("SELECT skew FROM timeline ORDER BY noted DESC LIMIT 1").fetchone()
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        seen = connection.execute("SELECT max(used) FROM recency").fetchone()[0]
        steady = max(wall - (row[0] if row else 0.0), seen or 0.0)
        self._shift, self._skew = steady - monotonic, wall - steady
        connection.execute(_BEGIN, (self.boot, self._shift, self._skew))
        connection.execute(
            "DELETE FROM timeline WHERE boot NOT IN "
            "(SELECT boot FROM timeline ORDER BY noted DESC LIMIT ?)",
            (_BOOTS_KEPT,),
        )

    def moment(self) -> Moment:
        """Now, on both scales."""
        return Moment(self.steady(), self._clock.now())

    def steady(self) -> float:
        shift = self._shift
        if shift is None:  # nothing has ever been written in this start of the machine
            return self._clock.now()
        return self._clock.monotonic() + shift

    def note_leap(self, connection: sqlite3.Connection, moment: Moment) -> None:
        """Remembers that the wall clock was set, so that the next start of the machine goes on rightly."""
        skew = moment.wall - moment.steady
        if abs(skew - self._skew) > LEAP_S:
            self._skew = skew
            connection.execute(_NOTE, (skew, self.boot))


def boot_identity(clock: Clock) -> str:
    """Names this start of the machine: Linux's own name for it, elsewhere the time it began."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return f"since-{round((clock.now() - clock.monotonic()) / 60)}"

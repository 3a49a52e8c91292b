"""What every answer teaches: how soon it came, and with whom its credential shares no pot.

Every function runs inside a transaction.
"""

from __future__ import annotations

import sqlite3

from freellm_cli.core.counters import Moment

WITHIN_S = 5.0
"""Refusals that lie so close together may have one cause."""
_WEIGHT = 0.3
"""Of the latest measurement in the average."""


def note_speed(
    connection: sqlite3.Connection, target: str, first_token_s: float, wall: float
) -> None:
    connection.execute(
        "INSERT INTO speed VALUES (?, ?, ?) ON CONFLICT (target) DO UPDATE SET "
        "first_token_s = first_token_s + ? * (excluded.first_token_s - first_token_s), "
        "at = excluded.at",
        (target, first_token_s, wall, _WEIGHT),
    )


def speeds(connection: sqlite3.Connection) -> dict[str, tuple[float, float]]:
    """The average and the wall time of its latest measurement, for each target."""
    rows = connection.execute("SELECT target, first_token_s, at FROM speed")
    return {target: (seconds, at) for target, seconds, at in rows}


def part_accounts(
    connection: sqlite3.Connection, provider: str, model: str, credential: str, moment: Moment
) -> None:
    """An answer while another credential has just been refused for the same model: they are apart."""
    rows = connection.execute(
        "SELECT DISTINCT credential FROM refusal "
        "WHERE provider = ? AND model = ? AND at > ? AND credential <> ?",
        (provider, model, moment.steady - WITHIN_S, credential),
    ).fetchall()
    for (other,) in rows:
        one, two = sorted((credential, other))
        connection.execute("DELETE FROM kinship WHERE one = ? AND other = ?", (one, two))

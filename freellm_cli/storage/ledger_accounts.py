"""Which credentials share a pot, as far as refusals tell. Every function runs inside a transaction."""

from __future__ import annotations

import sqlite3
from math import inf
from typing import NamedTuple

from freellm_cli.core.counters import Counter, Moment
from freellm_cli.storage import ledger_counters
from freellm_cli.storage.ledger_answers import WITHIN_S

NAMED, TOGETHER = "named", "together"

_SAME_RESET_S = 2.0
"""Resets of one pot are told with a second's precision, some in whole seconds from now."""
_WHOLE = 1.1
"""Who used more than one limit together has more than one; a tenth for windows that slide apart."""

_TOGETHER_TIMES = 3
_EVENT_S = 30.0
AGAIN_AND_AGAIN = _TOGETHER_TIMES + 1
"""One window more than it takes to see who shares a pot: then a limit is lower than we were told."""
_TRUSTED_S = {NAMED: 90 * 86_400.0, TOGETHER: 7 * 86_400.0}
_REFUSALS_KEPT = 200

_ALIKE = """
SELECT credential, model, max(share) FROM refusal
WHERE provider = :provider AND kind = :kind AND account <> :account
    AND at > :since AND at <= :now
    AND (named = :named OR named = '' OR :named = '')
    AND (resets IS NULL OR :resets IS NULL OR abs(resets - :resets) <= :apart)
GROUP BY credential, model ORDER BY min(number)
"""


class LearnedAccount(NamedTuple):
    """`how`: "named" (an error named it) or "together" (refused alike). `at`: wall time."""

    name: str
    how: str
    at: float


class Refusal(NamedTuple):
    """A spent limit. `model`: a model id. `surprising`: our own count saw room in every known limit.
    `named`: whose it is as the error says (a hash), "" if it does not. `resets_in`: seconds until it says
    that there is room again. `counted`: what we had counted of the limit, earlier refusals too, and its
    amount."""

    provider: str
    model: str
    kind: str
    credential: str
    account: str
    surprising: bool
    named: str = ""
    resets_in: float | None = None
    counted: tuple[int, int] = (0, 1)


class Alike(NamedTuple):
    """Credentials of different accounts that were refused alike within seconds, this one included."""

    credentials: tuple[str, ...]
    models: tuple[str, ...]


def every(connection: sqlite3.Connection, wall: float) -> dict[str, LearnedAccount]:
    """The account of each credential for which one was learned."""
    rows = connection.execute("SELECT credential, name, how, at FROM account")
    return {
        credential: LearnedAccount(name, how, at)
        for credential, name, how, at in rows
        if at > wall - _TRUSTED_S[how]
    }


def put(
    connection: sqlite3.Connection,
    credential: str,
    provider: str,
    name: str,
    how: str,
    moment: Moment,
) -> bool:
    """Returns whether that is news; then what was counted for the credential alone moves to the pot."""
    held = every(connection, moment.wall).get(credential)
    if held is not None and held.how == NAMED and how == TOGETHER:
        return False
    if held is not None and held.name == name and held.at > moment.wall - 3600:
        return False
    connection.execute(
        "INSERT INTO account VALUES (?, ?, ?, ?) ON CONFLICT (credential) DO UPDATE "
        "SET name = excluded.name, how = excluded.how, at = excluded.at",
        (credential, name, how, moment.wall),
    )
    if held is None:
        move(connection, f"account:{provider}/{credential}", f"account:{provider}/{name}", moment)
    return held is None or held.name != name


def forget(connection: sqlite3.Connection, credential: str | None) -> int:
    connection.execute("DELETE FROM kinship")
    if credential is None:
        return connection.execute("DELETE FROM account").rowcount
    return connection.execute("DELETE FROM account WHERE credential = ?", (credential,)).rowcount


def note_refusal(
    connection: sqlite3.Connection, refusal: Refusal, moment: Moment
) -> tuple[Alike, tuple[str, ...]]:
    """Remembers a refusal. Returns who was refused alike, and the credentials that were so often refused
    together that they must share a pot (() when none has become certain now)."""
    now = moment.steady
    resets = None if refusal.resets_in is None else now + refusal.resets_in
    share = _share(connection, refusal, now)
    rows = connection.execute(
        _ALIKE,
        {
            **refusal._asdict(),
            "since": now - WITHIN_S,
            "now": now,
            "resets": resets,
            "apart": _SAME_RESET_S,
        },
    ).fetchall()
    connection.execute(
        "INSERT INTO refusal (provider, model, kind, credential, account, at, named, resets, share) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*refusal[:5], now, refusal.named, resets, share),
    )
    connection.execute(
        "DELETE FROM refusal WHERE number <= (SELECT max(number) FROM refusal) - ?",
        (_REFUSALS_KEPT,),
    )
    same_model = [row for row in rows if row[1] == refusal.model]
    kin = []
    if refusal.surprising:
        kin = [
            other
            for other in dict.fromkeys(
                credential
                for credential, _, other_share in same_model
                if other_share + share <= _WHOLE
            )
            if _count_together(connection, refusal.credential, other, now) >= _TOGETHER_TIMES
        ]
    alike = Alike(
        tuple(dict.fromkeys((refusal.credential, *(row[0] for row in same_model)))),
        tuple(dict.fromkeys((refusal.model, *(row[1] for row in rows)))),
    )
    return alike, (refusal.credential, *kin) if kin else ()


def _share(connection: sqlite3.Connection, refusal: Refusal, now: float) -> float:
    """How much of the limit was truly used: the provider does not count what it refused."""
    counted, amount = refusal.counted
    span = 60.0 if refusal.kind == "rate_limited_minute" else 86_400.0
    row = connection.execute(
        "SELECT count(*) FROM refusal WHERE credential = ? AND model = ? AND at > ?",
        (refusal.credential, refusal.model, now - span),
    ).fetchone()
    return max(0, counted - int(row[0])) / amount


def times_refused(connection: sqlite3.Connection, credential: str, model: str, kind: str) -> int:
    """In how many windows, of those refusals that are remembered."""
    rows = connection.execute(
        "SELECT at FROM refusal WHERE credential = ? AND model = ? AND kind = ? ORDER BY at",
        (credential, model, kind),
    )
    times, last = 0, -inf
    for (at,) in rows:
        times += at - last > _EVENT_S
        last = at
    return times


def _count_together(connection: sqlite3.Connection, one: str, other: str, now: float) -> int:
    one, other = sorted((one, other))
    row = connection.execute(
        "SELECT together, at FROM kinship WHERE one = ? AND other = ?", (one, other)
    ).fetchone()
    if row is not None and now - row[1] < _EVENT_S:
        return int(row[0])
    together = (row[0] if row else 0) + 1
    connection.execute(
        "INSERT INTO kinship VALUES (?, ?, ?, ?) ON CONFLICT (one, other) DO UPDATE "
        "SET together = excluded.together, at = excluded.at",
        (one, other, together, now),
    )
    return together


# Counts move to the pot


def move(connection: sqlite3.Connection, old: str, new: str, moment: Moment) -> None:
    """What was counted, learned and rested under the owner `old` goes on under `new`."""
    rows = connection.execute(
        "SELECT id, meter, window FROM counter WHERE substr(meter, 1, ?) = ?",
        (len(old) + 1, old + "|"),
    ).fetchall()
    for identity, meter, window in rows:
        target = new + meter[len(old) :]
        held = connection.execute(
            "SELECT id FROM counter WHERE meter = ? AND window = ?", (target, window)
        ).fetchone()
        if held is None:
            connection.execute("UPDATE counter SET meter = ? WHERE id = ?", (target, identity))
        else:
            _merge(connection, identity, held[0], moment)
    for table, column in (("learned", "meter"), ("pace", "meter")):
        connection.execute(
            f"UPDATE OR REPLACE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
            f"WHERE substr({column}, 1, ?) = ?",
            (new, len(old) + 1, len(old) + 1, old + "|"),
        )
    connection.execute("UPDATE OR REPLACE rest SET key = ? WHERE key = ?", (new, old))
    connection.execute("UPDATE state SET learned = learned + 1")


def _merge(connection: sqlite3.Connection, old: int, new: int, moment: Moment) -> None:
    pair = ledger_counters.load_by_id(connection, [str(old), str(new)], moment)
    gone, kept = sorted(pair, key=lambda counter: counter.id == new)
    _add(kept, gone)
    ledger_counters.save(connection, [kept], moment.steady)
    connection.execute(
        "INSERT INTO slice SELECT ?, number, at, requests, tokens FROM slice WHERE counter = ? "
        "ON CONFLICT (counter, number) DO UPDATE SET at = max(at, excluded.at), "
        "requests = requests + excluded.requests, tokens = tokens + excluded.tokens",
        (new, old),
    )
    connection.execute("DELETE FROM slice WHERE counter = ?", (old,))
    connection.execute("DELETE FROM counter WHERE id = ?", (old,))
    for lease, text in connection.execute("SELECT id, counters FROM lease").fetchall():
        identities = text.split(",")
        if str(old) in identities:
            moved = ",".join(str(new) if each == str(old) else each for each in identities)
            connection.execute("UPDATE lease SET counters = ? WHERE id = ?", (moved, lease))


def _add(kept: Counter, gone: Counter) -> None:
    kept.requests += gone.requests
    kept.tokens += gone.tokens
    kept.open_requests += gone.open_requests
    kept.open_tokens += gone.open_tokens
    kept.carried_requests += gone.carried_requests
    kept.carried_tokens += gone.carried_tokens
    if kept.past_starts == gone.past_starts:
        kept.past_requests += gone.past_requests
        kept.past_tokens += gone.past_tokens
    if kept.window.kind in ("sliding", "first_use"):
        begun = [each.starts for each in (kept, gone) if each.starts is not None]
        ended = [each.ends for each in (kept, gone) if each.ends is not None]
        kept.starts = min(begun, default=None)
        kept.ends = max(ended, default=None)
    kept.changed = True

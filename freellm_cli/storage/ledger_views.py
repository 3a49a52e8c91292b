"""How things stand, for people. Every function runs inside a read transaction and changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from math import inf

from freellm_cli.core.counters import Counter, Moment
from freellm_cli.core.forecast import Outlook
from freellm_cli.core.limits import Limit
from freellm_cli.core.obstacle_words import tell
from freellm_cli.core.rotation import Lineup, RestState, Snapshot, Wish, load, used_of
from freellm_cli.storage import ledger_counters, ledger_look, ledger_rests
from freellm_cli.storage.ledger_reports import OpenLease, Turn, Usage, View
from freellm_cli.storage.ledger_values import LANES, Reason

_GONE_S = 5.0


def reasons(lineup: Lineup, snapshot: Snapshot, wish: Wish) -> tuple[Reason, ...]:
    """What keeps each candidate from being asked; nothing of those that are free."""
    outlook = Outlook(lineup, snapshot)
    moment = Moment(snapshot.now, snapshot.wall)
    return tuple(
        reason
        for at in range(len(lineup.candidates))
        for reason in _reasons_of(lineup, outlook, at, wish, moment)
    )


def _reasons_of(
    lineup: Lineup, outlook: Outlook, at: int, wish: Wish, moment: Moment
) -> tuple[Reason, ...]:
    key = lineup.candidates[at].key
    return tuple(
        Reason(
            key,
            obstacle.why,
            tell(obstacle, wish.tokens),
            None if obstacle.until == inf else moment.wall_at(obstacle.until),
            obstacle.sure,
            _fault(obstacle.rest),
        )
        for obstacle in outlook.obstacles(at, wish)
    )


def _fault(rest: RestState | None) -> str:
    return "" if rest is None or rest.kind in ledger_rests.WINDOW_KINDS else rest.reason


def views(
    connection: sqlite3.Connection, lineup: Lineup, wish: Wish, moment: Moment
) -> tuple[View, ...]:
    snapshot = ledger_look.see(connection, lineup, moment, True, keep=True)
    outlook = Outlook(lineup, snapshot)
    found = []
    for at, candidate in enumerate(lineup.candidates):
        found_here = _reasons_of(lineup, outlook, at, wish, moment)
        until, _, _ = outlook.free_at(at, wish)
        found.append(
            View(
                candidate,
                not found_here,
                None if until == inf else moment.wall_at(until),
                load(lineup, snapshot, at),
                found_here,
            )
        )
    return tuple(found)


def schedule(
    connection: sqlite3.Connection,
    lineup: Lineup,
    wish: Wish,
    moment: Moment,
    requests: int,
    seconds_each: float,
) -> list[Turn]:
    snapshot = ledger_look.see(connection, lineup, moment, True, keep=True)
    outlook = Outlook(lineup, snapshot, seconds_each=seconds_each)
    return [
        Turn(moment.wall_at(each.until), lineup.candidates[each.candidate].key)
        for each in outlook.schedule(wish, requests)
    ]


def usage(
    connection: sqlite3.Connection, limits: Iterable[Limit], moment: Moment
) -> tuple[Usage, ...]:
    wanted = tuple(limits)
    places = list(dict.fromkeys((limit.meter, limit.window) for limit in wanted))
    meters = list(dict.fromkeys(limit.meter for limit in wanted))
    counters: dict[object, Counter] = {}
    for start in range(0, len(meters), 500):
        some = meters[start : start + 500]
        inside = [place for place in places if place[0] in set(some)]
        loaded = ledger_counters.load(connection, inside, some, moment)
        counters.update(zip(inside, loaded, strict=True))
    for counter in counters.values():
        if counter.is_stale(moment.steady):
            ledger_counters.expire(connection, counter, moment.steady, keep=True)
    return tuple(_usage(limit, counters[limit.meter, limit.window], moment) for limit in wanted)


def counted(connection: sqlite3.Connection, moment: Moment) -> frozenset[str]:
    return frozenset(row[0] for row in connection.execute("SELECT DISTINCT meter FROM counter"))


def open_leases(connection: sqlite3.Connection, moment: Moment) -> list[OpenLease]:
    rows = connection.execute(
        # One without a request is kept for a next one, or was taken only now.
        "SELECT target, request, tokens, opened FROM lease WHERE request <> '' ORDER BY opened"
    )
    return [
        OpenLease(target, request, tokens, moment.steady - opened)
        for target, request, tokens, opened in rows
    ]


def waiting(connection: sqlite3.Connection, moment: Moment) -> dict[str, int]:
    """Waiters by lane. One that is seconds late with its next look is no longer there."""
    rows = connection.execute(
        "SELECT lane, count(*) FROM ticket WHERE looks_at > ? GROUP BY lane",
        (moment.steady - _GONE_S,),
    )
    return dict.fromkeys(LANES, 0) | {LANES[lane]: count for lane, count in rows}


def _usage(limit: Limit, counter: Counter, moment: Moment) -> Usage:
    used = used_of(counter, limit.unit)
    open_ = counter.open_tokens if limit.unit == "tokens" else counter.open_requests
    resets = counter.resets_at
    if limit.window.kind == "sliding" and counter.starts is not None:
        resets = counter.starts + counter.span
    return Usage(limit, used, open_, None if resets is None else moment.wall_at(resets))

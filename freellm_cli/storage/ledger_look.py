"""One look of one request at the ledger, in one transaction: a lease, a place in the line, or no."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.counters import Counter, Moment, Slice
from freellm_cli.core.rotation import (
    WAIT_FIRST,
    WAIT_NEVER,
    Candidate,
    Lineup,
    Snapshot,
    Wish,
    choose,
)
from freellm_cli.storage import ledger_counters, ledger_rests
from freellm_cli.storage.ledger_values import INTERACTIVE, Lease, Refused, Wait

if TYPE_CHECKING:
    from freellm_cli.core.forecast import Forecast
    from freellm_cli.storage.ledger_queue import Place
    from freellm_cli.storage.ledger_values import Reason

LONGEST_LINE = 500
"""So many requests may wait at once, of all processes together."""

GRACE_S = 5.0
"""A lease is held to be abandoned so long after its request's deadline."""

LEASE = "INSERT INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)"
_RECENCY = "SELECT target, used FROM recency"
USED = """
INSERT INTO recency VALUES (?, ?) ON CONFLICT (target) DO UPDATE SET used = excluded.used
"""


class Request(NamedTuple):
    """What `Ledger.acquire` was asked. `deadline`: steady time; `ticket`: of an earlier look."""

    candidates: tuple[Candidate, ...]
    tokens: int
    request_id: str
    deadline: float
    lane: str = INTERACTIVE
    conversation: str | None = None
    wait_policy: str = "any"
    ticket: int | None = None
    reserve: float = 0.0


class Holder(NamedTuple):
    """Where a lease is kept by its owner: its name, and a maker of (lease id, place on the board)."""

    name: str
    new_lease: Callable[[], tuple[int, int]]


class Look:
    """`run` it once."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        moment: Moment,
        lineup: Lineup,
        request: Request,
        *,
        owner: Callable[[], Holder],
        sweep: Callable[[], bool],
        has_rests: bool,
        has_line: bool,
    ) -> None:
        """`owner` makes this process known, `sweep` looks for what dead owners left and returns whether
        anything changed; both are called only when needed."""
        self._connection = connection
        self._moment = moment
        self._lineup = lineup
        self._request = request
        self._owner = owner
        self._sweep = sweep
        self._has_rests = has_rests
        self._has_line = has_line
        self._wish = self._new_wish()
        self._snapshot: Snapshot
        self._place: Place | None = None
        self._ahead: list[tuple[tuple[int, ...], int]] = []
        self._position = 0

    @property
    def sticky(self) -> str | None:
        """The credential that the conversation used last."""
        return self._wish.sticky

    def run(self) -> Lease | Wait | Refused:
        self._see()
        at = self._choose()
        if at is None and self._sweep():
            self._see()
            at = self._choose()
        return self._wait() if at is None else self._grant(at)

    def _new_wish(self) -> Wish:
        request = self._request
        sticky = None
        if request.conversation:
            from freellm_cli.storage import ledger_history

            sticky = ledger_history.credential_of(self._connection, request.conversation)
        return Wish(request.tokens, sticky, request.reserve, spaced=request.ticket is not None)

    def _see(self) -> None:
        self._snapshot = see(self._connection, self._lineup, self._moment, self._has_rests)
        if self._has_line:
            from freellm_cli.storage import ledger_queue

            request = self._request
            self._place = ledger_queue.place_of(
                self._connection, request.lane, request.ticket, self._moment
            )
            self._ahead, self._position = ledger_queue.play(
                self._connection, self._lineup, self._snapshot, self._place
            )

    def _choose(self) -> int | None:
        steps = self._lineup.steps
        if self._request.wait_policy == WAIT_FIRST and len(steps) > 1:
            steps = self._steps_worth_waiting_for()
        return choose(self._lineup, self._snapshot, self._wish, steps)

    def _steps_worth_waiting_for(self) -> list[list[int]]:
        """The first step that is free in time; all of them if none is."""
        from freellm_cli.core.forecast import forecast

        for step in self._lineup.steps:
            if choose(self._lineup, self._snapshot, self._wish, [step]) is not None:
                return [step]
            wish = self._wish._replace(allowed=step, spaced=True)
            found = forecast(self._lineup, self._snapshot, self._ahead, wish)
            if found.until <= self._request.deadline:
                return [step]
        return self._lineup.steps

    # Granting

    def _grant(self, at: int) -> Lease:
        connection, moment, request = self._connection, self._moment, self._request
        candidate = self._lineup.candidates[at]
        counters = [self._snapshot.counters[place] for place in self._lineup.touches[at]]
        holder = self._owner()
        identity, place = holder.new_lease()
        expires = request.deadline + GRACE_S
        opened_in = ledger_counters.open_in(connection, counters, request.tokens, moment)
        words = (identity, holder.name, request.request_id, candidate.key, opened_in)
        connection.execute(LEASE, (*words, request.tokens, moment.steady, expires))
        connection.execute(USED, (candidate.key, moment.steady))
        mends, trials = self._mends(candidate)
        if trials:
            ledger_rests.begin_trial(connection, trials, identity)
        if request.ticket is not None:
            connection.execute("DELETE FROM ticket WHERE id = ?", (request.ticket,))
        lease = Lease(
            identity,
            candidate,
            request_id=request.request_id,
            tokens=request.tokens,
            opened=moment.steady,
            expires=expires,
            place=place,
            mends=mends,
            is_trial=bool(trials),
            conversation=request.conversation,
        )
        if at not in self._lineup.steps[0]:
            keys = {self._lineup.candidates[place].key for place in self._lineup.steps[0]}
            lease.passed_over = tuple(each for each in self._reasons() if each.target in keys)
        return lease

    def _mends(self, candidate: Candidate) -> tuple[tuple[str, ...], list[str]]:
        """The rests that a success would end, and those of them that are tried now."""
        rests = self._snapshot.rests
        if not rests:
            return (), []
        found = tuple(key for key in candidate.rest_keys if key in rests)
        return found, [key for key in found if rests[key].trial]

    # Waiting

    def _wait(self) -> Wait | Refused:
        from freellm_cli.core.forecast import forecast
        from freellm_cli.storage import ledger_queue

        request, now = self._request, self._moment.steady
        allowed = self._allowed()
        wish = self._wish._replace(spaced=True, allowed=allowed)
        expected = forecast(self._lineup, self._snapshot, self._ahead, wish)
        place = self._place or ledger_queue.place_of(
            self._connection, request.lane, request.ticket, self._moment
        )
        too_late = expected.until > request.deadline if expected.sure else False
        hopeless = expected.until == inf or now >= request.deadline
        if request.wait_policy == WAIT_NEVER or too_late or hopeless:
            return self._refuse(expected, place)
        if place.ticket is None and ledger_queue.length(self._connection) >= LONGEST_LINE:
            return self._refuse(expected, place, full=True)
        return self._stand_in_line(expected, place, allowed)

    def _allowed(self) -> tuple[int, ...]:
        steps = self._lineup.steps
        if self._request.wait_policy == WAIT_FIRST and len(steps) > 1:
            steps = self._steps_worth_waiting_for()
        return tuple(at for step in steps for at in step)

    def _stand_in_line(self, expected: Forecast, place: Place, allowed: tuple[int, ...]) -> Wait:
        from freellm_cli.storage import ledger_queue

        now = self._moment.steady
        position = self._position
        look_in = ledger_queue.look_in(expected, place, position, now)
        look_in = max(0.001, min(look_in, self._request.deadline - now))
        ticket = place.ticket
        if ticket is None:
            targets = [self._lineup.candidates[at].key for at in allowed]
            ticket = ledger_queue.join(
                self._connection,
                self._owner().name,
                self._request.request_id,
                place,
                targets,
                self._request.tokens,
                now + look_in,
            )
        else:
            ledger_queue.promise(self._connection, ticket, now + look_in)
        until = self._moment.wall_at(expected.until)
        # One who waits was told why when it joined.
        reasons = self._reasons() if place.ticket is None else ()
        return Wait(until, expected.sure, look_in, ticket, position, reasons)

    def _refuse(self, expected: Forecast, place: Place, *, full: bool = False) -> Refused:
        if place.ticket is not None:
            self._connection.execute("DELETE FROM ticket WHERE id = ?", (place.ticket,))
        reasons = self._reasons()
        daily = expected.cause is not None and expected.cause.is_daily
        if expected.until == inf:
            return Refused(None, None, daily, reasons, full)
        wait_s = max(0.0, expected.until - self._moment.steady)
        return Refused(self._moment.wall + wait_s, wait_s, daily, reasons, full)

    def _reasons(self) -> tuple[Reason, ...]:
        from freellm_cli.storage.ledger_views import reasons

        return reasons(self._lineup, self._snapshot, self._wish)


def see(
    connection: sqlite3.Connection,
    lineup: Lineup,
    moment: Moment,
    has_rests: bool,
    *,
    keep: bool = False,
) -> Snapshot:
    """A snapshot of all that the lineup touches. What has left its window is taken out of the file too,
    unless `keep`."""
    now = moment.steady
    counters = ledger_counters.load(connection, lineup.counters, lineup.meters, moment)
    for counter in counters:
        if counter.is_stale(now):
            ledger_counters.expire(connection, counter, now, keep=keep)
        if counter.changed and not keep:
            ledger_counters.save(connection, (counter,), now)
    rests = ledger_rests.states(connection, lineup.rest_keys, moment) if has_rests else {}
    keys = [candidate.key for candidate in lineup.candidates]
    used_at = {}
    if len(keys) > 1 or keep:
        wanted = ", ".join("?" * len(keys))
        used_at = dict(
            connection.execute(f"{_RECENCY} WHERE target IN ({wanted})", keys).fetchall()
        )

    def leaving(counter: Counter) -> list[Slice]:
        found = ledger_counters.slices(connection, counter)
        return [each for each in found if each.at + counter.span > now]

    return Snapshot(now, moment.wall, counters, rests, used_at, leaving)

"""Leases taken ahead of the requests that will ask for them: a busy process needs no look for each.

A spare is a lease like any other, open in every counter and not sent yet. Its room is nobody else's, so the
request that takes it later need not look at the file, and a process that dies with it leaves no debt.
Spares are written with a server's endings, about as many as were asked for since the last ones, and only
where room is ample, nobody waits and nothing waits to be tried. A look makes them good for a moment; what
nobody took meanwhile goes back.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.counters import Moment
from freellm_cli.core.rotation import Candidate, Lineup, Snapshot, Wish, choose, is_free, times_free
from freellm_cli.storage import ledger_counters, ledger_leases, ledger_queue
from freellm_cli.storage.ledger_leases import Spent
from freellm_cli.storage.ledger_look import GRACE_S, LEASE, USED, Holder, Request, see
from freellm_cli.storage.ledger_shelf import Shelf, Spare
from freellm_cli.storage.ledger_values import INTERACTIVE, Lease

if TYPE_CHECKING:
    from freellm_cli.storage.owners import Owner

FRESH_S = 0.02
"""So long a look is good: what others write meanwhile (a rest, a place in the line) is noticed that late."""

AMPLE = 50
"""Nothing is taken ahead where less than so many requests more have room."""

_SHELVES = 16
_CONVERSATIONS = 4096
_SLACK_S = 1.0
"""A spare lasts so much longer than the longest request of late; half of it is for lying on the shelf."""
_NAMED_AFTER_S = 0.05
_SPACE_S = 1e-6


class Ground(NamedTuple):
    """What a look stands on. `known`: as in `Spares.take`."""

    connection: sqlite3.Connection
    moment: Moment
    known: object
    has_rests: bool
    has_line: bool
    lineup: Callable[[tuple[Candidate, ...]], Lineup]
    holder: Callable[[], Holder]


class Spares:
    """The spares of one owner. Any thread may `take`, the rest is for who has the ledger's lock."""

    def __init__(self, owner: Owner | None) -> None:
        self.owner = owner
        self._lock = threading.Lock()
        self._shelves: dict[tuple[int, ...], Shelf] = {}
        self._new: list[tuple[Shelf, list[Spare], tuple[object, float, float]]] = []
        self._doomed: list[Spare] = []
        self._ended = 0
        self._unnamed: deque[tuple[float, Lease]] = deque()
        self._conversations: dict[str, str | None] = {}

    # Taking

    def take(
        self, request: Request, now: float, deadline: float, known: object, *, again: bool
    ) -> Lease | None:
        """A lease for who would get it from a look as well; None: look. `deadline`: the request's, steady.
        `known`: another one than `renew` was given when this process has written what matters since."""
        shelf = self._shelf(request.candidates)
        if shelf is None:
            return None
        credential: str | None = None
        if request.conversation and not shelf.has_one_credential:
            credential = self._conversations.get(request.conversation, "")
        expires = deadline + GRACE_S
        if not again:
            shelf.note(credential or None, request.tokens, expires - now)
        good, since, until = shelf.good
        if credential == "" or good != known or not since <= now < until:
            return None
        spare = self._pick(shelf, request.tokens, expires, credential)
        if spare is None:
            return None
        lease = Lease(
            spare.id,
            spare.candidate,
            request_id=request.request_id,
            tokens=request.tokens,
            opened=spare.opened,
            expires=spare.expires,
            place=spare.place,
            conversation=request.conversation,
        )
        self._unnamed.append((now, lease))
        return lease

    def _shelf(self, candidates: tuple[Candidate, ...]) -> Shelf | None:
        # By identity: a shelf keeps its candidates, and to hash them all takes longer than the rest.
        key = tuple(map(id, candidates))
        shelf = self._shelves.get(key)
        if shelf is None and len(self._shelves) < _SHELVES:
            shelf = self._shelves[key] = Shelf(candidates)
        return shelf

    def _pick(
        self, shelf: Shelf, tokens: int, expires: float, credential: str | None
    ) -> Spare | None:
        with self._lock:
            for at, spare in enumerate(shelf.spares):
                if (
                    spare.tokens >= tokens
                    and spare.expires >= expires
                    and (credential is None or spare.candidate.credential == credential)
                ):
                    return shelf.spares.pop(at)
        return None

    def remember(self, conversation: str, credential: str | None) -> None:
        """The credential that a conversation used last (None: none yet)."""
        if len(self._conversations) >= _CONVERSATIONS:
            self._conversations.clear()
        self._conversations[conversation] = credential

    # Inside a transaction; `ended` tells what became of it

    def is_due(self, candidates: tuple[Candidate, ...]) -> bool:
        """Whether it is worth it for who looks to look for those too who will come."""
        shelf = self._shelf(candidates)
        return shelf is not None and shelf.is_due

    def expect(self) -> bool:
        """Guesses what will be wanted until the next time; whether there is anything to `renew` or `tell`."""
        is_crowded = len(self._shelves) >= _SHELVES
        has_any = False
        for key, shelf in list(self._shelves.items()):
            shelf.expect()
            if shelf.wanted or shelf.spares:
                has_any = True
            elif is_crowded:
                del self._shelves[key]
        return has_any or self.has_something_to_tell

    def renew(self, ground: Ground, only: tuple[Candidate, ...] | None = None) -> None:
        """A look for all who are expected. `only`: for these candidates, of whom nobody knew."""
        if only is None:
            for shelf in list(self._shelves.values()):
                self._restock(ground, shelf)
        elif (found := self._shelf(only)) is not None:
            found.expect()
            self._restock(ground, found)

    def _restock(self, ground: Ground, shelf: Shelf) -> None:
        """Writes what will be wanted, ends what will not."""
        if not shelf.wanted and not shelf.spares:
            return
        lineup = ground.lineup(shelf.candidates)
        snapshot = see(ground.connection, lineup, ground.moment, ground.has_rests)
        allowed = _allowed(ground, lineup, snapshot)
        self._doom(shelf, _those_to_keep(shelf, lineup, snapshot, allowed))
        chosen = _choose(lineup, snapshot, Wish(shelf.tokens, allowed=allowed), shelf.missing())
        spares = _write(ground, lineup, snapshot, chosen, shelf) if chosen else []
        now = ground.moment.steady
        self._new.append((shelf, spares, (ground.known, now, now + FRESH_S)))

    def give_back(self) -> bool:
        """All that nobody has taken; whether there was any."""
        self._undo()
        for shelf in list(self._shelves.values()):
            self._doom(shelf, frozenset())
        return bool(self._doomed)

    def _doom(self, shelf: Shelf, kept: Collection[int]) -> None:
        """Takes from the shelf all but those with the ids `kept`."""
        with self._lock:
            gone = [spare for spare in shelf.spares if spare.id not in kept]
            shelf.spares = [spare for spare in shelf.spares if spare.id in kept]
        self._end(gone)

    def _end(self, spares: Iterable[Spare]) -> None:
        for spare in spares:
            self._doomed.append(spare)
            if self.owner is not None:
                self.owner.give_back(spare.place)

    def _undo(self) -> None:
        new, self._new = self._new, []
        for _, spares, _ in new:
            self._end(spares)

    @property
    def has_something_to_tell(self) -> bool:
        return bool(
            self._doomed
            or self._unnamed
            or any(shelf.spares for shelf in list(self._shelves.values()))
        )

    def tell(
        self,
        connection: sqlite3.Connection,
        moment: Moment,
        is_open: Callable[[Lease], bool],
        *,
        whole: bool,
    ) -> None:
        """Ends what nobody will take, and writes whose the others are: of all that were taken if `whole`,
        else only of those that last."""
        names = []
        while self._unnamed and (whole or self._unnamed[0][0] + _NAMED_AFTER_S <= moment.steady):
            lease = self._unnamed.popleft()[1]
            if is_open(lease):
                names.append((lease.request_id, lease.id))
        if names:
            connection.executemany("UPDATE lease SET request = ? WHERE id = ?", names)
        if self._doomed:
            self._ended = len(self._doomed)
            rows = ledger_leases.find(connection, [spare.id for spare in self._doomed])
            ledger_leases.end(connection, [Spent(row, None, 0, 0) for row in rows], moment)

    def ended(self, kept: bool) -> None:
        """The transaction has; what it wrote may be taken from now on if it was kept."""
        if kept:
            del self._doomed[: self._ended]
            new, self._new = self._new, []
            with self._lock:
                for shelf, spares, good in new:
                    shelf.spares += spares
                    shelf.good = good
        self._undo()
        self._ended = 0


class SparesBeside:
    """Writes the spares in the transactions of `storage.ledger_behind`."""

    def __init__(self, spares: Callable[[], Spares], renew: Callable[[bool], bool]) -> None:
        """`renew(ahead)` runs `Spares.renew` or `give_back`, and `tell`."""
        self._spares = spares
        self._renew = renew

    @property
    def waits(self) -> bool:
        return self._spares().has_something_to_tell

    def write(self, *, ahead: bool) -> bool:
        return self._renew(ahead)


def _allowed(ground: Ground, lineup: Lineup, snapshot: Snapshot) -> list[int]:
    """The candidates to take ahead: of the first step, those that do not rest. None of them while somebody
    waits for one, while one waits to be tried, or where the time of a lease matters."""
    if any(window.kind == "first_use" for _, window in lineup.counters):
        return []
    if ground.has_line:
        place = ledger_queue.place_of(ground.connection, INTERACTIVE, None, ground.moment)
        if ledger_queue.play(ground.connection, lineup, snapshot, place)[1]:
            return []
    first = lineup.steps[0] if lineup.steps else []
    if not snapshot.rests:
        return first
    resting = [at for at in first if _rests(lineup, snapshot, at)]
    if any(is_free(lineup, snapshot, at, Wish(0)) for at in resting):
        return []
    return [at for at in first if at not in resting]


def _rests(lineup: Lineup, snapshot: Snapshot, at: int) -> bool:
    return not snapshot.rests.keys().isdisjoint(lineup.candidates[at].rest_keys)


def _those_to_keep(
    shelf: Shelf, lineup: Lineup, snapshot: Snapshot, allowed: list[int]
) -> set[int]:
    keys = {
        lineup.candidates[at].key
        for at in allowed
        if times_free(lineup, snapshot, at, shelf.tokens) >= AMPLE
    }
    since = snapshot.now - _SLACK_S / 2
    return {each.id for each in shelf.spares if each.candidate.key in keys and each.opened >= since}


def _choose(
    lineup: Lineup, snapshot: Snapshot, wish: Wish, credentials: Iterable[str | None]
) -> list[int]:
    """What requests would get that came now, one after the other; it ends before what is scarce or new."""
    chosen: list[int] = []
    for credential in credentials:
        at = choose(lineup, snapshot, wish._replace(sticky=credential), lineup.steps[:1])
        if (
            at is None
            or times_free(lineup, snapshot, at, wish.tokens) < AMPLE
            or not all(snapshot.counters[place].id for place in lineup.touches[at])
        ):
            break
        snapshot.plan(lineup, at, wish.tokens)
        snapshot.now += _SPACE_S
        chosen.append(at)
    return chosen


def _write(
    ground: Ground, lineup: Lineup, snapshot: Snapshot, chosen: list[int], shelf: Shelf
) -> list[Spare]:
    connection, holder, now = ground.connection, ground.holder(), ground.moment.steady
    tokens, expires = shelf.tokens, now + shelf.lasts + _SLACK_S
    spares = []
    rows = []
    opened: Counter[int] = Counter()
    for at in chosen:
        identity, board_place = holder.new_lease()
        candidate = lineup.candidates[at]
        counters = [snapshot.counters[place].id for place in lineup.touches[at]]
        opened.update(counters)
        spares.append(Spare(identity, board_place, candidate, tokens, now, expires))
        words = (identity, holder.name, "", candidate.key, ",".join(map(str, counters)))
        rows.append((*words, tokens, now, expires))
    connection.executemany(LEASE, rows)
    ledger_counters.open_many(connection, opened, tokens, ground.moment)
    used = {lineup.candidates[at].key for at in chosen}
    connection.executemany(USED, [(key, snapshot.used_at[key]) for key in used])
    return spares

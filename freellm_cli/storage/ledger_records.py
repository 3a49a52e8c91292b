"""What the ledger remembers beside its counts: rests, learned limits, past requests, conversations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from freellm_cli.core.counters import Moment, Use
from freellm_cli.core.limits import COUNT_ONLY, REQUESTS, TOKENS, Limit
from freellm_cli.core.rotation import Candidate, Wish
from freellm_cli.storage import ledger_rests
from freellm_cli.storage.ledger_lessons import LedgerLessons

if TYPE_CHECKING:
    from freellm_cli.storage.ledger_reports import (
        Learned,
        OpenLease,
        Rest,
        Trace,
        Turn,
        Usage,
        View,
    )


class LedgerRecords(LedgerLessons):
    """Base of `storage.ledger.Ledger`. All times are wall times."""

    # Rests

    def rest(
        self,
        key: str,
        *,
        until: float | None,
        reason: str,
        kind: str,
        request_id: str = "",
        calendar: bool | None = None,
        trial: bool | None = None,
    ) -> None:
        """Nothing with `key` among its `rest_keys` is asked before `until` (None: before `wake`).

        At most 36 hours; a rest that lasts longer already is not shortened; each call is one more strike.
        `kind`: the verdict's. `calendar`: it ends at a moment of the calendar (a midnight) whatever happens
        to the clock meanwhile; None: as the kind says. `trial`: when due, one request tries it and the
        others wait for its outcome; None: unless the kind is a window whose end is known.
        """
        known_window = kind in ledger_rests.WINDOW_KINDS and until is not None
        new = ledger_rests.NewRest(
            key,
            until,
            kind,
            reason,
            request_id,
            kind in ledger_rests.CALENDAR_KINDS if calendar is None else calendar,
            not known_window if trial is None else trial,
        )
        self._write(lambda connection, moment: ledger_rests.put(connection, new, moment))

    def strikes(self, key: str) -> int:
        """How many rests this key has had in a row, without a success between: 0 for none."""
        return self._read(
            lambda connection, moment: ledger_rests.strikes(connection, key, moment.wall)
        )

    def resting_until(self, key: str) -> float | None:
        """When a rest that is under way ends (inf: when it is woken), None when there is none. Who is refused
        meanwhile was sent before it began."""

        def work(connection: sqlite3.Connection, moment: Moment) -> float | None:
            state = ledger_rests.states(connection, [key], moment).get(key)
            if state is None or state.until <= moment.steady:
                return None
            return moment.wall_at(state.until)

        return self._read(work)

    def wake(self, key: str | None) -> int:
        """Ends a rest and forgets its strikes (None: all of them). Returns how many there were."""
        return self._write(lambda connection, moment: ledger_rests.wake(connection, key))

    def rests(self) -> list[Rest]:
        """All that keep somebody waiting, the longest first."""
        return self._read(lambda connection, moment: ledger_rests.every(connection, moment))

    # Learned limits

    def learn(
        self,
        limit: Limit,
        *,
        evidence: str = "",
        used: int | None = None,
        at: float | None = None,
    ) -> None:
        """A provider told `limit` ("x-ratelimit-limit-requests"…); `evidence` says where, for people.

        An amount of COUNT_ONLY tells no limit. `used`: how much of it the provider says is used, as of wall
        time `at` (None: now); what others used with the same key elsewhere then counts here too.
        """
        from freellm_cli.storage import ledger_counters, ledger_learned

        told = limit if limit.source != "published" else limit._replace(source="learned")

        def work(connection: sqlite3.Connection, moment: Moment) -> None:
            if told.amount != COUNT_ONLY:
                ledger_learned.put(connection, told, evidence, moment.wall)
            if used is not None:
                when = moment.steady if at is None else min(moment.steady_at(at), moment.steady)
                wanted = Use(
                    when,
                    when,
                    used if told.unit == REQUESTS else 0,
                    used if told.unit == TOKENS else 0,
                )
                ledger_counters.raise_to(connection, told.meter, told.window, wanted, moment)

        self._write(work)

    def learned(self) -> list[Learned]:
        """All learned limits, also those too old to hold."""
        from freellm_cli.storage import ledger_learned

        return self._read(lambda connection, moment: ledger_learned.every(connection))

    def forget(self, meter: str | None) -> int:
        """Forgets what was learned of a meter (None: of all). Returns how many limits."""
        from freellm_cli.storage import ledger_learned

        return self._write(lambda connection, moment: ledger_learned.forget(connection, meter))

    # Views

    def usage(self, limits: Iterable[Limit]) -> tuple[Usage, ...]:
        """How much of each limit is used now, in the order given."""
        from freellm_cli.storage import ledger_views

        wanted = tuple(limits)
        return self._read(lambda connection, moment: ledger_views.usage(connection, wanted, moment))

    def counted(self) -> frozenset[str]:
        """The meters that something was counted on, now or lately."""
        from freellm_cli.storage import ledger_views

        return self._read(ledger_views.counted)

    def open_leases(self) -> list[OpenLease]:
        """Requests that are under way, the oldest first."""
        from freellm_cli.storage import ledger_views

        return self._read(ledger_views.open_leases)

    def waiting(self) -> dict[str, int]:
        """How many requests wait in each lane, of all processes."""
        from freellm_cli.storage import ledger_views

        return self._read(ledger_views.waiting)

    def explain(
        self, candidates: Sequence[Candidate], *, tokens: int, sticky: str | None = None
    ) -> tuple[View, ...]:
        """How each candidate stands for a request of `tokens`, in the order given."""
        from freellm_cli.storage import ledger_views

        wish = Wish(tokens, None if sticky is None else self.last_credential(sticky))
        wanted = tuple(candidates)
        return self._read(
            lambda connection, moment: ledger_views.views(
                connection, self._lineup_now(connection, wanted, moment), wish, moment
            )
        )

    def schedule(
        self,
        candidates: Sequence[Candidate],
        *,
        tokens: int,
        requests: int,
        seconds_each: float = 1.0,
    ) -> list[Turn]:
        """When each of `requests` equal requests could be sent, and where, if nobody else asked; shorter
        when some could never be. `seconds_each`: until an answer's headers come."""
        from freellm_cli.storage import ledger_views

        wanted = tuple(candidates)
        return self._read(
            lambda connection, moment: ledger_views.schedule(
                connection,
                self._lineup_now(connection, wanted, moment),
                Wish(tokens),
                moment,
                requests,
                seconds_each,
            )
        )

    # History

    def record_request(self, trace: Trace) -> None:
        """Keeps what became of a request; the latest 2,000 are kept."""
        from freellm_cli.storage import ledger_history

        if self._write(lambda connection, moment: ledger_history.record(connection, [trace])):
            self._tidy()

    def requests(self, amount: int = 20) -> list[Trace]:
        """The latest requests, newest first."""
        from freellm_cli.storage import ledger_history

        return self._read(lambda connection, moment: ledger_history.requests(connection, amount))

    def request(self, identity: str | None = None) -> Trace | None:
        """The request with this id, or the only one whose id begins so; the last one for None."""
        from freellm_cli.storage import ledger_history

        return self._read(lambda connection, moment: ledger_history.request(connection, identity))

    def last_credential(self, conversation: str) -> str | None:
        """The credential that a conversation used last."""
        from freellm_cli.storage import ledger_history

        return self._read(
            lambda connection, moment: ledger_history.credential_of(connection, conversation)
        )

    def remember(self, conversation: str, credential: str) -> None:
        """`settle` with "ok" does this for a lease that was acquired with `sticky`."""
        from freellm_cli.storage import ledger_history

        if self.last_credential(conversation) != credential:
            self._write(
                lambda connection, moment: ledger_history.remember(
                    connection, {conversation: credential}, moment.wall
                )
            )

    def _tidy(self) -> None:
        """Forgets what nobody needs any more."""
        from freellm_cli.storage import ledger_counters, ledger_history

        def work(connection: sqlite3.Connection, moment: Moment) -> None:
            ledger_counters.tidy(connection, moment.steady)
            ledger_rests.tidy(connection, moment)
            ledger_history.tidy(connection)

        self._write(work)

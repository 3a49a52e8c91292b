"""What answers have taught beside limits: shared accounts, rates, speeds."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.counters import Moment
from freellm_cli.core.rotation import Candidate
from freellm_cli.storage.ledger_store import LedgerStore

if TYPE_CHECKING:
    from freellm_cli.core.pacing import Pace
    from freellm_cli.storage.ledger_accounts import Alike, LearnedAccount, Refusal

_READ_AGAIN_S = 1.0
_IS_EMPTY = """
SELECT EXISTS (SELECT 1 FROM account), EXISTS (SELECT 1 FROM speed),
    EXISTS (SELECT 1 FROM learned WHERE amount = 0), EXISTS (SELECT 1 FROM pace)
"""


class Lessons(NamedTuple):
    """`accounts`: by credential. `speeds`: by target, an average of the seconds to the first token and the
    wall time of its latest measurement. `shut`: meters that learned that they allow nothing. `paced`: meters
    whose rate is being found by trying."""

    accounts: dict[str, LearnedAccount]
    speeds: dict[str, tuple[float, float]]
    shut: frozenset[str]
    paced: frozenset[str] = frozenset()


class LedgerLessons(LedgerStore):
    """Part of `storage.ledger.Ledger`."""

    _lessons: tuple[float, Lessons] | None = None
    _paced: int = 1

    def lessons(self) -> Lessons:
        """As of a second ago at most; what this process taught counts at once."""
        now = self._timeline.steady()
        held = self._lessons
        if held is not None and 0 <= now - held[0] < _READ_AGAIN_S:
            return held[1]
        found = self._read(_lessons)
        self._lessons = (now, found)
        return found

    def note_account(self, credential: str, provider: str, name: str, *, how: str) -> bool:
        """The credential belongs to the account `name` of its provider. Returns whether that is news."""
        from freellm_cli.storage import ledger_accounts

        held = self.lessons().accounts.get(credential)
        if held is not None and held.name == name and held.how == how:
            return False
        self._lessons = None
        return self._write(
            lambda connection, moment: ledger_accounts.put(
                connection, credential, provider, name, how, moment
            )
        )

    def forget_accounts(self, credential: str | None = None) -> int:
        """Forgets what was learned of a credential's account (None: of all). Returns how many."""
        from freellm_cli.storage import ledger_accounts

        self._lessons = None
        return self._write(
            lambda connection, moment: ledger_accounts.forget(connection, credential)
        )

    def note_refusal(self, refusal: Refusal) -> tuple[Alike, tuple[str, ...]]:
        """Who was refused alike within seconds, and the credentials that are certain now to share a pot."""
        from freellm_cli.storage import ledger_accounts

        return self._write(
            lambda connection, moment: ledger_accounts.note_refusal(connection, refusal, moment)
        )

    def note_answer(self, target: Candidate, *, first_token_s: float) -> None:
        """A target has answered, and how soon."""
        from freellm_cli.storage import ledger_answers

        def work(connection: sqlite3.Connection, moment: Moment) -> None:
            ledger_answers.note_speed(connection, target.key, first_token_s, moment.wall)
            ledger_answers.part_accounts(
                connection, target.provider, target.model_id, target.credential, moment
            )

        self._write(work)

    def pace_refused(self, meter: str, opened: float) -> Pace | None:
        """A request leased at steady time `opened` was refused for a rate that nobody tells: from now on
        `meter` has a learned limit of its own, found by trying (core.pacing). None when it was told
        before."""
        from freellm_cli.storage import ledger_paces

        return self._write(
            lambda connection, moment: ledger_paces.refused(connection, meter, opened, moment)
        )

    def refused_again_and_again(self, credential: str, model: str, kind: str) -> bool:
        """Whether this target was refused so in several windows, though our count saw room each time."""
        from freellm_cli.storage import ledger_accounts

        return self._read(
            lambda connection, moment: (
                ledger_accounts.times_refused(connection, credential, model, kind)
                >= ledger_accounts.AGAIN_AND_AGAIN
            )
        )

    @property
    def finds_rates(self) -> bool:
        """Whether any rate is being found by trying, as of this process's latest look."""
        return bool(self._paced)

    def pace_answered(self, meter: str, opened: float) -> None:
        from freellm_cli.storage import ledger_paces

        self._write(
            lambda connection, moment: ledger_paces.answered(connection, meter, opened, moment)
        )


def _lessons(connection: sqlite3.Connection, moment: Moment) -> Lessons:
    accounts, speeds, shut, paced = connection.execute(_IS_EMPTY).fetchone()
    found = Lessons({}, {}, frozenset())
    if accounts:
        from freellm_cli.storage import ledger_accounts

        found = found._replace(accounts=ledger_accounts.every(connection, moment.wall))
    if speeds:
        from freellm_cli.storage import ledger_answers

        found = found._replace(speeds=ledger_answers.speeds(connection))
    if shut:
        from freellm_cli.storage import ledger_learned

        meters = ledger_learned.trusted(connection, moment.wall).values()
        empty = {limit.meter for limits in meters for limit in limits if limit.amount == 0}
        found = found._replace(shut=frozenset(empty))
    if paced:
        rows = connection.execute("SELECT meter FROM pace")
        found = found._replace(paced=frozenset(row[0] for row in rows))
    return found

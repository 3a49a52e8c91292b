"""Which credentials share a pot, and how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.services.pool import Pool
from freellm_cli.services.results import Table

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger_accounts import LearnedAccount

SAID = "you said so"
_KNOWN_BY = {"named": "an error named it", "together": "refused alike, again and again"}


class Pot(NamedTuple):
    """The credentials of one account. `known_by`: "you said so", "an error named it" or "refused alike,
    again and again"; of several ways the first."""

    provider: str
    account: str
    credentials: tuple[str, ...]
    known_by: str

    @property
    def is_shared(self) -> bool:
        return len(self.credentials) > 1


def pots(runtime: Runtime) -> tuple[Pot, ...]:
    """Every account that is known, said or learned, in the order of the credentials."""
    said = {item.id for item in runtime.credentials() if item.account}
    learned = runtime.ledger.lessons().accounts
    found: dict[tuple[str, str], list[str]] = {}
    for item in Pool(runtime).credentials():
        if item.account:
            found.setdefault((item.provider, item.account), []).append(item.id)
    return tuple(
        Pot(provider, account, tuple(members), _known_by(members, said, learned))
        for (provider, account), members in found.items()
    )


def _known_by(members: list[str], said: set[str], learned: dict[str, LearnedAccount]) -> str:
    unsaid = [member for member in members if member not in said]
    if not unsaid:
        return SAID
    return _KNOWN_BY[learned[unsaid[0]].how]


def shared_table(found: tuple[Pot, ...]) -> Table:
    rows = tuple(
        (", ".join(pot.credentials), f"{pot.provider}/{pot.account}", pot.known_by) for pot in found
    )
    return Table(("keys that share their limits", "account", "known because"), rows)

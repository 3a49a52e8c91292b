"""Limits that the user states in `[[providers.NAME.limits]]`."""

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from freellm_cli.core.limits import CONCURRENT, Limit, Window
from freellm_cli.core.settings_values import BadValue

SCOPES = ("credential", "account", "provider", "address")
AMOUNTS: dict[str, tuple[str, Window]] = {
    f"{unit}_per_{name}": (unit, window)
    for unit in ("requests", "tokens")
    for name, window in (
        ("second", Window("sliding", 1.0)),
        ("minute", Window("sliding", 60.0)),
        ("hour", Window("sliding", 3600.0)),
        ("day", Window("day")),
        ("month", Window("month")),
    )
} | {"concurrent": (CONCURRENT, Window("open"))}
"""Each amount that a row may state. Days and months are the provider's own, unless the row has a
`zone`.
"""

_TEXTS = ("model", "group", "scope", "account", "zone")


class SetLimit(NamedTuple):
    """One amount of one row.

    `model`: a pattern of model names, each of which has the limit for itself; "*": all models
    together; `group`: the models that match share one counter of this name. `scope` "": what the
    provider counts by. `account` "": every account. `zone` "": the provider's own day.
    """

    unit: str
    window: Window
    amount: int
    model: str = "*"
    group: str = ""
    scope: str = ""
    account: str = ""
    zone: str = ""

    def holds_for(self, model: str, account: str) -> bool:
        """Whether a request for this model (its name without the provider) on this account counts."""
        return fnmatchcase(model, self.model) and self.account in ("", account)

    def limit(
        self,
        *,
        provider: str,
        model: str,
        credential: str,
        account: str,
        scope: str,
        zone: str,
    ) -> Limit:
        """The limit as the ledger keeps it; `scope` and `zone` are the provider's, used where the
        row says nothing. An account that is not known ("") is the credential's own."""
        owner = {
            "credential": f"credential:{credential}",
            "account": f"account:{provider}/{account or credential}",
            "provider": f"provider:{provider}",
            "address": f"address:{provider}",
        }[self.scope or scope]
        subject = f"group:{self.group}" if self.group else "*" if self.model == "*" else model
        window = self.window
        if window.kind in ("day", "month"):
            window = window._replace(zone=self.zone or zone)
        return Limit(f"{owner}|{subject}", self.unit, window, self.amount, "set")


def limits_from_rows(rows: Any) -> tuple[SetLimit, ...]:
    """The limits of `[[providers.NAME.limits]]`. Raises BadValue."""
    if not isinstance(rows, list):
        raise BadValue("a list of tables ([[providers.NAME.limits]])", value=rows)
    found: list[SetLimit] = []
    for position, row in enumerate(rows):
        if not isinstance(row, dict):
            raise BadValue("a table", (position,), row)
        found += _limits_of_row(row, position)
    return tuple(found)


def _limits_of_row(row: dict[str, Any], position: int) -> list[SetLimit]:
    words = {name: _text(row, name, position) for name in _TEXTS if name in row}
    unknown = [name for name in row if name not in AMOUNTS and name not in _TEXTS]
    if unknown:
        raise BadValue("", (position, unknown[0]), problem=_not_known(unknown[0]))
    found = []
    for name, (unit, window) in AMOUNTS.items():
        if name in row:
            amount = row[name]
            if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
                raise BadValue("a whole number, 0 or more", (position, name), amount)
            found.append(SetLimit(unit, window, amount, **words))
    if not found:
        raise BadValue(f"a table with at least one of {', '.join(AMOUNTS)}", (position,), row)
    return found


def _text(row: dict[str, Any], name: str, position: int) -> str:
    value = row[name]
    if not isinstance(value, str):
        raise BadValue("a text", (position, name), value)
    if name == "scope" and value not in SCOPES:
        raise BadValue(f"one of {', '.join(SCOPES)}", (position, name), value)
    return value


def _not_known(name: str) -> str:
    from difflib import get_close_matches

    names = [*AMOUNTS, *_TEXTS]
    close = get_close_matches(name, names, 1, 0.6)
    return f"is not known: {f'did you mean {close[0]}?' if close else 'use ' + ', '.join(names)}"

"""The pool at a glance, for faces that stay open: every credential with what it may still do, as parts that
change one by one.

Times are wall times in whole seconds, so that a part changes only when something has happened.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from freellm_cli.services.limits import show_limits
from freellm_cli.services.pool import Pool
from freellm_cli.storage.paths import ledger_file

if TYPE_CHECKING:
    from freellm_cli.core.credentials import Credential
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger import Rest

SHARE_OF_A_CORE = 0.01
"""The limits are not looked at more often than this share of a core pays for."""
_OFTEST_S, _SELDOMEST_S = 1.0, 30.0
_REFUSED = ("auth_invalid", "auth_forbidden", "key_suspended", "payment_required")

Row = dict[str, Any]


class PoolPicture:
    """`processor_s()`: processor time of the calling thread, so that what a look costs sets how often it
    is taken."""

    def __init__(self, processor_s: Callable[[], float] = time.thread_time) -> None:
        self._processor_s = processor_s
        self._runtime: Runtime | None = None
        self._meters: list[Row] = []
        self._mark: tuple[object, ...] = ()
        self._looked_at = self._next = self._turns = 0.0

    def rows(self, runtime: Runtime) -> list[Row]:
        """One row for each credential, in their order:

        {"id", "provider", "title", "label", "kind", "source", "account", "shares": [ids], "state",
        "why": text, "rest": REST|None, "models": [{"model", "state", "rest": REST|None, "limits":
        [{"unit", "window", "amount", "used", "resets_at": time|None, "source"}]}]}

        REST: {"kind", "reason", "until": time|None, "due": bool}. `state`: "good", "limited" (nothing left
        until a window turns), "resting", "refused" (needs its owner), "off". A `model` that ends in "/*" or
        names a group stands for several. Raises StoreError.
        """
        now = runtime.clock.now()
        self._look(runtime, now)
        rests = [_rest_row(rest) for rest in runtime.ledger.rests()]
        found = []
        accounts: dict[tuple[str, str], list[str]] = {}
        credentials = Pool(runtime).credentials()
        for item in credentials:
            if item.account:
                accounts.setdefault((item.provider, item.account), []).append(item.id)
        for item in credentials:
            sharing = accounts.get((item.provider, item.account), ())
            row = self._row(runtime, item, rests)
            row["shares"] = [name for name in sharing if name != item.id]
            found.append(row)
        return found

    def _look(self, runtime: Runtime, now: float) -> None:
        """Reads the limits anew when something may have changed them."""
        mark = _mark(ledger_file(runtime.paths))
        same = runtime is self._runtime and now >= self._looked_at
        changed = mark != self._mark or now >= self._turns
        if same and (now < self._next or not changed):
            return
        began = self._processor_s()
        meters = show_limits(runtime).data["targets"]
        cost = self._processor_s() - began
        self._runtime, self._mark, self._looked_at = runtime, mark, now
        self._meters = [_meter_row(meter, now) for meter in meters]
        self._next = now + min(_SELDOMEST_S, max(_OFTEST_S, cost / SHARE_OF_A_CORE))
        turns = [
            limit["resets_at"]
            for meter in self._meters
            for limit in meter["limits"]
            if limit["resets_at"] is not None
        ]
        self._turns = min([now + _SELDOMEST_S, *turns])

    def _row(self, runtime: Runtime, item: Credential, rests: list[Row]) -> Row:
        mine = [rest for rest in rests if _keeps(rest, item)]
        whole = next((rest for rest in mine if not rest["model"]), None)
        models = [
            {"model": meter["model"], "limits": meter["limits"]}
            for meter in self._meters
            if item.id in meter["credentials"]
        ]
        known = {model["model"] for model in models}
        models += [
            {"model": name, "limits": []}
            for name in dict.fromkeys(rest["model"] for rest in mine if rest["model"])
            if name not in known
        ]
        for model in models:
            rest = next((rest for rest in mine if rest["model"] == model["model"]), None)
            model["rest"] = _told(rest)
            model["state"] = _model_state(model["limits"], rest)
        provider = runtime.catalog.provider(item.provider)
        return {
            "id": item.id,
            "provider": item.provider,
            "title": provider.title,
            "label": item.label,
            "kind": item.kind,
            "source": item.source,
            "account": item.account,
            "state": _state(item, whole, models),
            "why": "" if item.enabled else item.disabled_reason,
            "rest": _told(whole),
            "models": models,
        }


def _state(item: Credential, rest: Row | None, models: list[Row]) -> str:
    if not item.enabled:
        return "off"
    if rest is not None:
        return _rest_state(rest)
    for model in models:
        if model["model"] == f"{item.provider}/*" and model["state"] != "good":
            return str(model["state"])
    if models and all(model["state"] != "good" for model in models):
        resting = all(model["state"] == "resting" for model in models)
        return "resting" if resting else "limited"
    return "good"


def _rest_state(rest: Row) -> str:
    return "refused" if rest["kind"] in _REFUSED or rest["until"] is None else "resting"


def _model_state(limits: list[Row], rest: Row | None) -> str:
    if rest is not None:
        return _rest_state(rest)
    spent = any(limit["used"] >= limit["amount"] for limit in limits)
    return "limited" if spent else "good"


def _meter_row(meter: Mapping[str, Any], now: float) -> Row:
    limits = []
    for limit in meter["limits"]:
        left = limit["resets_in_s"]
        row = {name: limit[name] for name in ("unit", "window", "amount", "used", "source")}
        row["resets_at"] = None if left is None else round(now + left)
        limits.append(row)
    return {"credentials": meter["credentials"], "model": meter["model"], "limits": limits}


def _rest_row(rest: Rest) -> Row:
    what, _, name = rest.key.partition(":")
    row: Row = {
        "kind": rest.kind,
        "reason": rest.reason,
        "until": None if rest.until is None else round(rest.until),
        "due": rest.due,
        "what": what,
        "model": "",
    }
    if what == "target":
        row["owner"], _, row["model"] = name.partition("/")
    elif what == "model":
        row["owner"], row["model"] = name.partition("/")[0], name
    elif what == "account":
        row["owner"], _, model = name.partition("|")
        row["model"] = f"{row['owner'].partition('/')[0]}/{model}" if model else ""
    else:
        row["owner"] = name
    return row


def _keeps(rest: Row, item: Credential) -> bool:
    """Whether the rest keeps this credential, or one of its models, from being asked."""
    what, owner = rest["what"], rest["owner"]
    if what in ("target", "credential"):
        return bool(owner == item.id)
    if what == "account":
        return bool(owner == f"{item.provider}/{item.account or item.id}")
    return bool(owner == item.provider)


def _told(rest: Row | None) -> Row | None:
    if rest is None:
        return None
    return {name: rest[name] for name in ("kind", "reason", "until", "due")}


def _mark(path: str) -> tuple[object, ...]:
    """Changes when any process writes to the ledger."""
    found: list[object] = []
    for name in (path, path + "-wal"):
        try:
            status = os.stat(name)
            found.append((status.st_mtime_ns, status.st_size))
        except OSError:
            found.append(None)
    return tuple(found)

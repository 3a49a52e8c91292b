"""`freellm limits drift` and `forget`: what servers said beside what the catalog says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import UnknownName
from freellm_cli.core.limits import Limit, Window, window_name
from freellm_cli.services.limit_sources import day_of
from freellm_cli.services.pool import PoolTarget
from freellm_cli.services.results import Line, Result

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger_reports import Learned


def drift(runtime: Runtime) -> Result:
    """Every amount that a server told otherwise than the catalog, as a patch of the catalog's files."""
    from freellm_cli.services.limits import limited_targets
    from freellm_cli.storage.ledger_learned import holds

    users: dict[str, PoolTarget] = {}
    for item in limited_targets(runtime, ""):
        for limit in item.candidate.limits:
            users.setdefault(limit.meter, item)
    now = runtime.clock.now()
    rows = [
        row
        for learned in runtime.ledger.learned()
        if learned.limit.meter in users
        and holds(learned, now)
        and (row := _difference(users[learned.limit.meter], learned)) is not None
    ]
    lines = [Line(text) for text in _patch(rows)]
    if not rows:
        lines = [Line("no server has said anything else than the catalog does", "good")]
    return Result({"drift": rows}, tuple(lines))


def _difference(target: PoolTarget, learned: Learned) -> dict[str, Any] | None:
    said = learned.limit
    published = next(
        (
            limit
            for limit in target.candidate.limits
            if (limit.meter, limit.unit, limit.window) == (said.meter, said.unit, said.window)
            and limit.source == "published"
            and limit.amount >= 0
        ),
        None,
    )
    if published is not None and published.amount == said.amount:
        return None
    return {
        "provider": target.provider.id,
        "model": target.model.id,
        "scope": said.meter.partition(":")[0],
        "subject": _subject(said, target),
        "unit": said.unit,
        "window": _catalog_window(said.window),
        "published": None if published is None else published.amount,
        "learned": said.amount,
        "by": "trying" if said.source == "rate" else "the server",
        "evidence": learned.evidence,
        "on": day_of(learned.at),
    }


def _subject(limit: Limit, target: PoolTarget) -> str:
    subject = limit.meter.partition("|")[2]
    return "model" if subject == target.model.name else subject


def _catalog_window(window: Window) -> str:
    """As the catalog's files spell it (core.published.parse_window)."""
    if window.kind == "sliding":
        return f"{window.seconds:g}s"
    if window.kind == "first_use":
        return f"{window.seconds:g}s-first-use"
    return window_name(window)


def _patch(rows: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        model = row["model"] if row["subject"] == "model" else ""
        groups.setdefault((row["provider"], model), []).append(row)
    for (provider, model), members in groups.items():
        lines += ["", f"# {provider}.toml"] if lines else [f"# {provider}.toml"]
        lines += ["[[models]]", f"id = {_quoted(model)}"] if model else ["[provider]"]
        lines.append("limits = [")
        # Several keys have been told the same: it is one line of the catalog.
        said: dict[str, str] = {}
        for row in members:
            text = f"{row['scope']} {row['subject']}: {row['learned']} {row['unit']} per {row['window']}"
            was = "not listed" if row["published"] is None else f"was {row['published']}"
            said[text] = f"  {_quoted(text)},  # {was}; {row['evidence']}, {row['on']}"
        lines += [*said.values(), "]"]
    return lines


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def forget(runtime: Runtime, name: str) -> Result:
    """Forgets learned limits and accounts of a provider, credential, model or target; "" for all.

    Raises UnknownName when nothing was learned under that name.
    """
    ledger = runtime.ledger
    if not name:
        amount = ledger.forget(None)
        amount += ledger.forget_accounts()
        return Result({"forgotten": amount}, (Line(f"forgotten: {amount} learned facts", "good"),))
    from freellm_cli.services.limits import limited_targets

    meters: dict[str, None] = {}
    credentials: dict[str, None] = {}
    for item in limited_targets(runtime, ""):
        names = (item.candidate.key, item.credential.id, item.model.id, item.provider.id)
        if name in (*names, item.credential.label):
            meters |= dict.fromkeys(limit.meter for limit in item.candidate.limits)
            credentials[item.credential.id] = None
    learned = {each.limit.meter for each in ledger.learned()}
    gone = [meter for meter in meters if meter in learned]
    amount = sum(ledger.forget(meter) for meter in gone)
    amount += sum(ledger.forget_accounts(credential) for credential in credentials)
    if not amount:
        raise UnknownName(
            f"nothing was learned under the name {name!r}", hint="see `freellm limits drift`"
        )
    return Result({"forgotten": amount}, (Line(f"forgotten: {amount} learned facts", "good"),))

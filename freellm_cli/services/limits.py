"""`freellm limits`: what is used of every limit, what rests and why, and waking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.errors import UnknownName
from freellm_cli.core.limits import spell_amount
from freellm_cli.services.limit_sources import Source, Told
from freellm_cli.services.pool import PoolTarget
from freellm_cli.services.pots import pots, shared_table
from freellm_cli.services.results import Block, Cell, Line, Result, Table
from freellm_cli.services.spell import spell_seconds, spell_until, spell_window
from freellm_cli.storage.ledger_reports import Usage

if TYPE_CHECKING:
    from freellm_cli.services.limit_map import LimitMap
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger import Rest


class _Meter(NamedTuple):
    """What is counted together: `model` is `provider/*` when that is more than one model."""

    credentials: tuple[str, ...]
    model: str
    usages: tuple[Usage, ...]
    sources: tuple[Source, ...]


def show_limits(runtime: Runtime, provider: str = "") -> Result:
    """Used, limit and reset of everything that was asked lately or has a limit of the user's own, and every
    rest. Raises UnknownName for a provider that is none.
    """
    if provider:
        runtime.catalog.provider(provider)
    known = runtime.limit_maps.of(provider)
    now = runtime.clock.now()
    meters = [meter for meter in _meters(runtime, known) if _is_worth_a_look(meter)]
    rests = [rest for rest in runtime.ledger.rests() if not provider or provider in rest.key]
    table = Table(
        ("key", "model", "used", "limit", "window", "resets in", "source"),
        tuple(row for meter in meters for row in _meter_rows(meter, now)),
        empty="no limit has been touched: nothing was used yet, or none is known for what was"
        if known.targets
        else "no key stored yet: `freellm setup` leads to a first one",
    )
    blocks: list[Block] = [table]
    if rests:
        blocks.append(_rest_table(rests, now))
    shared = [pot for pot in pots(runtime) if pot.is_shared and provider in ("", pot.provider)]
    if shared:
        blocks.append(shared_table(tuple(shared)))
    data = {
        "targets": [_meter_data(meter, now) for meter in meters],
        "rests": [_rest_data(rest, now) for rest in rests],
        "shared": [pot._asdict() for pot in shared],
    }
    return Result(data, tuple(blocks))


def _meters(runtime: Runtime, known: LimitMap) -> list[_Meter]:
    """Each meter that may be worth a look once, in the order of the targets that it counts."""
    told = Told(runtime)
    counted = runtime.ledger.counted()
    sources = {}
    for meter in known.users:
        limits = known.limits.get(meter, ())
        is_set = any(limit.source == "set" for limit in limits)
        if told.has(meter) or is_set or (limits and meter in counted):
            sources[meter] = told.sources(meter, limits)
    asked = [source.limit for group in sources.values() for source in group]
    usages = {usage.limit: usage for usage in runtime.ledger.usage(asked)}
    return [
        _Meter(
            tuple(dict.fromkeys(item.credential.id for item in known.users[meter])),
            _subject(meter, known.users[meter][0]),
            tuple(usages[source.limit] for source in group),
            group,
        )
        for meter, group in sources.items()
    ]


def _subject(meter: str, first: PoolTarget) -> str:
    subject = meter.partition("|")[2]
    if subject == "*" or subject.startswith("group:"):
        return f"{first.provider.id}/{subject}"
    return first.model.id


def _is_worth_a_look(meter: _Meter) -> bool:
    return any(
        usage.used or usage.limit.source == "set" or source.data
        for usage, source in zip(meter.usages, meter.sources, strict=True)
    )


def limited_targets(runtime: Runtime, provider: str) -> tuple[PoolTarget, ...]:
    """Every usable credential × model of the catalog that has limits, and those asked lately."""
    return runtime.limit_maps.of(provider).targets


def _meter_rows(meter: _Meter, now: float) -> list[tuple[str | Cell, ...]]:
    rows: list[tuple[str | Cell, ...]] = []
    for place, (usage, source) in enumerate(zip(meter.usages, meter.sources, strict=True)):
        share = usage.used / usage.limit.amount if usage.limit.amount else 1.0
        style = "bad" if share >= 1 else "warn" if share >= 0.8 else "good"
        resets = spell_seconds(usage.resets_at - now) if usage.resets_at else ""
        rows.append(
            (
                Cell(", ".join(meter.credentials), "strong") if not place else "",
                meter.model if not place else "",
                Cell(f"{usage.used:,}", style),
                spell_amount(usage.limit),
                spell_window(usage.limit.window),
                resets,
                Cell(source.text, "warn" if source.differs else "dim"),
            )
        )
    return rows


def _meter_data(meter: _Meter, now: float) -> dict[str, Any]:
    return {
        "credentials": list(meter.credentials),
        "model": meter.model,
        "limits": [
            {
                "unit": usage.limit.unit,
                "window": spell_window(usage.limit.window),
                "amount": usage.limit.amount,
                "used": usage.used,
                "open": usage.open,
                "resets_in_s": round(usage.resets_at - now, 1) if usage.resets_at else None,
                "counted_on": usage.limit.meter,
                "source": usage.limit.source,
                **source.data,
            }
            for usage, source in zip(meter.usages, meter.sources, strict=True)
        ],
    }


def _rest_table(rests: list[Rest], now: float) -> Table:
    rows = tuple(
        (
            Cell(rest.key.split(":", 1)[1], "strong"),
            rest.key.split(":", 1)[0],
            Cell("a trial is due" if rest.due else spell_until(rest.until, now), "warn"),
            rest.reason,
        )
        for rest in rests
    )
    return Table(("resting", "what", "for", "why"), rows)


def _rest_data(rest: Rest, now: float) -> dict[str, Any]:
    return {
        "key": rest.key,
        "kind": rest.kind,
        "reason": rest.reason,
        "until_s": None if rest.until is None else round(rest.until - now, 1),
        "strikes": rest.strikes,
        "due": rest.due,
        "request": rest.request_id,
    }


def why_limited(runtime: Runtime, name: str) -> Result:
    """What keeps a credential, a model or a target from being asked, and until when. Raises UnknownName."""
    targets = _named(runtime, name)
    if not targets:
        raise UnknownName(
            f"{name!r} is no key, model or target of yours", hint="see `freellm limits`"
        )
    now = runtime.clock.now()
    views = runtime.ledger.explain([item.candidate for item in targets], tokens=400)
    rows, data = [], []
    for view in views:
        for reason in view.reasons:
            rows.append(
                (view.candidate.key, Cell(reason.text, "warn"), spell_until(reason.until, now))
            )
            data.append(
                {
                    "target": view.candidate.key,
                    "why": reason.why,
                    "text": reason.text,
                    "until_s": None if reason.until is None else round(reason.until - now, 1),
                }
            )
    free = [view.candidate.key for view in views if view.is_free]
    table = Table(
        ("target", "why", "for"), tuple(rows), empty=f"nothing keeps {name} from being asked"
    )
    return Result({"blocked": data, "free": free}, (table,))


def _named(runtime: Runtime, name: str) -> list[PoolTarget]:
    """The targets that a person means by a target, a credential, its label, a model or a provider."""
    return [
        item
        for item in limited_targets(runtime, "")
        if name
        in (
            item.candidate.key,
            item.credential.id,
            item.model.id,
            item.provider.id,
            item.credential.label,
        )
    ]


def reset_limits(runtime: Runtime, name: str) -> Result:
    """Wakes what rests under this name (a credential, a model, a target, a provider; "" for everything)."""
    keys = [rest.key for rest in runtime.ledger.rests()]
    chosen = [key for key in keys if not name or key.split(":", 1)[1] == name or key == name]
    if not chosen and name:
        owned = {key for item in _named(runtime, name) for key in item.candidate.rest_keys}
        chosen = [key for key in keys if key in owned]
    if name and not chosen:
        resting = ", ".join(key.split(":", 1)[1] for key in keys[:5])
        raise UnknownName(
            f"nothing rests under the name {name!r}",
            hint=f"resting: {resting}" if resting else "nothing rests at all",
        )
    for key in chosen:
        runtime.ledger.wake(key)
    lines = tuple(Line(f"woken: {key}", "good") for key in chosen) or (Line("nothing rests"),)
    return Result({"woken": chosen}, lines)

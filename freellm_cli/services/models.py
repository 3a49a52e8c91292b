"""`freellm models`: what can be asked, filtered the way people choose."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.catalog import USES, ModelSpec, ProviderSpec, PublishedLimit
from freellm_cli.core.errors import UnknownName, UsageError
from freellm_cli.core.route_refusals import way_in
from freellm_cli.services.discovery import (
    is_stale,
    is_unlisted,
    last_list,
    read_list,
    refresh,
    unlisted,
)
from freellm_cli.services.model_speeds import measured_speeds, spell_speed
from freellm_cli.services.results import Block, Cell, Facts, Line, Result, Table
from freellm_cli.services.spell import short_count, short_limit, spell_seconds
from freellm_cli.storage.speed_file import Speed

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

_STATUS_STYLE = {"active": "good", "restricted": "warn", "expires": "warn", "closed": "bad"}
_SHOWN_CAPABILITIES = ("vision", "tools", "thinking", "json", "audio", "pdf", "embeddings")


class Filter(NamedTuple):
    """Every field narrows; None and "" mean "any"."""

    provider: str = ""
    recommended: bool = False
    use: str = ""
    thinking: bool | None = None
    vision: bool = False
    tools: bool = False
    min_context: int = 0
    family: str = ""
    available: bool = False
    all: bool = False
    """Also models that are gone."""
    words: str = ""
    """Part of an id, a family or a title."""


def list_models(
    runtime: Runtime, wanted: Filter, *, names: bool = False, fresh: bool = False
) -> Result:
    """Models that pass `wanted`. `fresh` fetches the providers' own lists first; offline always works, but
    for a host of the person's own whose list was never read: that is asked now.

    Raises UnknownName for a provider or family that is none, UsageError for an unknown use, UpstreamError
    when such a host gives no list.
    """
    if wanted.use and wanted.use not in USES:
        raise UsageError(f"--for takes {', '.join(USES)}, not {wanted.use!r}")
    wanted = _provider_or_words(runtime, wanted)
    notices = _refreshed(runtime, wanted) if fresh else _read_first(runtime, wanted)
    usable = runtime.usable_providers()
    catalog = runtime.catalog_with_discovered()
    if wanted.family and not catalog.family(wanted.family):
        nearest = catalog.nearest_models(wanted.family, 3)
        raise UnknownName(
            f"no family is called {wanted.family!r}", hint="see `freellm models`", nearest=nearest
        )
    found = [
        model
        for model in catalog.models(wanted.provider or None)
        if _passes(model, catalog.provider(model.provider), wanted, usable)
    ]
    found.sort(key=lambda model: (not model.recommended, model.status == "closed"))
    if names:
        return Result(
            {"models": [model.id for model in found]}, tuple(Line(m.id) for m in found), notices
        )
    speeds = measured_speeds(runtime)
    data = {
        "models": [
            _data(model, catalog.provider(model.provider), usable, speeds.get(model.id))
            for model in found
        ]
    }
    table = _table(found, usable, speeds)._replace(empty=_nothing(runtime, wanted))
    return Result(data, (table, *_ending(runtime, wanted, len(found))), notices)


def _provider_or_words(runtime: Runtime, wanted: Filter) -> Filter:
    """A provider that is none may be part of a model's name. Raises UnknownName when it is not."""
    if wanted.provider in ("", *runtime.catalog.provider_ids()):
        return wanted
    by_words = wanted._replace(provider="", words=wanted.provider)
    catalog = runtime.catalog_with_discovered()
    every = by_words._replace(all=True)
    if not any(_passes(m, catalog.provider(m.provider), every, ()) for m in catalog.models()):
        runtime.catalog.provider(wanted.provider)
    return by_words


def _refreshed(runtime: Runtime, wanted: Filter) -> tuple[str, ...]:
    usable = runtime.usable_providers()
    public = {spec.id for spec in runtime.catalog.providers() if spec.list_public}
    chosen = [wanted.provider] if wanted.provider else sorted({*usable, *public})
    outcomes = refresh(runtime, chosen)
    return tuple(
        f"{item.provider}: {item.problem}"
        if item.problem
        else f"{item.provider}: its list names {item.models} models"
        for item in outcomes
    )


def _read_first(runtime: Runtime, wanted: Filter) -> tuple[str, ...]:
    """What nobody else can know of a host of one's own is asked of it, and what is known from a list that has
    grown old is asked again. Raises UpstreamError for the first."""
    name = wanted.provider
    if not name or name not in runtime.usable_providers() or not runtime.settings.discovery.enabled:
        return ()
    spec = runtime.catalog.provider(name)
    if is_unlisted(runtime, name):
        return (f"{name}: {read_list(runtime, spec)} models, read from {spec.base_url}",)
    return _refreshed(runtime, wanted) if is_stale(runtime, name) else ()


def _passes(
    model: ModelSpec, provider: ProviderSpec, wanted: Filter, usable: Collection[str]
) -> bool:
    gone = model.status == "closed" or provider.status == "closed"
    checks = (
        not gone or wanted.all or bool(wanted.provider or wanted.family),
        not wanted.recommended or (model.recommended and not gone),
        not wanted.use or wanted.use in model.uses,
        wanted.thinking is None or ("thinking" in model.capabilities) == wanted.thinking,
        not wanted.vision or "vision" in model.capabilities,
        not wanted.tools or "tools" in model.capabilities,
        (model.context or 0) >= wanted.min_context,
        not wanted.family or model.family == wanted.family,
        wanted.words.lower() in f"{model.id} {model.family} {model.title}".lower(),
        not wanted.available or (model.provider in usable and not gone),
    )
    return all(checks)


def _data(
    model: ModelSpec, provider: ProviderSpec, usable: Collection[str], speed: Speed | None
) -> dict[str, Any]:
    limits = model.limits or provider.limits
    return {
        "id": model.id,
        "provider": model.provider,
        "family": model.family,
        "title": model.title,
        "context": model.context,
        "max_output": model.max_output,
        "capabilities": sorted(model.capabilities),
        "status": "closed" if provider.status == "closed" else model.status,
        "status_date": model.status_date or provider.status_date,
        "source": model.source or provider.source,
        "expires": model.expires,
        "replacement": model.replacement,
        "recommended": model.recommended,
        "uses": list(model.uses),
        "speed": model.speed,
        "quality": model.quality,
        "notes": model.notes,
        "limits": [limit._asdict() for limit in limits],
        "trains_on_prompts": provider.trains_on_prompts,
        "usable": model.provider in usable,
        "discovered": model.discovered,
        "measured": speed._asdict() if speed else None,
        "history": list(model.history),
    }


def _table(models: list[ModelSpec], usable: Collection[str], speeds: dict[str, Speed]) -> Table:
    rows = []
    for model in models:
        can = ", ".join(word for word in _SHOWN_CAPABILITIES if word in model.capabilities)
        star = "★ " if model.recommended else ""
        style = "" if model.provider in usable else "dim"
        rows.append(
            (
                Cell(star + model.id, style or "strong"),
                model.family,
                short_count(model.context) if model.context else "?",
                can,
                Cell(model.status, _STATUS_STYLE.get(model.status, "dim")),
                spell_speed(speeds[model.id]) if model.id in speeds else model.speed,
                limits_text(model.limits),
            )
        )
    columns = ("model", "family", "context", "can", "status", "speed", "limits")
    return Table(columns, tuple(rows), spare=("family",))


def _nothing(runtime: Runtime, wanted: Filter) -> str:
    """What is said in place of a table without rows."""
    if not wanted.provider or not is_unlisted(runtime, wanted.provider):
        return "no model passes these filters"
    if last_list(runtime, wanted.provider) is not None:
        return f"{wanted.provider} names no model that chats or embeds"
    if wanted.provider in runtime.usable_providers():
        return f"no model of {wanted.provider} is known: --refresh asks it"
    way = way_in(runtime.catalog.provider(wanted.provider))
    return f"{wanted.provider} is not among your hosts yet: `{way}`"


def _ending(runtime: Runtime, wanted: Filter, count: int) -> tuple[Block, ...]:
    lines = []
    if count:
        words = "1 model" if count == 1 else f"{count} models"
        read = last_list(runtime, wanted.provider) if wanted.provider else None
        if not wanted.all and not wanted.provider:
            words += "; gone ones with --all, what providers serve today with --refresh"
        elif read is not None:
            ago = spell_seconds(runtime.clock.now() - read.fetched_at)
            words += f"; its list was read {ago} ago, --refresh reads it anew"
        lines.append(Line(words, "dim"))
    strangers = () if wanted.provider else unlisted(runtime)
    if strangers:
        ways = ", ".join(f"`freellm models {name}`" for name in strangers)
        lines.append(Line(f"no model is known yet of {', '.join(strangers)}: {ways}", "warn"))
    return tuple(lines)


_UNITS = {"requests": "req", "tokens": "tok", "concurrent": "at once"}


def limits_text(limits: tuple[PublishedLimit, ...]) -> str:
    """Such as "30 req/min, 8,000 tok/min, 200k tok/24h"."""
    return ", ".join(_limit_text(limit) for limit in limits)


def _limit_text(limit: PublishedLimit) -> str:
    window = {"60s": "min", "1s": "s", "open": ""}.get(limit.window, limit.window.split(":")[0])
    return f"{short_limit(limit.amount)} {_UNITS.get(limit.unit, limit.unit)}" + (
        f"/{window}" if window else ""
    )


def show_model(runtime: Runtime, model_id: str) -> Result:
    """Everything known of one model, with dates and sources. Raises UnknownName."""
    catalog = runtime.catalog_with_discovered()
    model = catalog.model(model_id)
    if model is None:
        members = catalog.family(model_id) or catalog.find(model_id)
        if not members:
            raise _no_model(runtime, model_id, catalog.nearest_models(model_id, 3))
        model = members[0]
    provider = catalog.provider(model.provider)
    usable = runtime.usable_providers()
    speed = measured_speeds(runtime).get(model.id)
    data = _data(model, provider, usable, speed)
    rows: list[tuple[str, str | Cell]] = [
        ("model", Cell(model.id, "strong")),
        ("family", model.family or "—"),
        ("context", f"{model.context:,} tokens" if model.context else "unknown"),
        ("longest answer", f"{model.max_output:,} tokens" if model.max_output else "unknown"),
        ("can", ", ".join(sorted(model.capabilities))),
        ("status", Cell(_status_text(data), _STATUS_STYLE.get(str(data["status"]), ""))),
        ("limits", limits_text(model.limits or provider.limits) or "not published"),
        ("limits count by", provider.limit_scope),
        ("trains on prompts", provider.trains_on_prompts),
    ]
    optional = {
        "good for": ", ".join(model.uses),
        "speed": model.speed,
        "measured": spell_speed(speed) if speed else "",
        "quality": model.quality,
        "notes": model.notes,
        "use instead": model.replacement,
        "source": str(data["source"]),
        "earlier": "; ".join(model.history),
        "elsewhere": ", ".join(m.id for m in catalog.family(model.family) if m.id != model.id)
        if model.family
        else "",
        "key": "" if model.provider in usable or provider.status == "closed" else way_in(provider),
    }
    rows += [(name, value) for name, value in optional.items() if value]
    return Result({"model": data}, (Facts(tuple(rows)),))


def _no_model(runtime: Runtime, name: str, nearest: tuple[str, ...]) -> UnknownName:
    from freellm_cli.core.routing import VIRTUAL_NAMES

    if name in VIRTUAL_NAMES or name in runtime.settings.aliases:
        return UnknownName(
            f"{name!r} stands for other models", hint=f'`freellm route "{name}"` shows which'
        )
    hint = f"did you mean {', '.join(nearest)}?" if nearest else "see `freellm models`"
    return UnknownName(f"no model is called {name!r}", hint=hint, nearest=nearest)


def _status_text(data: dict[str, Any]) -> str:
    text = str(data["status"])
    if data["status_date"]:
        text += f" (as of {data['status_date']})"
    if data["expires"]:
        text += f", ends {data['expires']}"
    return text

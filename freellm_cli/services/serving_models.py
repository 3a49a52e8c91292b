"""The models that a server offers: aliases, families and virtual names, then what credentials reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.errors import FreellmError
from freellm_cli.services.pool import Pool

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

Row = tuple[str, ModelSpec | None]
VIRTUAL = ("auto", "fast", "smart")


def model_rows(runtime: Runtime) -> list[Row]:
    """Everything that may be asked now, best first. Empty without credentials; never asks the network."""
    usable = runtime.usable_providers()
    if not usable:
        return []
    denied = Pool(runtime).book().denied
    catalog = runtime.catalog_with_discovered()
    served = [
        model
        for model in catalog.models()
        if model.provider in usable
        and model.status != "closed"
        and model.id not in denied
        and model.capabilities & {"chat", "embeddings"}
    ]
    served.sort(key=lambda model: not model.recommended)
    aliases = [name for name in runtime.settings.aliases if name != "*"]
    names = dict.fromkeys([*aliases, *(name for name in VIRTUAL if name not in aliases)])
    families = dict.fromkeys(model.family for model in served if model.family)
    rows: list[Row] = [(name, None) for name in names]
    rows += [(model.id, model) for model in served]
    known = {name for name, _ in rows}
    rows += [(family, None) for family in families if family not in known]
    return rows


def pool_names(runtime: Runtime) -> frozenset[str]:
    """Every name that the owner's keys and settings stand behind, whatever else clients may ask for."""
    settings = runtime.settings
    names = {name for name, _ in model_rows(runtime)} | {settings.default_model}
    for members in settings.aliases.values():
        names.update(members)
    return frozenset(names)


def model_row(runtime: Runtime, name: str) -> Row | None:
    """What is known of one name that a client may ask for; None when nothing answers to it."""
    model = runtime.catalog_with_discovered().model(name)
    if model is not None:
        return (name, model)
    from freellm_cli.core.routing import resolve

    try:
        route = resolve(name, Pool(runtime).book())
    except FreellmError:
        return None
    models = [model for step in route.steps for model in step.models]
    return (name, models[0] if models else None)

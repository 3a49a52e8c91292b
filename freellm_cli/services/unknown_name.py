"""A name that turns out to be unknown only when its providers are asked: the alias "*" catches it too."""

from __future__ import annotations

from collections.abc import Collection

from freellm_cli.core.errors import FreellmError
from freellm_cli.core.needs import Needs
from freellm_cli.core.settings import Settings
from freellm_cli.services.pool import Plan, Pool


def plan_for_unknown(
    asked: str, needs: Needs, pool: Pool, settings: Settings, tried: Collection[str]
) -> Plan | None:
    """Who answers for `asked`, which no provider has; None when nobody does: there is no such alias, it leads
    to nobody but those that were `tried` (keys of targets), or `asked` is an alias, and so known."""
    name = asked or settings.default_model or "auto"
    if "*" not in settings.aliases or name in settings.aliases:
        return None
    try:
        plan = pool.plan("*", needs)
    except FreellmError:
        return None  # the caller learns of the name that was asked for, which is the first trouble
    targets = tuple(item for item in plan.targets if item.candidate.key not in tried)
    if not targets:
        return None
    ended = f"no provider serves {name}"
    route = plan.route._replace(asked=asked, rerouted_from=name, ended=ended)
    return Plan(route, targets, plan.excluded)

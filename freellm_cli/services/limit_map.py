"""Which limits count on which meter, and for whom: worked out once, for faces that look again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.limits import COUNT_ONLY, Limit
from freellm_cli.core.needs import Needs
from freellm_cli.services.pool import Pool, PoolTarget

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

_A_QUESTION = Needs(prompt_tokens=200, answer_tokens=200, capabilities=frozenset({"chat"}))
_LATEST_REQUESTS = 200


class LimitMap(NamedTuple):
    """`users`: the targets of each meter, in the order of the pool. `limits`: what is known to hold there."""

    targets: tuple[PoolTarget, ...]
    users: dict[str, list[PoolTarget]]
    limits: dict[str, tuple[Limit, ...]]


class LimitMaps:
    """The maps of a runtime. One is made anew when settings, keys, lists, learned accounts or the models that
    are asked have changed."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known: dict[str, tuple[tuple[object, ...], LimitMap]] = {}

    def of(self, provider: str = "") -> LimitMap:
        """Every usable credential × model of the catalog that has limits, and those asked lately.
        `provider`: of this one alone."""
        runtime = self._runtime
        asked = _asked_lately(runtime)
        lessons = runtime.ledger.lessons()
        grounds = (
            runtime.settings,
            runtime.catalog_with_discovered(),
            runtime.credentials(),
            lessons.accounts,
            lessons.shut,
            asked,
        )
        held = self._known.get(provider)
        if held is not None and all(
            new is old or new == old for new, old in zip(grounds, held[0], strict=True)
        ):
            return held[1]
        made = _made(_targets(runtime, provider, asked))
        self._known[provider] = (grounds, made)
        return made


def _asked_lately(runtime: Runtime) -> frozenset[str]:
    return frozenset(
        attempt["target"].split("/", 1)[1]
        for request in runtime.ledger.requests(_LATEST_REQUESTS)
        for attempt in request.get("attempts", ())
    )


def _targets(runtime: Runtime, provider: str, asked: frozenset[str]) -> list[PoolTarget]:
    pool = Pool(runtime)
    usable = runtime.usable_providers()
    wanted = [name for name in runtime.catalog.provider_ids() if name in usable]
    if provider:
        wanted = [name for name in wanted if name == provider]
    found: list[PoolTarget] = []
    for name in wanted:
        known = {model.id: model for model in runtime.catalog.models(name)}
        for model_id in sorted(asked):
            if model_id.startswith(f"{name}/") and model_id not in known:
                spec = runtime.catalog.spec_for_unknown(name, model_id.split("/", 1)[1])
                known[model_id] = spec
        for model in known.values():
            found += pool.targets_of(model, _A_QUESTION)
    return found


def _made(targets: list[PoolTarget]) -> LimitMap:
    users: dict[str, list[PoolTarget]] = {}
    limits: dict[str, dict[Limit, None]] = {}
    for item in targets:
        for limit in item.candidate.limits:
            users.setdefault(limit.meter, []).append(item)
            if limit.amount != COUNT_ONLY:
                limits.setdefault(limit.meter, {})[limit] = None
    return LimitMap(tuple(targets), users, {meter: tuple(found) for meter, found in limits.items()})

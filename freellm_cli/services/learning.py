"""What an answer teaches: limits for the ledger, rests for what must rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.core.limits import CONCURRENT, Limit, Window
from freellm_cli.core.rate_headers import limits_in_headers
from freellm_cli.core.rest import rest_for
from freellm_cli.core.stated_limits import LearnedLimit
from freellm_cli.core.verdicts import Verdict

if TYPE_CHECKING:
    from freellm_cli.core.http import Headers
    from freellm_cli.services.pool import PoolTarget
    from freellm_cli.services.runtime import Runtime

_SLIDING = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
# Hosts whose "day" refills all the time: 24 hours that slide (https://console.groq.com/docs/rate-limits).
_ROLLING_DAY = frozenset(("groq", "github_models", "cerebras"))


def learned_limits(target: PoolTarget, headers: Headers, verdict: Verdict | None) -> list[Limit]:
    """The limits that an answer states, as the ledger counts them."""
    stated = limits_in_headers(target.provider.id, headers)
    if verdict is not None:
        stated += verdict.limits
    return [limit for item in stated if (limit := _as_limit(target, item)) is not None]


def _as_limit(target: PoolTarget, stated: LearnedLimit) -> Limit | None:
    if stated.subject and not _names_this(target, stated.subject):
        return None
    window = _window(target, stated.window, stated.unit)
    if window is None:
        return None
    owner = {
        "account": f"account:{target.provider.id}/{target.candidate.account}",
        "provider": f"provider:{target.provider.id}",
        "address": f"address:{target.provider.id}",
    }.get(target.provider.limit_scope, f"credential:{target.credential.id}")
    return Limit(
        f"{owner}|{_subject(target, stated, window)}", stated.unit, window, stated.amount, "learned"
    )


def _subject(target: PoolTarget, stated: LearnedLimit, window: Window) -> str:
    """The subject that the catalog gives a limit of this window and unit, else the model."""
    for limit in target.candidate.limits:
        if limit.unit == stated.unit and limit.window == window:
            return limit.meter.split("|", 1)[1]
    return target.model.name


def _names_this(target: PoolTarget, subject: str) -> bool:
    return subject in (target.model.name, target.target.name, target.model.id)


def _window(target: PoolTarget, name: str, unit: str) -> Window | None:
    if unit == CONCURRENT:
        return Window("open")
    if name in _SLIDING:
        return Window("sliding", _SLIDING[name])
    if name == "day":
        if target.provider.id in _ROLLING_DAY:
            return Window("sliding", 86_400.0)
        return Window("day", zone=target.provider.reset_zone)
    if name == "month":
        return Window("month", zone=target.provider.reset_zone)
    if name.endswith("s") and name[:-1].isdigit():
        return Window("sliding", float(name[:-1]))
    return None


# Faults that say little of the whole provider until several of its targets have them.
_BLIPS = frozenset(("server_error", "timeout", "html_error_page"))
_TARGETS_THAT_MAKE_A_PROVIDER = 3


def rest(runtime: Runtime, target: PoolTarget, verdict: Verdict, *, request_id: str) -> None:
    """Lets what the verdict names rest, for as long as it says or as experience grows."""
    key = rest_key(target, verdict)
    if not key:
        return
    ledger = runtime.ledger
    if key.startswith("provider:") and _is_blip(runtime, target, verdict):
        key = f"target:{target.candidate.key}"
    strikes = ledger.strikes(key) + 1
    decided = rest_for(
        verdict, now=runtime.clock.now(), strikes=strikes, jitter=runtime.rng.random()
    )
    if decided.seconds <= 0:
        return
    reason = verdict.kind.replace("_", " ")
    if verdict.message:
        reason += f": {runtime.redactor.clean(verdict.message)[:160]}"
    ledger.rest(key, until=decided.until, reason=reason, kind=verdict.kind, request_id=request_id)


def _is_blip(runtime: Runtime, target: PoolTarget, verdict: Verdict) -> bool:
    """One target's 5xx, broken line or silence: the provider itself rests when more of them fail."""
    if verdict.kind not in _BLIPS or (verdict.kind == "html_error_page" and verdict.status < 500):
        return False
    mine = f"/{target.provider.id}/"
    failing = [
        rest
        for rest in runtime.ledger.rests()
        if rest.key.startswith("target:") and mine in rest.key and rest.kind in _BLIPS
    ]
    return len(failing) < _TARGETS_THAT_MAKE_A_PROVIDER


def rest_key(target: PoolTarget, verdict: Verdict) -> str:
    """The ledger's name for what a verdict speaks of; "" when nothing rests."""
    candidate = target.candidate
    if verdict.scope == "model" and verdict.shared:
        return f"model:{candidate.model_id}"
    return {
        "key": f"credential:{candidate.credential}",
        "model": f"target:{candidate.key}",
        "account": f"account:{candidate.provider}/{candidate.account}",
        "provider": f"provider:{candidate.provider}",
    }.get(verdict.scope, "")

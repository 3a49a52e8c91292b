"""What an answer teaches: limits for the ledger, rests for what must rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.limits import CONCURRENT, REQUESTS, Limit, Window, is_long
from freellm_cli.core.rate_headers import readings
from freellm_cli.core.rest import rest_for
from freellm_cli.core.stated_limits import LearnedLimit
from freellm_cli.core.verdicts import Verdict
from freellm_cli.services.pool import RATE_WINDOW, meter_owner

if TYPE_CHECKING:
    from freellm_cli.core.http import Headers
    from freellm_cli.services.pool import PoolTarget
    from freellm_cli.services.runtime import Runtime

_SLIDING = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
# Hosts whose "day" refills all the time: 24 hours that slide (https://console.groq.com/docs/rate-limits).
_ROLLING_DAY = frozenset(("groq", "github_models", "cerebras"))


class Lesson(NamedTuple):
    """A limit that an answer states and where. `used`: what the provider says is used of it, as of `ago_s`
    before the answer's head; None when it does not say."""

    limit: Limit
    evidence: str
    used: int | None = None
    ago_s: float = 0.0


def lessons(target: PoolTarget, headers: Headers, verdict: Verdict | None) -> list[Lesson]:
    """The limits that an answer states, as the ledger counts them."""
    found = []
    for reading in readings(target.provider.id, headers):
        limit = _as_limit(target, reading.limit)
        if limit is not None:
            used = None if reading.remaining is None else limit.amount - reading.remaining
            ago = _ago_s(limit.window, reading.reset_s)
            found.append(Lesson(limit, reading.limit.dimension, used, ago))
    for stated in verdict.limits if verdict is not None else ():
        limit = _as_limit(target, stated)
        if limit is not None:
            found.append(Lesson(limit, stated.dimension or "the text of a refusal"))
    return found


def _ago_s(window: Window, reset_s: float | None) -> float:
    """What is used leaves a sliding window when the provider says that the window is whole again."""
    if window.kind != "sliding" or reset_s is None:
        return 0.0
    return max(0.0, window.seconds - reset_s)


def _as_limit(target: PoolTarget, stated: LearnedLimit) -> Limit | None:
    if stated.subject and not _names_this(target, stated.subject):
        return None
    window = _window(target, stated.window, stated.unit)
    if window is None:
        return None
    owner = meter_owner(target.provider, target.credential.id, target.candidate.account)
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


LIMITED = ("rate_limited_minute", "quota_exhausted_day")
# Faults that say little of the whole provider until several of its targets have them.
_BLIPS = frozenset(("server_error", "timeout", "html_error_page"))
_TARGETS_THAT_MAKE_A_PROVIDER = 3


def rest(
    runtime: Runtime,
    target: PoolTarget,
    verdict: Verdict,
    *,
    request_id: str,
    trial: bool | None = None,
) -> None:
    """Lets what the verdict names rest, for as long as it says or as experience grows; several credentials
    that are refused alike within seconds let what they may share rest, too. `trial`: as of `Ledger.rest`."""
    key = rest_key(target, verdict)
    if not key:
        return
    ledger = runtime.ledger
    if key.startswith("provider:") and _is_blip(runtime, target, verdict):
        key = f"target:{target.candidate.key}"
    held = ledger.resting_until(key)
    states_a_time = verdict.retry_after_s is not None or verdict.reset_at is not None
    if held is not None and not states_a_time:
        _suspect(runtime, target, verdict, held - runtime.clock.now(), request_id)
        return  # sent before the rest began: nothing new
    strikes = ledger.strikes(key) + (0 if held is not None else 1)
    decided = rest_for(
        verdict, now=runtime.clock.now(), strikes=strikes, jitter=runtime.rng.random()
    )
    if decided.seconds <= 0:
        return
    reason = verdict.kind.replace("_", " ")
    if verdict.message:
        reason += f": {runtime.redactor.clean(verdict.message)[:160]}"
    ledger.rest(
        key,
        until=decided.until,
        reason=reason,
        kind=verdict.kind,
        request_id=request_id,
        trial=trial,
    )
    if decided.until is not None:
        _suspect(runtime, target, verdict, decided.seconds, request_id)


def _suspect(
    runtime: Runtime, target: PoolTarget, verdict: Verdict, seconds: float, request_id: str
) -> None:
    if verdict.kind in LIMITED:
        from freellm_cli.services.suspicion import suspect

        suspect(runtime, target, verdict, seconds=seconds, request_id=request_id)


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
    pot = f"account:{candidate.provider}/{candidate.account}"
    if verdict.kind in LIMITED and counts_by_known_account(target):
        group = f"group:{target.model.group}" if target.model.group else target.model.name
        pots = {"key": pot, "model": f"{pot}|{group}"}
        if verdict.scope in pots:
            return pots[verdict.scope]
    return {
        "key": f"credential:{candidate.credential}",
        "model": f"target:{candidate.key}",
        "account": pot,
        "provider": f"provider:{candidate.provider}",
    }.get(verdict.scope, "")


def counts_by_known_account(target: PoolTarget) -> bool:
    return bool(target.credential.account) and target.provider.limit_scope == "account"


def unknown_rate(target: PoolTarget) -> str:
    """The meter on which a rate must be found by trying, "" when a limit of minutes is known."""
    for limit in target.candidate.limits:
        if limit.unit == REQUESTS and limit.window == RATE_WINDOW and limit.amount < 0:
            return limit.meter
    return ""


def doubted_rate(target: PoolTarget, verdict: Verdict) -> str:
    """The meter whose known rate a refusal calls in question: our count saw room, and no amount is told. ""
    for none."""
    if verdict.kind != "rate_limited_minute" or verdict.limits or verdict.shared:
        return ""
    for limit in target.candidate.limits:
        if limit.unit == REQUESTS and limit.window == RATE_WINDOW and limit.amount > 0:
            return limit.meter
    return ""


def limits_like(target: PoolTarget, verdict: Verdict) -> list[Limit]:
    """The known limits of the kind that was refused: our own count saw room in them."""
    daily = verdict.kind == "quota_exhausted_day"
    return [
        limit
        for limit in target.candidate.limits
        if limit.amount > 0 and limit.unit != CONCURRENT and is_long(limit.window) == daily
    ]

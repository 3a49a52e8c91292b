"""Refusals that say more than they state: whose pot it is, and who shares it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from freellm_cli.core.limits import REQUESTS
from freellm_cli.core.verdicts import Verdict
from freellm_cli.services.learning import limits_like
from freellm_cli.storage.ledger_accounts import NAMED, TOGETHER, Refusal

if TYPE_CHECKING:
    from freellm_cli.services.pool import PoolTarget
    from freellm_cli.services.runtime import Runtime

SEVERAL = 3
"""So many credentials refused alike within seconds let what they may share rest."""

FIRST_LOOK_S, LONGEST_LOOK_S, GROWTH = 0.03, 8.0, 1.25
"""Until one request tries the next key, and by how much longer each time that it is refused like the others:
a good key among ten is found within half a second, and the fiftieth is left alone for a while."""


def note_named_account(runtime: Runtime, target: PoolTarget, verdict: Verdict) -> None:
    """Keeps whose pot an error names, as a hash: the id itself is nobody's business."""
    if verdict.account and target.provider.limit_scope == "account":
        name = _hashed(f"{target.provider.id}:{verdict.account}")
        runtime.ledger.note_account(target.credential.id, target.provider.id, name, how=NAMED)


def suspect(
    runtime: Runtime, target: PoolTarget, verdict: Verdict, *, seconds: float, request_id: str
) -> None:
    """After a spent limit: looks who else was refused so just now.

    Several at once let the model rest for all of the provider's credentials, or everything behind this
    address when more than one model is refused; one trial after the other tells whether that is true, the
    first at once. Errors that name different accounts or different resets raise no suspicion.
    `seconds`: how long the refused target itself rests.
    """
    if verdict.scope not in ("model", "key", "account") or verdict.shared:
        return
    candidate = target.candidate
    refusal = Refusal(
        candidate.provider,
        candidate.model_id,
        verdict.kind,
        candidate.credential,
        candidate.account,
        bool(limits_like(target, verdict)),
        named=_hashed(f"{candidate.provider}:{verdict.account}") if verdict.account else "",
        resets_in=_resets_in(verdict, runtime.clock.now()),
        counted=_counted(runtime, target, verdict),
    )
    alike, kin = runtime.ledger.note_refusal(refusal)
    if kin and target.provider.limit_scope == "account":
        _join(runtime, candidate.provider, kin)
    if len(alike.credentials) < SEVERAL:
        return
    wide = len(alike.models) > 1 or verdict.scope != "model"
    key = f"address:{candidate.provider}" if wide else f"model:{candidate.model_id}"
    if runtime.ledger.resting_until(key) is not None:
        return  # sent before the suspicion arose
    strikes = runtime.ledger.strikes(key)
    pause = min(FIRST_LOOK_S * GROWTH ** min(strikes, 16), LONGEST_LOOK_S, seconds)
    runtime.ledger.rest(
        key,
        until=runtime.clock.now() + pause,
        reason=f"{len(alike.credentials)} keys were refused alike within seconds: "
        "they may share a limit",
        kind=verdict.kind,
        request_id=request_id,
        calendar=False,
        trial=True,
    )


def _resets_in(verdict: Verdict, now: float) -> float | None:
    if verdict.reset_at_epoch is not None:
        return max(0.0, verdict.reset_at_epoch - now)
    return verdict.retry_after_s if verdict.hint_believed else None


def _counted(runtime: Runtime, target: PoolTarget, verdict: Verdict) -> tuple[int, int]:
    """What we had counted of the limit that was refused, this request left out, and its amount."""
    found = [
        (usage.used - 1, usage.limit.amount)
        for usage in runtime.ledger.usage(limits_like(target, verdict))
        if usage.limit.unit == REQUESTS
    ]
    return max(found, key=lambda pair: pair[0] / pair[1], default=(0, 1))


def _join(runtime: Runtime, provider: str, credentials: tuple[str, ...]) -> None:
    known = runtime.ledger.lessons().accounts
    names = [known[each].name for each in credentials if each in known]
    name = names[0] if names else _hashed(f"{provider}:{min(credentials)}")
    for credential in credentials:
        runtime.ledger.note_account(credential, provider, name, how=TOGETHER)


def _hashed(text: str) -> str:
    return f"~{sha256(text.encode()).hexdigest()[:8]}"

"""What Google says is left of a Code Assist login's requests: an advisory for the ledger.

retrieveUserQuota may show room while requests are refused
(https://github.com/google-gemini/gemini-cli/issues/29425), so room is never taken as a promise: only
what it calls spent rests, until the time it names, and totals that it implies are learned.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import FreellmError
from freellm_cli.core.login_files import epoch_seconds
from freellm_cli.core.needs import Needs
from freellm_cli.providers.code_assist_setup import Bucket, quota_request, read_buckets
from freellm_cli.services.oauth_clients import endpoints
from freellm_cli.services.oauth_refresh import call, fresh_login

if TYPE_CHECKING:
    from freellm_cli.core.logins import Login
    from freellm_cli.services.pool import PoolTarget
    from freellm_cli.services.runtime import Runtime

PROVIDER = "gemini_cli"
_A_QUESTION = Needs(prompt_tokens=1, answer_tokens=1, capabilities=frozenset({"chat"}))


class Quota(NamedTuple):
    """One model of a login. `left`: a share from 0 to 1, None when it is not said; `resets_at`: epoch
    seconds, 0 when it is not said."""

    login: str
    model: str
    left: float | None
    amount: int | None
    resets_at: float


def read_quota(runtime: Runtime, login: Login) -> tuple[Quota, ...]:
    """Asks, and tells the ledger. () when the answer is none. Raises what `fresh_login` raises, and
    TransportFault."""
    login = fresh_login(runtime, login.id)
    base_url = endpoints(runtime, PROVIDER).api
    status, _, body = call(runtime, quota_request(base_url, login.access_token, login.project_id))
    if status != 200:
        return ()
    try:
        tree = json.loads(body)
    except ValueError:
        return ()
    buckets = read_buckets(tree) if isinstance(tree, dict) else ()
    quotas = tuple(_quota(login, bucket) for bucket in buckets)
    _advise(runtime, login, quotas)
    return quotas


def read_all_quotas(runtime: Runtime) -> None:
    """For every usable login; one that cannot be asked is passed over."""
    for login in runtime.logins.list():
        if login.provider == PROVIDER and login.enabled and not login.login_again:
            try:
                read_quota(runtime, login)
            except FreellmError:
                continue


def _quota(login: Login, bucket: Bucket) -> Quota:
    resets = epoch_seconds(bucket.resets)
    return Quota(login.id, bucket.model, bucket.left, bucket.amount, resets)


def _advise(runtime: Runtime, login: Login, quotas: tuple[Quota, ...]) -> None:
    from freellm_cli.services.pool import Pool

    pool = Pool(runtime)
    by_wire = {
        item.target.name: item
        for model in runtime.catalog.models(PROVIDER)
        for item in pool.targets_of(model, _A_QUESTION)
        if item.credential.id == login.id
    }
    now = runtime.clock.now()
    for quota in quotas:
        target = by_wire.get(quota.model)
        if target is not None:
            _learn(runtime, target, quota)
            if quota.left == 0 and quota.resets_at > now:
                runtime.ledger.rest(
                    f"target:{target.candidate.key}",
                    until=quota.resets_at,
                    reason="quota exhausted day: Google says that nothing is left (advisory)",
                    kind="quota_exhausted_day",
                )


def _learn(runtime: Runtime, target: PoolTarget, quota: Quota) -> None:
    """A count and a share that is neither all nor nothing tell the whole."""
    if not quota.amount or not quota.left or quota.left >= 1:
        return
    total = round(quota.amount / quota.left)
    for limit in target.candidate.limits:
        if limit.unit == "requests" and limit.window.kind == "first_use":
            runtime.ledger.learn(
                limit._replace(amount=total, source="learned"),
                evidence="retrieveUserQuota",
                used=total - quota.amount,
            )

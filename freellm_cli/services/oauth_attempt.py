"""An attempt with a login: its token is brought up to date first, and refreshed once after a 401."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from freellm_cli.core.errors import CredentialRefused, FreellmError
from freellm_cli.core.http import Headers
from freellm_cli.core.verdicts import Verdict
from freellm_cli.services.attempt import Failed, Opened
from freellm_cli.services.oauth_refresh import (
    WAIT_FOR_OTHERS_S,
    RefreshFailed,
    fresh_login,
    refreshed_after_refusal,
)
from freellm_cli.services.oauth_store import credential_of

if TYPE_CHECKING:
    from freellm_cli.core.logins import Login
    from freellm_cli.services.pool import PoolTarget
    from freellm_cli.services.runtime import Runtime


def attempt_with_login(
    runtime: Runtime,
    target: PoolTarget,
    send: Callable[[PoolTarget], Opened | Failed],
    *,
    left_s: float = WAIT_FOR_OTHERS_S,
) -> Opened | Failed:
    """`send` with a token that should be good; a token that is refused all the same is refreshed once and
    the same target asked again. A refresh that fails is a failed attempt: the pool goes on without it.
    `left_s`: seconds that the caller has left, of which others' refreshes are waited for."""
    login_id = target.credential.id
    try:
        wait_s = max(0.0, min(left_s, WAIT_FOR_OTHERS_S))
        login = fresh_login(runtime, login_id, wait_s)
        target = _with_login(target, login)
    except FreellmError as error:
        return _not_sent(target, error)
    outcome = send(target)
    if not isinstance(outcome, Failed) or outcome.verdict.kind != "auth_invalid":
        return outcome
    try:
        fresh = refreshed_after_refusal(runtime, login, wait_s)
    except FreellmError as error:
        return _not_sent(target, error)._replace(
            sent=True,
            answered_at=outcome.answered_at,
            headers=outcome.headers,
            status=outcome.status,
        )
    return outcome if fresh is None else send(_with_login(target, fresh))


def _with_login(target: PoolTarget, login: Login) -> PoolTarget:
    credential = credential_of(login)
    options = {**target.target.options, **credential.extra}
    return target._replace(credential=credential, target=target.target._replace(options=options))


def _not_sent(target: PoolTarget, error: FreellmError) -> Failed:
    if isinstance(error, CredentialRefused):
        message = f"{error.message}; {error.hint}" if error.hint else error.message
        verdict = Verdict("auth_invalid", "key", message=message, until_fixed=True)
    else:
        wait = error.retry_after_s if isinstance(error, RefreshFailed) else None
        verdict = Verdict("server_error", "key", message=error.message, retry_after_s=wait)
    verdict = verdict._replace(provider=target.provider.id, reason="login")
    return Failed(verdict, False, None, Headers([]), 0)

"""Keeping logins fresh: one refresh at a time for each, across threads and processes.

Whoever wants one takes the login's lock, reads its file anew (somebody may have been quicker), asks the
provider, writes the new tokens to the disk, and only then uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import CredentialRefused, FreellmError, TransportFault, UpstreamError
from freellm_cli.core.http import Timeouts
from freellm_cli.core.logins import (
    ADVISORY,
    NONE,
    Login,
    Tokens,
    after_failure,
    is_hopeless,
    login_command,
    may_force,
    refresh_need,
    with_tokens,
)
from freellm_cli.providers.oauth_reply import OAuthFault
from freellm_cli.services.oauth_clients import endpoints, find_client
from freellm_cli.storage.locks import LockTimeout

if TYPE_CHECKING:
    from freellm_cli.core.http import Headers, HttpRequest
    from freellm_cli.core.secret import Secret
    from freellm_cli.services.runtime import Runtime

CALL_TIMEOUTS = Timeouts(connect=10, first_token=20, idle=20, total=30)
RETRY_PAUSES_S = (1.0, 2.0)
WAIT_FOR_OTHERS_S = 100.0
LONGEST_REPLY = 1_048_576


class RefreshFailed(UpstreamError):
    """No fresh token for now; `retry_after_s`: when it is worth another try."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message, hint="see `freellm oauth list`")
        self.retry_after_s = retry_after_s


def call(runtime: Runtime, request: HttpRequest) -> tuple[int, Headers, bytes]:
    """(status, headers, body) of a short call. Raises TransportFault."""
    response = runtime.transport.send(request, CALL_TIMEOUTS)
    try:
        return response.status, response.headers, response.read(LONGEST_REPLY)
    finally:
        response.close()


def fresh_login(runtime: Runtime, login_id: str, wait_s: float = WAIT_FOR_OTHERS_S) -> Login:
    """The login with a token that can be used now.

    In the advisory window one caller refreshes and the others go on with the old token; a failure then is
    nobody's. In the mandatory window all wait for the one, for at most `wait_s` seconds. Raises
    CredentialRefused ("login again"), RefreshFailed, StoreError.
    """
    login = _known(runtime, login_id)
    need = refresh_need(login, runtime.clock.now())
    if need == NONE:
        return login
    if need != ADVISORY:
        return _refresh(runtime, login, stale=None, timeout=wait_s)
    try:
        return _refresh(runtime, login, stale=None, timeout=0.0)
    except (LockTimeout, RefreshFailed):
        return login


def refreshed_after_refusal(
    runtime: Runtime, refused: Login, wait_s: float = WAIT_FOR_OTHERS_S
) -> Login | None:
    """The login with other tokens than those that got a 401; None when there are none to be had.

    However many callers got the 401 with one token, it is refreshed once. Raises as `fresh_login`.
    """
    login = _known(runtime, refused.id)
    if login.access_token != refused.access_token:
        return login
    if not may_force(login, runtime.clock.now()):
        return None
    return _refresh(runtime, login, stale=refused.access_token, timeout=wait_s)


def refresh_now(runtime: Runtime, login_id: str) -> Login:
    """Because a person wants it, whatever the windows say. Raises as `fresh_login`."""
    login = _known(runtime, login_id)
    return _refresh(
        runtime, login, stale=login.access_token, timeout=WAIT_FOR_OTHERS_S, wanted=True
    )


def _known(runtime: Runtime, login_id: str) -> Login:
    login = runtime.logins.get(login_id)
    if login is None:
        raise CredentialRefused(
            f"the login {login_id} has been removed", hint="see `freellm oauth list`"
        )
    return login


def _refresh(
    runtime: Runtime, login: Login, *, stale: Secret | None, timeout: float, wanted: bool = False
) -> Login:
    store = runtime.logins
    door = store.door(login.id)
    if not door.acquire(timeout=timeout):
        raise LockTimeout(f"another thread refreshes {login.id}")
    try:
        with store.lock(login, timeout):
            now = runtime.clock.now()
            latest = store.get(login.id) or login
            if _is_done(latest, stale, now, wanted):
                return latest
            return _renew(runtime, latest, now, wanted)
    finally:
        door.release()


def _is_done(latest: Login, stale: Secret | None, now: float, wanted: bool) -> bool:
    """Whether somebody else has refreshed it while we waited for the lock."""
    if latest.login_again:
        return False
    if stale is not None:
        return latest.access_token != stale
    return refresh_need(latest, now) == NONE and not wanted


def _renew(runtime: Runtime, login: Login, now: float, wanted: bool) -> Login:
    """Under the lock."""
    if login.login_again and not wanted:
        raise login_again_error(login)
    if not login.refresh_token:
        raise login_again_error(login._replace(login_again="it has no refresh token"))
    if now < login.retry_at and not wanted:
        wait = login.retry_at - now
        raise RefreshFailed(f"{login.id} could not be refreshed lately", retry_after_s=wait)
    try:
        fresh = _ask_with_patience(runtime, login)
    except OAuthFault as fault:
        raise _failed(runtime, login, fault) from fault
    runtime.logins.put(fresh)
    runtime.keep_secret(*fresh.secrets())
    if login.login_again or login.failures:
        runtime.ledger.wake(f"credential:{login.id}")
    return fresh


def _ask_with_patience(runtime: Runtime, login: Login) -> Login:
    """Faults of theirs and of the network get two more tries. Raises OAuthFault."""
    for pause in (*RETRY_PAUSES_S, None):
        try:
            return _ask(runtime, login)
        except OAuthFault as fault:
            if fault.kind != "server" or pause is None:
                raise
        runtime.clock.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _ask(runtime: Runtime, login: Login) -> Login:
    places = endpoints(runtime, login.provider)
    client_id, client_secret = login.client_id, login.client_secret
    if not client_id:
        client_id, client_secret, _ = find_client(runtime, login.provider)
    assert login.refresh_token is not None
    dialect = _dialect(login.provider)
    request = dialect.refresh_request(
        places.token,
        refresh_token=login.refresh_token,
        client_id=client_id,
        client_secret=client_secret,
    )
    try:
        status, headers, body = call(runtime, request)
    except TransportFault as fault:
        raise _unreachable(login.provider, fault) from fault
    tokens: Tokens = dialect.read_tokens(status, headers, body)
    fresh = with_tokens(login, tokens, runtime.clock.now())
    return _with_new_key(runtime, fresh) if login.provider == "iflow" else fresh


def _dialect(provider: str) -> Any:
    """The module that knows how this provider's tokens are refreshed."""
    if provider == "iflow":
        from freellm_cli.providers import iflow_oauth

        return iflow_oauth
    from freellm_cli.providers import google_oauth

    return google_oauth


def _unreachable(provider: str, fault: TransportFault) -> OAuthFault:
    if provider == "iflow" and fault.fault == "dns":
        from freellm_cli.providers.iflow_oauth import CLOSED

        return OAuthFault("closed", CLOSED)
    return OAuthFault("server", fault.message)


def _with_new_key(runtime: Runtime, login: Login) -> Login:
    """iFlow's key may change with each refresh; when it cannot be had, the old one still serves."""
    from freellm_cli.providers import iflow_oauth

    url = endpoints(runtime, "iflow").userinfo
    try:
        status, _, body = call(runtime, iflow_oauth.userinfo_request(url, login.access_token))
        identity = iflow_oauth.read_identity(status, body)
    except (TransportFault, OAuthFault) as fault:
        runtime.notice(f"{login.id}: the key could not be had anew, the old one stays ({fault})")
        return login
    return login._replace(api_key=identity.api_key)


def _failed(runtime: Runtime, login: Login, fault: OAuthFault) -> FreellmError:
    """Writes down what a failed refresh means; returns the error to raise."""
    now = runtime.clock.now()
    failed = after_failure(login, now, retry_after_s=fault.retry_after_s)
    dead = fault.kind == "login_again" or (
        login.provider == "iflow" and fault.kind == "busy" and is_hopeless(failed, now)
    )
    if dead or fault.kind in ("client", "refused", "closed"):
        failed = failed._replace(login_again=fault.message)
        runtime.logins.put(failed)
        rest_until_login(runtime, failed)
        return login_again_error(failed)
    runtime.logins.put(failed)
    return RefreshFailed(
        f"{login.id} could not be refreshed: {fault.message}", retry_after_s=failed.retry_at - now
    )


def rest_until_login(runtime: Runtime, login: Login) -> None:
    """Processes that hold the credential in memory see it rest; it is woken by the next login."""
    runtime.ledger.rest(
        f"credential:{login.id}",
        until=None,
        reason=f"login again: `{login_command(login.provider)}`",
        kind="auth_invalid",
    )


def login_again_error(login: Login) -> CredentialRefused:
    return CredentialRefused(
        f"{login.id}: {login.login_again}", hint=f"login again: `{login_command(login.provider)}`"
    )

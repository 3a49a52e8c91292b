"""Telling a good key from a bad one without spending generation quota."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.catalog import filled_in
from freellm_cli.core.credentials import Credential
from freellm_cli.core.errors import CredentialRefused, FreellmError, TransportFault
from freellm_cli.core.http import HttpRequest, Timeouts
from freellm_cli.core.redaction import Redactor
from freellm_cli.core.secret import Secret
from freellm_cli.core.verdicts import classify

if TYPE_CHECKING:
    from freellm_cli.core.catalog import ProviderSpec
    from freellm_cli.services.runtime import Runtime

CHECK_TIMEOUTS = Timeouts(connect=10, first_token=20, idle=20, total=30)
_CODE_ASSIST = "gemini_cli"
_REFUSING = ("auth_invalid", "auth_forbidden", "key_suspended", "payment_required")


class KeyCheck(NamedTuple):
    """`state`: "good", "bad" (the provider says so), "unknown" (cannot be told now, `message` says why)."""

    state: str
    message: str
    kind: str = ""


def check_key(
    runtime: Runtime,
    provider: ProviderSpec,
    secret: Secret,
    extra: dict[str, str],
    on_good: Callable[[bytes], object] = lambda body: None,
) -> KeyCheck:
    """Asks the provider's cheapest authenticated endpoint. Never raises for a provider's answer.

    `on_good` is given the body of an answer that accepts the key: some say what is left of it.
    """
    if provider.status == "closed" and not runtime.settings.provider(provider.id).base_url:
        return KeyCheck("unknown", f"{provider.title} has closed; nothing was sent")
    filled = filled_in(provider, extra)
    request = runtime.dialect(provider).check_key(filled, filled.base_url.rstrip("/"), secret)
    if request is None:
        return KeyCheck(
            "unknown", f"{provider.title} has no free way to check a key: the first call will tell"
        )
    return _judge(runtime, provider, request, secret, on_good)


def _judge(
    runtime: Runtime,
    provider: ProviderSpec,
    request: HttpRequest,
    secret: Secret,
    on_good: Callable[[bytes], object],
) -> KeyCheck:
    try:
        response = runtime.transport.send(request, CHECK_TIMEOUTS)
        try:
            body = response.read(1_048_576)
        finally:
            response.close()
    except TransportFault as fault:
        return KeyCheck("unknown", f"{provider.title} could not be reached: {fault.message}")
    verdict = classify(
        provider=provider.id, status=response.status, headers=response.headers, body=body
    )
    # A key that is not stored yet is unknown to the runtime's redactor, and half a key to any.
    told = Redactor((secret,)).clean(runtime.redactor.clean(verdict.message))
    message = told.strip().split("\n")[0][:200]
    if 200 <= response.status < 300 and verdict.kind not in _REFUSING:
        on_good(body)
        return KeyCheck("good", "accepted")
    if verdict.kind in ("rate_limited_minute", "quota_exhausted_day"):
        return KeyCheck("good", f"accepted, but limited now: {message}", verdict.kind)
    if verdict.kind in _REFUSING:
        return KeyCheck("bad", message or f"refused with HTTP {response.status}", verdict.kind)
    return KeyCheck(
        "unknown", f"HTTP {response.status} tells nothing about the key: {message}", verdict.kind
    )


def check_credential(runtime: Runtime, credential: Credential) -> KeyCheck:
    """The same for a stored credential, and what its provider says of its quota goes to the ledger; a host
    that needs no key is asked for its list."""
    provider = runtime.catalog.provider(credential.provider)
    secret = credential.secret
    if credential.kind == "oauth" and credential.provider == _CODE_ASSIST:
        return _check_code_assist(runtime, credential)
    if secret is None:
        return _check_host(runtime, provider)
    return check_key(
        runtime, provider, secret, dict(credential.extra), _teacher(runtime, credential)
    )


def _check_host(runtime: Runtime, provider: ProviderSpec) -> KeyCheck:
    from freellm_cli.services.discovery import refresh

    for outcome in refresh(runtime, [provider.id]):
        if outcome.problem:
            return KeyCheck("unknown", f"needs no key; {outcome.problem}")
        return KeyCheck("good", f"needs no key; serves {outcome.models} models")
    return KeyCheck("good", "needs no key")


def _teacher(runtime: Runtime, credential: Credential) -> Callable[[bytes], object]:
    from freellm_cli.services import openrouter_quota

    if credential.provider != openrouter_quota.PROVIDER:
        return lambda body: None
    from freellm_cli.services.pool import Pool

    counted = next(item for item in Pool(runtime).credentials() if item.id == credential.id)
    return lambda body: openrouter_quota.learn_from(runtime, counted, body)


def _check_code_assist(runtime: Runtime, credential: Credential) -> KeyCheck:
    """A login is good when Google tells its quota; refreshing it on the way is part of the proof."""
    from freellm_cli.services.code_assist_quota import read_quota

    login = next((item for item in runtime.logins.list() if item.id == credential.id), None)
    if login is None:
        return KeyCheck("unknown", "no such login any more")
    try:
        quotas = read_quota(runtime, login)
    except CredentialRefused as error:
        return KeyCheck("bad", error.message, "auth_invalid")
    except FreellmError as error:
        return KeyCheck("unknown", error.message)
    if not quotas:
        return KeyCheck("unknown", "Google told no quota: the first call will tell")
    return KeyCheck("good", f"accepted; the quotas of {len(quotas)} models were read")

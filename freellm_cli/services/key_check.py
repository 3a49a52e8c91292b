"""Telling a good key from a bad one without spending generation quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.catalog import filled_in
from freellm_cli.core.credentials import Credential
from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import HttpRequest, Timeouts
from freellm_cli.core.secret import Secret
from freellm_cli.core.verdicts import classify

if TYPE_CHECKING:
    from freellm_cli.core.catalog import ProviderSpec
    from freellm_cli.services.runtime import Runtime

CHECK_TIMEOUTS = Timeouts(connect=10, first_token=20, idle=20, total=30)
_REFUSING = ("auth_invalid", "auth_forbidden", "key_suspended", "payment_required")


class KeyCheck(NamedTuple):
    """`state`: "good", "bad" (the provider says so), "unknown" (cannot be told now, `message` says why)."""

    state: str
    message: str
    kind: str = ""


def check_key(
    runtime: Runtime, provider: ProviderSpec, secret: Secret, extra: dict[str, str]
) -> KeyCheck:
    """Asks the provider's cheapest authenticated endpoint. Never raises for a provider's answer."""
    if provider.status == "closed" and not runtime.settings.provider(provider.id).base_url:
        return KeyCheck("unknown", f"{provider.title} has closed; nothing was sent")
    filled = filled_in(provider, extra)
    request = runtime.dialect(provider).check_key(filled, filled.base_url.rstrip("/"), secret)
    if request is None:
        return KeyCheck(
            "unknown", f"{provider.title} has no free way to check a key: the first call will tell"
        )
    return _judge(runtime, provider, request)


def _judge(runtime: Runtime, provider: ProviderSpec, request: HttpRequest) -> KeyCheck:
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
    message = runtime.redactor.clean(verdict.message).strip().split("\n")[0][:200]
    if 200 <= response.status < 300 and verdict.kind not in _REFUSING:
        return KeyCheck("good", "accepted")
    if verdict.kind in ("rate_limited_minute", "quota_exhausted_day"):
        return KeyCheck("good", f"accepted, but limited now: {message}", verdict.kind)
    if verdict.kind in _REFUSING:
        return KeyCheck("bad", message or f"refused with HTTP {response.status}", verdict.kind)
    return KeyCheck(
        "unknown", f"HTTP {response.status} tells nothing about the key: {message}", verdict.kind
    )


def check_credential(runtime: Runtime, credential: Credential) -> KeyCheck:
    """The same for a stored credential; a host that needs no key is asked for its list."""
    provider = runtime.catalog.provider(credential.provider)
    secret = credential.secret
    if secret is None:
        return KeyCheck("good", "needs no key")
    return check_key(runtime, provider, secret, dict(credential.extra))

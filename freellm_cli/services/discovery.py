"""What models a provider serves today: its own list, fetched, cached, merged over the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.catalog import ModelSpec, ProviderSpec, filled_in
from freellm_cli.core.credentials import Credential
from freellm_cli.core.errors import FreellmError, TransportFault, UpstreamError
from freellm_cli.core.http import Timeouts
from freellm_cli.core.verdicts import classify
from freellm_cli.providers.base import AnswerFault

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

LIST_TIMEOUTS = Timeouts(connect=10, first_token=20, idle=20, total=60)
MAX_PAGES = 30


class Refreshed(NamedTuple):
    provider: str
    models: int
    problem: str = ""


def refresh(runtime: Runtime, providers: list[str]) -> tuple[Refreshed, ...]:
    """Fetches the lists of `providers`, those that can be asked; a failure keeps the old list."""
    outcomes = []
    for name in providers:
        provider = runtime.catalog.provider(name)
        if not provider.list_path or provider.status == "closed":
            continue
        try:
            models = fetch_models(runtime, provider)
            runtime.model_cache.write(name, models, runtime.clock.now())
            outcomes.append(Refreshed(name, len(models)))
        except FreellmError as error:
            outcomes.append(Refreshed(name, 0, error.message))
    runtime.forget_catalog()
    return tuple(outcomes)


def fetch_models(runtime: Runtime, provider: ProviderSpec) -> tuple[ModelSpec, ...]:
    """The provider's list, all pages. Raises UpstreamError or TransportFault."""
    credential = _credential_for(runtime, provider)
    provider = filled_in(provider, credential.extra if credential else {})
    dialect = runtime.dialect(provider)
    models: list[ModelSpec] = []
    page = ""
    for _ in range(MAX_PAGES):
        request = dialect.list_models(
            provider,
            provider.base_url.rstrip("/"),
            credential.secret if credential else None,
            page=page,
        )
        if request is None:
            break
        response = runtime.transport.send(request, LIST_TIMEOUTS)
        try:
            body = response.read()
        finally:
            response.close()
        if response.status != 200:
            verdict = classify(
                provider=provider.id, status=response.status, headers=response.headers, body=body
            )
            message = runtime.redactor.clean(verdict.message)
            raise UpstreamError(f"{provider.id} gave no model list: {message or response.status}")
        try:
            found = dialect.read_models(provider, body)
        except AnswerFault as fault:
            raise UpstreamError(
                f"{provider.id} answered something that is no model list"
            ) from fault
        models += found.models
        page = found.next_page
        if not page:
            break
    return tuple(models)


def _credential_for(runtime: Runtime, provider: ProviderSpec) -> Credential | None:
    for credential in runtime.credentials():
        if credential.provider == provider.id and credential.enabled:
            return credential
    if provider.list_public or provider.auth == "none":
        return None
    raise TransportFault(f"{provider.id} shows its list only to a key", fault="connect", sent=False)

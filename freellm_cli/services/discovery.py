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
    from freellm_cli.core.http import Headers, HttpRequest
    from freellm_cli.core.secret import Secret
    from freellm_cli.providers.base import ModelPage
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.model_cache import CachedList

LIST_TIMEOUTS = Timeouts(connect=10, first_token=20, idle=20, total=60)
MAX_PAGES = 30


class Refreshed(NamedTuple):
    provider: str
    models: int
    problem: str = ""
    hint: str = ""
    """What mends the problem, where that is known."""


def refresh(runtime: Runtime, providers: list[str]) -> tuple[Refreshed, ...]:
    """Fetches the lists of `providers`, those that can be asked; a failure keeps the old list."""
    outcomes = []
    for name in providers:
        provider = runtime.catalog.provider(name)
        if not provider.list_path or provider.status == "closed":
            continue
        try:
            outcomes.append(Refreshed(name, read_list(runtime, provider)))
        except FreellmError as error:
            outcomes.append(Refreshed(name, 0, error.message, error.hint))
    return tuple(outcomes)


def read_list(runtime: Runtime, provider: ProviderSpec) -> int:
    """Fetches one list and keeps it; how many models it names. Raises UpstreamError, TransportFault or
    StoreError, and the old list stays."""
    models = fetch_models(runtime, provider)
    runtime.model_cache.write(provider.id, provider.base_url, models, runtime.clock.now())
    runtime.forget_catalog()
    return len(models)


def last_list(runtime: Runtime, provider: str) -> CachedList | None:
    """What its list said when it was read last, where it is now."""
    return runtime.model_cache.read(provider, runtime.catalog.provider(provider).base_url)


def is_stale(runtime: Runtime, provider: str) -> bool:
    """Whether its list was read, but longer ago than `discovery.max_age`."""
    read = last_list(runtime, provider)
    age = runtime.settings.discovery.max_age
    return read is not None and runtime.clock.now() - read.fetched_at > age


def is_unlisted(runtime: Runtime, provider: str) -> bool:
    """Whether no model of `provider` is known, as with a host of one's own that nobody has asked yet."""
    return not runtime.catalog_with_discovered().models(provider)


def unlisted(runtime: Runtime) -> tuple[str, ...]:
    """The providers that a credential is for and of which no model is known."""
    return tuple(name for name in runtime.usable_providers() if is_unlisted(runtime, name))


def fetch_models(runtime: Runtime, provider: ProviderSpec) -> tuple[ModelSpec, ...]:
    """The provider's list, all pages. Raises UpstreamError or TransportFault, with what mends it."""
    credential = _credential_for(runtime, provider)
    provider = filled_in(provider, credential.extra if credential else {})
    desk = _Desk(runtime, provider, credential.secret if credential else None)
    models: list[ModelSpec] = []
    page = ""
    for _ in range(MAX_PAGES):
        found = desk.page(page)
        models += found.models
        page = found.next_page
        if not page:
            break
    return tuple(models)


class _Desk:
    """Where one provider's list is asked for."""

    def __init__(self, runtime: Runtime, provider: ProviderSpec, secret: Secret | None) -> None:
        self._runtime = runtime
        self._provider = provider
        self._secret = secret
        self._dialect = runtime.dialect(provider)

    def page(self, page: str) -> ModelPage:
        name = self._provider.id
        request = self._request(self._provider.base_url, page)
        if request is None:
            raise UpstreamError(f"{name} has no model list", hint=_own_words(name))
        status, headers, body = self._ask(request)
        if status != 200:
            verdict = classify(provider=name, status=status, headers=headers, body=body)
            raise self._refused(request.url, status, verdict.message)
        try:
            return self._dialect.read_models(self._provider, body)
        except AnswerFault as fault:
            told = f"{name} answered something that is no model list ({request.url})"
            raise UpstreamError(told, hint=self._way_out()) from fault

    def _request(self, base_url: str, page: str = "") -> HttpRequest | None:
        return self._dialect.list_models(
            self._provider, base_url.rstrip("/"), self._secret, page=page
        )

    def _ask(self, request: HttpRequest) -> tuple[int, Headers, bytes]:
        response = self._runtime.transport.send(request, LIST_TIMEOUTS)
        try:
            return response.status, response.headers, response.read()
        finally:
            response.close()

    def _refused(self, url: str, status: int, message: str) -> UpstreamError:
        name = self._provider.id
        told = self._runtime.redactor.clean(message).strip().split("\n")[0][:200]
        told = told or f"HTTP {status}"
        if status in (401, 403):
            hint = f"`freellm keys add {name}` stores a key that it knows"
            return UpstreamError(f"{name} shows its models to no such caller: {told}", hint=hint)
        if status != 404:
            return UpstreamError(f"{name} gave no model list: {told}")
        told = f"{name} has no model list at {url} (HTTP 404)"
        return UpstreamError(told, hint=self._way_out())

    def _way_out(self) -> str:
        other = self._other_address()
        if not other:
            return _own_words(self._provider.id)
        command = f"freellm config set providers.{self._provider.id}.base_url {other}"
        return f"it has one at another address: `{command}`"

    def _other_address(self) -> str:
        """Of a typed address the one with or without its /v1, if a list is found there; else ""."""
        from freellm_cli.providers.custom import other_base_url

        if not self._runtime.settings.provider(self._provider.id).base_url:
            return ""
        other = other_base_url(self._provider.base_url.rstrip("/"))
        request = self._request(other)
        if request is None:
            return ""
        try:
            status, _, body = self._ask(request)
            self._dialect.read_models(self._provider, body)
        except (AnswerFault, UpstreamError):
            return ""
        return other if status == 200 else ""


def _own_words(name: str) -> str:
    return f"name its models yourself: `freellm config set providers.{name}.models.list NAME,NAME`"


def _credential_for(runtime: Runtime, provider: ProviderSpec) -> Credential | None:
    for credential in runtime.credentials():
        if credential.provider == provider.id and credential.enabled:
            return credential
    if provider.list_public or provider.auth == "none":
        return None
    hint = f"freellm keys add {provider.id}"
    told = f"{provider.id} shows its list only to a key"
    raise TransportFault(told, fault="connect", sent=False, hint=hint)

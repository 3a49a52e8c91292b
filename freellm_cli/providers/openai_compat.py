"""The OpenAI-compatible dialect: one translator for every host that speaks it, its oddities as
data.

Wire format: https://platform.openai.com/docs/api-reference/chat. What differs from host to host
is in `Target.quirks` (docs/quirks.md) and applied by `providers.quirks`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from json import JSONEncoder
from typing import Any

from freellm_cli import __version__
from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.chat import ChatRequest, Target
from freellm_cli.core.errors import ConfigError, RequestRefused
from freellm_cli.core.http import Headers, HttpRequest
from freellm_cli.core.json_reading import Written
from freellm_cli.core.secret import Secret
from freellm_cli.core.think_tags import tags_for
from freellm_cli.providers.base import ChatReader, EmbeddingAnswer, ModelPage
from freellm_cli.providers.openai_reader import REASONING_FIELDS, OpenAIReader
from freellm_cli.providers.quirks import Build, Change

USER_AGENT = f"freellm/{__version__}"
MAX_EMBEDDINGS = 96
"""The least that a known host takes in one request (https://docs.cohere.com/reference/embed)."""

_TAILS = ("/chat/completions", "/completions", "/embeddings", "/models")

_to_json = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

Auth = tuple[tuple[str, str, Secret], ...]


def wall_clock_ms() -> int:
    """Milliseconds since the epoch, for signatures."""
    import time

    return time.time_ns() // 1_000_000


def random_uuid() -> str:
    """A random UUID, for session ids and for tool calls that came without an id."""
    import uuid

    return str(uuid.uuid4())


class OpenAICompat:
    """See `providers.base.Dialect`. Holds nothing between calls.

    `now_ms`, `new_uuid`: where signatures and missing ids come from; tests bring their own.
    """

    max_embeddings = MAX_EMBEDDINGS

    def __init__(
        self,
        *,
        now_ms: Callable[[], int] = wall_clock_ms,
        new_uuid: Callable[[], str] = random_uuid,
    ) -> None:
        self._now_ms = now_ms
        self._new_uuid = new_uuid

    # Chat.

    def chat(
        self, request: ChatRequest, target: Target, secret: Secret | None, *, stream: bool
    ) -> HttpRequest:
        """Raises RequestRefused for media that the model does not take and for what is no JSON,
        ConfigError for a base URL or a quirk that makes no sense."""
        build = Build(request, target, stream=stream)
        headers = self._headers(target, secret, stream=build.stream)
        return HttpRequest(
            "POST",
            _endpoint(target, "/chat/completions"),
            headers,
            _auth(secret),
            _encode(build.body),
        )

    def reader(self, request: ChatRequest, target: Target, headers: Headers) -> ChatReader:
        """Streamed and whole answers, whatever was asked: the body itself tells."""
        fields = target.quirks.get("reasoning_fields")
        return OpenAIReader(
            reasoning_fields=tuple(fields) if fields else REASONING_FIELDS,
            think_tags=tags_for(target.name, target.quirks.get("think_tags")),
            new_id=self._call_id,
        )

    def _call_id(self) -> str:
        return f"call_{self._new_uuid().replace('-', '')[:24]}"

    def _headers(self, target: Target, secret: Secret | None, *, stream: bool) -> dict[str, str]:
        accept = "text/event-stream, application/json" if stream else "application/json"
        headers = {
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            "Accept": accept,
        }
        quirks, options = target.quirks, target.options
        for name, value in (quirks.get("headers") or {}).items():
            headers[str(name)] = str(value)
        if quirks.get("attribution"):
            headers.update(_attribution(options))
        if quirks.get("signature") == "iflow":
            from freellm_cli.providers.iflow import signed_headers

            signed = signed_headers(
                secret,
                user_agent=headers["User-Agent"],
                session_id=str(options.get("session_id") or self._new_uuid()),
                timestamp_ms=self._now_ms(),
            )
            headers.update(signed)
        return headers

    # Embeddings.

    def embeddings(
        self, inputs: list[str], target: Target, secret: Secret | None, *, dimensions: int | None
    ) -> HttpRequest:
        """Vectors are asked for as numbers: base64 is not known everywhere."""
        from freellm_cli.providers.openai_embeddings import embeddings_body

        body = embeddings_body(inputs, target, dimensions)
        headers = self._headers(target, secret, stream=False)
        return HttpRequest(
            "POST", _endpoint(target, "/embeddings"), headers, _auth(secret), _encode(body)
        )

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        from freellm_cli.providers.openai_embeddings import read_embeddings

        return read_embeddings(body)

    # Lists and keys.

    def list_models(
        self, provider: ProviderSpec, base_url: str, secret: Secret | None, *, page: str = ""
    ) -> HttpRequest | None:
        if not provider.list_path:
            return None
        url = _listed_at(provider, base_url, provider.list_path)
        query = dict(provider.quirks.get("list_params") or {})
        if page:
            # Pages are numbered (Cloudflare) or named by a token (Cohere).
            query["page" if page.isdigit() else "page_token"] = page
        if query:
            from urllib.parse import urlencode

            url += ("&" if "?" in url else "?") + urlencode(query)
        return _get(url, secret)

    def read_models(self, provider: ProviderSpec, body: bytes) -> ModelPage:
        from freellm_cli.providers.openai_models import read_model_list

        return read_model_list(provider, body)

    def check_key(
        self, provider: ProviderSpec, base_url: str, secret: Secret
    ) -> HttpRequest | None:
        """The provider's key endpoint (`endpoints.key`) or its list, where that is not public."""
        path = ""
        if provider.key_check == "key":
            path = provider.endpoints.get("key", "/key")
        elif provider.key_check == "list" and not provider.list_public:
            path = provider.list_path
        return _get(_listed_at(provider, base_url, path), secret) if path else None


def dropped_fields(
    request: ChatRequest, target: Target, *, stream: bool = True
) -> tuple[Change, ...]:
    """What `OpenAICompat.chat` would leave out or alter, for a person to read. Raises what it raises."""
    return tuple(Build(request, target, stream=stream).changes)


def address(base_url: str, path: str) -> str:
    """`path` under `base_url`. An absolute `path` is used as it is if both belong to one owner
    (api.cohere.ai and api.cohere.com); else `base_url` is somebody's relay, and the key stays
    there."""
    if "://" not in path:
        return base_url.rstrip("/") + path
    scheme, _, rest = base_url.partition("://")
    host = rest.partition("/")[0]
    other, _, tail = path.partition("://")[2].partition("/")
    if _owner(host) == _owner(other):
        return path
    return f"{scheme}://{host}/{tail}"


def _listed_at(provider: ProviderSpec, base_url: str, path: str) -> str:
    """`address`, with what the base URL has in place of its template's `{account_id}`."""
    url = address(base_url, path)
    if "{" not in url:
        return url
    steps = zip(provider.base_url.split("/"), base_url.split("/"), strict=False)
    filled = {step: value for step, value in steps if step.startswith("{") and step != value}
    for step, value in filled.items():
        url = url.replace(step, value)
    if "{" not in url:
        return url
    if "{" in base_url:
        raise _missing(provider.id, base_url)
    return base_url.rstrip("/") + "/models"


def _missing(provider: str, base_url: str) -> ConfigError:
    name = base_url.partition("{")[2].partition("}")[0].lower()
    return ConfigError(
        f"{provider} needs {name} beside the key",
        hint=f"freellm keys add {provider} asks for it",
    )


def _owner(host: str) -> str:
    name = host.partition(":")[0]
    labels = name.split(".")
    return labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else name


def _endpoint(target: Target, tail: str) -> str:
    base = _bare(target.base_url)
    if "{" in base:
        base = _filled(base, target)
    return base + tail


@lru_cache(maxsize=256)
def _bare(base_url: str) -> str:
    base = base_url.rstrip("/")
    for known in _TAILS:
        base = base.removesuffix(known)
    return base


def _filled(base: str, target: Target) -> str:
    for name, value in target.options.items():
        base = base.replace("{" + name.upper() + "}", str(value)).replace(
            "{" + name + "}", str(value)
        )
    if "{" in base:
        raise _missing(target.provider, base)
    return base


def _auth(secret: Secret | None) -> Auth:
    return (("Authorization", "Bearer ", secret),) if secret else ()


def _attribution(options: dict[str, Any]) -> dict[str, str]:
    """OpenRouter's optional headers that name the app (https://openrouter.ai/docs/app-attribution)."""
    headers = {"X-Title": str(options.get("x_title", "freellm"))}
    referer = options.get("http_referer")
    if referer:
        headers["HTTP-Referer"] = str(referer)
    return {name: value for name, value in headers.items() if value}


def _get(url: str, secret: Secret | None) -> HttpRequest:
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    return HttpRequest("GET", url, headers, _auth(secret))


def _encode(body: dict[str, Any]) -> bytes:
    """Messages that nobody had to change are sent as the client wrote them."""
    try:
        messages = body.get("messages")
        if isinstance(messages, Written):
            rest = _to_json({name: value for name, value in body.items() if name != "messages"})
            text = f'{rest[:-1]},"messages":{messages.text}}}'
        else:
            text = _to_json(body)
    except (TypeError, ValueError) as error:
        raise RequestRefused(
            f"the request cannot be written as JSON: {error}",
            hint="Numbers must be finite and every value text, number, list or table.",
        ) from error
    # Half a surrogate pair (text cut in the middle of an emoji) has no UTF-8.
    return text.encode("utf-8", "replace")

"""Google's native dialect: `models/{id}:generateContent` and its neighbours.

https://ai.google.dev/api. The key goes in `x-goog-api-key` and nowhere else: Google's gateway counts
every header that may hold a credential and refuses two ("Multiple authentication credentials
received"). A dialect that wraps the same requests in an envelope overrides `url`, `wrap`, `unwrap` and
`auth`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.chat import ChatRequest, Target
from freellm_cli.core.errors import RequestRefused
from freellm_cli.core.http import Headers, HttpRequest
from freellm_cli.core.secret import Secret
from freellm_cli.providers.base import AnswerFault, ChatReader, EmbeddingAnswer, ModelPage
from freellm_cli.providers.google_models import parse_object, read_model_list
from freellm_cli.providers.google_names import function_names
from freellm_cli.providers.google_reader import GoogleReader
from freellm_cli.providers.google_request import GoogleBody, build
from freellm_cli.providers.thought_signatures import ThoughtSignatures

MAX_EMBEDDINGS = 100
PAGE_SIZE = 1000

Auth = tuple[tuple[str, str, Secret], ...]


def new_call_id() -> str:
    """An id for a tool call that came without one."""
    return f"call_{os.urandom(12).hex()}"


class Google:
    """See `providers.base.Dialect`. Holds one thing between calls: remembered thought signatures."""

    max_embeddings = MAX_EMBEDDINGS
    """Inputs that one embeddings request takes."""

    def __init__(
        self,
        *,
        signatures: ThoughtSignatures | None = None,
        new_id: Callable[[], str] = new_call_id,
    ) -> None:
        self.signatures = signatures if signatures is not None else ThoughtSignatures()
        self._new_id = new_id

    # What an envelope changes.

    def url(self, target: Target, method: str, *, stream: bool = False) -> str:
        """`method`: "generateContent", "streamGenerateContent", "countTokens", "batchEmbedContents"."""
        tail = "?alt=sse" if stream else ""
        return f"{target.base_url}/{_model_path(target.name)}:{method}{tail}"

    def wrap(self, body: dict[str, Any], target: Target, request: ChatRequest) -> dict[str, Any]:
        """What is sent for a generateContent `body`."""
        return body

    def unwrap(self, tree: dict[str, Any]) -> dict[str, Any]:
        """The generateContent response in one object of an answer."""
        return tree

    def auth(self, secret: Secret | None) -> Auth:
        return (("x-goog-api-key", "", secret),) if secret else ()

    # Chat.

    def chat(
        self, request: ChatRequest, target: Target, secret: Secret | None, *, stream: bool
    ) -> HttpRequest:
        body = self.wrap(self.build(request, target).body, target, request)
        method = "streamGenerateContent" if stream else "generateContent"
        return self._post(self.url(target, method, stream=stream), secret, body)

    def build(self, request: ChatRequest, target: Target) -> GoogleBody:
        """The body before the envelope, the function names, and what was left out or altered."""
        return build(request, target, self.signatures)

    def reader(self, request: ChatRequest, target: Target, headers: Headers) -> ChatReader:
        return GoogleReader(
            names=function_names(request.params.get("tools"), request.messages),
            signatures=self.signatures,
            model_id=target.model_id,
            new_id=self._new_id,
            unwrap=self.unwrap,
        )

    def count_tokens(
        self, request: ChatRequest, target: Target, secret: Secret | None
    ) -> HttpRequest:
        """Counts what `chat` would send, system and tools included; costs no generation quota
        (https://ai.google.dev/api/tokens)."""
        body = self.build(request, target).body
        counted = {"generateContentRequest": {"model": _model_path(target.name), **body}}
        return self._post(self.url(target, "countTokens"), secret, counted)

    def read_count(self, body: bytes) -> int:
        """Tokens of the prompt. Raises AnswerFault."""
        total = self.unwrap(parse_object(body)).get("totalTokens")
        if not isinstance(total, int):
            raise AnswerFault("malformed", body[:2048], "no token count in the answer")
        return total

    # Embeddings.

    def embeddings(
        self, inputs: list[str], target: Target, secret: Secret | None, *, dimensions: int | None
    ) -> HttpRequest:
        if len(inputs) > self.max_embeddings:
            raise RequestRefused(
                f"{len(inputs)} texts in one request; {target.model_id} takes {self.max_embeddings}",
                hint="send them in parts",
            )
        if not inputs or not all(inputs):
            raise RequestRefused(f"{target.model_id} embeds no empty text")
        one: dict[str, Any] = {"model": _model_path(target.name)}
        if dimensions is not None:
            one["outputDimensionality"] = dimensions
        if target.options.get("task_type"):
            one["taskType"] = target.options["task_type"]
        requests = [{**one, "content": {"parts": [{"text": text}]}} for text in inputs]
        return self._post(self.url(target, "batchEmbedContents"), secret, {"requests": requests})

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        tree = self.unwrap(parse_object(body))
        try:
            vectors = tuple(
                tuple(float(value) for value in item["values"]) for item in tree["embeddings"]
            )
        except (KeyError, TypeError, ValueError):
            raise AnswerFault("malformed", body[:2048], "no embeddings in the answer") from None
        usage = tree.get("usageMetadata")
        tokens = usage.get("promptTokenCount") if isinstance(usage, dict) else 0
        return EmbeddingAnswer(vectors, tokens if isinstance(tokens, int) else 0)

    # The provider itself.

    def list_models(
        self, provider: ProviderSpec, base_url: str, secret: Secret | None, *, page: str = ""
    ) -> HttpRequest | None:
        if not provider.list_path:
            return None
        query = f"?pageSize={PAGE_SIZE}" + (f"&pageToken={quote(page, safe='')}" if page else "")
        return HttpRequest("GET", _list_url(provider, base_url) + query, {}, self.auth(secret))

    def read_models(self, provider: ProviderSpec, body: bytes) -> ModelPage:
        return read_model_list(provider, body)

    def check_key(
        self, provider: ProviderSpec, base_url: str, secret: Secret
    ) -> HttpRequest | None:
        if not provider.list_path:
            return None
        url = _list_url(provider, base_url) + "?pageSize=1"
        return HttpRequest("GET", url, {}, self.auth(secret))

    def _post(self, url: str, secret: Secret | None, body: dict[str, Any]) -> HttpRequest:
        try:
            text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (ValueError, TypeError, RecursionError) as error:
            raise RequestRefused(f"the request cannot be written as JSON: {error}") from error
        headers = {"content-type": "application/json"}
        return HttpRequest("POST", url, headers, self.auth(secret), text.encode("utf-8", "replace"))


def dropped_fields(
    request: ChatRequest, target: Target, *, stream: bool = True
) -> tuple[tuple[str, str], ...]:
    """(field, what became of it) for all that `Google.chat` would leave out, for a person to read.
    Raises what it raises."""
    return Google().build(request, target).changes


def _model_path(name: str) -> str:
    """`models/{name}`; a name that says its collection (`tunedModels/x`) keeps it."""
    path = name if name.startswith(("models/", "tunedModels/")) else f"models/{name}"
    return quote(path, safe="/-._~@")


def _list_url(provider: ProviderSpec, base_url: str) -> str:
    path = provider.list_path
    return path if path.startswith(("http://", "https://")) else base_url + path

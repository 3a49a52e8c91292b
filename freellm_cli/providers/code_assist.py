"""Code Assist, the API behind Gemini CLI's login: Google's dialect in an envelope.

https://github.com/google-gemini/gemini-cli packages/core/src/code_assist/server.ts and converter.ts:
`POST {base}/v1internal:{method}` with `{"model", "project", "user_prompt_id", "request": {…}}`; each
answer has the usual response under `response`. A project that is null or "" is refused, so it is left
out where there is none. The session id goes into `request`, in snake case like `user_prompt_id`.

Switches in `target.quirks` beside those of `google_request`: `api_version` ("v1internal") and
`credit_types` (sent as `enabled_credit_types`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.chat import ChatRequest, Target
from freellm_cli.core.errors import RequestRefused, WrongModel
from freellm_cli.core.http import HttpRequest
from freellm_cli.core.secret import Secret
from freellm_cli.providers.base import EmbeddingAnswer, ModelPage
from freellm_cli.providers.google import Auth, Google, new_call_id
from freellm_cli.providers.thought_signatures import ThoughtSignatures

API_VERSION = "v1internal"


def new_prompt_id() -> str:
    return os.urandom(7).hex()


class CodeAssist(Google):
    """`Google` with the envelope around it. `target.options["project_id"]` is the login's project."""

    def __init__(
        self,
        *,
        signatures: ThoughtSignatures | None = None,
        new_id: Callable[[], str] = new_call_id,
        new_prompt_id: Callable[[], str] = new_prompt_id,
    ) -> None:
        super().__init__(signatures=signatures, new_id=new_id)
        self._new_prompt_id = new_prompt_id

    def url(self, target: Target, method: str, *, stream: bool = False) -> str:
        version = target.quirks.get("api_version") or API_VERSION
        return f"{target.base_url}/{version}:{method}{'?alt=sse' if stream else ''}"

    def wrap(self, body: dict[str, Any], target: Target, request: ChatRequest) -> dict[str, Any]:
        envelope: dict[str, Any] = {"model": _bare(target.name)}
        project = target.options.get("project_id")
        if project:
            envelope["project"] = project
        envelope["user_prompt_id"] = self._new_prompt_id()
        if target.quirks.get("credit_types"):
            envelope["enabled_credit_types"] = list(target.quirks["credit_types"])
        inner = {key: value for key, value in body.items() if key != "cachedContent"}
        if "systemInstruction" in inner:
            inner["systemInstruction"] = {"role": "user", **inner["systemInstruction"]}
        session = target.options.get("session_id") or _session_id(body)
        return {**envelope, "request": {**inner, "session_id": session}}

    def unwrap(self, tree: dict[str, Any]) -> dict[str, Any]:
        inner = tree.get("response")
        if not isinstance(inner, dict):
            return tree
        if "error" in tree:
            return {**inner, "error": tree["error"]}
        if "usageMetadata" in tree and "usageMetadata" not in inner:
            return {**inner, "usageMetadata": tree["usageMetadata"]}
        return inner

    def auth(self, secret: Secret | None) -> Auth:
        return (("Authorization", "Bearer ", secret),) if secret else ()

    def count_tokens(
        self, request: ChatRequest, target: Target, secret: Secret | None
    ) -> HttpRequest:
        """Counts the contents; it takes neither project nor system instruction."""
        contents = [
            _without_thoughts(turn) for turn in self.build(request, target).body["contents"]
        ]
        counted = {"request": {"model": f"models/{_bare(target.name)}", "contents": contents}}
        return self._post(self.url(target, "countTokens"), secret, counted)

    def embeddings(
        self, inputs: list[str], target: Target, secret: Secret | None, *, dimensions: int | None
    ) -> HttpRequest:
        raise WrongModel(
            "Gemini CLI's login has no embeddings",
            hint="`auto` is the best model that makes them; a key of Gemini's opens one",
        )

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        raise RequestRefused("Gemini CLI's login has no embeddings")

    def list_models(
        self, provider: ProviderSpec, base_url: str, secret: Secret | None, *, page: str = ""
    ) -> HttpRequest | None:
        return None

    def read_models(self, provider: ProviderSpec, body: bytes) -> ModelPage:
        return ModelPage(())

    def check_key(
        self, provider: ProviderSpec, base_url: str, secret: Secret
    ) -> HttpRequest | None:
        return None


def _bare(name: str) -> str:
    return name.removeprefix("models/")


def _session_id(body: dict[str, Any]) -> str:
    """One id for one conversation, made from its first turn: it need not be kept anywhere."""
    first = json.dumps(body.get("contents", [None])[0], sort_keys=True, ensure_ascii=True)
    digits = hashlib.sha256(b"freellm session:" + first.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


def _without_thoughts(turn: dict[str, Any]) -> dict[str, Any]:
    """The counter knows no thoughts: they count as the text that they are."""
    parts = []
    for part in turn.get("parts", ()):
        kept = {
            key: value for key, value in part.items() if key not in ("thought", "thoughtSignature")
        }
        parts.append(kept or {"text": ""})
    return {**turn, "parts": parts}

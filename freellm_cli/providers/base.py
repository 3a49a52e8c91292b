"""What a dialect must do to be a provider's: build requests and read replies. It never sends.

    build:  ChatRequest + Target + Secret          -> HttpRequest
    read:   bytes of the answer's body, as they come -> Delta, Delta, …

One reader serves streamed and whole answers: a whole body is fed in one piece.
"""

from typing import NamedTuple, Protocol

from freellm_cli.core.catalog import ModelSpec, ProviderSpec
from freellm_cli.core.chat import ChatRequest, Delta, Target
from freellm_cli.core.http import Headers, HttpRequest
from freellm_cli.core.secret import Secret


class AnswerFault(Exception):
    """The body of a 2xx answer is not an answer. Judged like any other refusal.

    `body`: the bytes that say so, fit for `core.verdicts.classify`; `fault`: "error" (an error object
    in the body), "cut" (it ended before its end), "malformed" (not the dialect), "empty" (nothing in it).
    """

    def __init__(self, fault: str, body: bytes = b"", message: str = "") -> None:
        super().__init__(message or fault)
        self.fault = fault
        self.body = body


class ChatReader(Protocol):
    """Reads one answer. Not thread-safe; one instance an answer."""

    def feed(self, chunk: bytes) -> list[Delta]:
        """Deltas that `chunk` completes, in order. Raises AnswerFault for an error inside a 200."""

    def close(self) -> list[Delta]:
        """Call at the end of the body: the last deltas, the finish reason and usage among them.
        Raises AnswerFault "cut" when the answer did not end as this dialect ends one."""


class ModelPage(NamedTuple):
    """One page of a provider's model list. `next_page` is the token for the next, or ""."""

    models: tuple[ModelSpec, ...]
    next_page: str = ""


class EmbeddingAnswer(NamedTuple):
    vectors: tuple[tuple[float, ...], ...]
    """In the order of the input."""
    prompt_tokens: int
    model: str = ""


class Dialect(Protocol):
    """A provider's wire format, without state of its own but for caches that may be lost."""

    def chat(
        self, request: ChatRequest, target: Target, secret: Secret | None, *, stream: bool
    ) -> HttpRequest:
        """The request for one answer. Fields named in `target.quirks["drop"]` are left out, parameters the
        provider refuses are dropped or renamed. Raises RequestRefused when the target cannot be asked
        this at all (an image for a model without eyes)."""

    def reader(self, request: ChatRequest, target: Target, headers: Headers) -> ChatReader:
        """A reader for the answer to `chat`; `headers` are the answer's (content type decides)."""

    def embeddings(
        self, inputs: list[str], target: Target, secret: Secret | None, *, dimensions: int | None
    ) -> HttpRequest:
        """Raises RequestRefused where the provider has none."""

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Raises AnswerFault."""

    def list_models(
        self, provider: ProviderSpec, base_url: str, secret: Secret | None, *, page: str = ""
    ) -> HttpRequest | None:
        """None when the provider has no list."""

    def read_models(self, provider: ProviderSpec, body: bytes) -> ModelPage:
        """Chat and embedding models of one page; raises AnswerFault when it is no list."""

    def check_key(
        self, provider: ProviderSpec, base_url: str, secret: Secret
    ) -> HttpRequest | None:
        """A request that tells a good key from a bad one and costs no generation quota; None when the
        provider has none. 2xx and 429 mean good; every other answer goes to `core.verdicts.classify`."""

"""The contract of a client dialect, so that the server has one handler for all of them.

parse:   a JSON body               -> Ask (the request, and what the answer must remember of it)
write:   Delta, Delta, …           -> bytes of the stream, frame by frame
         Completion                -> bytes of a whole answer
         FreellmError              -> bytes of an error, whole or in the stream
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from freellm_cli.core.chat import ChatRequest, Completion, Delta, Usage
from freellm_cli.core.errors import FreellmError

# Thinking eats answers this short whole; nobody who asks for one wants thoughts (TALKER Expanded
# asks for 30 tokens: https://github.com/Coelacanthiform/TALKER-Expanded).
TINY_ANSWER_TOKENS = 100


class Ask(NamedTuple):
    """What a client asked for. `memory` is the face's own: how the answer must look.

    One key of `memory` is for the server: "conversation", a text that stays the same through one
    conversation of the client; absent when the client sends none.
    """

    request: ChatRequest
    memory: Mapping[str, Any] = {}


class ReplyHead(NamedTuple):
    """What every frame of one answer carries. `created`: epoch seconds; `model`: as the client is told."""

    request_id: str
    created: int
    model: str
    prompt_tokens: int = 0
    """An estimate, for dialects that state it before the first token."""

    @property
    def stem(self) -> str:
        """The request id without its own prefix, to build the ids of a dialect with."""
        return self.request_id.removeprefix("req_")


class ReplyStyle(NamedTuple):
    """How answers are dressed, by server settings.

    `reasoning`: hand thoughts on in the dialect's own field; `tidy`: for games, trims white space around
    the answer and takes a code fence off it.
    """

    reasoning: bool = True
    tidy: bool = False


class FaceWriter(Protocol):
    """Writes one answer: `start`, any number of `delta`, then `finish` or `error`; or `whole` alone."""

    content_type: str
    """Of the stream; a whole answer is always JSON."""

    def start(self) -> bytes:
        """What comes before the first delta. Sent together with it."""

    def delta(self, delta: Delta) -> bytes:
        """The frames of one delta; empty when it shows nothing in this dialect."""

    def finish(self, usage: Usage) -> bytes:
        """The end of a whole stream, with the finish reason that the deltas brought."""

    def error(self, error: FreellmError) -> bytes:
        """An error in the stream, after `start` or in place of it: never a false end."""

    def keep_alive(self) -> bytes:
        """A frame that clients ignore, before `start` too; empty in a dialect that has none."""

    def whole(self, completion: Completion) -> bytes:
        """The JSON body of an answer that is not streamed."""


class Face(NamedTuple):
    """One client dialect. `parse(body, path_model, stream)`: `path_model` is the model named in the path,
    `stream` what the path says of streaming, else None."""

    name: str
    parse: Callable[[Any, str, bool | None], Ask]
    writer: Callable[[Ask, ReplyHead, ReplyStyle], FaceWriter]
    error_body: Callable[[FreellmError, str], dict[str, Any]]
    """(error, request id) -> the JSON body of an error response."""


class CallIds:
    """Ids of tool calls: the provider's where it gave one and it is unique, else made up."""

    __slots__ = ("_given", "_prefix")

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._given: set[str] = set()

    def take(self, given: str) -> str:
        call_id = given
        if not call_id or call_id in self._given:
            call_id = f"{self._prefix}{len(self._given)}"
        self._given.add(call_id)
        return call_id


def spare_thoughts(request: ChatRequest) -> ChatRequest:
    """Thinking off for a tiny answer, when the client said nothing of thinking."""
    limit = request.params.get("max_tokens")
    if request.think is None and isinstance(limit, int) and 0 < limit < TINY_ANSWER_TOKENS:
        return request._replace(think="off")
    return request


def shown_images(images: tuple[str, ...]) -> str:
    """Pictures as Markdown, for dialects whose answers are text."""
    return "\n".join(f"![image]({image})" for image in images)

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

EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"


class Ask(NamedTuple):
    """What a client asked for. `memory` is the face's own: how the answer must look."""

    request: ChatRequest
    memory: Mapping[str, Any] = {}  # noqa: RUF012 - read-only by contract


class ReplyHead(NamedTuple):
    """What every frame of one answer carries. `created`: epoch seconds; `model`: as the client is told."""

    request_id: str
    created: int
    model: str
    prompt_tokens: int = 0
    """An estimate, for dialects that state it before the first token."""


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
        """An error after the first frame: never a false end."""

    def keep_alive(self) -> bytes:
        """A frame that clients ignore."""

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


def tidy_text(text: str) -> str:
    """An answer as a game can speak it: no white space around it, no code fence about all of it."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and len(text) > 6:
        first, _, rest = text[3:-3].partition("\n")
        text = (rest if rest and " " not in first.strip() else first + "\n" + rest).strip()
    return text

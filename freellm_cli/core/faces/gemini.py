"""The Gemini dialect behind the contract of faces; what is said how stands in `core.gemini_face`.

A stream is server-sent events when the client asked with `alt=sse`, else one JSON array
(https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent).
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core import gemini_face
from freellm_cli.core.chat import Completion, Delta, Usage
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.base import Ask, ReplyHead, spare_thoughts
from freellm_cli.core.faces.errors import gemini_error
from freellm_cli.core.faces.frames import COMMENT, EVENT_STREAM, JSON, dump

error_body = gemini_error


def parse(body: Any, path_model: str, stream: bool | None) -> Ask:
    """A generateContent body as an Ask; the path names the model and whether to stream.

    Put `"array": True` into the memory (`as_array`) for a stream without `alt=sse`. Raises RequestRefused.
    """
    request = gemini_face.request_from_gemini(path_model, body, bool(stream))
    return Ask(spare_thoughts(request), {"thoughts": gemini_face.wants_thoughts(body)})


def as_array(ask: Ask) -> Ask:
    """`ask`, its stream to be written as a JSON array."""
    return ask._replace(memory={**ask.memory, "array": True})


def count_tokens(body: Any, path_model: str) -> dict[str, int]:
    """The answer of `:countTokens`: an estimate, nothing is sent. Raises RequestRefused."""
    from freellm_cli.core.tokens import estimate_request

    inner = body.get("generateContentRequest") if isinstance(body, dict) else None
    request = gemini_face.request_from_gemini(path_model, inner or body, False)
    return {"totalTokens": estimate_request(request)}


class GeminiFaceWriter:
    """Response objects, each whole; the last has finishReason and usageMetadata."""

    def __init__(self, ask: Ask, head: ReplyHead) -> None:
        self._array = bool(ask.memory.get("array"))
        self.content_type = JSON if self._array else EVENT_STREAM
        self._head = head
        self._started = False
        self._begun = False
        self._inner = gemini_face.GeminiWriter(
            head.model, head.stem, thoughts=bool(ask.memory.get("thoughts"))
        )

    def start(self) -> bytes:
        self._started = True
        return b"[" if self._array else b""

    def delta(self, delta: Delta) -> bytes:
        # The client is told the model and the id of the head, as in every dialect.
        if delta.model or delta.response_id:
            delta = delta._replace(model="", response_id="")
        return b"".join(map(self._frame, self._inner.feed(delta)))

    def _frame(self, response: dict[str, Any]) -> bytes:
        data = dump(response)
        if not self._array:
            return b"data: " + data + b"\r\n\r\n"
        comma = b",\r\n" if self._begun else b""
        self._begun = True
        return comma + data

    def finish(self, usage: Usage) -> bytes:
        self._inner.feed(Delta(usage=usage))
        frames = b"".join(map(self._frame, self._inner.end()))
        return frames + b"]" if self._array else frames

    def error(self, error: FreellmError) -> bytes:
        start = b"" if self._started else self.start()
        frame = self._frame(error_body(error, self._head.request_id))
        return start + frame + b"]" if self._array else frame

    def keep_alive(self) -> bytes:
        return b" " if self._array else COMMENT

    def whole(self, completion: Completion) -> bytes:
        return dump(self._inner.whole(completion._replace(model="", response_id="")))

"""An answer before it is bytes, and the steps by which its bytes go out."""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.simulator.wire import Pause, Send, Step

REASONS = {
    200: "OK",
    204: "No Content",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    410: "Gone",
    413: "Content Too Large",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json; charset=UTF-8"


class Answer:
    """What will be said. Faults change it in place before it becomes bytes.

    Whole answers have `payload` (a JSON value) or `raw`; streams have `events` (JSON values, one an event)
    and `tail` (raw bytes after them). `form`: "sse" or "array" (Google's stream without `alt=sse`).
    """

    def __init__(
        self,
        status: int = 200,
        *,
        payload: Any = None,
        raw: bytes | None = None,
        events: list[Any] | None = None,
        tail: bytes = b"",
        form: str = "sse",
        dialect: str = "openai",
        content_type: str = JSON,
        headers: list[tuple[str, str]] | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
    ) -> None:
        self.status = status
        self.payload = payload
        self.raw = raw
        self.events = events
        self.tail = tail
        self.form = form
        self.dialect = dialect
        self.content_type = content_type
        self.headers = list(headers or [])
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens

    @property
    def streams(self) -> bool:
        return self.events is not None


class Rendered:
    """An answer as bytes: `body` for a whole one, `frames` for a stream. Wire faults play with it."""

    def __init__(
        self,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes,
        frames: list[bytes] | None,
        *,
        http10: bool = False,
        keep_alive: bool = True,
        head_only: bool = False,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.frames = frames
        self.http10 = http10
        self.keep_alive = keep_alive and not (http10 and frames is not None)
        self.head_only = head_only
        self.first_pause = 0.0
        self.pause = 0.0

    def set_header(self, name: str, value: str | None) -> None:
        """Replaces a header; None takes it away."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))

    @property
    def chunked(self) -> bool:
        return self.frames is not None and not self.http10

    def head(self, length: int | None = None) -> bytes:
        """Status line and headers. `length`: what content-length claims; None for the true one."""
        lines = [
            f"HTTP/1.{0 if self.http10 else 1} {self.status} {REASONS.get(self.status, 'Status')}"
        ]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.chunked:
            lines.append("transfer-encoding: chunked")
        elif self.frames is None and self.status not in (204, 304):
            lines.append(f"content-length: {len(self.body) if length is None else length}")
        lines.append("connection: keep-alive" if self.keep_alive else "connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def frame(self, data: bytes) -> bytes:
        """`data` as a piece of the body: a chunk of its own where the body is chunked."""
        return b"%x\r\n%s\r\n" % (len(data), data) if self.chunked and data else data

    @property
    def end(self) -> bytes:
        return b"0\r\n\r\n" if self.chunked else b""

    def steps(self) -> list[Step]:
        """How it is written when nothing goes wrong."""
        if self.head_only:
            return [Send(self.head())]
        if self.frames is None:
            pause: list[Step] = [Pause(self.first_pause)] if self.first_pause else []
            return [*pause, Send(self.head() + self.body)]
        return [Send(self.head()), *self.frame_steps(self.frames), Send(self.end)]

    def frame_steps(self, frames: list[bytes]) -> list[Step]:
        """The frames at the pace of the answer."""
        steps: list[Step] = [Pause(self.first_pause)] if self.first_pause else []
        for place, frame in enumerate(frames):
            if place and self.pause:
                steps.append(Pause(self.pause))
            steps.append(Send(self.frame(frame)))
        return steps


def to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def sse(value: Any) -> bytes:
    """One event; bytes pass as they are, so that a fault can say what JSON cannot."""
    return value if isinstance(value, bytes) else b"data: " + to_json(value) + b"\n\n"


def render(answer: Answer, *, http10: bool = False, keep_alive: bool = True) -> Rendered:
    headers = list(answer.headers)
    if answer.events is None:
        body = answer.raw if answer.raw is not None else to_json(answer.payload)
        if answer.content_type:
            headers.insert(0, ("content-type", answer.content_type))
        return Rendered(answer.status, headers, body, None, http10=http10, keep_alive=keep_alive)
    if answer.form == "array":
        frames = _array_frames(answer.events)
        headers.insert(0, ("content-type", answer.content_type))
    else:
        frames = [sse(event) for event in answer.events]
        headers.insert(0, ("content-type", EVENT_STREAM))
        headers.append(("cache-control", "no-cache"))
    if answer.tail:
        frames.append(answer.tail)
    return Rendered(answer.status, headers, b"", frames, http10=http10, keep_alive=keep_alive)


def _array_frames(events: list[Any]) -> list[bytes]:
    frames = [
        (b"[" if place == 0 else b",\r\n") + (event if isinstance(event, bytes) else to_json(event))
        for place, event in enumerate(events)
    ]
    return [*frames, b"]"]

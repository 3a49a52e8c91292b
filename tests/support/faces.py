"""Builders for the faces' tests: one answer written in any dialect, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from freellm_cli.core.chat import Completion, Delta, ToolCall, ToolCallDelta, Usage
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.base import Ask, FaceWriter, ReplyHead, ReplyStyle
from freellm_cli.core.faces.registry import face
from freellm_cli.core.sse import SseDecoder

HEAD = ReplyHead("req_0123456789abcdef0123", 1_763_700_000, "gemini/gemini-2.5-flash", 11)
USAGE = Usage(prompt=10, completion=5, reasoning=2, cached=1)
ASKED = [{"role": "user", "content": "hi"}]

BODIES: dict[str, dict[str, Any]] = {
    "openai": {"model": "m", "messages": ASKED, "stream": True},
    "completions": {"model": "m", "prompt": "Once", "max_tokens": 500, "stream": True},
    "responses": {"model": "m", "input": "hi", "stream": True},
    "anthropic": {
        "model": "m",
        "messages": ASKED,
        "max_tokens": 500,
        "thinking": {"type": "adaptive"},
        "stream": True,
    },
    "gemini": {
        "contents": [{"parts": [{"text": "hi"}]}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    },
    "ollama_chat": {"model": "m", "messages": ASKED},
    "ollama_generate": {"model": "m", "prompt": "hi"},
}

WEATHER = ToolCallDelta(0, "call_a", "weather", "")
TOWN = (ToolCallDelta(0, arguments='{"town":'), ToolCallDelta(0, arguments='"Bern"}'))
CLOCK = ToolCallDelta(1, "call_b", "clock", '{"zone":"UTC"}')

STORY = [
    Delta(reasoning="Let me "),
    Delta(reasoning="think."),
    Delta(text="Hello"),
    Delta(text=" you"),
    Delta(tool_calls=(WEATHER,)),
    *(Delta(tool_calls=(part,)) for part in TOWN),
    Delta(tool_calls=(CLOCK,)),
    Delta(finish="tool_calls"),
]
"""Thoughts, a text and two calls: everything a block can be."""

TOLD = Completion(
    text="Hello you",
    reasoning="Let me think.",
    tool_calls=(
        ToolCall("call_a", "weather", '{"town":"Bern"}'),
        ToolCall("call_b", "clock", '{"zone":"UTC"}'),
    ),
    finish="tool_calls",
    usage=USAGE,
)
"""The same answer, whole."""


def asked(name: str, **more: Any) -> Ask:
    """What a client of the face `name` asks, its usual body and `more` fields of it."""
    return face(name).parse({**BODIES[name], **more}, "m", True if name == "gemini" else None)


def writer(name: str, style: ReplyStyle = ReplyStyle(), **more: Any) -> FaceWriter:  # noqa: B008
    return face(name).writer(asked(name, **more), HEAD, style)


def stream(
    name: str,
    deltas: Iterable[Delta],
    *,
    usage: Usage = USAGE,
    style: ReplyStyle = ReplyStyle(),  # noqa: B008
    error: FreellmError | None = None,
    **more: Any,
) -> bytes:
    """The whole stream of an answer; it breaks off with `error` if there is one."""
    made = writer(name, style, **more)
    body = made.start() + b"".join(made.delta(delta) for delta in deltas)
    return body + (made.error(error) if error else made.finish(usage))


def whole(
    name: str,
    completion: Completion,
    style: ReplyStyle = ReplyStyle(),  # noqa: B008
    **more: Any,
) -> dict[str, Any]:
    data = json.loads(writer(name, style, **more).whole(completion))
    assert isinstance(data, dict)
    return data


def events(body: bytes) -> list[tuple[str, Any]]:
    """(name, data) of every event; `[DONE]` as it stands."""
    decoder = SseDecoder()
    found = decoder.feed(body) + decoder.close()
    return [
        (one.name, "[DONE]" if one.data == b"[DONE]" else json.loads(one.data)) for one in found
    ]


def lines(body: bytes) -> list[Any]:
    """The objects of a stream that is a JSON object a line."""
    return [json.loads(line) for line in body.splitlines()]


def pieces(body: bytes, size: int = 7) -> Iterator[bytes]:
    """`body` as a network may deliver it."""
    for at in range(0, len(body), size):
        yield body[at : at + size]

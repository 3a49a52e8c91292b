"""Builders for requests, targets and answers in the OpenAI dialect."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from freellm_cli.core.assembly import Assembler
from freellm_cli.core.chat import ChatRequest, Completion, Delta, Target
from freellm_cli.core.http import Headers, HttpRequest
from freellm_cli.providers.openai_compat import OpenAICompat

DONE = b"data: [DONE]\n\n"


def dialect() -> OpenAICompat:
    """With a clock that stands still and ids that count."""
    ids = count(1)
    return OpenAICompat(
        now_ms=lambda: 1_700_000_000_000,
        new_uuid=lambda: f"00000000-0000-4000-8000-{next(ids):012d}",
    )


def target(provider: str = "custom", name: str = "some-model", **changes: Any) -> Target:
    base = Target(
        provider=provider,
        model_id=f"{provider}/{name}",
        name=name,
        base_url="https://host.example/v1",
        quirks={},
        capabilities=frozenset({"chat"}),
    )
    return base._replace(**changes)


def ask(*messages: dict[str, Any], think: str | None = None, **params: Any) -> ChatRequest:
    said = list(messages) or [{"role": "user", "content": "hi"}]
    return ChatRequest("asked-model", said, params, think=think)


def sent(
    request: ChatRequest, where: Target | None = None, *, stream: bool = False
) -> dict[str, Any]:
    """The body that goes out, without the parts that every body has."""
    call = dialect().chat(request, where or target(), None, stream=stream)
    return body_of(call)


def body_of(call: HttpRequest) -> dict[str, Any]:
    assert call.body is not None
    body: dict[str, Any] = json.loads(call.body)
    return body


def system(text: Any) -> dict[str, Any]:
    return {"role": "system", "content": text}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: Any = None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def call(call_id: str, name: str = "look", arguments: str = "{}") -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def result(call_id: str, text: str = "fine") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def tool(name: str = "look", parameters: dict[str, Any] | None = None, **more: Any) -> Any:
    schema = parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": name, "parameters": schema, **more}}


# Answers.


def event(chunk: Any) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def chunk(finish: str | None = None, usage: Any = None, **delta: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "told-model",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    if usage is not None:
        made["usage"] = usage
    return made


def stream(*chunks: Any, done: bool = True) -> bytes:
    return b"".join(event(c) for c in chunks) + (DONE if done else b"")


def usage(prompt: int, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def deltas(body: bytes, *, size: int = 0, where: Target | None = None) -> list[Delta]:
    """What a reader makes of `body`, fed in pieces of `size` bytes (0: in one)."""
    reader = dialect().reader(ask(), where or target(), Headers([]))
    step = size or max(1, len(body))
    found: list[Delta] = []
    for start in range(0, len(body), step):
        found += reader.feed(body[start : start + step])
    return found + reader.close()


def completion(body: bytes, *, size: int = 0, where: Target | None = None) -> Completion:
    whole = Assembler()
    for delta in deltas(body, size=size, where=where):
        whole.add(delta)
    return whole.completion()

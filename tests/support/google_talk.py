"""Requests to Google's models, and answers of theirs, in few words."""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.assembly import Assembler
from freellm_cli.core.chat import ChatRequest, Completion, Delta, Target
from freellm_cli.core.http import Headers
from freellm_cli.core.secret import Secret
from freellm_cli.providers.google import Google
from tests.support.google_rules import problems

KEY = "AQ.a-key-that-no-output-may-hold"
EVERYTHING = frozenset({"chat", "vision", "tools", "thinking", "json", "audio", "pdf"})
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town",
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string"}},
            "required": ["town"],
        },
    },
}


def target(
    name: str = "gemini-2.5-flash",
    *,
    options: dict[str, Any] | None = None,
    max_output: int | None = 65536,
    capabilities: frozenset[str] = frozenset({"chat"}),
    **quirks: Any,
) -> Target:
    return Target(
        provider="gemini",
        model_id=f"gemini/{name}",
        name=name,
        base_url="https://generativelanguage.googleapis.com/v1beta",
        quirks=quirks,
        capabilities=capabilities,
        max_output=max_output,
        options=options or {},
    )


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def said(content: Any, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    if calls:
        message["tool_calls"] = list(calls)
    return message


def call(call_id: str, name: str = "weather", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function, **more}


def result(call_id: str, content: Any = "sunny", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


def asking(*messages: dict[str, Any] | str, think: str | None = None, **params: Any) -> ChatRequest:
    made = [user(message) if isinstance(message, str) else message for message in messages]
    return ChatRequest("gemini/any", made or [user("hello")], params, think)


def body_of(
    request: ChatRequest, where: Target | None = None, dialect: Google | None = None
) -> dict[str, Any]:
    """What goes over the wire; the test fails when Google would refuse it."""
    where = where or target()
    sent = (dialect or Google()).chat(request, where, Secret(KEY), stream=True)
    assert sent.body is not None
    body: dict[str, Any] = json.loads(sent.body)
    assert problems(body, where.name) == []
    return body


def config_of(request: ChatRequest, where: Target | None = None) -> dict[str, Any]:
    return body_of(request, where).get("generationConfig", {})


def chunk(*parts: dict[str, Any], finish: str = "", **more: Any) -> dict[str, Any]:
    """One response object of Google's."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **more}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"text": words, **more}


def sse(*trees: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(tree).encode() + b"\r\n\r\n" for tree in trees)


def read(
    body: bytes,
    request: ChatRequest | None = None,
    where: Target | None = None,
    *,
    size: int | None = None,
    dialect: Google | None = None,
) -> list[Delta]:
    """All deltas of an answer fed in pieces of `size` bytes."""
    dialect = dialect or Google(new_id=iter(f"call_{n}" for n in range(99)).__next__)
    reader = dialect.reader(request or asking(), where or target(), Headers([]))
    size = size or max(1, len(body))
    deltas = []
    for start in range(0, len(body), size):
        deltas += reader.feed(body[start : start + size])
    return deltas + reader.close()


def completion(*args: Any, **kwargs: Any) -> Completion:
    gathered = Assembler()
    for delta in read(*args, **kwargs):
        gathered.add(delta)
    return gathered.completion()

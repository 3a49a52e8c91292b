"""The smaller pieces of an answer: content in parts, thinking in details, words for the end."""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import Delta
from freellm_cli.core.messages import flat_text

FAILED = frozenset(("error", "network_error", "abort", "insufficient_system_resource"))
"""Finish reasons that mean the answer failed: OpenRouter and Mistral, z.ai and iFlow, vLLM, DeepSeek."""

_FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
}


def finish_word(word: str) -> str:
    """One of FINISH_REASONS for what a host wrote; "stop" for inventions nobody knows.

    Google's OpenAI-compatible path writes "content_filter: PROHIBITED_CONTENT".
    """
    known = _FINISH.get(word)
    if known is None:
        known = _FINISH.get(word.partition(":")[0].strip().lower(), "stop")
    return known


def content_parts(content: Any) -> tuple[str, str, tuple[str, ...]]:
    """(text, thinking, images) of a content that is a list of parts, as Mistral's reasoning models
    send it (https://docs.mistral.ai/capabilities/reasoning/)."""
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return "", "", ()
    said: list[str] = []
    thought: list[str] = []
    images: tuple[str, ...] = ()
    for part in content:
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, dict):
            kind = part.get("type")
            if kind in ("thinking", "reasoning"):
                thought.append(flat_text(part.get("thinking") or part.get("text")))
            elif kind == "image_url":
                images += images_in([part])
            else:
                said.append(flat_text(part.get("text")))
    return "".join(said), "".join(thought), images


def details_text(details: Any) -> str:
    """The readable part of `reasoning_details`
    (https://openrouter.ai/docs/use-cases/reasoning-tokens): its texts and summaries."""
    if not isinstance(details, list):
        return ""
    texts = (item.get("text") or item.get("summary") for item in details if isinstance(item, dict))
    return "".join(text for text in texts if isinstance(text, str))


def images_in(parts: Any) -> tuple[str, ...]:
    """The data: URIs in a list of image parts; other addresses are left alone."""
    if not isinstance(parts, list):
        return ()
    found = []
    for part in parts:
        image = part.get("image_url") if isinstance(part, dict) else part
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str) and url.startswith("data:"):
            found.append(url)
    return tuple(found)


OUR_FIELDS = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "error", "x_groq", "obfuscation")
)
"""What is read, or made anew, or means nothing behind us."""


def hand_on(
    chunk: dict[str, Any],
    choice: dict[str, Any],
    told: dict[str, Any],
    out: list[Delta],
    known: int,
) -> None:
    """Puts what an answer holds that is not ours to say into the `extra` of the first delta of `out` behind
    `known`, for clients of the same dialect: `logprobs`, a list of one object a token, and under `answer` the
    fields beside `choices`, such as `system_fingerprint`, `citations` or `timings`. A field that stands in
    every chunk is told once; `told` remembers."""
    extra: dict[str, Any] = {}
    logprobs = choice.get("logprobs")
    if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
        extra["logprobs"] = logprobs["content"]
    new = {
        name: value
        for name, value in chunk.items()
        if name not in OUR_FIELDS and value is not None and told.get(name) != value
    }
    if new:
        told.update(new)
        extra["answer"] = dict(told)
    if not extra:
        return
    if len(out) == known:
        out.append(Delta(extra=extra))
    else:
        out[known] = out[known]._replace(extra={**(out[known].extra or {}), **extra})

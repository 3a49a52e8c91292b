"""OpenAI chat completions, as clients read it.

Frames are `data: ` with one space and one line of JSON: CHIM/HerikaServer cuts exactly six bytes off each line
(https://github.com/abeiro/HerikaServer), Mantella needs `choices[0].delta` in every chunk
(https://github.com/art-from-the-machine/Mantella). Shapes: https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.chat import Completion, Delta, ToolCall, Usage
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.base import EVENT_STREAM, Ask, ReplyHead, ReplyStyle, tidy_text
from freellm_cli.core.messages import normalise_body

# Thinking eats answers this short whole; nobody who asks for one wants thoughts (TALKER asks for 30).
TINY_ANSWER_TOKENS = 100
DONE = b"data: [DONE]\n\n"


def parse(body: Any, path_model: str, stream: bool | None) -> Ask:
    """A chat completions body as an Ask. Raises RequestRefused naming the field."""
    request = normalise_body(body)
    options = body.get("stream_options") if isinstance(body, dict) else None
    wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
    limit = request.params.get("max_tokens") or request.params.get("max_completion_tokens")
    if request.think is None and isinstance(limit, int) and 0 < limit < TINY_ANSWER_TOKENS:
        request = request._replace(think="off")
    return Ask(request, {"include_usage": wants_usage})


def error_body(error: FreellmError, request_id: str) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`: all four keys, always an object."""
    message = error.message
    if error.hint and error.http_status < 500:
        message += f" ({error.hint})"
    if request_id:
        message += f" [{request_id}]"
    return {
        "error": {"message": message, "type": error.error_type, "param": None, "code": error.code}
    }


def usage_json(usage: Usage) -> dict[str, Any]:
    data: dict[str, Any] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
    }
    if usage.reasoning:
        data["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    if usage.cached:
        data["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    return data


def dump(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "replace"
    )


class OpenAIChatWriter:
    """Frames in the order that SDKs and mods expect: role, content, finish once, usage if asked, [DONE]."""

    content_type = EVENT_STREAM

    def __init__(self, ask: Ask, head: ReplyHead, style: ReplyStyle) -> None:
        self._head = head
        self._style = style
        self._include_usage = bool(ask.memory.get("include_usage"))
        self._finish: str | None = None
        self._calls: dict[int, int] = {}
        self._begun = False
        usage = b',"usage":null' if self._include_usage else b""
        frame = (
            f'data: {{"id":{json.dumps("chatcmpl-" + head.request_id)},"object":"chat.completion.chunk",'
            f'"created":{head.created},"model":{json.dumps(head.model)},"choices":'
        )
        self._frame = frame.encode()
        self._before = self._frame + b'[{"index":0,"delta":'
        self._after = b',"finish_reason":null}]' + usage + b"}\n\n"

    def start(self) -> bytes:
        return self._before + b'{"role":"assistant","content":""}' + self._after

    def delta(self, delta: Delta) -> bytes:
        self._finish = delta.finish or self._finish
        frames = []
        if delta.reasoning and self._style.reasoning:
            text = json.dumps(delta.reasoning, ensure_ascii=False)
            frames.append(self._chunk('{"reasoning_content":' + text + "}"))
        text = delta.text
        if text and self._style.tidy and not self._begun:
            text = text.lstrip()
        if text:
            self._begun = True
            frames.append(self._chunk('{"content":' + json.dumps(text, ensure_ascii=False) + "}"))
        frames += [self._chunk(self._call_json(call)) for call in delta.tool_calls]
        for image in delta.images:
            markdown = json.dumps(f"![image]({image})")
            frames.append(self._chunk('{"content":' + markdown + "}"))
        return b"".join(frames)

    def _chunk(self, delta: str) -> bytes:
        return self._before + delta.encode("utf-8", "replace") + self._after

    def _call_json(self, call: Any) -> str:
        first = call.index not in self._calls
        place = self._calls.setdefault(call.index, len(self._calls))
        fragment: dict[str, Any] = {"index": place}
        if first:
            fragment["id"] = call.id or f"call_{self._head.request_id[-12:]}_{place}"
            fragment["type"] = "function"
            fragment["function"] = {"name": call.name, "arguments": call.arguments}
        else:
            fragment["function"] = {"arguments": call.arguments}
        if call.signature:
            fragment["extra_content"] = {"google": {"thought_signature": call.signature}}
        return json.dumps({"tool_calls": [fragment]}, ensure_ascii=False)

    def finish(self, usage: Usage) -> bytes:
        reason = self._finish or "stop"
        if self._calls and reason == "stop":
            reason = "tool_calls"
        end = b',"usage":null' if self._include_usage else b',"usage":' + dump(usage_json(usage))
        frames = self._before + b'{},"finish_reason":' + dump(reason) + b"}]" + end + b"}\n\n"
        if self._include_usage:
            frames += self._frame + b'[],"usage":' + dump(usage_json(usage)) + b"}\n\n"
        return frames + DONE

    def error(self, error: FreellmError) -> bytes:
        return b"data: " + dump(error_body(error, self._head.request_id)) + b"\n\n" + DONE

    def keep_alive(self) -> bytes:
        return b": keep-alive\n\n"

    def whole(self, completion: Completion) -> bytes:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self._content(completion),
            "refusal": None,
        }
        if completion.reasoning and self._style.reasoning:
            message["reasoning_content"] = completion.reasoning
        if completion.tool_calls:
            message["tool_calls"] = [
                self._whole_call(call, place) for place, call in enumerate(completion.tool_calls)
            ]
            message["content"] = completion.text or None
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": completion.finish,
        }
        return dump(
            {
                "id": "chatcmpl-" + self._head.request_id,
                "object": "chat.completion",
                "created": self._head.created,
                "model": self._head.model,
                "choices": [choice],
                "usage": usage_json(completion.usage),
            }
        )

    def _content(self, completion: Completion) -> str:
        text = tidy_text(completion.text) if self._style.tidy else completion.text
        drawn = "\n".join(f"![image]({image})" for image in completion.images)
        return f"{text}\n{drawn}".strip("\n") if drawn else text

    def _whole_call(self, call: ToolCall, place: int) -> dict[str, Any]:
        data: dict[str, Any] = {
            "id": call.id or f"call_{self._head.request_id[-12:]}_{place}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
        }
        if call.signature:
            data["extra_content"] = {"google": {"thought_signature": call.signature}}
        return data

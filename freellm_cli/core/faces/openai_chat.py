"""OpenAI chat completions, as clients read it.

Frames are `data: ` with one space and one line of JSON: CHIM/HerikaServer cuts exactly six bytes off
each line (https://github.com/abeiro/HerikaServer), Mantella needs `choices[0].delta` in every chunk
(https://github.com/art-from-the-machine/Mantella). Shapes:
https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import (
    FINISH_REASONS,
    TEXT_ALONE,
    ChatRequest,
    Completion,
    Delta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.base import Ask, CallIds, ReplyHead, shown_images, spare_thoughts
from freellm_cli.core.faces.errors import openai_error
from freellm_cli.core.faces.frames import COMMENT, DONE, EVENT_STREAM, dump, text_json
from freellm_cli.core.messages import normalise_body
from freellm_cli.core.request_params import one_choice

# Provider fields that OpenAI clients keep and send back: OpenRouter's thoughts
# (https://openrouter.ai/docs/use-cases/reasoning-tokens) and Google's signatures
# (https://ai.google.dev/gemini-api/docs/thought-signatures).
_HANDED_ON = ("reasoning_details", "annotations", "extra_content")
_OURS = frozenset(("id", "object", "created", "model", "choices", "usage"))


def parse(body: Any, path_model: str, stream: bool | None) -> Ask:
    """A chat completions body as an Ask. Raises RequestRefused naming the field."""
    request = spare_thoughts(plain(normalise_body(body)))
    if path_model and not request.model:
        request = request._replace(model=path_model)
    return Ask(request, memory_of(body))


def plain(request: ChatRequest) -> ChatRequest:
    """`request` without what the face itself answers for: usage in the stream, and one choice. Raises
    BadField for more."""
    params = request.params
    for name in ("stream_options", "best_of"):
        params.pop(name, None)
    if "n" in params:
        one_choice(params)
    return request


def memory_of(body: dict[str, Any]) -> dict[str, Any]:
    options = body.get("stream_options")
    wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
    memory: dict[str, Any] = {"include_usage": wants_usage}
    if body.get("functions") and not body.get("tools"):
        memory["functions"] = True
    key = body.get("prompt_cache_key")
    if isinstance(key, str) and key:
        memory["conversation"] = key
    return memory


error_body = openai_error


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


def function_call(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call, or a fragment of one, as clients read it that asked with the old `functions`."""
    return {"function_call": call["function"]}


def finish_word(finish: str | None, *, has_calls: bool) -> str:
    """One of the four reasons; an answer with calls that merely ended asks for their results."""
    word = finish if finish in FINISH_REASONS else "stop"
    return "tool_calls" if has_calls and word == "stop" else word


class OpenAIChatWriter:
    """Frames in the order that SDKs and mods expect: role, content, finish once, usage if asked, [DONE]."""

    content_type = EVENT_STREAM

    def __init__(self, ask: Ask, head: ReplyHead) -> None:
        self._head = head
        self._include_usage = bool(ask.memory.get("include_usage"))
        self._old = bool(ask.memory.get("functions"))
        self._finish: str | None = None
        self._besides: dict[str, Any] = {}
        self._places: dict[int, int] = {}
        self._ids = CallIds(f"call_{head.stem[-12:]}_")

    def start(self) -> bytes:
        head = self._head
        usage = b',"usage":null' if self._include_usage else b""
        self._frame = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":'
            % (text_json("chatcmpl-" + head.stem), head.created, text_json(head.model))
        )
        self._before = self._frame + b'[{"index":0,"delta":'
        self._after = b',"finish_reason":null}]' + usage + b"}\n\n"
        self._before_text = self._before + b'{"content":'
        self._after_text = b"}" + self._after
        return self._before + b'{"role":"assistant","content":""}' + self._after

    def delta(self, delta: Delta) -> bytes:
        if delta[1:] == TEXT_ALONE and delta[0]:
            return self._before_text + text_json(delta[0]) + self._after_text
        return self._delta(delta)

    def _delta(self, delta: Delta) -> bytes:
        if delta.finish:
            self._finish = delta.finish
        frames = b""
        if delta.reasoning:
            thought = b'{"reasoning_content":%b}' % text_json(delta.reasoning)
            frames = self._before + thought + self._after
        if delta.extra and delta.extra.get("logprobs"):
            frames += self._with_logprobs(delta.text, delta.extra["logprobs"])
        elif delta.text:
            frames += self._before_text + text_json(delta.text) + self._after_text
        if delta.tool_calls or delta.images or delta.extra:
            frames += self._rare(delta)
        return frames

    def _rare(self, delta: Delta) -> bytes:
        frames = [self._call(call) for call in delta.tool_calls]
        if delta.images:
            frames.append(self._chunk({"content": shown_images(delta.images)}))
        kept = handed_on(delta.extra)
        if kept:
            frames.append(self._chunk(kept))
        if delta.extra:
            self._besides = delta.extra.get("answer") or self._besides
        return b"".join(frames)

    def _with_logprobs(self, text: str, tokens: list[Any]) -> bytes:
        said = {"content": text} if text else {}
        probabilities = dump({"content": tokens, "refusal": None})
        return b'%b%b,"logprobs":%b%b' % (self._before, dump(said), probabilities, self._after)

    def _chunk(self, delta: dict[str, Any]) -> bytes:
        return self._before + dump(delta) + self._after

    def _call(self, call: ToolCallDelta) -> bytes:
        first = call.index not in self._places
        place = self._places.setdefault(call.index, len(self._places))
        frames = b""
        if first:
            begun: dict[str, Any] = {
                "index": place,
                "id": self._ids.take(call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": ""},
            }
            frames = self._call_chunk(_signed(begun, call.signature))
        if call.arguments or (call.signature and not first):
            more: dict[str, Any] = {"index": place, "function": {"arguments": call.arguments}}
            signature = "" if first else call.signature
            frames += self._call_chunk(_signed(more, signature))
        return frames

    def _call_chunk(self, fragment: dict[str, Any]) -> bytes:
        if not self._old:
            return self._chunk({"tool_calls": [fragment]})
        # There was one call an answer then.
        return b"" if fragment["index"] else self._chunk(function_call(fragment))

    def finish(self, usage: Usage) -> bytes:
        reason = self._word(self._finish, has_calls=bool(self._places))
        counts = dump(usage_json(usage))
        end = b"null" if self._include_usage else counts
        last = b'%b{},"finish_reason":%b}],"usage":%b' % (self._before, dump(reason), end)
        frames = last + self._fields_besides() + b"}\n\n"
        if self._include_usage:
            frames += b'%b[],"usage":%b}\n\n' % (self._frame, counts)
        return frames + DONE

    def _fields_besides(self) -> bytes:
        """What the host said beside its choices: members to put behind the last of an object."""
        told = {name: value for name, value in self._besides.items() if name not in _OURS}
        return b"," + dump(told)[1:-1] if told else b""

    def _word(self, finish: str | None, *, has_calls: bool) -> str:
        word = finish_word(finish, has_calls=has_calls)
        return "function_call" if self._old and word == "tool_calls" else word

    def error(self, error: FreellmError) -> bytes:
        return b"data: %b\n\n" % dump(error_body(error, self._head.request_id)) + DONE

    def keep_alive(self) -> bytes:
        return COMMENT

    def whole(self, completion: Completion) -> bytes:
        finish = self._word(completion.finish, has_calls=bool(completion.tool_calls))
        extra = completion.extra or {}
        tokens = extra.get("logprobs")
        choice = {
            "index": 0,
            "message": self._message(completion),
            "logprobs": {"content": tokens, "refusal": None} if tokens else None,
            "finish_reason": finish,
        }
        return dump(
            {
                **extra.get("answer", {}),
                "id": "chatcmpl-" + self._head.stem,
                "object": "chat.completion",
                "created": self._head.created,
                "model": self._head.model,
                "choices": [choice],
                "usage": usage_json(completion.usage),
            }
        )

    def _message(self, completion: Completion) -> dict[str, Any]:
        text = whole_text(completion)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": text if text or not completion.tool_calls else None,
            "refusal": None,
        }
        if completion.reasoning:
            message["reasoning_content"] = completion.reasoning
        if completion.tool_calls:
            calls = [self._whole_call(call) for call in completion.tool_calls]
            message.update(function_call(calls[0]) if self._old else {"tool_calls": calls})
        message.update(handed_on(completion.extra))
        return message

    def _whole_call(self, call: ToolCall) -> dict[str, Any]:
        data: dict[str, Any] = {
            "id": self._ids.take(call.id),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
        }
        return _signed(data, call.signature)


def whole_text(completion: Completion) -> str:
    """The text of an answer, pictures behind it."""
    drawn = shown_images(completion.images)
    return f"{completion.text}\n{drawn}".strip("\n") if drawn else completion.text


def handed_on(extra: dict[str, Any] | None) -> dict[str, Any]:
    """The provider fields that clients of this dialect know."""
    return {name: extra[name] for name in _HANDED_ON if extra.get(name)} if extra else {}


def _signed(call: dict[str, Any], signature: str) -> dict[str, Any]:
    if signature:
        call["extra_content"] = {"google": {"thought_signature": signature}}
    return call

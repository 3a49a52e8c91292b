"""Ollama's own API, for tools that know no other (https://github.com/ollama/ollama/blob/main/docs/api.md).

Streams are lines of JSON, and are the default. Times are in nanoseconds, and zero here.
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import Completion, Usage
from freellm_cli.core.errors import BadField, FreellmError
from freellm_cli.core.faces.base import Ask, ReplyHead, spare_thoughts
from freellm_cli.core.faces.blocks import CALL, TEXT, Block, BlockWriter, arguments_object
from freellm_cli.core.faces.errors import ollama_error
from freellm_cli.core.faces.frames import NDJSON, dump
from freellm_cli.core.faces.openai_chat import plain, whole_text
from freellm_cli.core.messages import normalise_body
from freellm_cli.core.request_params import flag

error_body = ollama_error

_OPTIONS = {
    "num_predict": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "stop": "stop",
    "repeat_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_TIMES = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


def parse_chat(body: Any, path_model: str, stream: bool | None) -> Ask:
    """An `/api/chat` body as an Ask. Raises BadField, naming the field."""
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadField("messages", "a list with at least one message")
    turns = [_with_pictures(item, f"messages[{at}]") for at, item in enumerate(messages)]
    return _ask(body, turns)


def parse_generate(body: Any, path_model: str, stream: bool | None) -> Ask:
    """An `/api/generate` body as an Ask. Raises BadField, naming the field."""
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise BadField("prompt", "a string")
    turns: list[Any] = []
    if isinstance(body.get("system"), str) and body["system"]:
        turns.append({"role": "system", "content": body["system"]})
    turn = {"role": "user", "content": prompt, "images": body.get("images")}
    return _ask(body, [*turns, _with_pictures(turn, "")])


def _ask(body: dict[str, Any], turns: list[Any]) -> Ask:
    given: dict[str, Any] = {
        "model": body.get("model"),
        "messages": turns,
        "think": body.get("think"),
        "tools": body.get("tools"),
        "response_format": _format(body.get("format")),
    }
    options = body.get("options")
    if isinstance(options, dict):
        given.update((ours, options.get(name)) for name, ours in _OPTIONS.items())
    try:
        request = plain(normalise_body(given))
    except BadField as fault:
        named = next(
            (f"options.{name}" for name, ours in _OPTIONS.items() if ours == fault.path), ""
        )
        raise BadField(named or fault.path, fault.expected) from None
    stream = flag(body.get("stream"), "stream", usually=True)
    return Ask(spare_thoughts(request._replace(stream=stream)))


def _format(given: object) -> dict[str, Any] | None:
    if given == "json":
        return {"type": "json_object"}
    if isinstance(given, dict) and given:
        return {"type": "json_schema", "json_schema": {"name": "response", "schema": given}}
    return None


def _with_pictures(item: object, path: str) -> object:
    """A message with its `images` (plain base64) as parts; `tool_name` as the name."""
    if not isinstance(item, dict):
        return item
    turn = {key: value for key, value in item.items() if key not in ("images", "tool_name")}
    if item.get("tool_name"):
        turn["name"] = item["tool_name"]
    images = item.get("images")
    if not images:
        return turn
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise BadField(f"{path}.images".lstrip("."), "a list of base64 texts")
    parts: list[dict[str, Any]] = [{"type": "text", "text": str(item.get("content") or "")}]
    parts += [{"type": "image_url", "image_url": {"url": _uri(image)}} for image in images]
    return {**turn, "content": parts}


def _uri(image: str) -> str:
    if image.startswith(("data:", "http://", "https://")):
        return image
    kind = "jpeg" if image.startswith("/9j/") else "webp" if image.startswith("UklGR") else "png"
    return f"data:image/{kind};base64,{image}"


class OllamaChatWriter(BlockWriter):
    """Lines with a piece of the message each; calls whole; the last line says that it is done."""

    content_type = NDJSON

    def __init__(self, ask: Ask, head: ReplyHead) -> None:
        super().__init__(f"call_{head.stem[-12:]}_")
        self._head = head
        self._base = {"model": head.model, "created_at": _iso(head.created)}

    def start(self) -> bytes:
        return b""

    def _piece(self, text: str, thought: str = "", calls: list[Any] | None = None) -> Any:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thought:
            message["thinking"] = thought
        if calls:
            message["tool_calls"] = calls
        return {"message": message}

    def _line(self, data: dict[str, Any]) -> bytes:
        return dump({**self._base, **data}) + b"\n"

    def _opening(self, block: Block) -> bytes:
        return b""

    def _filling(self, block: Block, text: str) -> bytes:
        if block.kind == CALL:
            return b""
        said, thought = (text, "") if block.kind == TEXT else ("", text)
        return self._line({**self._piece(said, thought), "done": False})

    def _closing(self, block: Block) -> bytes:
        if block.kind != CALL:
            return b""
        calls = [_call_json(block.name, block.text)]
        return self._line({**self._piece("", "", calls), "done": False})

    def finish(self, usage: Usage) -> bytes:
        frames = self.close_blocks()
        return frames + self._line({**self._piece(""), **_ending(self._reason, usage)})

    def error(self, error: FreellmError) -> bytes:
        return dump(error_body(error, self._head.request_id)) + b"\n"

    def keep_alive(self) -> bytes:
        return b""

    def whole(self, completion: Completion) -> bytes:
        calls = [_call_json(call.name, call.arguments) for call in completion.tool_calls]
        piece = self._piece(whole_text(completion), completion.reasoning, calls)
        return dump({**self._base, **piece, **_ending(completion.finish, completion.usage)})


class OllamaGenerateWriter(OllamaChatWriter):
    """The same with the text under `response`; a call has no place here."""

    def _piece(self, text: str, thought: str = "", calls: list[Any] | None = None) -> Any:
        data: dict[str, Any] = {"response": text}
        if thought:
            data["thinking"] = thought
        return data


def _call_json(name: str, arguments: str) -> dict[str, Any]:
    given = arguments_object(arguments)
    return {"function": {"name": name, "arguments": {} if given is None else given}}


def _ending(finish: str | None, usage: Usage) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "length" if finish == "length" else "stop",
        **dict.fromkeys(_TIMES, 0),
        "prompt_eval_count": usage.prompt,
        "eval_count": usage.completion,
    }


def _iso(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""What clients send, made regular: the OpenAI chat shapes, old and odd ones included.

Accepted forms: https://platform.openai.com/docs/api-reference/chat/create (today's, and the
deprecated `functions`, `function_call` and role `function`), the flat tools of the Responses API,
and what chat front ends make of them. A message that is regular already is handed on as the same
object; nothing given is changed in place.
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import ChatRequest, Message
from freellm_cli.core.errors import BadField
from freellm_cli.core.json_reading import Written
from freellm_cli.core.request_params import flag, regular_params
from freellm_cli.core.think import take_think

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}

_NOT_PARAMS = ("model", "messages", "prompt", "stream", "extra_body")


def normalise_body(body: object) -> ChatRequest:
    """A whole chat-completions body as ChatRequest. `model` is "" when the body names none.

    `messages` may be missing when `prompt` is a string (OpenRouter's interface allows it).
    `max_completion_tokens` becomes `max_tokens`, `stop` a list, old functions become tools,
    thinking switches become `think`; nulls and an empty `tools` are dropped; everything else is
    kept in `params`. Raises BadField.
    """
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    extra = body.get("extra_body")
    if isinstance(extra, dict):
        body = {**body, **extra}
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise BadField("model", "a string")
    params = {k: v for k, v in body.items() if v is not None and k not in _NOT_PARAMS}
    think = take_think(params)
    regular_params(params)
    return ChatRequest(
        model=(model or "").strip(),
        messages=normalise_messages(_messages_of(body)),
        params=params,
        think=think,
        stream=flag(body.get("stream"), "stream"),
    )


def normalise_messages(raw: object) -> list[Message]:
    """Messages in the shape that `core.chat` documents. Raises BadField, naming the field."""
    if isinstance(raw, str):
        raw = [{"role": "user", "content": raw}]
    if not isinstance(raw, list) or not raw:
        raise BadField("messages", "a list with at least one message")
    messages: list[Message] = []
    waiting: list[str] = []
    for index, item in enumerate(raw):
        message = _message(item, f"messages[{index}]", index)
        if message["role"] == "tool":
            message = _with_call_id(message, waiting)
        elif "tool_calls" in message:
            waiting = [call["id"] for call in message["tool_calls"]]
        messages.append(message)
    return raw if isinstance(raw, Written) and _are_as_written(messages, raw) else messages


def _are_as_written(messages: list[Message], raw: Written) -> bool:
    """Whether nothing of them was changed, nor can be: they hold a role and a text that has UTF-8, alone."""
    if any(new is not old or len(new) != 2 for new, old in zip(messages, raw, strict=True)):
        return False
    try:
        for message in messages:
            if not message["content"].isascii():
                message["content"].encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def _messages_of(body: dict[str, Any]) -> object:
    messages = body.get("messages")
    if messages is None and isinstance(body.get("prompt"), str):
        return body["prompt"]
    return messages


def _message(item: object, path: str, index: int) -> Message:
    if not isinstance(item, dict):
        raise BadField(path, "an object with role and content")
    role = item.get("role")
    known = _ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        raise BadField(f"{path}.role", f"one of {', '.join(_ROLES)}")
    if known == role and type(item.get("content")) is str and _is_regular(item, known):
        return item
    message = {k: v for k, v in item.items() if v is not None}
    message["role"] = known
    if known == "assistant":
        _assistant(message, path, index)
    else:
        message.pop("tool_calls", None)
    given = item.get("content")
    content, thought = _content(_as_text(given) if known == "tool" else given, path)
    if thought and "reasoning_content" not in message:
        message["reasoning_content"] = thought
    message["content"] = None if content == "" and message.get("tool_calls") else content
    return message


def _is_regular(item: Message, role: str) -> bool:
    if len(item) == 2:  # role and content
        return True
    return role != "assistant" and "tool_calls" not in item and None not in item.values()


def _assistant(message: Message, path: str, index: int) -> None:
    for name in ("reasoning", "thinking"):
        value = message.get(name)
        if isinstance(value, str):
            message.pop(name)
            message.setdefault("reasoning_content", value)
    old = message.pop("function_call", None)
    calls = message.pop("tool_calls", None)
    if old is not None and not calls:
        calls = [{"function": old}]
    if calls is None:
        return
    if not isinstance(calls, list):
        raise BadField(f"{path}.tool_calls", "a list")
    if calls:
        message["tool_calls"] = [
            _call(call, f"{path}.tool_calls[{at}]", f"call_{index}_{at}")
            for at, call in enumerate(calls)
        ]


def _call(call: object, path: str, default_id: str) -> dict[str, Any]:
    if not isinstance(call, dict):
        raise BadField(path, "an object")
    function = call.get("function")
    if not isinstance(function, dict):
        function = call
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise BadField(f"{path}.function.name", "a string")
    arguments = function.get("arguments", function.get("input"))
    if not isinstance(arguments, str):
        import json

        arguments = json.dumps(arguments, ensure_ascii=False) if arguments is not None else "{}"
    given = call.get("id")
    regular: dict[str, Any] = {
        "id": given if isinstance(given, str) and given else default_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments.strip() or "{}"},
    }
    extra = call.get("extra_content")
    signature = call.get("thought_signature")
    if isinstance(extra, dict):
        regular["extra_content"] = extra
    elif isinstance(signature, str):
        regular["extra_content"] = {"google": {"thought_signature": signature}}
    return regular


def _with_call_id(message: Message, waiting: list[str]) -> Message:
    """A result without an id (the old role `function`) answers the first call that waits."""
    given = message.get("tool_call_id")
    if isinstance(given, str) and given:
        if given in waiting:
            waiting.remove(given)
        return message
    return {**message, "tool_call_id": waiting.pop(0) if waiting else "call_0"}


def _as_text(result: object) -> object:
    """A tool's result: anything that is not text or parts becomes JSON text."""
    if result is None or isinstance(result, str):
        return result
    if isinstance(result, list) and all(isinstance(x, dict) and "type" in x for x in result):
        return result
    import json

    return json.dumps(result, ensure_ascii=False)


def _content(content: object, path: str) -> tuple[str | list[dict[str, Any]], str]:
    """(regular content, thinking that was among its parts)"""
    if content is None:
        return "", ""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise BadField(f"{path}.content", "a string, a list of parts or null")
    parts: list[dict[str, Any]] = []
    thoughts: list[str] = []
    for at, part in enumerate(content):
        if isinstance(part, str):
            parts.append({"type": "text", "text": part})
        elif isinstance(part, dict):
            regular = _part(part, f"{path}.content[{at}]", thoughts)
            if regular is not None:
                parts.append(regular)
        elif part is not None:
            raise BadField(f"{path}.content[{at}]", "an object with a type")
    return parts or "", "".join(thoughts)


def _part(part: dict[str, Any], path: str, thoughts: list[str]) -> dict[str, Any] | None:
    kind = part.get("type")
    if kind is None:
        kind = next((name for name in ("text", *_MEDIA) if name in part), None)
        part = {**part, "type": kind}
    if not isinstance(kind, str):
        raise BadField(f"{path}.type", "a string")
    if kind in ("text", "input_text", "output_text", "refusal"):
        return _text_part(part, kind, path)
    if kind in ("thinking", "reasoning"):
        thoughts.append(flat_text(part.get("thinking", part.get("text"))))
        return None
    media = _MEDIA.get(kind)
    # Kinds nobody here knows are for the provider to judge.
    return media(part, path) if media else part


def _text_part(part: dict[str, Any], kind: str, path: str) -> dict[str, Any]:
    text = part.get("text", part.get("refusal"))
    if not isinstance(text, str):
        raise BadField(f"{path}.text", "a string")
    if kind == "text" and None not in part.values():
        return part
    regular: dict[str, Any] = {"type": "text", "text": text}
    if isinstance(part.get("cache_control"), dict):
        regular["cache_control"] = part["cache_control"]
    return regular


def _image(part: dict[str, Any], path: str) -> dict[str, Any]:
    image = part.get("image_url")
    address = image.get("url") if isinstance(image, dict) else image
    if not isinstance(address, str) or not address or _leads_nowhere(address):
        raise BadField(f"{path}.image_url.url", "an http(s) address or a data: URI")
    is_regular = isinstance(image, dict) and image.get("detail", "") is not None
    if is_regular and part.get("type") == "image_url":
        return part
    regular: dict[str, Any] = {"url": address}
    if isinstance(part.get("detail"), str):
        regular["detail"] = part["detail"]
    return {"type": "image_url", "image_url": regular}


def _leads_nowhere(address: str) -> bool:
    """Whether it is of a kind that no provider reads: a file of the client's own machine (file://…)."""
    scheme, mark, _ = address[:20].partition("://")
    return bool(mark) and scheme.lower() not in ("http", "https", "gs")


def _audio(part: dict[str, Any], path: str) -> dict[str, Any]:
    audio = part.get("input_audio")
    data = audio.get("data") if isinstance(audio, dict) else None
    if not isinstance(audio, dict) or not isinstance(data, str) or not data:
        raise BadField(f"{path}.input_audio.data", "base64 text")
    form = audio.get("format")
    if data.startswith("data:"):
        head, _, data = data.partition(",")
        form = form or head[5:].split(";")[0].rpartition("/")[2]
    return {"type": "input_audio", "input_audio": {"data": data, "format": form or "wav"}}


def _file(part: dict[str, Any], path: str) -> dict[str, Any]:
    given = part.get("file")
    file = {k: v for k, v in (given if isinstance(given, dict) else part).items() if v is not None}
    if not any(isinstance(file.get(name), str) for name in ("file_data", "file_id", "file_url")):
        raise BadField(f"{path}.file.file_data", "a data: URI")
    file.pop("type", None)
    return {"type": "file", "file": file}


_MEDIA = {
    "image_url": _image,
    "input_image": _image,
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
}


def flat_text(value: object, _levels: int = 3) -> str:
    """The text in a string, or in a list of strings and text parts; "" for anything else."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not _levels:
        return ""
    texts = (item.get("text") if isinstance(item, dict) else item for item in value)
    return "".join(flat_text(text, _levels - 1) for text in texts)

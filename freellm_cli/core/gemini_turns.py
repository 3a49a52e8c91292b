"""A Gemini client's `contents` as messages in the OpenAI shape.

https://ai.google.dev/api/caching#Content. Clients write the names in camel case or in snake case (both
are protobuf's JSON), leave ids of calls out, and may leave the role out for the user.
"""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.chat import Message
from freellm_cli.core.errors import RequestRefused

Part = dict[str, Any]

_ROLES = {"user": "user", "model": "assistant", "function": "user", "assistant": "assistant"}
_SOUNDS = {"mpeg": "mp3", "x-wav": "wav"}


def field(tree: dict[str, Any], name: str) -> Any:
    """The value under `name` (camel case) or its snake-case spelling; None when neither is there."""
    if name in tree:
        return tree[name]
    return tree.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name))


def messages_from_contents(contents: object, system: object) -> list[Message]:
    """Raises RequestRefused, naming the field, when `contents` is no conversation."""
    messages: list[Message] = []
    instruction = _instruction(system)
    if instruction:
        messages.append({"role": "system", "content": instruction})
    turns = [contents] if isinstance(contents, dict | str) else contents
    if not isinstance(turns, list) or not turns:
        raise RequestRefused("contents must be a list with at least one content")
    known = len(messages)
    reader = _Turns(messages)
    for number, turn in enumerate(turns):
        reader.add(turn, number)
    if len(messages) == known:
        raise RequestRefused("contents must hold at least one part")
    return messages


def _instruction(system: object) -> str:
    if isinstance(system, str):
        return system
    parts = system.get("parts") if isinstance(system, dict) else system
    parts = [parts] if isinstance(parts, dict) else parts
    texts = [
        part if isinstance(part, str) else part.get("text", "")
        for part in (parts if isinstance(parts, list) else ())
        if isinstance(part, str | dict)
    ]
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


class _Turns:
    def __init__(self, messages: list[Message]) -> None:
        self._messages = messages
        self._waiting: list[tuple[str, str]] = []  # (name, id) of calls without a result

    def add(self, turn: object, number: int) -> None:
        path = f"contents[{number}]"
        if isinstance(turn, str):
            turn = {"parts": [{"text": turn}]}
        if not isinstance(turn, dict):
            raise RequestRefused(f"{path} must be an object with parts")
        role = _ROLES.get(str(turn.get("role") or "user"))
        if role is None:
            raise RequestRefused("Please use a valid role: user, model.")
        parts = turn.get("parts")
        parts = [parts] if isinstance(parts, dict) else parts
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise RequestRefused(f"{path}.parts must be a list of parts")
        if role == "assistant":
            self._model(parts, number)
        else:
            self._user(parts, path)

    def _model(self, parts: list[Part], number: int) -> None:
        message: Message = {"role": "assistant", "content": None}
        content: list[Part] = []
        thoughts: list[str] = []
        calls: list[dict[str, Any]] = []
        for part in parts:
            call = field(part, "functionCall")
            signature = field(part, "thoughtSignature")
            if isinstance(call, dict):
                calls.append(self._call(call, f"call_{number}_{len(calls)}", signature))
            elif part.get("thought"):
                thoughts.append(str(part.get("text") or ""))
            else:
                said = _content_part(part)
                content.extend([said] if said else [])
                if signature:
                    message["extra_content"] = {"google": {"thought_signature": signature}}
        if content:
            message["content"] = _flat(content)
        if any(thoughts):
            message["reasoning_content"] = "".join(thoughts)
        if calls:
            message["tool_calls"] = calls
        if content or calls:
            self._messages.append(message)

    def _call(self, call: dict[str, Any], default_id: str, signature: object) -> dict[str, Any]:
        name = str(call.get("name") or "")
        call_id = str(call.get("id") or default_id)
        self._waiting.append((name, call_id))
        made: dict[str, Any] = {
            "id": call_id,
            "type": "function",
            "function": {
                "name": name,
                "arguments": json.dumps(call.get("args") or {}, ensure_ascii=False),
            },
        }
        if isinstance(signature, str) and signature:
            made["extra_content"] = {"google": {"thought_signature": signature}}
        return made

    def _user(self, parts: list[Part], path: str) -> None:
        content: list[Part] = []
        for part in parts:
            response = field(part, "functionResponse")
            if isinstance(response, dict):
                self._messages.append(self._result(response))
            else:
                said = _content_part(part)
                content.extend([said] if said else [])
        if content:
            self._messages.append({"role": "user", "content": _flat(content)})

    def _result(self, response: dict[str, Any]) -> Message:
        name = str(response.get("name") or "")
        message: Message = {
            "role": "tool",
            "tool_call_id": self._answered(name, response.get("id")),
            "content": _result_text(response.get("response")),
        }
        if name:
            message["name"] = name
        pictures = [_content_part(p) for p in response.get("parts") or () if isinstance(p, dict)]
        if any(pictures):
            text = message["content"]
            texts = [{"type": "text", "text": text}] if text else []
            message["content"] = texts + [picture for picture in pictures if picture]
        return message

    def _answered(self, name: str, given: object) -> str:
        """The id of the call that a result answers: the one given, else the first that waits."""
        for call in self._waiting:
            name_called, call_id = call
            if call_id == given if given else name_called == name:
                self._waiting.remove(call)
                return call_id
        return str(given) if given else f"call_{name or 'unknown'}"


def _result_text(response: object) -> str:
    """Google wraps what is no object as `{"result": …}` or `{"output": …}`; here it comes out."""
    if isinstance(response, dict) and len(response) == 1:
        (key, value), *_ = response.items()
        if key in ("result", "output"):
            response = value
    if isinstance(response, str):
        return response
    return json.dumps({} if response is None else response, ensure_ascii=False)


def _content_part(part: Part) -> Part | None:
    text = part.get("text")
    if isinstance(text, str):
        return {"type": "text", "text": text} if text else None
    inline = field(part, "inlineData")
    if isinstance(inline, dict):
        return _media(str(field(inline, "mimeType") or ""), inline.get("data"))
    file = field(part, "fileData")
    if isinstance(file, dict) and isinstance(field(file, "fileUri"), str):
        mime = str(field(file, "mimeType") or "")
        if mime.startswith("image/"):
            return {"type": "image_url", "image_url": {"url": field(file, "fileUri")}}
        kept = {"file_data": field(file, "fileUri"), "mime_type": mime}
        return {"type": "file", "file": {key: value for key, value in kept.items() if value}}
    return None


def _media(mime: str, data: object) -> Part:
    if not isinstance(data, str) or not data:
        raise RequestRefused("inlineData.data must be base64 text")
    kind, _, form = mime.partition("/")
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": f"data:{mime};base64,{data}"}}
    if kind == "audio":
        form = _SOUNDS.get(form, form).split(";")[0]
        return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
    uri = f"data:{mime or 'application/octet-stream'};base64,{data}"
    return {"type": "file", "file": {"file_data": uri}}


def _flat(content: list[Part]) -> str | list[Part]:
    """A single text as a string, which every provider takes."""
    if len(content) == 1 and content[0]["type"] == "text":
        return str(content[0]["text"])
    return content

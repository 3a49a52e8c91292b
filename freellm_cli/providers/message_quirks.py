"""Messages in the form that a host takes. Nothing given is changed in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freellm_cli.core.chat import Message
from freellm_cli.core.json_reading import Written
from freellm_cli.core.messages import flat_text
from freellm_cli.providers.quirk_rules import Rules

Note = Callable[[str, str], None]
"""Called with (field, what was done to it) where a change may alter the meaning."""

_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")
_BRIDGE = "OK."
"""What an assistant says where a host demands its turn between a tool's result and the user."""


def prepare_messages(messages: list[Message], rules: Rules, note: Note) -> list[Message]:
    """Applies the message quirks in the order in which they build on each other."""
    if isinstance(messages, Written) and not rules.moves_messages:
        return messages  # they hold what no host refuses, and nothing else
    ready = [_plain(message, rules) for message in messages]
    return _in_order(ready, rules.quirks, note) if rules.moves_messages else ready


def _in_order(ready: list[Message], quirks: dict[str, Any], note: Note) -> list[Message]:
    if quirks.get("flatten_text_parts"):
        ready = [_flattened(m) for m in ready]
    if quirks.get("system_first"):
        ready = _system_first(ready, note)
    if quirks.get("message_order") == "mistral":
        from freellm_cli.providers.mistral_order import in_mistral_order

        ready = in_mistral_order(ready, _BRIDGE, note)
    if quirks.get("fold_system"):
        ready = _fold_system(ready, note)
    if quirks.get("merge_same_role"):
        ready = merge_same_role(ready)
    if quirks.get("tool_call_ids") == "mistral9":
        from freellm_cli.providers.mistral_order import with_short_ids

        ready = with_short_ids(ready)
    return ready


def _plain(message: Message, rules: Rules) -> Message:
    out = {k: v for k, v in message.items() if v is not None and k not in rules.message_drop}
    if message.get("role") == "assistant":
        _place_thoughts(out, message, rules.thoughts)
        if "tool_calls" in out and not rules.keeps_call_extra:
            out["tool_calls"] = [_bare_call(call) for call in out["tool_calls"]]
        # The form that the OpenAI SDKs echo: present and null beside tool calls.
        out.setdefault("content", None if out.get("tool_calls") else "")
    content = out.get("content")
    if isinstance(content, list):
        out["content"] = [_wire_part(part, rules.keeps_cache_control) for part in content]
    return out


def _bare_call(call: dict[str, Any]) -> dict[str, Any]:
    if "extra_content" not in call:
        return call
    return {k: v for k, v in call.items() if k != "extra_content"}


def _place_thoughts(out: Message, message: Message, history: str) -> None:
    if history == "keep":
        return
    thought = message.get("reasoning_content")
    details = message.get("reasoning_details")
    for name in _THOUGHTS:
        out.pop(name, None)
    if history == "drop":
        return
    if thought:
        out[history] = thought
    if details and history == "reasoning":
        out["reasoning_details"] = details


def _wire_part(part: dict[str, Any], cached: bool) -> dict[str, Any]:
    if "cache_control" in part and not cached:
        part = {k: v for k, v in part.items() if k != "cache_control"}
    if part.get("type") != "file":
        return part
    file = part.get("file")
    data = file.get("file_data") if isinstance(file, dict) else None
    return file_part(part, data) if isinstance(data, str) else part


def file_part(part: dict[str, Any], data: str) -> dict[str, Any]:
    """A `file` part as the kind of part that hosts know: image, audio or text; a PDF stays a file."""
    head, comma, body = data.partition(",")
    if not comma or not head.startswith("data:"):
        return part
    kind = head[5:].split(";")[0].lower()
    if kind.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": data}}
    if kind.startswith("audio/"):
        form = kind[6:].removeprefix("x-")
        form = {"mpeg": "mp3", "wave": "wav", "mp4": "m4a"}.get(form, form)
        return {"type": "input_audio", "input_audio": {"data": body, "format": form}}
    if kind.startswith("text/") or kind in ("application/json", "application/xml"):
        return {"type": "text", "text": _decoded(head, body)}
    return part


def _decoded(head: str, body: str) -> str:
    if ";base64" not in head:
        from urllib.parse import unquote

        return unquote(body)
    import binascii

    try:
        return binascii.a2b_base64(body).decode("utf-8", "replace")
    except binascii.Error:
        return body


def _flattened(message: Message) -> Message:
    content = message.get("content")
    if not isinstance(content, list) or any(part.get("type") != "text" for part in content):
        return message
    texts = (str(part.get("text") or "") for part in content)
    return {**message, "content": "\n".join(text for text in texts if text)}


def joined_content(first: Any, second: Any) -> Any:
    """Two contents as one: texts with an empty line between, parts behind each other."""
    if not first:
        return second
    if not second:
        return first
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_as_parts(first), *_as_parts(second)]


def _as_parts(content: Any) -> list[dict[str, Any]]:
    return content if isinstance(content, list) else [{"type": "text", "text": str(content)}]


def _system_first(messages: list[Message], note: Note) -> list[Message]:
    systems = [m for m in messages if m.get("role") == "system"]
    if not systems:
        return messages
    if len(systems) > 1:
        note("messages", "several system messages joined into one at the beginning")
    elif messages[0] is not systems[0]:
        note("messages", "the system message moved to the beginning")
    content: Any = None
    for message in systems:
        content = joined_content(content, message.get("content"))
    rest = [m for m in messages if m.get("role") != "system"]
    return [{**systems[0], "content": content or ""}, *rest]


def _fold_system(messages: list[Message], note: Note) -> list[Message]:
    systems = [m for m in messages if m.get("role") == "system"]
    if not systems:
        return messages
    note(
        "messages",
        "the system message put before the first user message: the model has no such role",
    )
    content: Any = None
    for message in systems:
        content = joined_content(content, message.get("content"))
    rest = [m for m in messages if m.get("role") != "system"]
    at = next((i for i, m in enumerate(rest) if m.get("role") == "user"), None)
    if at is None:
        return [{"role": "user", "content": content or ""}, *rest]
    user = rest[at]
    rest[at] = {**user, "content": joined_content(content, user.get("content"))}
    return rest


def merge_same_role(messages: list[Message]) -> list[Message]:
    """Neighbours of one role as one message; tool results stay apart, each answers its own call."""
    merged: list[Message] = []
    for message in messages:
        last = merged[-1] if merged else None
        role = message.get("role")
        if last is None or role == "tool" or last.get("role") != role or "tool_calls" in last:
            merged.append(message)
            continue
        joined = {**last, **message}
        joined["content"] = joined_content(last.get("content"), message.get("content"))
        merged[-1] = joined
    return merged


def media_of(messages: list[Message]) -> set[str]:
    """The capabilities that the parts of `messages` ask for: "vision", "audio", "pdf"."""
    found: set[str] = set()
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            found.update(kind for part in content if (kind := _medium(part)))
    return found


def _medium(part: dict[str, Any]) -> str:
    kind = part.get("type")
    if kind == "image_url":
        return "vision"
    if kind == "input_audio":
        return "audio"
    return "pdf" if kind == "file" else ""


def text_of(message: Message) -> str:
    """What a message says, without its media."""
    return flat_text(message.get("content"))

"""An Anthropic Messages body as a ChatRequest (https://docs.anthropic.com/en/api/messages).

What only Anthropic's service does (server tools, context management, caches, containers) is left out;
unknown fields are ignored.
"""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.chat import ChatRequest, Message
from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.base import Ask, spare_thoughts
from freellm_cli.core.request_params import check_params, flag
from freellm_cli.core.think import take_think

Part = dict[str, Any]

_SAME = ("max_tokens", "temperature", "top_p", "top_k")
# OpenAI's hosts refuse a longer `user`.
_LONGEST_USER = 64
# Claude Code puts its accounting into the prompt; it differs in every request and means nothing to a
# model, but spoils prompt caches.
_ACCOUNTING = "x-anthropic-billing-header"


def parse_messages(body: Any, path_model: str, stream: bool | None) -> Ask:
    """Raises BadField, naming the field."""
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise BadField("model", "a string")
    params = {name: body[name] for name in _SAME if body.get(name) is not None}
    check_params(params)
    stops = _stops(body.get("stop_sequences"))
    if stops:
        params["stop"] = stops
    _put_tools(params, body)
    _put_format(params, body)
    memory = _memory(params, body, stops)
    think = _think(params, body)
    memory["thoughts"] = think not in (None, "off")
    request = ChatRequest(
        model=(model or path_model).strip(),
        messages=_messages(body),
        params=params,
        think=think,
        stream=flag(body.get("stream"), "stream") if stream is None else stream,
    )
    return Ask(spare_thoughts(request), memory)


def _stops(given: object) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise BadField("stop_sequences", "a list of strings")
    return [text for text in given if text]


def _memory(params: dict[str, Any], body: dict[str, Any], stops: list[str]) -> dict[str, Any]:
    memory: dict[str, Any] = {"stops": stops}
    metadata = body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if isinstance(user, str) and user:
        memory["conversation"] = user
        if len(user) <= _LONGEST_USER:
            params["user"] = user
    return memory


def _think(params: dict[str, Any], body: dict[str, Any]) -> str | None:
    thinking = body.get("thinking")
    if not isinstance(thinking, dict):
        return None
    if thinking.get("type") == "disabled":
        return "off"
    output = body.get("output_config")
    effort = output.get("effort") if isinstance(output, dict) else None
    said: dict[str, Any] = {"thinking": thinking}
    if isinstance(effort, str):
        said = {"reasoning_effort": effort, "thinking": {"type": "enabled"}}
    level = take_think(said)
    params.update(said)
    return level


def _put_format(params: dict[str, Any], body: dict[str, Any]) -> None:
    output = body.get("output_config")
    form = output.get("format") if isinstance(output, dict) else None
    form = form or body.get("output_format")
    if isinstance(form, dict) and isinstance(form.get("schema"), dict):
        params["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "response", "schema": form["schema"]},
        }


def _put_tools(params: dict[str, Any], body: dict[str, Any]) -> None:
    given = body.get("tools")
    if given is None:
        return
    if not isinstance(given, list):
        raise BadField("tools", "a list")
    tools = []
    for at, tool in enumerate(given):
        if not isinstance(tool, dict):
            raise BadField(f"tools[{at}]", "an object")
        if tool.get("type", "custom") in ("custom", None):
            tools.append(_function(tool, f"tools[{at}]"))
    if tools:
        params["tools"] = tools
        _put_choice(params, body.get("tool_choice"))


def _function(tool: dict[str, Any], path: str) -> dict[str, Any]:
    name = tool.get("name")
    if not isinstance(name, str) or not name:
        raise BadField(f"{path}.name", "a string")
    schema = tool.get("input_schema")
    if schema is not None and not isinstance(schema, dict):
        raise BadField(f"{path}.input_schema", "a JSON schema")
    function: dict[str, Any] = {"name": name}
    if isinstance(tool.get("description"), str):
        function["description"] = tool["description"]
    function["parameters"] = schema or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _put_choice(params: dict[str, Any], choice: object) -> None:
    if isinstance(choice, str):
        choice = {"type": choice}
    if not isinstance(choice, dict):
        return
    kind = choice.get("type")
    if kind == "tool":
        name = choice.get("name")
        if not isinstance(name, str) or not name:
            raise BadField("tool_choice.name", "the name of a tool")
        params["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind in ("auto", "none", "any"):
        params["tool_choice"] = "required" if kind == "any" else kind
    if choice.get("disable_parallel_tool_use") is True:
        params["parallel_tool_calls"] = False


def _messages(body: dict[str, Any]) -> list[Message]:
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise BadField("messages", "a list with at least one message")
    messages: list[Message] = []
    system = _system(body.get("system"))
    if system:
        messages.append({"role": "system", "content": system})
    for at, item in enumerate(given):
        path = f"messages[{at}]"
        if not isinstance(item, dict):
            raise BadField(path, "an object with role and content")
        blocks = _blocks(item.get("content"), f"{path}.content")
        role = item.get("role")
        if role == "assistant":
            _put_assistant(messages, blocks, path)
        elif role == "user":
            _put_user(messages, blocks, path)
        elif role == "system":
            messages.append({"role": "system", "content": _system(item.get("content"))})
        else:
            raise BadField(f"{path}.role", "user or assistant")
    return messages


def _system(given: object) -> str:
    if isinstance(given, str):
        return given
    if given is None:
        return ""
    if not isinstance(given, list):
        raise BadField("system", "a string or a list of text blocks")
    texts = [block.get("text") if isinstance(block, dict) else block for block in given]
    said = [text for text in texts if isinstance(text, str) and text]
    return "\n\n".join(text for text in said if not text.startswith(_ACCOUNTING))


def _blocks(content: object, path: str) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if content is None:
        return []
    if not isinstance(content, list):
        raise BadField(path, "a string or a list of blocks")
    for at, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise BadField(f"{path}[{at}]", "a block with a type")
    return content


def _put_assistant(messages: list[Message], blocks: list[Part], path: str) -> None:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Part] = []
    for at, block in enumerate(blocks):
        kind = block["type"]
        if kind == "text":
            texts.append(_text(block, f"{path}.content[{at}]"))
        elif kind == "thinking":
            thoughts.append(str(block.get("thinking") or ""))
        elif kind == "tool_use":
            calls.append(_call(block, f"{path}.content[{at}]"))
    message: Message = {"role": "assistant", "content": "".join(texts)}
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
        message["content"] = message["content"] or None
    messages.append(message)


def _call(block: Part, path: str) -> Part:
    name, call_id = block.get("name"), block.get("id")
    if not isinstance(name, str) or not name:
        raise BadField(f"{path}.name", "a string")
    if not isinstance(call_id, str) or not call_id:
        raise BadField(f"{path}.id", "a string")
    given = block.get("input")
    arguments = json.dumps({} if given is None else given, ensure_ascii=False)
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _put_user(messages: list[Message], blocks: list[Part], path: str) -> None:
    """Results first, each its own message; then what the turn says and shows."""
    said: list[Part] = []
    shown: list[Part] = []
    for at, block in enumerate(blocks):
        if block["type"] == "tool_result":
            messages.append(_result(block, f"{path}.content[{at}]", shown))
        else:
            said += _parts(block, f"{path}.content[{at}]")
    parts = shown + said
    texts = [part["text"] for part in parts if part["type"] == "text"]
    if parts and len(texts) == len(parts):
        messages.append({"role": "user", "content": "\n\n".join(texts)})
    elif parts or not blocks:
        messages.append({"role": "user", "content": parts or ""})


def _result(block: Part, path: str, shown: list[Part]) -> Message:
    call_id = block.get("tool_use_id")
    if not isinstance(call_id, str) or not call_id:
        raise BadField(f"{path}.tool_use_id", "the id of a tool_use block")
    texts: list[str] = []
    for at, inner in enumerate(_blocks(block.get("content"), f"{path}.content")):
        for part in _parts(inner, f"{path}.content[{at}]"):
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                shown.append(part)
    text = "\n".join(texts)
    if block.get("is_error") is True:
        text = f"Error: {text}"
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def _parts(block: Part, path: str) -> list[Part]:
    kind = block["type"]
    if kind == "text":
        return [{"type": "text", "text": _text(block, path)}]
    if kind == "image":
        return [_image(block, path)]
    if kind == "document":
        return _document(block, path)
    if kind == "search_result":
        texts = [_text(inner, path) for inner in _blocks(block.get("content"), f"{path}.content")]
        head = f"{block.get('title') or ''} {block.get('source') or ''}".strip()
        return [{"type": "text", "text": "\n".join([head, *texts])}]
    # Blocks of server tools and references to files that lie at Anthropic's.
    return []


def _text(block: Part, path: str) -> str:
    text = block.get("text")
    if not isinstance(text, str):
        raise BadField(f"{path}.text", "a string")
    return text


def _source(block: Part, path: str) -> Part:
    source = block.get("source")
    if not isinstance(source, dict):
        raise BadField(f"{path}.source", "an object")
    return source


def _image(block: Part, path: str) -> Part:
    source = _source(block, path)
    url, data = source.get("url"), source.get("data")
    if isinstance(data, str) and data:
        url = f"data:{source.get('media_type') or 'image/png'};base64,{data}"
    if not isinstance(url, str) or not url:
        raise BadField(f"{path}.source", "an image as base64 data or a url")
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: Part, path: str) -> list[Part]:
    source = _source(block, path)
    kind, data = source.get("type"), source.get("data")
    title = block.get("title")
    if kind == "text" and isinstance(data, str):
        text = f"{title}\n{data}" if isinstance(title, str) and title else data
        return [{"type": "text", "text": text}]
    if kind == "content":
        inner = _blocks(source.get("content"), f"{path}.source.content")
        return [part for one in inner for part in _parts(one, f"{path}.source.content")]
    file: Part = {}
    if kind == "base64" and isinstance(data, str) and data:
        file["file_data"] = f"data:{source.get('media_type') or 'application/pdf'};base64,{data}"
    elif kind == "url" and isinstance(source.get("url"), str):
        file["file_url"] = source["url"]
    else:
        raise BadField(f"{path}.source", "a document as text, base64 data or a url")
    if isinstance(title, str) and title:
        file["filename"] = title
    return [{"type": "file", "file": file}]

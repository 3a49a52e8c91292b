"""A Responses body as a ChatRequest (https://platform.openai.com/docs/api-reference/responses/create).

Stateless: the client sends the whole conversation each time, as Codex does. Unknown fields and kinds of
items are ignored.
"""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.chat import ChatRequest, Message
from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.base import Ask, spare_thoughts
from freellm_cli.core.faces.responses_tools import Tools, call_arguments, chosen, wire_name
from freellm_cli.core.messages import normalise_messages
from freellm_cli.core.request_params import check_params, flag, stop_texts
from freellm_cli.core.think import take_think

_SAME = ("temperature", "top_p", "top_logprobs", "seed", "stop", "user")
_STORED = ("previous_response_id", "conversation", "prompt")
_ECHOED = (
    "instructions", "max_output_tokens", "metadata", "reasoning", "temperature", "text", "top_p",
    "truncation", "user",
)  # fmt: skip
_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "tool_search_call")
_RESULTS = (
    "function_call_output", "custom_tool_call_output", "local_shell_call_output",
    "tool_search_output",
)  # fmt: skip


def parse_responses(body: Any, path_model: str, stream: bool | None) -> Ask:
    """Raises BadField, naming the field."""
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise BadField("model", "a string")
    _refuse_stored(body)
    tools = Tools()
    if body.get("tools") is not None:
        tools.add(body["tools"], "tools")
    messages = _Items(tools).read(body.get("input"), body.get("instructions"))
    params = _params(body, tools)
    reasoning = body.get("reasoning")
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    said: dict[str, Any] = {"reasoning_effort": effort}
    think = take_think(said)
    params.update(said)
    request = ChatRequest(
        model=(model or path_model).strip(),
        messages=messages,
        params=params,
        think=think,
        stream=flag(body.get("stream"), "stream") if stream is None else stream,
    )
    return Ask(spare_thoughts(request), _memory(body, tools))


def _refuse_stored(body: dict[str, Any]) -> None:
    for name in _STORED:
        if body.get(name):
            raise BadField(name, "absent: nothing is stored here, send the whole input")
    if body.get("background") is True:
        raise BadField("background", "false: answers are given at once")


def _params(body: dict[str, Any], tools: Tools) -> dict[str, Any]:
    params = {name: body[name] for name in _SAME if body.get(name) is not None}
    if "stop" in params:
        params["stop"] = stop_texts(params["stop"])
    limit = body.get("max_output_tokens")
    if limit is not None:
        params["max_tokens"] = limit
    check_params(params, {"max_tokens": "max_output_tokens"})
    choice = chosen(body.get("tool_choice"), tools)
    if tools.functions:
        params["tools"] = tools.functions
        if choice is not None:
            params["tool_choice"] = choice
        if isinstance(body.get("parallel_tool_calls"), bool):
            params["parallel_tool_calls"] = body["parallel_tool_calls"]
    text = body.get("text")
    form = _format(text.get("format")) if isinstance(text, dict) else None
    if form:
        params["response_format"] = form
    return params


def _format(form: object) -> dict[str, Any] | None:
    if not isinstance(form, dict):
        return None
    if form.get("type") == "json_object":
        return {"type": "json_object"}
    if form.get("type") != "json_schema":
        return None
    if not isinstance(form.get("schema"), dict):
        raise BadField("text.format.schema", "a JSON schema")
    kept = {key: form[key] for key in ("name", "description", "schema", "strict") if form.get(key)}
    return {"type": "json_schema", "json_schema": {"name": "response", **kept}}


def _memory(body: dict[str, Any], tools: Tools) -> dict[str, Any]:
    memory: dict[str, Any] = {
        "tools": tools.known,
        "echo": {
            **{name: body.get(name) for name in _ECHOED},
            "tools": body.get("tools") or [],
            "tool_choice": body.get("tool_choice") or "auto",
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        },
    }
    key = body.get("prompt_cache_key")
    if isinstance(key, str) and key:
        memory["conversation"] = key
    return memory


class _Items:
    """Items of `input` as messages. Tools may come among them (Codex's `additional_tools`)."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._messages: list[Message] = []
        self._shown: list[dict[str, Any]] = []

    def read(self, given: object, instructions: object) -> list[Message]:
        if isinstance(instructions, str) and instructions:
            self._messages.append({"role": "system", "content": instructions})
        elif isinstance(instructions, list):
            for at, item in enumerate(instructions):
                self._add(item, f"instructions[{at}]")
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        if not isinstance(given, list) or not given:
            raise BadField("input", "a string or a list with at least one item")
        for at, item in enumerate(given):
            self._add(item, f"input[{at}]")
        self._show()
        if all(message["role"] == "system" for message in self._messages):
            raise BadField("input", "a conversation with at least one turn")
        return self._messages

    def _add(self, item: object, path: str) -> None:
        if isinstance(item, str):
            item = {"role": "user", "content": item}
        if not isinstance(item, dict):
            raise BadField(path, "an item: an object with a type")
        kind = item.get("type") or "message"
        if kind not in _RESULTS:
            self._show()
        if kind == "message":
            self._message(item, path)
        elif kind in _CALLS:
            self._call(item, kind, path)
        elif kind in _RESULTS:
            self._result(item, kind, path)
        elif kind == "additional_tools":
            self._tools.add(item.get("tools"), f"{path}.tools")
        elif kind == "item_reference":
            raise BadField(path, "the item itself: nothing is stored here")
        # Reasoning is the model's own, and the rest are doings of OpenAI's service.

    def _message(self, item: dict[str, Any], path: str) -> None:
        try:
            plain = {"role": item.get("role"), "content": item.get("content")}
            self._messages += normalise_messages([plain])
        except BadField as fault:
            inner = fault.path.removeprefix("messages[0]")
            expected = fault.message.removeprefix(f"{fault.path} must be ")
            raise BadField(path + inner, expected) from None

    def _call(self, item: dict[str, Any], kind: str, path: str) -> None:
        names = {"local_shell_call": "local_shell", "tool_search_call": "tool_search"}
        name = names.get(kind) or item.get("name")
        if not isinstance(name, str) or not name:
            raise BadField(f"{path}.name", "a string")
        call = {
            "id": _call_id(item, path),
            "type": "function",
            "function": {
                "name": wire_name(name, item.get("namespace")),
                "arguments": call_arguments(item),
            },
        }
        last = self._messages[-1] if self._messages else {}
        if last.get("role") != "assistant":
            last = {"role": "assistant", "content": None}
            self._messages.append(last)
        last["content"] = last.get("content") or None
        last["tool_calls"] = [*last.get("tool_calls", ()), call]

    def _result(self, item: dict[str, Any], kind: str, path: str) -> None:
        output = item.get("output")
        if kind == "tool_search_output":
            self._tools.add(item.get("tools") or [], f"{path}.tools")
            output = output or item.get("tools")
        text = self._output(output)
        self._messages.append(
            {"role": "tool", "tool_call_id": _call_id(item, path), "content": text}
        )

    def _output(self, output: object) -> str:
        """A result as text; its pictures wait until every result of the turn is there."""
        if isinstance(output, dict) and isinstance(output.get("content"), str):
            output = output["content"]
        if isinstance(output, list) and output and all(map(_is_part, output)):
            said = normalise_messages([{"role": "user", "content": output}])[0]["content"]
            parts = [{"type": "text", "text": said}] if isinstance(said, str) else said
            self._shown += [part for part in parts if part.get("type") != "text"]
            return "\n".join(part["text"] for part in parts if part.get("type") == "text")
        if output is None or isinstance(output, str):
            return output or ""
        return json.dumps(output, ensure_ascii=False)

    def _show(self) -> None:
        if self._shown:
            self._messages.append({"role": "user", "content": self._shown})
            self._shown = []


def _is_part(part: object) -> bool:
    return isinstance(part, dict) and str(part.get("type", "")).startswith(("input_", "output_"))


def _call_id(item: dict[str, Any], path: str) -> str:
    call_id = item.get("call_id") or item.get("id")
    if not isinstance(call_id, str) or not call_id:
        raise BadField(f"{path}.call_id", "a string")
    return call_id

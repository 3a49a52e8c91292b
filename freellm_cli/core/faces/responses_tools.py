"""Tools of the Responses API as functions, which every host knows.

Kinds a host cannot have are emulated (custom tools, the local shell, tool search: the client runs them) or
left out (web search and the other tools that OpenAI's service runs itself). What Codex sends:
https://github.com/openai/codex, `codex-rs/tools/src/tool_spec.rs`.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.blocks import arguments_object

FUNCTION = "function"
CUSTOM = "custom"
SHELL = "local_shell"
SEARCH = "tool_search"

# Codex's name for tools that stand in no namespace of their own.
_PLAIN_NAMESPACE = "functions"
_EMPTY = {"type": "object", "properties": {}}
_SHELL_PARAMETERS = {
    "type": "object",
    "properties": {
        "command": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The program and its arguments.",
        },
        "working_directory": {"type": "string"},
        "timeout_ms": {"type": "integer"},
    },
    "required": ["command"],
}


class Known(NamedTuple):
    """A tool as the client calls it, for a name on the wire."""

    kind: str
    name: str
    namespace: str = ""


class Tools:
    """`functions`: in the chat shape. `known`: wire name -> tool."""

    def __init__(self) -> None:
        self.functions: list[dict[str, Any]] = []
        self.known: dict[str, Known] = {}

    def add(self, given: object, path: str, namespace: str = "") -> None:
        """Raises BadField when `given` is no list of tools."""
        if not isinstance(given, list):
            raise BadField(path, "a list")
        for at, tool in enumerate(given):
            if not isinstance(tool, dict):
                raise BadField(f"{path}[{at}]", "an object")
            self._add(tool, f"{path}[{at}]", namespace)

    def _add(self, tool: dict[str, Any], path: str, namespace: str) -> None:
        kind = tool.get("type", FUNCTION)
        if kind == "namespace":
            self.add(tool.get("tools"), f"{path}.tools", _named(tool, path))
        elif kind == FUNCTION:
            inner = tool.get("function")
            tool = inner if isinstance(inner, dict) else tool
            parameters = tool.get("parameters")
            if parameters is not None and not isinstance(parameters, dict):
                raise BadField(f"{path}.parameters", "a JSON schema")
            known = Known(FUNCTION, _named(tool, path), namespace)
            self._put(known, tool.get("description"), parameters or _EMPTY, tool.get("strict"))
        elif kind == CUSTOM:
            name = _named(tool, path)
            self._put(Known(CUSTOM, name, namespace), _custom_text(tool), _custom_parameters())
        elif kind == SHELL:
            self._put(Known(SHELL, SHELL), "Runs a program on this computer.", _SHELL_PARAMETERS)
        elif kind == SEARCH and isinstance(tool.get("parameters"), dict):
            self._put(Known(SEARCH, SEARCH), tool.get("description"), tool["parameters"])

    def _put(
        self, known: Known, description: object, parameters: dict[str, Any], strict: object = None
    ) -> None:
        name = wire_name(known.name, known.namespace)
        if name in self.known:
            return
        self.known[name] = known
        function: dict[str, Any] = {"name": name}
        if isinstance(description, str) and description:
            function["description"] = description
        function["parameters"] = parameters
        if strict is True:
            function["strict"] = True
        self.functions.append({"type": "function", "function": function})


def wire_name(name: str, namespace: object) -> str:
    """One name for a tool and its namespace."""
    if not isinstance(namespace, str) or namespace in ("", _PLAIN_NAMESPACE):
        return name
    return f"{namespace.rstrip('_')}__{name}"


def chosen(choice: object, tools: Tools) -> Any:
    """`tool_choice` for the chat shape, None for "not said"; a list of allowed tools narrows `tools`."""
    if isinstance(choice, str):
        return choice if choice in ("auto", "none", "required") else None
    if not isinstance(choice, dict):
        return None
    kind = choice.get("type")
    if kind == "allowed_tools":
        allowed = choice.get("tools")
        names = {
            wire_name(str(tool.get("name") or tool.get("type")), tool.get("namespace"))
            for tool in (allowed if isinstance(allowed, list) else ())
            if isinstance(tool, dict)
        }
        tools.functions = [tool for tool in tools.functions if tool["function"]["name"] in names]
        return "required" if choice.get("mode") == "required" else "auto"
    name = choice.get("name") if kind in (FUNCTION, CUSTOM) else kind
    if not isinstance(name, str):
        raise BadField("tool_choice.name", "the name of a tool")
    name = wire_name(name, choice.get("namespace"))
    return {"type": "function", "function": {"name": name}} if name in tools.known else None


def _named(tool: dict[str, Any], path: str) -> str:
    name = tool.get("name")
    if not isinstance(name, str) or not name:
        raise BadField(f"{path}.name", "a string")
    return name


def _custom_text(tool: dict[str, Any]) -> str:
    text = str(tool.get("description") or "")
    form = tool.get("format")
    if isinstance(form, dict) and isinstance(form.get("definition"), str):
        syntax = form.get("syntax") or "given"
        text += f"\n\n`input` must follow this {syntax} grammar:\n{form['definition']}"
    return text.strip()


def _custom_parameters() -> dict[str, Any]:
    text = {"type": "string", "description": "The whole input of the tool, as plain text."}
    return {"type": "object", "properties": {"input": text}, "required": ["input"]}


# Calls on their way out, and the client's own calls on their way back in.


def custom_input(arguments: str) -> str:
    """The text that a model wrote for a custom tool, in or without the emulation's wrapping."""
    given = arguments_object(arguments)
    text = given.get("input") if given else None
    return text if isinstance(text, str) else arguments


def shell_action(arguments: str) -> dict[str, Any]:
    """The action of a local_shell_call."""
    given = arguments_object(arguments) or {}
    command = given.get("command")
    if isinstance(command, str):
        command = ["bash", "-lc", command]
    action: dict[str, Any] = {
        "type": "exec",
        "command": [str(word) for word in command] if isinstance(command, list) else [],
        "env": {},
    }
    for name, kind in (("working_directory", str), ("timeout_ms", int)):
        if isinstance(given.get(name), kind):
            action[name] = given[name]
    return action


def call_arguments(item: dict[str, Any]) -> str:
    """A call item of the input as JSON text of the function's arguments."""
    kind = item.get("type")
    if kind == "custom_tool_call":
        return json.dumps({"input": str(item.get("input") or "")}, ensure_ascii=False)
    given = item.get("action") if kind == "local_shell_call" else item.get("arguments")
    if isinstance(given, str):
        return given.strip() or "{}"
    if isinstance(given, dict):
        shown = {key: value for key, value in given.items() if value and key != "type"}
        return json.dumps(shown, ensure_ascii=False)
    return "{}"

"""Parameters of a request, made regular and looked at once, so that what is right does not depend on who
answers.

Refused is what no host could take: a text for a number, an object for a list. What clients are known to
send is taken: numbers as floats or in quotes, "" and {} for nothing (PHP, Lua), and for `max_tokens` the 0,
-1 and -2 that front ends write for "no limit".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freellm_cli.core.errors import BadField

_IRREGULAR = (
    "max_completion_tokens", "stop", "functions", "function_call", "tools", "tool_choice",
    "parallel_tool_calls",
)  # fmt: skip
_NUMBER = (float, int)
# Exact types that need no second look.
_USUAL: dict[str, tuple[type, ...]] = {
    "max_tokens": (int,),
    "seed": (int,),
    **dict.fromkeys(
        (
            "temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty",
            "repetition_penalty",
        ),
        _NUMBER,
    ),
}  # fmt: skip
_NO_LIMIT_FROM = -2
_TRUE, _FALSE = ("true", "1"), ("false", "0", "")
# A question without these would be another one.
_ESSENTIAL = frozenset(
    ("body", "model", "messages", "prompt", "suffix", "input", "contents", "system")
)


def regular_params(params: dict[str, Any]) -> None:
    """Makes the params of a chat completions body regular, in place. Raises BadField."""
    if not params.keys().isdisjoint(_IRREGULAR):
        _regular_shapes(params)
    check_params(params)


def check_params(params: dict[str, Any], named: Mapping[str, str] = {}) -> None:
    """Numbers are numbers from here on, `max_tokens` is above 0 or absent, `response_format` an object.

    `named`: what the client calls a parameter, where that is not our name. Raises BadField.
    """
    odd = None
    for name, value in params.items():
        usual = _USUAL.get(name)
        # What is left of a number less itself is 0, save of the two that are none: NaN and Infinity.
        if usual is not None and (type(value) not in usual or value - value):
            odd = [*(odd or ()), name]
    if odd is not None:
        _mend_numbers(params, odd, named)
    limit = params.get("max_tokens")
    if limit is not None and limit <= 0:
        if limit < _NO_LIMIT_FROM:
            raise BadField(named.get("max_tokens", "max_tokens"), "a whole number above 0")
        del params["max_tokens"]
    form = params.get("response_format")
    if form is not None and type(form) is not dict:
        if form:
            raise BadField("response_format", "an object with a type")
        del params["response_format"]


def _mend_numbers(params: dict[str, Any], names: list[str], named: Mapping[str, str]) -> None:
    for name in names:
        value = _number(params[name], named.get(name, name), is_whole=int is _USUAL[name][0])
        if value is None:
            del params[name]
        else:
            params[name] = value


def _number(value: object, path: str, *, is_whole: bool) -> float | int | None:
    """None for an empty text."""
    what = "a whole number" if is_whole else "a number"
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError as error:
            raise BadField(path, what) from error
        value = int(value) if value.is_integer() else value
    if isinstance(value, bool) or not isinstance(value, int | float) or value - value:
        raise BadField(path, what)
    return int(value) if is_whole else value


def one_choice(params: dict[str, Any], path: str = "n") -> None:
    """Takes out `n`. Raises BadField for more than one: hosts of free models give one answer a question."""
    count = params.pop("n", None)
    if count is not None and count not in (1, "1", ""):
        raise BadField(path, "1: one answer a question; ask again for another")


def flag(value: object, path: str, *, usually: bool = False) -> bool:
    """A switch of a client's body, `usually` when it is absent. Raises BadField."""
    if value is True or value is False:
        return value
    if value is None:
        return usually
    word = str(value).strip().lower() if isinstance(value, str | int) else "?"
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadField(path, "true or false")


def stop_texts(stop: object, path: str = "stop") -> list[str]:
    """Texts that end an answer, from a text, a list or nothing. Raises BadField."""
    given = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(given, list) or not all(text is None or type(text) is str for text in given):
        raise BadField(path, "a string or a list of strings")
    return [text for text in given if text]


def without(body: Any, path: str) -> dict[str, Any] | None:
    """`body` less the field that a BadField names, for clients that are to be answered all the same.

    None when the question would be another one without it.
    """
    name, _, rest = path.partition("[")[0].partition(".")
    if not isinstance(body, dict) or name not in body or name in _ESSENTIAL:
        return None
    smaller = {key: value for key, value in body.items() if key != name}
    inner = without(body[name], rest) if rest else None
    return smaller if inner is None else {**smaller, name: inner}


def _regular_shapes(params: dict[str, Any]) -> None:
    limit = params.pop("max_completion_tokens", None)
    if limit is not None:
        params["max_tokens"] = limit
        check_params(params, {"max_tokens": "max_completion_tokens"})
    stops = stop_texts(params.pop("stop", None))
    if stops:
        params["stop"] = stops
    functions, choice = params.pop("functions", None), params.pop("function_call", None)
    if functions and "tools" not in params:
        params["tools"] = _regular_tools(functions, "functions")
        if choice is not None and "tool_choice" not in params:
            params["tool_choice"] = _regular_choice(choice, "function_call")
    elif params.get("tools"):
        params["tools"] = _regular_tools(params["tools"], "tools")
    if not params.get("tools"):
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            params.pop(name, None)
    elif "tool_choice" in params:
        params["tool_choice"] = _regular_choice(params["tool_choice"], "tool_choice")


def _regular_tools(tools: object, path: str) -> list[dict[str, Any]]:
    if not isinstance(tools, list):
        raise BadField(path, "a list")
    return [_regular_tool(tool, f"{path}[{at}]") for at, tool in enumerate(tools)]


def _regular_tool(tool: object, path: str) -> dict[str, Any]:
    if not isinstance(tool, dict):
        raise BadField(path, "an object")
    function = tool.get("function")
    if not isinstance(function, dict) and isinstance(tool.get("name"), str):
        function = {k: v for k, v in tool.items() if k != "type" and v is not None}
        tool = {"type": "function", "function": function}
    if not isinstance(function, dict):
        if tool.get("type", "function") == "function":
            raise BadField(f"{path}.function", "an object with a name")
        return tool  # a kind of some host's own
    if not isinstance(function.get("name"), str) or not function["name"]:
        raise BadField(f"{path}.function.name", "a string")
    schema = function.get("parameters")
    if schema is None or isinstance(schema, dict):
        return tool
    if schema:
        raise BadField(f"{path}.function.parameters", "a JSON schema")
    return {**tool, "function": {k: v for k, v in function.items() if k != "parameters"}}


def _regular_choice(choice: object, path: str) -> object:
    if isinstance(choice, dict):
        if isinstance(choice.get("name"), str):
            return {"type": "function", "function": {"name": choice["name"]}}
        return choice
    if not isinstance(choice, str):
        raise BadField(path, "a word or an object")
    return choice

"""Function names in the form that Google's API takes, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

MAX_NAME = 64


def google_name(name: str) -> str:
    """`name` as Google takes a function's: a letter or `_` first, then letters, digits and `_.:-`,
    at most 64 (https://ai.google.dev/api/caching#FunctionDeclaration)."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_.:-") else "_" for c in name)
    if not safe or not (safe[0].isalpha() or safe[0] == "_"):
        safe = "_" + safe
    if len(safe) > MAX_NAME:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        safe = f"{safe[: MAX_NAME - 9]}_{digest}"
    return safe


class ToolNames:
    """Function names there and back. The same names in the same order always map alike."""

    __slots__ = ("_back", "_there")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._there: dict[str, str] = {}
        self._back: dict[str, str] = {}
        wanted = list(dict.fromkeys(names))
        # A name that needs no change keeps it, whoever else would like to have it.
        for name in sorted(wanted, key=lambda name: google_name(name) != name):
            self._add(name)

    def _add(self, name: str) -> None:
        safe = google_name(name)
        number = 2
        while safe in self._back:
            safe = f"{google_name(name)[: MAX_NAME - 4]}_{number}"
            number += 1
        self._there[name] = safe
        self._back[safe] = name

    def to_google(self, name: str) -> str:
        return self._there.get(name) or google_name(name)

    def from_google(self, name: str) -> str:
        return self._back.get(name, name)


def function_names(tools: object, messages: Iterable[Mapping[str, Any]] = ()) -> ToolNames:
    """The names of `tools` (OpenAI shape) and of the calls in `messages`."""
    names = [tool["function"]["name"] for tool in function_tools(tools)]
    for message in messages:
        for call in message.get("tool_calls") or ():
            name = (call.get("function") or {}).get("name")
            if isinstance(name, str) and name:
                names.append(name)
    return ToolNames(names)


def function_tools(tools: object) -> list[dict[str, Any]]:
    """The entries of `tools` that declare a function with a name, each name once."""
    found: dict[str, dict[str, Any]] = {}
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function") if isinstance(tool, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str) and name:
            found.setdefault(name, tool)
    return list(found.values())

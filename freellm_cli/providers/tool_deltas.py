"""Fragments of tool calls, put in order. Hosts number them badly or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from freellm_cli.core.chat import ToolCallDelta


class _Call:
    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self, index: int, call_id: str, name: str) -> None:
        self.index = index
        self.id = call_id
        self.name = name
        self.arguments: list[str] = []

    def complete(self) -> bool:
        """True when the arguments so far are a whole JSON value. Looked at only when a fragment
        could begin another call, and only if they end like an object."""
        if not self.arguments or not self.arguments[-1].rstrip().endswith("}"):
            return False
        try:
            json.loads("".join(self.arguments))
        except ValueError:
            return False
        return True


class ToolCalls:
    """Turns a host's fragments into `ToolCallDelta`s with indices 0, 1, 2… and an id each.

    Fragments may lack `index`, `id` and `type`, hold a whole call, hold the arguments as an object,
    repeat the name, and share one index between several calls (Google's OpenAI-compatible path
    numbers every call of a stream 0). `new_id` makes an id where the host gave none.
    """

    __slots__ = ("_by_id", "_by_index", "_last", "_new_id", "count")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._last: _Call | None = None
        self.count = 0

    def read(self, fragments: Any) -> tuple[ToolCallDelta, ...]:
        """The deltas in a `tool_calls` member; what is no fragment is skipped."""
        if isinstance(fragments, dict):
            fragments = [fragments]
        if not isinstance(fragments, list):
            return ()
        found = [self._fragment(item) for item in fragments if isinstance(item, dict)]
        return tuple(delta for delta in found if delta is not None)

    def _fragment(self, item: dict[str, Any]) -> ToolCallDelta | None:
        function = item.get("function")
        if not isinstance(function, dict):
            function = item
        name = _text(function.get("name"))
        call_id = _text(item.get("id"))
        index = item.get("index")
        call = self._call(index if isinstance(index, int) else None, call_id, name)
        arguments = _arguments(function.get("arguments"))
        signature = _signature(item)
        if call is None:
            if not name:
                return None
            call = self._begin(index if isinstance(index, int) else None, call_id, name)
            call.arguments.append(arguments)
            return ToolCallDelta(call.index, call.id, name, arguments, signature)
        if not (arguments or signature):
            return None
        call.arguments.append(arguments)
        return ToolCallDelta(call.index, "", "", arguments, signature)

    def _call(self, index: int | None, call_id: str, name: str) -> _Call | None:
        """The call that a fragment continues, or None when it begins one."""
        if call_id in self._by_id:
            return self._by_id[call_id]
        call = self._by_index.get(index) if index is not None else self._last
        if call is None or not name:
            return call
        # A name again: another call, or a host that repeats itself.
        if call_id or name != call.name or call.complete():
            return None
        return call

    def _begin(self, index: int | None, call_id: str, name: str) -> _Call:
        call = _Call(self.count, call_id or self._new_id(), name)
        self.count += 1
        if index is not None:
            self._by_index[index] = call
        if call_id:
            self._by_id[call_id] = call
        self._last = call
        return call


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if value is not None else ""


def _signature(item: dict[str, Any]) -> str:
    """Google's thought signature (https://ai.google.dev/gemini-api/docs/thought-signatures)."""
    extra = item.get("extra_content")
    if extra is None:
        return ""
    google = extra.get("google") if isinstance(extra, dict) else None
    return _text(google.get("thought_signature")) if isinstance(google, dict) else ""

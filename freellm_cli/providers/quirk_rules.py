"""A host's quirks made ready once, for all the requests that go to it."""

from __future__ import annotations

from typing import Any

MOST = 256
_TEMPERATURE = {"temperature": (0, 2)}
_MESSAGE_ORDER = (
    "flatten_text_parts", "system_first", "message_order", "fold_system", "merge_same_role",
    "tool_call_ids",
)  # fmt: skip


class Rules:
    """What of `quirks` must be looked through at each request."""

    __slots__ = (
        "always_stream", "clamp", "drop", "drops_stream", "keep_only", "keeps_cache_control",
        "keeps_call_extra", "message_drop", "moves_messages", "quirks", "rename", "thoughts",
        "usage_in_stream", "values",
    )  # fmt: skip

    def __init__(self, quirks: dict[str, Any]) -> None:
        names = tuple(quirks.get("drop") or ())
        self.quirks = quirks
        self.always_stream = bool(quirks.get("always_stream"))
        self.drop = _paths(names)
        """What must never be sent: members, and members of members."""
        self.drops_stream = "stream" in names
        self.usage_in_stream = bool(quirks.get("stream_options", True)) and (
            "stream_options" not in names
        )
        self.rename = tuple((quirks.get("rename") or {}).items())
        self.keep_only = quirks.get("keep_only")
        self.values = tuple((quirks.get("values") or {}).items())
        self.clamp = tuple({**_TEMPERATURE, **(quirks.get("clamp") or {})}.items())
        self.message_drop = frozenset(quirks.get("message_drop") or ()) | {
            path[1]
            for path in self.drop
            if path[0] == "messages" and len(path) == 2 and path[1] not in ("role", "content")
        }
        """Members to leave out of every message."""
        self.thoughts = str(quirks.get("reasoning_in_history") or "drop")
        self.keeps_call_extra = bool(quirks.get("tool_call_extra"))
        self.keeps_cache_control = bool(quirks.get("cache_control"))
        self.moves_messages = any(quirks.get(name) for name in _MESSAGE_ORDER)


_ready: dict[int, Rules] = {}


def rules_for(quirks: dict[str, Any]) -> Rules:
    """The rules of quirks that nobody changes. They are known by their identity: what is kept here holds on
    to them, so that no others can have it."""
    rules = _ready.get(id(quirks))
    if rules is None:
        if len(_ready) >= MOST:
            _ready.clear()
        rules = _ready[id(quirks)] = Rules(quirks)
    return rules


def _paths(names: tuple[Any, ...]) -> tuple[tuple[str, ...], ...]:
    """`"messages.0.name"`, `"tools[2].function.strict"` -> their steps without the positions: what
    one element must not hold, none may."""
    paths = []
    for name in names:
        steps = str(name).replace("[", ".").replace("]", "").split(".")
        path = tuple(step for step in steps if step and step != "*" and not step.isdigit())
        if path:
            paths.append(path)
    return tuple(paths)

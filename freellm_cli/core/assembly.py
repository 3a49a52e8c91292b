"""A whole answer out of its deltas."""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import TEXT_ALONE, Completion, Delta, ToolCall, Usage


class Assembler:
    """Feed deltas, then ask for the `completion()`. Linear in the length of the answer."""

    __slots__ = (
        "_calls",
        "_extra",
        "_finish",
        "_images",
        "_model",
        "_reasoning",
        "_response_id",
        "_text",
        "_usage",
    )

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, list[Any]] = {}
        self._images: list[str] = []
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._model = ""
        self._response_id = ""
        self._extra: dict[str, Any] | None = None

    def add(self, delta: Delta) -> None:
        if delta[1:] == TEXT_ALONE and delta[0]:
            self._text.append(delta[0])
        else:
            self._add(delta)

    def _add(self, delta: Delta) -> None:
        if delta.text:
            self._text.append(delta.text)
        if delta.reasoning:
            self._reasoning.append(delta.reasoning)
        for call in delta.tool_calls:
            parts = self._calls.setdefault(call.index, ["", "", [], ""])
            parts[0] = parts[0] or call.id
            parts[1] = parts[1] or call.name
            parts[2].append(call.arguments)
            parts[3] = parts[3] or call.signature
        if delta.images:
            self._images.extend(delta.images)
        self._finish = delta.finish or self._finish
        self._usage = delta.usage or self._usage
        self._model = delta.model or self._model
        self._response_id = delta.response_id or self._response_id
        if delta.extra:
            self._extra = _joined(self._extra or {}, delta.extra)

    @property
    def has_content(self) -> bool:
        return bool(self._text or self._reasoning or self._calls or self._images)

    @property
    def has_answer(self) -> bool:
        """More than thoughts: text, a tool call or an image."""
        return bool("".join(self._text).strip() or self._calls or self._images)

    @property
    def usage(self) -> Usage | None:
        return self._usage

    def characters(self) -> int:
        return sum(map(len, self._text)) + sum(map(len, self._reasoning))

    def completion(self, usage: Usage | None = None) -> Completion:
        """`usage`: in place of what the deltas said of it."""
        calls = tuple(
            ToolCall(parts[0], parts[1], "".join(parts[2]), parts[3])
            for _, parts in sorted(self._calls.items())
        )
        finish = self._finish or "stop"
        if calls and finish == "stop":
            finish = "tool_calls"
        return Completion(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=calls,
            finish=finish,
            usage=usage or self._usage or Usage(),
            model=self._model,
            response_id=self._response_id,
            images=tuple(self._images),
            extra=self._extra,
        )


def _joined(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Provider fields of two deltas: lists (reasoning_details) grow, anything else is the later one's."""
    joined = dict(known)
    for name, value in new.items():
        before = joined.get(name)
        joined[name] = (
            before + value if isinstance(before, list) and isinstance(value, list) else value
        )
    return joined

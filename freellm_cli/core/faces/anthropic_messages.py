"""Anthropic Messages, as clients read it (https://docs.anthropic.com/en/api/messages).

Event order: https://docs.anthropic.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import Completion, Delta, Usage
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.anthropic_request import parse_messages
from freellm_cli.core.faces.base import Ask, ReplyHead
from freellm_cli.core.faces.blocks import (
    CALL,
    TEXT,
    THOUGHT,
    Block,
    BlockWriter,
    arguments_object,
    blocks_of,
)
from freellm_cli.core.faces.errors import anthropic_error
from freellm_cli.core.faces.frames import EVENT_STREAM, dump, event, text_json

# Clients send a thought's signature back unread; it is dropped again on its way in.
SIGNATURE = "ZnJlZWxsbQ=="

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'

parse = parse_messages
error_body = anthropic_error


def count_tokens(body: Any) -> dict[str, int]:
    """The answer of `/v1/messages/count_tokens`: an estimate, nothing is sent. Raises RequestRefused."""
    from freellm_cli.core.tokens import estimate_request

    return {"input_tokens": estimate_request(parse_messages(body, "", None).request)}


def usage_json(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": max(0, usage.prompt - usage.cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    }


class AnthropicWriter(BlockWriter):
    """message_start, then blocks one behind the other, then message_delta and message_stop."""

    content_type = EVENT_STREAM

    def __init__(self, ask: Ask, head: ReplyHead) -> None:
        super().__init__(f"toolu_{head.stem[-12:]}_")
        self._head = head
        self._thoughts = bool(ask.memory.get("thoughts"))
        self._stops: tuple[str, ...] = tuple(ask.memory.get("stops") or ())
        self._said = ""
        self._stopped_by: str | None = None
        self._frame = b""

    def start(self) -> bytes:
        usage = usage_json(Usage(self._head.prompt_tokens, 1))
        message = self._message([], usage, None, None)
        return event("message_start", dump({"type": "message_start", "message": message}))

    def delta(self, delta: Delta) -> bytes:
        if self._stops:
            self._watch(delta)
        if delta.reasoning and not self._thoughts:
            delta = delta._replace(reasoning="")
        return super().delta(delta)

    def _watch(self, delta: Delta) -> None:
        """Some hosts say which stop text ended the answer, some leave it at the end."""
        longest = max(map(len, self._stops))
        self._said = (self._said + delta.text)[-longest:]
        told = delta.extra.get("stop_reason") if delta.extra else None
        if told in self._stops:
            self._stopped_by = told

    def _opening(self, block: Block) -> bytes:
        if block.kind == CALL:
            content = {"type": "tool_use", "id": block.call_id, "name": block.name, "input": {}}
            key, kind = b"partial_json", b"input_json_delta"
        elif block.kind == TEXT:
            content = {"type": "text", "text": ""}
            key, kind = b"text", b"text_delta"
        else:
            content = {"type": "thinking", "thinking": "", "signature": ""}
            key, kind = b"thinking", b"thinking_delta"
        self._frame = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"%b","%b":' % (block.place, kind, key)
        )
        data = {"type": "content_block_start", "index": block.place, "content_block": content}
        return event("content_block_start", dump(data))

    def _filling(self, block: Block, text: str) -> bytes:
        return self._frame + text_json(text) + b"}}\n\n"

    def _closing(self, block: Block) -> bytes:
        frames = b""
        if block.kind == THOUGHT:
            delta = {"type": "signature_delta", "signature": SIGNATURE}
            data = {"type": "content_block_delta", "index": block.place, "delta": delta}
            frames = event("content_block_delta", dump(data))
        data = {"type": "content_block_stop", "index": block.place}
        return frames + event("content_block_stop", dump(data))

    def finish(self, usage: Usage) -> bytes:
        frames = self.close_blocks()
        if not self._opened:
            frames = self._show(Block(TEXT)) + self._close()
        reason, sequence = self._ending(self._reason, has_calls=self.has_calls)
        data = {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": usage_json(usage),
        }
        frames += event("message_delta", dump(data))
        return frames + event("message_stop", b'{"type":"message_stop"}')

    def _ending(self, finish: str | None, *, has_calls: bool) -> tuple[str, str | None]:
        if has_calls and finish in (None, "stop"):
            return "tool_use", None
        reason = _STOP_REASONS.get(finish or "stop", "end_turn")
        if reason != "end_turn":
            return reason, None
        left = (stop for stop in self._stops if self._said.endswith(stop))
        sequence = self._stopped_by or next(left, None)
        return ("stop_sequence", sequence) if sequence else (reason, None)

    def error(self, error: FreellmError) -> bytes:
        return event("error", dump(error_body(error, self._head.request_id)))

    def keep_alive(self) -> bytes:
        return _PING

    def whole(self, completion: Completion) -> bytes:
        if not self._thoughts:
            completion = completion._replace(reasoning="")
        if self._stops:
            self._watch(Delta(text=completion.text, extra=completion.extra))
        content: list[dict[str, Any]] = []
        for block in blocks_of(completion, self._ids):
            content += _whole_block(block)
        reason, sequence = self._ending(completion.finish, has_calls=bool(completion.tool_calls))
        usage = usage_json(completion.usage)
        content = content or [{"type": "text", "text": ""}]
        return dump(self._message(content, usage, reason, sequence))

    def _message(
        self,
        content: list[dict[str, Any]],
        usage: dict[str, int],
        stop_reason: str | None,
        stop_sequence: str | None,
    ) -> dict[str, Any]:
        return {
            "id": "msg_" + self._head.stem,
            "type": "message",
            "role": "assistant",
            "model": self._head.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": stop_sequence,
            "usage": usage,
        }


def _whole_block(block: Block) -> list[dict[str, Any]]:
    if block.kind == THOUGHT:
        return [{"type": "thinking", "thinking": block.text, "signature": SIGNATURE}]
    if block.kind == TEXT:
        return [{"type": "text", "text": block.text}]
    given = arguments_object(block.text)
    call = {"type": "tool_use", "id": block.call_id, "name": block.name, "input": given or {}}
    # Arguments that are no JSON object have no place in the call; the model's words are not lost.
    return [call] if given is not None else [{"type": "text", "text": block.text}, call]

"""OpenAI's Responses API, as clients read it
(https://platform.openai.com/docs/api-reference/responses-streaming).

Codex takes its items from `response.output_item.done` and connects anew when the last event is missing
(https://github.com/openai/codex, `codex-rs/codex-api/src/sse/responses.rs`).
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import Completion, Usage
from freellm_cli.core.errors import AllLimited, ContextTooLong, FreellmError, RequestRefused
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
from freellm_cli.core.faces.errors import message_of, openai_error, retry_after_s
from freellm_cli.core.faces.frames import COMMENT, EVENT_STREAM, dump, event, text_json
from freellm_cli.core.faces.responses_request import parse_responses
from freellm_cli.core.faces.responses_tools import (
    CUSTOM,
    FUNCTION,
    SEARCH,
    SHELL,
    Known,
    custom_input,
    shell_action,
)

parse = parse_responses
error_body = openai_error

Item = dict[str, Any]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_PREFIXES = {FUNCTION: "fc_", CUSTOM: "ctc_", SHELL: "lsh_", SEARCH: "tsc_"}
_PLAIN_TEXT = {"format": {"type": "text"}}


def usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


class ResponsesWriter(BlockWriter):
    """response.created, in_progress, the items one behind the other, and always a last event:
    completed, incomplete or failed."""

    content_type = EVENT_STREAM

    def __init__(self, ask: Ask, head: ReplyHead) -> None:
        super().__init__(f"call_{head.stem[-12:]}_")
        self._head = head
        self._known: dict[str, Known] = dict(ask.memory.get("tools") or {})
        self._echo: dict[str, Any] = dict(ask.memory.get("echo") or {})
        self._sequence = -1
        self._output: list[Item] = []
        self._frame = (b"", b"")

    def start(self) -> bytes:
        response = self._response("in_progress", [], None)
        return self._event("response.created", {"response": response}) + self._event(
            "response.in_progress", {"response": response}
        )

    def _event(self, name: str, data: dict[str, Any]) -> bytes:
        self._sequence += 1
        return event(name, dump({"type": name, "sequence_number": self._sequence, **data}))

    def _opening(self, block: Block) -> bytes:
        item = self._item(block, "in_progress", begun=True)
        place: dict[str, Any] = {"item_id": item["id"], "output_index": block.place}
        frames = self._event(
            "response.output_item.added", {"output_index": block.place, "item": item}
        )
        if block.kind == TEXT:
            place["content_index"] = 0
            part = {"content_index": 0, "part": _text_part("")}
            frames += self._event("response.content_part.added", {**place, **part})
            self._prepare("response.output_text.delta", place, b',"logprobs":[]}\n\n')
        elif block.kind == THOUGHT:
            place["summary_index"] = 0
            part = {"part": {"type": "summary_text", "text": ""}}
            frames += self._event("response.reasoning_summary_part.added", {**place, **part})
            self._prepare("response.reasoning_summary_text.delta", place, b"}\n\n")
        else:
            self._prepare("response.function_call_arguments.delta", place, b"}\n\n")
        return frames

    def _prepare(self, name: str, place: dict[str, Any], end: bytes) -> None:
        """The frame of this block's deltas, all but the number and the text."""
        head = b'event: %b\ndata: {"type":"%b","sequence_number":' % (name.encode(), name.encode())
        self._frame = head, b"," + dump(place)[1:-1] + b',"delta":'
        self._end = end

    def _filling(self, block: Block, text: str) -> bytes:
        if block.kind == CALL and self._tool(block).kind != FUNCTION:
            return b""  # what a model writes for an emulated tool is not what the client shall see
        self._sequence += 1
        head, place = self._frame
        return b"%b%d%b%b%b" % (head, self._sequence, place, text_json(text), self._end)

    def _closing(self, block: Block) -> bytes:
        ended = "incomplete" if self._is_cut(block) else "completed"
        item = self._item(block, ended)
        self._output.append(item)
        place: dict[str, Any] = {"item_id": item["id"], "output_index": block.place}
        text = block.text
        if block.kind == TEXT:
            place["content_index"] = 0
            frames = self._event(
                "response.output_text.done", {**place, "text": text, "logprobs": []}
            ) + self._event("response.content_part.done", {**place, "part": _text_part(text)})
        elif block.kind == THOUGHT:
            place["summary_index"] = 0
            part = {"type": "summary_text", "text": text}
            frames = self._event(
                "response.reasoning_summary_text.done", {**place, "text": text}
            ) + self._event("response.reasoning_summary_part.done", {**place, "part": part})
        else:
            frames = self._call_done(item, place)
        done = {"output_index": block.place, "item": item}
        return frames + self._event("response.output_item.done", done)

    def _call_done(self, item: Item, place: dict[str, Any]) -> bytes:
        if item["type"] == "custom_tool_call":
            return self._event(
                "response.custom_tool_call_input.delta", {**place, "delta": item["input"]}
            ) + self._event(
                "response.custom_tool_call_input.done", {**place, "input": item["input"]}
            )
        if item["type"] != "function_call":
            return b""
        done = {**place, "name": item["name"], "arguments": item["arguments"]}
        return self._event("response.function_call_arguments.done", done)

    def _is_cut(self, block: Block) -> bool:
        """True for the block at which the answer broke off."""
        return self._reason in _INCOMPLETE and not self._waiting and block.kind != THOUGHT

    def finish(self, usage: Usage) -> bytes:
        frames = self.close_blocks()
        status = "incomplete" if self._reason in _INCOMPLETE else "completed"
        response = self._response(status, self._output, usage, reason=self._reason)
        return frames + self._event(f"response.{status}", {"response": response})

    def error(self, error: FreellmError) -> bytes:
        response = self._response("failed", self._output, None)
        message = message_of(error, self._head.request_id)
        wait = retry_after_s(error)
        if wait is not None:
            message += f" Try again in {wait:.0f}s."  # Codex reads the wait from these words
        response["error"] = {"code": _code(error), "message": message}
        return self._event("response.failed", {"response": response})

    def keep_alive(self) -> bytes:
        return COMMENT

    def whole(self, completion: Completion) -> bytes:
        self._reason = completion.finish
        blocks = blocks_of(completion, self._ids)
        ended = "incomplete" if completion.finish in _INCOMPLETE else "completed"
        output = [
            self._item(block, ended if block is blocks[-1] else "completed") for block in blocks
        ]
        status = "incomplete" if completion.finish in _INCOMPLETE else "completed"
        return dump(self._response(status, output, completion.usage, reason=completion.finish))

    def _response(
        self, status: str, output: list[Item], usage: Usage | None, *, reason: str | None = None
    ) -> dict[str, Any]:
        echo = self._echo
        incomplete = _INCOMPLETE.get(reason or "")
        return {
            "id": "resp_" + self._head.stem,
            "object": "response",
            "created_at": self._head.created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "instructions": echo.get("instructions"),
            "max_output_tokens": echo.get("max_output_tokens"),
            "model": self._head.model,
            "output": output,
            "parallel_tool_calls": echo.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "reasoning": echo.get("reasoning") or {"effort": None, "summary": None},
            "service_tier": "default",
            "store": False,
            "temperature": echo.get("temperature"),
            "text": echo.get("text") or _PLAIN_TEXT,
            "tool_choice": echo.get("tool_choice") or "auto",
            "tools": echo.get("tools") or [],
            "top_p": echo.get("top_p"),
            "truncation": echo.get("truncation") or "disabled",
            "usage": usage_json(usage) if usage else None,
            "user": echo.get("user"),
            "metadata": echo.get("metadata") or {},
        }

    def _tool(self, block: Block) -> Known:
        return self._known.get(block.name) or Known(FUNCTION, block.name)

    def _item(self, block: Block, status: str, *, begun: bool = False) -> Item:
        """`begun`: as it is announced, with nothing in it yet."""
        text = "" if begun else block.text
        number = f"{self._head.stem}_{block.place}"
        if block.kind == TEXT:
            content = [] if begun else [_text_part(text)]
            return {
                "id": "msg_" + number,
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": content,
            }
        if block.kind == THOUGHT:
            summary = [] if begun else [{"type": "summary_text", "text": text}]
            return {"id": "rs_" + number, "type": "reasoning", "summary": summary}
        return self._call_item(block, text, status, number)

    def _call_item(self, block: Block, text: str, status: str, number: str) -> Item:
        tool = self._tool(block)
        item: Item = {"id": _PREFIXES[tool.kind] + number}
        if tool.kind == SHELL:
            item.update(type="local_shell_call", status=status, call_id=block.call_id)
            item["action"] = shell_action(text)
            return item
        if tool.kind == SEARCH:
            item.update(type="tool_search_call", status=status, call_id=block.call_id)
            item.update(execution="client", arguments=arguments_object(text) or {})
            return item
        kind = "custom_tool_call" if tool.kind == CUSTOM else "function_call"
        item.update(type=kind, status=status, call_id=block.call_id, name=tool.name)
        if tool.namespace:
            item["namespace"] = tool.namespace
        if tool.kind == CUSTOM:
            item["input"] = custom_input(text)
        else:
            item["arguments"] = text
        return item


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _code(error: FreellmError) -> str:
    """Codes that clients act on; the rest of ours would mean nothing to them."""
    if isinstance(error, AllLimited):
        return error.code
    if isinstance(error, ContextTooLong):
        return "context_length_exceeded"
    return "invalid_prompt" if isinstance(error, RequestRefused) else "server_error"

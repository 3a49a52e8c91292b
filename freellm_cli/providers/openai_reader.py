"""Reads an answer in the OpenAI dialect, streamed or whole, from hosts that take it lightly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freellm_cli.core.chat import Delta, Usage
from freellm_cli.core.json_reading import read_json
from freellm_cli.core.sse import SseDecoder, SseEvent, SseOverflow
from freellm_cli.core.think_tags import ThinkTags
from freellm_cli.core.usage import read_usage
from freellm_cli.providers.base import AnswerFault
from freellm_cli.providers.openai_faults import (
    KEPT_BYTES,
    error_in,
    field_fault,
    finish_fault,
    stream_fault,
    whole_answer,
)
from freellm_cli.providers.openai_parts import (
    FAILED,
    OUR_FIELDS,
    content_parts,
    details_text,
    finish_word,
    hand_on,
    images_in,
)
from freellm_cli.providers.openai_template import Template, template_of, text_between
from freellm_cli.providers.tool_deltas import ToolCalls

REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Where hosts put thinking; the first that holds something counts, some send it twice."""

MAX_WHOLE = 64 << 20
MOST_TEMPLATES = 8
"""A stream whose events are of ever new makes is not worth learning any more."""

_STREAM_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class OpenAIReader:
    """A `ChatReader`. `done` is True once `[DONE]` was read: nothing that counts can follow.

    The finish reason and the usage come last, in one delta, at `[DONE]` or at the end of the body.
    A fault behind content is raised by the next call, so that the content is not lost.
    """

    __slots__ = (
        "_body", "_calls", "_choice", "_closing", "_counted", "_fault", "_fields", "_filter", "_finish",
        "_introduced", "_is_between", "_last_counted", "_seen", "_size", "_sse", "_stop_reason",
        "_template", "_templates_left", "_told", "_usage", "_whole", "done",
    )  # fmt: skip

    def __init__(
        self,
        *,
        reasoning_fields: tuple[str, ...] = REASONING_FIELDS,
        think_tags: ThinkTags | None = None,
        new_id: Callable[[], str],
    ) -> None:
        self.done = False
        self._fields = reasoning_fields
        self._filter = think_tags
        self._calls = ToolCalls(new_id)
        self._sse: SseDecoder | None = None
        self._template: Template | None = None
        self._templates_left = MOST_TEMPLATES
        self._is_between = False
        """Whether the stream goes on and nothing is held of what came."""
        self._whole = False
        self._body: list[bytes] = []
        self._size = 0
        self._fault: AnswerFault | None = None
        self._choice: Any = None
        self._finish = ""
        self._usage: Usage | None = None
        self._counted = 0
        self._last_counted = False
        self._introduced = False
        self._seen = False
        self._stop_reason: Any = None
        self._told: dict[str, Any] = {}
        self._closing = False

    def feed(self, chunk: bytes) -> list[Delta]:
        if self._is_between and self._template is not None:
            text = text_between(chunk, *self._template.around)
            if text:
                self._last_counted = False
                return [Delta(text)]
        return self._feed(chunk)

    def _feed(self, chunk: bytes) -> list[Delta]:
        self._is_between = False
        if self._fault is not None:
            raise self._fault
        if self.done:
            return []
        if self._sse is None:
            started = self._start(chunk)
            if started is None:
                return []
            chunk = started
        assert self._sse is not None
        out: list[Delta] = []
        try:
            plain = self._sse.plain(chunk)
            if plain is not None:
                self._lines(plain, out)
                self._is_between = not self.done
            else:
                self._events(self._sse.feed(chunk), out)
        except AnswerFault as fault:
            self._later(fault, out)
        except SseOverflow as error:
            self._later(AnswerFault("malformed", b"", str(error)), out)
        return out

    def close(self) -> list[Delta]:
        if self._fault is not None:
            raise self._fault
        if self._sse is None:
            return self._read_whole()
        out: list[Delta] = []
        self._closing = True
        for event in self._sse.close():
            self._event(event.data, event.name, out)
        if not self.done:
            self._check_end()
            self._end(out)
        return out

    # What kind of body it is.

    def _start(self, chunk: bytes) -> bytes | None:
        """The body so far, once it is known to be a stream; None while it is not, or is none."""
        self._body.append(chunk)
        self._size += len(chunk)
        if self._whole:
            if self._size > MAX_WHOLE:
                raise AnswerFault("malformed", b"", f"the answer is larger than {MAX_WHOLE} bytes")
            return None
        body = b"".join(self._body).removeprefix(_BOM).lstrip(_BLANKS)
        self._body = [body]
        head = body[:8]
        if not head or _BOM.startswith(head):
            return None
        if head.startswith(_STREAM_STARTS):
            self._sse = SseDecoder()
            self._body = []
            return body
        self._whole = not any(start.startswith(head) for start in _STREAM_STARTS)
        return None

    def _read_whole(self) -> list[Delta]:
        body = b"".join(self._body)
        self._body = []
        answer = whole_answer(body)
        out: list[Delta] = []
        self._chunk(answer, body, out)
        self._end(out)
        return out

    # Events of a stream.

    def _events(self, events: list[SseEvent], out: list[Delta]) -> None:
        lines: list[bytes] = []
        for data, name, _ in events:
            if not name and b"\n" not in data:
                lines.append(data)
                continue
            self._lines(lines, out)
            lines.clear()
            self._event(data, name, out)
        self._lines(lines, out)

    def _lines(self, lines: list[bytes], out: list[Delta]) -> None:
        """The data of events without a name that came together, one line each; the texts of those of one
        make become one delta."""
        texts: list[str] = []
        at = 0
        while at < len(lines) and not self.done:
            text, count = self._template.read(lines, at) if self._template else ("", 0)
            if count:
                texts.append(text)
                at += count
                continue
            self._say(texts, out)
            self._event(lines[at], "", out)
            at += 1
        self._say(texts, out)

    def _say(self, texts: list[str], out: list[Delta]) -> None:
        if texts:
            self._last_counted = False
            out.append(Delta("".join(texts)))
            texts.clear()

    def _event(self, data: bytes, name: str, out: list[Delta]) -> None:
        if self.done:
            return
        data = data.strip()
        if data == b"[DONE]":
            self._end(out)
            return
        if not data:
            return
        try:
            chunk = read_json(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            self._unreadable(data, name, out)
            return
        if name == "error" or error_in(chunk):
            raise stream_fault(data)
        if isinstance(chunk, dict):
            known = len(out)
            self._chunk(chunk, data, out)
            if len(out) > known and self._templates_left and not self._last_counted:
                self._learn(data, out[known:])

    def _learn(self, data: bytes, made: list[Delta]) -> None:
        """Remembers the make of an event that held text and nothing else."""
        delta = made[0]
        if self._template is not None and self._template.is_of(data):
            return
        plain = delta == Delta(delta.text, model=delta.model, response_id=delta.response_id)
        if plain and delta.text and len(made) == 1 and self._filter is None and not self._finish:
            self._templates_left -= 1
            self._template = template_of(data, delta.text)

    def _unreadable(self, data: bytes, name: str, out: list[Delta]) -> None:
        if name == "error" or data.startswith(b"<"):
            raise stream_fault(data)
        lines = data.splitlines()
        if len(lines) > 1:  # several events without a blank line between
            for line in lines:
                line = line.removeprefix(b"data:")
                self._event(line, name, out)
            return
        if self._closing:
            if not self._finish:
                raise AnswerFault("cut", data[:KEPT_BYTES], "the stream broke off inside an event")
        elif data[:1] in b"{[":
            raise AnswerFault("malformed", data[:KEPT_BYTES], "an event of the stream is no JSON")

    def _chunk(self, chunk: dict[str, Any], raw: bytes, out: list[Delta]) -> None:
        self._seen = True
        self._count(chunk)
        known = len(out)
        choice = self._chosen(chunk.get("choices"))
        if choice is not None:
            self._choice_chunk(choice, chunk, out)
        if not chunk.keys() <= OUR_FIELDS or (choice and choice.get("logprobs")):
            hand_on(chunk, choice or {}, self._told, out, known)

    def _choice_chunk(
        self, choice: dict[str, Any], chunk: dict[str, Any], out: list[Delta]
    ) -> None:
        finish = choice.get("finish_reason")
        if finish and isinstance(finish, str):
            if finish.lower() in FAILED:
                raise finish_fault(finish)
            self._finish = finish_word(finish)
            # vLLM names the stop text that ended the answer here.
            self._stop_reason = choice.get("stop_reason")
        message = choice.get("delta")
        if not isinstance(message, dict):
            message = choice.get("message")
        if isinstance(message, dict):
            self._message(message, chunk, out)
        elif isinstance(choice.get("text"), str):
            self._emit(chunk, out, choice["text"])

    def _count(self, chunk: dict[str, Any]) -> None:
        usage = chunk.get("usage")
        if usage is None:
            groq = chunk.get("x_groq")
            if isinstance(groq, dict):
                if groq.get("error"):
                    raise field_fault("x_groq", groq["error"])
                usage = groq.get("usage")
        self._last_counted = usage is not None
        if usage is not None:
            self._counted += 1
            self._usage = read_usage(usage) or self._usage

    def _chosen(self, choices: Any) -> dict[str, Any] | None:
        """The choice that is read: the one that came first, where several are answered (`n`)."""
        if not isinstance(choices, list):
            return None
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            index = choice.get("index")
            if self._choice is None:
                self._choice = index
            if index is None or index == self._choice:
                return choice
        return None

    def _message(self, message: dict[str, Any], chunk: dict[str, Any], out: list[Delta]) -> None:
        text = message.get("content")
        thought = ""
        images: tuple[str, ...] = ()
        if text is None:
            text = message.get("refusal") or ""
        if not isinstance(text, str):
            text, thought, images = content_parts(text)
        extra: dict[str, Any] | None = None
        for field in self._fields:
            value = message.get(field)
            if not value:
                continue
            if field == "reasoning_details":
                extra = {field: value}
                thought = thought or details_text(value)
            elif not thought:
                thought = value if isinstance(value, str) else details_text(value)
        calls = self._calls.read(message["tool_calls"]) if message.get("tool_calls") else ()
        if message.get("function_call"):
            calls += self._calls.read([{"index": 0, "function": message["function_call"]}])
        if message.get("images"):
            images += images_in(message["images"])
        if message.get("annotations"):
            extra = {**(extra or {}), "annotations": message["annotations"]}
        self._emit(chunk, out, text, thought, calls, images, extra)

    def _emit(
        self,
        chunk: dict[str, Any],
        out: list[Delta],
        text: str,
        thought: str = "",
        calls: tuple[Any, ...] = (),
        images: tuple[str, ...] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        if text and self._filter is not None:
            if self._filter.idle:
                self._filter = None
            else:
                text, more = self._filter.feed(text)
                thought += more
        if text or thought or calls or images or extra:
            model, response_id = self._introduction(chunk)
            out.append(Delta(text, thought, calls, None, None, model, response_id, images, extra))

    def _introduction(self, chunk: dict[str, Any]) -> tuple[str, str]:
        """The model and the id, once."""
        if self._introduced:
            return "", ""
        self._introduced = True
        model, response_id = chunk.get("model"), chunk.get("id")
        return (
            model if isinstance(model, str) else "",
            response_id if isinstance(response_id, str) else "",
        )

    # The end.

    def _check_end(self) -> None:
        """Raises unless something says that the answer is whole. Usage says so if it came once, at
        the end; hosts that count in every chunk say nothing by it."""
        if not self._seen:
            raise AnswerFault("empty", b"", "the stream held no event")
        counted_at_end = self._last_counted and self._counted == 1
        if not self._finish and not counted_at_end:
            raise AnswerFault("cut", b"", "the stream ended without a finish reason")

    def _end(self, out: list[Delta]) -> None:
        self.done = True
        if self._filter is not None:
            text, thought = self._filter.close()
            if text or thought:
                out.append(Delta(text, thought))
        finish = self._finish or "stop"
        if finish == "stop" and self._calls.count:
            finish = "tool_calls"
        told = self._stop_reason
        extra = {"stop_reason": told} if told and isinstance(told, str) else None
        out.append(Delta(finish=finish, usage=self._usage, extra=extra))

    def _later(self, fault: AnswerFault, out: list[Delta]) -> None:
        if not any(delta.has_content for delta in out):
            raise fault
        self._fault = fault

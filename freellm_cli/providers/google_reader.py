"""Reads what generateContent and streamGenerateContent answer.

Three forms carry the same objects: one object, an event stream (`alt=sse`), and a JSON array that
grows (a stream without `alt=sse`). There is no `[DONE]`: the body's end is the answer's end, and a
finishReason must have come by then (https://ai.google.dev/api/generate-content).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from freellm_cli.core.chat import Delta, ToolCallDelta, Usage
from freellm_cli.core.sse import SseDecoder, SseOverflow
from freellm_cli.providers.base import AnswerFault
from freellm_cli.providers.google_names import ToolNames
from freellm_cli.providers.thought_signatures import ThoughtSignatures

if TYPE_CHECKING:
    from freellm_cli.providers.json_objects import JsonObjects

MAX_OBJECT_BYTES = 64 << 20
SHOWN_BYTES = 4096

_FILTERED = frozenset(
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII LANGUAGE MODEL_ARMOR".split()
)
# The model's own slip: the same question asked again is usually answered.
_MALFORMED = frozenset(
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MALFORMED_RESPONSE "
    "MISSING_THOUGHT_SIGNATURE NO_IMAGE".split()
)

_METADATA = (
    ("groundingMetadata", "grounding_metadata"),
    ("citationMetadata", "citation_metadata"),
    ("urlContextMetadata", "url_context_metadata"),
)

Response = dict[str, Any]


class GoogleReader:
    """One answer. `unwrap` takes an envelope off each object; `new_id` makes ids for calls that came
    without; `model_id` says whose signatures are remembered."""

    __slots__ = (
        "_answered",
        "_calls",
        "_fault",
        "_finish",
        "_first",
        "_google",
        "_head",
        "_json",
        "_model_id",
        "_names",
        "_new_id",
        "_prefix",
        "_seen",
        "_signatures",
        "_spoke",
        "_sse",
        "_text_signature",
        "_unwrap",
        "_usage",
    )

    def __init__(
        self,
        *,
        names: ToolNames,
        signatures: ThoughtSignatures,
        model_id: str,
        new_id: Callable[[], str],
        unwrap: Callable[[Response], Response],
    ) -> None:
        self._names = names
        self._signatures = signatures
        self._model_id = model_id
        self._new_id = new_id
        self._unwrap = unwrap
        self._sse: SseDecoder | None = None
        self._json: JsonObjects | None = None
        self._prefix = b""
        self._first = b""  # shown when no object came at all
        self._fault: AnswerFault | None = None
        self._finish = ""
        self._usage: dict[str, Any] = {}
        self._head = ("", "")
        self._calls = 0
        self._google: dict[str, Any] = {}
        self._text_signature = ""
        self._answered = False
        self._spoke = False
        self._seen = False

    def feed(self, chunk: bytes) -> list[Delta]:
        if self._fault:
            raise self._fault
        deltas: list[Delta] = []
        try:
            for tree in self._objects(chunk):
                self._read(tree, deltas)
        except AnswerFault as fault:
            # What came before the fault was said; the caller gets it first.
            if not any(delta.has_content for delta in deltas):
                raise
            self._fault = fault
        return deltas

    def close(self) -> list[Delta]:
        if self._fault:
            raise self._fault
        deltas: list[Delta] = []
        if self._sse:
            for event in self._sse.close():
                self._read(self._parse(event.data, unreadable="cut"), deltas)
        elif self._json and self._json.unfinished:
            raise AnswerFault("cut", message="the answer broke off")
        self._check_end()
        last = Delta(finish=self._finish_reason(), usage=self._counts(), extra=self._extra or None)
        deltas.append(self._with_head(last))
        return deltas

    def _objects(self, chunk: bytes) -> Iterator[Response]:
        if self._sse is None and self._json is None:
            chunk = self._begin(self._prefix + chunk)
        try:
            if self._json is not None:
                yield from self._json.feed(chunk)
            elif self._sse is not None:
                for event in self._sse.feed(chunk):
                    yield self._parse(event.data)
        except (SseOverflow, ValueError, RecursionError) as error:
            raise AnswerFault("malformed", chunk[:SHOWN_BYTES], str(error)) from error

    def _begin(self, chunk: bytes) -> bytes:
        """Chooses how to read by the first byte that means something; the content type may lie."""
        start = chunk.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if not start:
            self._prefix = chunk
            return b""
        if start == b"<":
            raise AnswerFault("malformed", chunk[:SHOWN_BYTES], "the answer is a web page")
        self._prefix = b""
        if start in b"{[":
            from freellm_cli.providers.json_objects import JsonObjects

            self._json = JsonObjects(limit=MAX_OBJECT_BYTES)
        else:
            self._sse = SseDecoder(limit=MAX_OBJECT_BYTES)
        self._first = chunk[:SHOWN_BYTES]
        return chunk

    @staticmethod
    def _parse(data: bytes, unreadable: str = "malformed") -> Response:
        if data.strip() in (b"", b"[DONE]"):
            return {}
        try:
            tree = json.loads(data)
        except (ValueError, RecursionError):
            raise AnswerFault(unreadable, data[:SHOWN_BYTES], "an event is not JSON") from None
        if isinstance(tree, list) and len(tree) == 1:
            tree = tree[0]
        if not isinstance(tree, dict):
            raise AnswerFault("malformed", data[:SHOWN_BYTES], "an event is no object")
        return tree

    def _read(self, tree: Response, deltas: list[Delta]) -> None:
        if not tree:
            return
        self._seen = True
        self._refuse_error(tree)
        tree = self._unwrap(tree)
        self._refuse_error(tree)
        usage = tree.get("usageMetadata")
        if isinstance(usage, dict):
            self._usage.update(usage)
        self._head = (
            str(tree.get("modelVersion") or self._head[0]),
            str(tree.get("responseId") or self._head[1]),
        )
        for candidate in _dicts(tree.get("candidates")):
            if not candidate.get("index"):
                self._candidate(candidate, deltas)
        feedback = tree.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason") and not self._finish:
            self._finish = "SAFETY"
            self._google["block_reason"] = feedback["blockReason"]

    @staticmethod
    def _refuse_error(tree: Response) -> None:
        error = tree.get("error")
        if error:
            body = json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace")
            message = error.get("message") if isinstance(error, dict) else error
            raise AnswerFault("error", body, str(message or "error"))

    def _candidate(self, candidate: dict[str, Any], deltas: list[Delta]) -> None:
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in _dicts(parts):
            delta = self._part(part)
            if delta is None:
                continue
            self._spoke = True
            self._answered = self._answered or not delta.reasoning
            deltas.append(self._with_head(delta))
        if candidate.get("finishReason"):
            self._finish = str(candidate["finishReason"])
        for key, name in _METADATA:
            if candidate.get(key):
                self._google[name] = candidate[key]

    def _part(self, part: dict[str, Any]) -> Delta | None:
        call = part.get("functionCall")
        if isinstance(call, dict):
            return Delta(tool_calls=(self._call(call, part),))
        thought = bool(part.get("thought"))
        if part.get("thoughtSignature") and not thought:
            self._text_signature = str(part["thoughtSignature"])
            self._signatures.remember_text(signature=self._text_signature, model=self._model_id)
        data = part.get("inlineData")
        if isinstance(data, dict) and data.get("data"):
            mime = data.get("mimeType") or "application/octet-stream"
            return None if thought else Delta(images=(f"data:{mime};base64,{data['data']}",))
        text = part.get("text")
        if not isinstance(text, str):
            text = _code_text(part)
        if not text:
            return None
        return Delta(reasoning=text) if thought else Delta(text=text)

    def _call(self, call: dict[str, Any], part: dict[str, Any]) -> ToolCallDelta:
        name = self._names.from_google(str(call.get("name") or ""))
        args = call.get("args")
        arguments = json.dumps(args if isinstance(args, dict) else {}, ensure_ascii=False)
        signature = str(part.get("thoughtSignature") or call.get("thoughtSignature") or "")
        call_id = str(call.get("id") or "") or self._new_id()
        self._signatures.remember(
            call_id=call_id,
            name=name,
            arguments=arguments,
            signature=signature,
            model=self._model_id,
        )
        index = self._calls
        self._calls += 1
        return ToolCallDelta(index, call_id, name, arguments, signature)

    def _with_head(self, delta: Delta) -> Delta:
        return delta._replace(model=self._head[0], response_id=self._head[1])

    def _check_end(self) -> None:
        """Raises AnswerFault unless the answer ended as an answer ends."""
        if not self._seen:
            strange = bool(self._sse or (self._json and self._json.stray))
            raise AnswerFault("malformed" if strange else "empty", self._first)
        said = json.dumps({"finishReason": self._finish}).encode()
        if self._finish in _MALFORMED:
            raise AnswerFault("malformed", said, f"the model failed: {self._finish}")
        if not self._finish:
            fault = "cut" if self._spoke else "empty"
            raise AnswerFault(fault, message="the answer ended without a finish reason")
        if not self._answered and self._finish_reason() == "stop":
            raise AnswerFault("empty", said, "the model answered nothing")

    def _finish_reason(self) -> str:
        if self._finish in _FILTERED or self._finish.startswith("IMAGE_"):
            return "content_filter"
        if self._calls:
            return "tool_calls"
        return "length" if self._finish == "MAX_TOKENS" else "stop"

    def _counts(self) -> Usage | None:
        """Counters are cumulative; the last of each holds."""
        raw = self._usage
        prompt = _count(raw.get("promptTokenCount")) + _count(raw.get("toolUsePromptTokenCount"))
        thoughts = _count(raw.get("thoughtsTokenCount"))
        completion = _count(raw.get("candidatesTokenCount")) + thoughts
        if "candidatesTokenCount" not in raw:
            completion = max(completion, _count(raw.get("totalTokenCount")) - prompt)
        if not (prompt or completion):
            return None
        cached = min(prompt, _count(raw.get("cachedContentTokenCount")))
        return Usage(prompt, completion, thoughts, cached)

    @property
    def _extra(self) -> dict[str, Any]:
        extra: dict[str, Any] = {}
        if self._google:
            extra["google"] = self._google
        if self._text_signature and not self._calls:
            extra["extra_content"] = {"google": {"thought_signature": self._text_signature}}
        return extra


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _code_text(part: dict[str, Any]) -> str:
    """Code that Google ran for the model, as a reader would want to see it."""
    code = part.get("executableCode")
    if isinstance(code, dict) and code.get("code"):
        language = str(code.get("language") or "").lower()
        return f"\n```{language}\n{code['code']}\n```\n"
    result = part.get("codeExecutionResult")
    if isinstance(result, dict) and result.get("output"):
        return f"\n```\n{result['output']}\n```\n"
    return ""


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and value > 0 else 0

"""What a 2xx body says when it is no answer. The shapes are those that hosts were seen to send:

{"error": …} · [{"error": …}]                    most; Google in a list of one
{"choices": [{"error": …}]}                      OpenRouter, once generation has begun
{"object": "error", "message": …}                Mistral, older vLLM
{"status": "434", "msg": …, "body": null}        iFlow
{"success": false, …}                            Cloudflare, iFlow
{"message": …, "code": …} · {"detail": …}        Cerebras, FastAPI
{"base_resp": {"status_code": 1004, …}}          MiniMax
<html>…                                          gateways
"""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.sse import find_error
from freellm_cli.core.usage import read_usage
from freellm_cli.providers.base import AnswerFault

KEPT_BYTES = 65536
"""How much of a body a fault carries: enough to judge it."""


def error_in(answer: Any) -> bool:
    """True when a parsed body, or a parsed event of a stream, reports a failure."""
    if isinstance(answer, list):
        return bool(answer) and error_in(answer[0])
    if not isinstance(answer, dict):
        return False
    if answer.get("error"):
        return True
    choices = answer.get("choices")
    if isinstance(choices, list) and choices:
        return isinstance(choices[0], dict) and bool(choices[0].get("error"))
    return _flat_error(answer)


def _flat_error(answer: dict[str, Any]) -> bool:
    if answer.get("object") == "error" or answer.get("success") is False:
        return True
    if answer.get("detail") or answer.get("errors"):
        return True
    told = answer.get("msg") or answer.get("message") or answer.get("title")
    if isinstance(told, str) and told and "usage" not in answer:
        return True
    base = answer.get("base_resp")
    return isinstance(base, dict) and bool(base.get("status_code"))


def fault_of(body: bytes, answer: Any = None) -> AnswerFault:
    """The fault that a whole body is, which is no answer; `answer` is the body parsed, if it parses."""
    text = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        return AnswerFault("empty", b"", "the answer held nothing")
    kept = body[:KEPT_BYTES]
    if error_in(answer) or text.startswith(b"<"):
        return AnswerFault("error", kept, "the answer is an error")
    if answer is None and text[:1] in b"{[":
        if find_error(text) and b'"choices"' not in text:
            return AnswerFault("error", kept, "the answer is an error that broke off")
        return AnswerFault("cut", kept, "the answer broke off")
    if answer is None:
        return AnswerFault("error", kept, "the answer is no JSON")
    return AnswerFault("malformed", kept, "the answer is of another kind")


def whole_answer(body: bytes) -> dict[str, Any]:
    """A whole body that is an answer, with a list of choices. Raises AnswerFault for any other."""
    try:
        answer = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        raise fault_of(body) from None
    if not isinstance(answer, dict) or error_in(answer):
        raise fault_of(body, answer)
    choices = answer.get("choices")
    if not isinstance(choices, list):
        raise fault_of(body, answer)
    if not choices and read_usage(answer.get("usage")) is None:
        raise AnswerFault("empty", body[:KEPT_BYTES], "the answer held no choice")
    return answer


def stream_fault(data: bytes) -> AnswerFault:
    """An event of a stream that is an error."""
    return AnswerFault("error", data[:KEPT_BYTES], "the provider sent an error in its stream")


def field_fault(name: str, error: Any) -> AnswerFault:
    """A field of an answer in which a host reports a failure."""
    return AnswerFault("error", json.dumps({"error": error}).encode("utf-8"), f"{name}.error")


def finish_fault(word: str) -> AnswerFault:
    """A `finish_reason` that means failure, as an error body that can be judged."""
    body = {
        "error": {
            "message": f"the provider ended the answer with {word}",
            "type": "server_error",
            "code": word,
        }
    }
    return AnswerFault("error", json.dumps(body).encode("utf-8"), f"finish_reason {word}")

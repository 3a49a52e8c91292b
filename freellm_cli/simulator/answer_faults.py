"""Faults in what is said: each changes an `Answer` before it becomes bytes.

Every function takes the answer, the scene and the caller's options. On an answer that it does not fit
(a stream fault on a whole answer) it leaves the answer as it is, unless its text says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from freellm_cli.simulator.answers import JSON, Answer, sse

Options = dict[str, Any]


class Scene(NamedTuple):
    """`remake(stream)`: the same answer, streamed or whole. `url`: the simulator's own address."""

    remake: Callable[[bool], Answer]
    url: str


AnswerFault = Callable[[Answer, Scene, Options], None]

HTML = (
    "<!DOCTYPE html>\n<html><head><title>{status} {title}</title></head>\n<body>\n"
    "<center><h1>{status} {title}</h1></center>\n<hr><center>cloudflare</center>\n</body></html>\n"
)
_TITLES = {
    200: "Just a moment...",
    403: "Attention Required! | Cloudflare",
    502: "Bad Gateway",
    504: "Gateway Time-out",
    524: "A timeout occurred",
}


def _becomes(answer: Answer, status: int, body: bytes, content_type: str) -> None:
    answer.status = status
    answer.events = None
    answer.raw = body
    answer.content_type = content_type
    answer.output_tokens = 0


def _html(status: int) -> AnswerFault:
    def play(answer: Answer, scene: Scene, options: Options) -> None:
        page = HTML.format(status=status, title=_TITLES[status])
        _becomes(answer, status, page.encode(), "text/html; charset=UTF-8")

    play.__doc__ = f"An HTML page of a gateway with status {status}."
    return play


def _status(answer: Answer, scene: Scene, options: Options) -> None:
    """Any `status`, `body` (text, bytes or JSON), `headers` and `content_type` at all."""
    body = options.get("body", b"")
    raw = body if isinstance(body, bytes) else body if isinstance(body, str) else json.dumps(body)
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    _becomes(answer, options.get("status", 500), data, options.get("content_type", JSON))


def _frames(answer: Answer, scene: Scene, options: Options) -> None:
    """A stream of the raw `frames` (texts or bytes) given, and nothing else."""
    frames = options.get("frames", [])
    answer.events = [one if isinstance(one, bytes) else str(one).encode() for one in frames]
    answer.form, answer.tail = "sse", b""


def _payload(answer: Answer, scene: Scene, options: Options) -> None:
    """A 200 with the JSON `payload` given."""
    _becomes(answer, 200, json.dumps(options.get("payload")).encode(), JSON)


def _empty_body(answer: Answer, scene: Scene, options: Options) -> None:
    """A 200 without a byte in it."""
    _becomes(answer, 200, b"", JSON)


def _no_content(answer: Answer, scene: Scene, options: Options) -> None:
    """Status 204."""
    _becomes(answer, 204, b"", "")


def _redirect(answer: Answer, scene: Scene, options: Options) -> None:
    """Status 307 to `location` (default: a path of this simulator that does not exist)."""
    _becomes(answer, 307, b"", "text/plain")
    answer.headers.append(("location", options.get("location", scene.url + "/elsewhere")))


def _not_json(answer: Answer, scene: Scene, options: Options) -> None:
    """A 200 with a line of text of a gateway."""
    _becomes(
        answer, 200, b"upstream connect error or disconnect/reset before headers", "text/plain"
    )


def _json_for_stream(answer: Answer, scene: Scene, options: Options) -> None:
    """A whole JSON answer although a stream was asked for."""
    _replace(answer, scene.remake(False))


def _sse_for_whole(answer: Answer, scene: Scene, options: Options) -> None:
    """A stream although a whole answer was asked for."""
    _replace(answer, scene.remake(True))


def _replace(answer: Answer, other: Answer) -> None:
    answer.payload, answer.raw, answer.content_type = other.payload, other.raw, other.content_type
    answer.events, answer.tail, answer.form = other.events, other.tail, other.form


def error_value(answer: Answer) -> dict[str, Any]:
    """An error object in the answer's dialect."""
    if answer.dialect == "google":
        text = "The model is overloaded. Please try again later."
        return {"error": {"code": 503, "message": text, "status": "UNAVAILABLE"}}
    return {
        "error": {
            "message": "Internal server error",
            "type": "server_error",
            "param": None,
            "code": 502,
        }
    }


def _error_in_200(answer: Answer, scene: Scene, options: Options) -> None:
    """A 200 whose JSON body is an error object, for streams too."""
    _becomes(answer, 200, json.dumps(error_value(answer)).encode(), JSON)


def _error_in_choice(answer: Answer, scene: Scene, options: Options) -> None:
    """A 200 with the error inside the first choice (Google: a candidate without content)."""
    if answer.dialect == "google":
        value: Any = {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]}
    else:
        choice = {"index": 0, "finish_reason": "error", **error_value(answer)}
        key = "delta" if answer.streams else "message"
        value = {"id": "gen-1", "choices": [{**choice, key: {"role": "assistant", "content": ""}}]}
    _say(answer, value)


def _say(answer: Answer, value: Any) -> None:
    """The whole answer, or the only event of the stream, is `value`."""
    if answer.streams:
        answer.events = [value]
    else:
        answer.payload = value
    answer.output_tokens = 0


def _empty_choices(answer: Answer, scene: Scene, options: Options) -> None:
    """A 200 without a single choice (Google: candidate)."""
    name = "candidates" if answer.dialect == "google" else "choices"
    _say(answer, {"id": "gen-1", "object": "chat.completion", "created": 1, "model": "", name: []})


def _no_choices_key(answer: Answer, scene: Scene, options: Options) -> None:
    """A 200 with a JSON object that is no answer at all."""
    _say(answer, {"ok": True})


def _status_frame(answer: Answer, scene: Scene, options: Options) -> None:
    """iFlow's business error inside a 200, JSON even for streams (`code`, `msg`)."""
    value = {
        "status": options.get("code", "449"),
        "msg": options.get("msg", "You exceeded your current rate limit"),
        "body": None,
    }
    _becomes(answer, 200, json.dumps(value).encode(), JSON)


def _blocked(answer: Answer, scene: Scene, options: Options) -> None:
    """A filtered answer as Gemini gives it: no message, or no candidate and a blockReason."""
    if answer.dialect == "google":
        _say(answer, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
        return
    _say(
        answer,
        {
            "id": "1",
            "choices": [{"index": 0, "finish_reason": "content_filter: PROHIBITED_CONTENT"}],
        },
    )


def _speak(answer: Answer, text: str | None, finish: str) -> None:
    """Replaces the text by `text` and the end by `finish` (an OpenAI word)."""
    if answer.dialect == "google":
        word = {"stop": "STOP", "length": "MAX_TOKENS"}.get(finish, finish)
        parts = [{"text": text or ""}]
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": word, "index": 0}
        _say(answer, {"candidates": [candidate], "modelVersion": "simulated"})
        return
    base = {"id": "gen-1", "created": 1, "model": "simulated"}
    key = "delta" if answer.streams else "message"
    choice = {"index": 0, key: {"role": "assistant", "content": text}, "finish_reason": finish}
    kind = "chat.completion.chunk" if answer.streams else "chat.completion"
    _say(answer, {**base, "object": kind, "choices": [choice]})


def _null_content(answer: Answer, scene: Scene, options: Options) -> None:
    """A finished answer whose content is null."""
    _speak(answer, None, "stop")


def _blank_answer(answer: Answer, scene: Scene, options: Options) -> None:
    """A finished answer without text."""
    _speak(answer, "", "stop")


def _spent_thinking(answer: Answer, scene: Scene, options: Options) -> None:
    """No text, because max_tokens went into thoughts: finish "length"."""
    _speak(answer, "", "length")


def tokens_in(answer: Answer, wanted: int) -> int:
    """Where in `events` the stream stands after `wanted` tokens, before its last event."""
    events = answer.events or []
    lead = 0 if answer.dialect == "google" else 1
    return max(0, min(lead + wanted, len(events) - 1))


def _cut_to(answer: Answer, options: Options, extra: list[Any]) -> None:
    if answer.events is not None:
        answer.events = answer.events[: tokens_in(answer, options.get("after", 2))] + extra


def _first_event_error(answer: Answer, scene: Scene, options: Options) -> None:
    """The first event of the stream is an error object; a whole answer is one."""
    _say(answer, error_value(answer))


def _event_error(answer: Answer, scene: Scene, options: Options) -> None:
    """The stream is one `event: error`."""
    if answer.streams:
        answer.events, answer.tail = [b"event: error\n" + sse(error_value(answer))], b""


def _error_after(answer: Answer, scene: Scene, options: Options) -> None:
    """An error object after `after` tokens (2), then the usual end."""
    _cut_to(answer, options, [error_value(answer)])


def _bare_error_line(answer: Answer, scene: Scene, options: Options) -> None:
    """After `after` tokens a line of bare JSON, without `data:`."""
    _cut_to(answer, options, [json.dumps(error_value(answer)).encode() + b"\n\n"])
    answer.tail = b""


def _finish_error(answer: Answer, scene: Scene, options: Options) -> None:
    """After `after` tokens the stream finishes with the reason "error"."""
    if answer.dialect == "google":
        _cut_to(answer, options, [{"candidates": [{"finishReason": "OTHER", "index": 0}]}])
        return
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    choice["native_finish_reason"] = "MALFORMED_FUNCTION_CALL"
    _cut_to(answer, options, [{"id": "gen-1", "choices": [choice], **error_value(answer)}])


ANSWER_FAULTS: dict[str, AnswerFault] = {
    **{f"html_{status}": _html(status) for status in _TITLES},
    "status": _status,
    "frames": _frames,
    "payload": _payload,
    "empty_body": _empty_body,
    "no_content": _no_content,
    "redirect": _redirect,
    "not_json": _not_json,
    "json_for_stream": _json_for_stream,
    "sse_for_whole": _sse_for_whole,
    "error_in_200": _error_in_200,
    "error_in_choice": _error_in_choice,
    "empty_choices": _empty_choices,
    "no_choices_key": _no_choices_key,
    "status_frame": _status_frame,
    "blocked": _blocked,
    "null_content": _null_content,
    "blank_answer": _blank_answer,
    "spent_thinking": _spent_thinking,
    "first_event_error": _first_event_error,
    "event_error": _event_error,
    "error_after": _error_after,
    "bare_error_line": _bare_error_line,
    "finish_error": _finish_error,
}

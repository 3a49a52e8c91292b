"""Streams that are right but odd, each as some provider sends it. A client must read them all."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from freellm_cli.simulator.answer_faults import AnswerFault, Options, Scene
from freellm_cli.simulator.answers import Answer, sse

Event = dict[str, Any]


def _events(answer: Answer) -> list[Any]:
    """The events, safe to change; empty for a whole answer."""
    answer.events = copy.deepcopy(answer.events)
    return answer.events or []


def _choices(event: Event) -> list[Event]:
    found: list[Event] = event.get("choices") or event.get("candidates") or []
    return found


def _no_finish(answer: Answer, scene: Scene, options: Options) -> None:
    """No finish reason ever comes."""
    for event in _events(answer):
        for choice in _choices(event):
            choice.pop("finish_reason", None)
            choice.pop("finishReason", None)


def _missing_done(answer: Answer, scene: Scene, options: Options) -> None:
    """The stream ends without [DONE]."""
    answer.tail = b""


def _duplicate_finish(answer: Answer, scene: Scene, options: Options) -> None:
    """The finishing event comes twice."""
    events = _events(answer)
    for place, event in enumerate(events):
        if any(
            choice.get("finish_reason") or choice.get("finishReason") for choice in _choices(event)
        ):
            events.insert(place, copy.deepcopy(event))
            return


def _usage_every_chunk(answer: Answer, scene: Scene, options: Options) -> None:
    """Usage rides on every event, cumulative."""
    if answer.dialect == "google":
        return
    for written, event in enumerate(_events(answer)):
        event["usage"] = {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": min(written, answer.output_tokens),
            "total_tokens": answer.input_tokens + min(written, answer.output_tokens),
        }


def _empty_usage(answer: Answer, scene: Scene, options: Options) -> None:
    """Usage is an empty object."""
    for event in _events(answer):
        event["usage"] = {}
        event.pop("usageMetadata", None)


def _comments_first(answer: Answer, scene: Scene, options: Options) -> None:
    """`count` (3) comment lines come before the first token."""
    if answer.streams:
        comment = b": OPENROUTER PROCESSING\n\n"
        answer.events = [comment] * options.get("count", 3) + _events(answer)


def _data_after_done(answer: Answer, scene: Scene, options: Options) -> None:
    """Another event follows [DONE]."""
    events = _events(answer)
    if events and answer.tail:
        answer.tail += sse(events[0])


def _no_space(answer: Answer, scene: Scene, options: Options) -> None:
    """`data:` without the space."""
    _rewrite(answer, lambda data: data.replace(b"data: ", b"data:", 1))


def _crlf(answer: Answer, scene: Scene, options: Options) -> None:
    """Lines end with CRLF."""
    _rewrite(answer, lambda data: data.replace(b"\n", b"\r\n"))


def _multiline_data(answer: Answer, scene: Scene, options: Options) -> None:
    """The JSON of an event spans several `data:` lines."""
    _rewrite(answer, lambda data: data.replace(b'{"', b'{\ndata: "', 1))


def _event_names(answer: Answer, scene: Scene, options: Options) -> None:
    """`event:`, `id:` and `retry:` lines stand around the data."""
    _rewrite(answer, lambda data: b"id: 1\nretry: 1000\nevent: message\n" + data)


def _blank_lines(answer: Answer, scene: Scene, options: Options) -> None:
    """Blank lines come between events."""
    _rewrite(answer, lambda data: b"\n\n" + data + b"\n")


def _bom(answer: Answer, scene: Scene, options: Options) -> None:
    """The stream starts with a byte order mark."""
    events = _events(answer)
    if events and answer.form == "sse":
        events[0] = b"\xef\xbb\xbf" + sse(events[0])


def _rewrite(answer: Answer, change: Callable[[bytes], bytes]) -> None:
    if answer.events is not None and answer.form == "sse":
        answer.events = [change(sse(event)) for event in answer.events]
        answer.tail = change(answer.tail) if answer.tail else b""


def _empty_choices_first(answer: Answer, scene: Scene, options: Options) -> None:
    """The first event has no choices and a filter result, as Azure sends it."""
    if answer.streams and answer.dialect == "openai":
        first = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        answer.events = [{**first, "prompt_filter_results": []}, *_events(answer)]


def _no_role(answer: Answer, scene: Scene, options: Options) -> None:
    """The event that carries the role alone is left out."""
    if answer.dialect == "openai" and answer.streams:
        answer.events = _events(answer)[1:]


def _null_fields(answer: Answer, scene: Scene, options: Options) -> None:
    """Deltas carry null for everything that they do not say."""
    for event in _events(answer):
        for choice in _choices(event):
            if "delta" in choice:
                blank = {"role": None, "content": None, "tool_calls": None, "refusal": None}
                choice["delta"] = {**blank, **choice["delta"]}


def _delta_missing(answer: Answer, scene: Scene, options: Options) -> None:
    """The finishing event has no delta."""
    for event in _events(answer):
        for choice in _choices(event):
            if choice.get("finish_reason"):
                choice.pop("delta", None)


def _think_tags(answer: Answer, scene: Scene, options: Options) -> None:
    """The content starts with <think>…</think>, as a leaking template gives it."""
    leak = "<think>Let me see.</think>"
    if answer.payload and answer.dialect == "openai":
        message = answer.payload["choices"][0]["message"]
        message["content"] = leak + (message["content"] or "")
    elif answer.streams and answer.dialect == "openai":
        events = _events(answer)
        for part in ("</think>", "Let me see.", "nk>", "<thi"):
            event = copy.deepcopy(events[0])
            event["choices"][0]["delta"] = {"content": part}
            events.insert(1, event)


def _fragments(answer: Answer) -> list[Event]:
    return [
        call
        for event in _events(answer)
        if isinstance(event, dict)
        for choice in event.get("choices") or []
        for call in (choice.get("delta") or {}).get("tool_calls") or []
    ]


def _tool_no_index(answer: Answer, scene: Scene, options: Options) -> None:
    """Fragments of tool calls have no index."""
    for call in _fragments(answer):
        call.pop("index", None)


def _tool_shared_index(answer: Answer, scene: Scene, options: Options) -> None:
    """All tool calls say index 0; only their ids differ (Gemini's compatible path)."""
    for call in _fragments(answer):
        call["index"] = 0


def _tool_no_type(answer: Answer, scene: Scene, options: Options) -> None:
    """Tool calls do not say that they are functions."""
    for call in _fragments(answer):
        call.pop("type", None)


def _tool_whole(answer: Answer, scene: Scene, options: Options) -> None:
    """Each tool call comes whole in one event."""
    _join_calls(answer, as_object=False)


def _tool_args_object(answer: Answer, scene: Scene, options: Options) -> None:
    """Each tool call comes whole, its arguments as an object in place of text."""
    _join_calls(answer, as_object=True)


def _join_calls(answer: Answer, *, as_object: bool) -> None:
    if answer.dialect != "openai" or not answer.streams:
        return
    whole: list[Event] = []
    for event in _events(answer):
        choices = event.get("choices") or [{}]
        fragments = (choices[0].get("delta") or {}).get("tool_calls")
        if not fragments or fragments[0].get("id"):
            whole.append(event)
        else:
            head = whole[-1]["choices"][0]["delta"]["tool_calls"][0]
            head["function"]["arguments"] += fragments[0]["function"]["arguments"]
    answer.events = whole
    if as_object:
        import json

        for call in _fragments(answer):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"] or "{}")


def _tool_finish_stop(answer: Answer, scene: Scene, options: Options) -> None:
    """Tool calls were sent, the finish reason says "stop"."""
    for event in _events(answer):
        for choice in _choices(event):
            if choice.get("finish_reason") == "tool_calls":
                choice["finish_reason"] = "stop"
    if answer.payload and "choices" in answer.payload:
        for choice in answer.payload["choices"]:
            choice["finish_reason"] = "stop"


def _tool_broken_json(answer: Answer, scene: Scene, options: Options) -> None:
    """The arguments of tool calls are cut JSON."""
    fragments = _fragments(answer)
    if fragments:
        fragments[-1]["function"]["arguments"] = ""


ODDITIES: dict[str, AnswerFault] = {
    "no_finish": _no_finish,
    "missing_done": _missing_done,
    "duplicate_finish": _duplicate_finish,
    "usage_every_chunk": _usage_every_chunk,
    "empty_usage": _empty_usage,
    "comments_first": _comments_first,
    "data_after_done": _data_after_done,
    "no_space": _no_space,
    "crlf": _crlf,
    "multiline_data": _multiline_data,
    "event_names": _event_names,
    "blank_lines": _blank_lines,
    "bom": _bom,
    "empty_choices_first": _empty_choices_first,
    "no_role": _no_role,
    "null_fields": _null_fields,
    "delta_missing": _delta_missing,
    "think_tags": _think_tags,
    "tool_no_index": _tool_no_index,
    "tool_shared_index": _tool_shared_index,
    "tool_no_type": _tool_no_type,
    "tool_whole": _tool_whole,
    "tool_args_object": _tool_args_object,
    "tool_finish_stop": _tool_finish_stop,
    "tool_broken_json": _tool_broken_json,
}

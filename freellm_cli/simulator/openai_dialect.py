"""The OpenAI dialect as a provider speaks it: chat completions, legacy completions, embeddings, models."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from base64 import b64encode
from typing import Any

from freellm_cli.simulator.answers import Answer
from freellm_cli.simulator.hosts import Card, Host
from freellm_cli.simulator.refusals import Facts, Rejected
from freellm_cli.simulator.replies import Question, Reply, Tool, count_tokens

DONE = b"data: [DONE]\n\n"
CREATED = 1_760_000_000


def question_of(body: Any, host: Host) -> Question:
    """Reads a chat request as strictly as `host` does. Raises Rejected."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Rejected("bad_request", Facts(message="you must provide a model parameter"))
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Rejected("bad_request", Facts(model, message="'messages' must be a non-empty list"))
    _check_fields(body, messages, host, model)
    last = messages[-1]
    results = _results(messages)
    return Question(
        model=model,
        text=_last_user_text(messages),
        input_tokens=sum(_message_tokens(message) for message in messages),
        stream=body.get("stream") is True,
        system=" ".join(
            _text(one) for one in messages if one.get("role") in ("system", "developer")
        ),
        tools=tuple(_tools(body)),
        tool_choice=_tool_choice(body.get("tool_choice")),
        results=results if last.get("role") == "tool" else (),
        wants_json=_wants_json(body.get("response_format")),
        thinks=_wants_thought(body),
        max_tokens=_int(body.get("max_completion_tokens", body.get("max_tokens")), model),
        stop=_stop(body.get("stop")),
        choices=body.get("n") or 1,
    )


def prompt_of(body: Any) -> Question:
    """Reads a legacy completion request. Raises Rejected."""
    prompt = body.get("prompt", "")
    text = "\n".join(prompt) if isinstance(prompt, list) else prompt
    model = body.get("model")
    if not isinstance(model, str) or not isinstance(text, str):
        raise Rejected("bad_request", Facts(message="model and prompt must be strings"))
    most = _int(body.get("max_tokens"), model)
    return Question(
        model,
        text,
        count_tokens(text),
        stream=body.get("stream") is True,
        max_tokens=16 if most is None else most,
        stop=_stop(body.get("stop")),
    )


def chat_answer(body: dict[str, Any], question: Question, reply: Reply, host: Host) -> Answer:
    if not question.stream:
        return _of(reply, payload=_whole(question, reply, host))
    options = body.get("stream_options") or {}
    # Mistral, OpenRouter and iFlow send usage whether asked or not; others only on demand.
    always = host.id in ("mistral", "openrouter", "iflow")
    events = _chat_events(question, reply, host)
    if always:
        events[-1]["usage"] = usage(reply)
    elif options.get("include_usage"):
        for event in events:
            event["usage"] = None
        last = {**_frame(question, "chat.completion.chunk"), "choices": [], "usage": usage(reply)}
        events.append(last)
    return _of(reply, events=events, tail=DONE)


def completion_answer(question: Question, reply: Reply) -> Answer:
    base = {**_frame(question, "text_completion"), "id": _id("cmpl", question)}

    def choice(text: str, finish: str | None) -> dict[str, Any]:
        return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}

    if not question.stream:
        whole = [choice(reply.text, reply.finish)]
        return _of(reply, payload={**base, "choices": whole, "usage": usage(reply)})
    events = [{**base, "choices": [choice(piece, None)]} for piece in reply.pieces]
    events.append({**base, "choices": [choice("", reply.finish)]})
    return _of(reply, events=events, tail=DONE)


def embeddings_answer(body: dict[str, Any], card: Card | None) -> Answer:
    """Raises Rejected. Vectors depend on model and text alone and have length one."""
    model, given = str(body.get("model", "")), body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        raise Rejected("bad_request", Facts(model, message="'input' must be a string or strings"))
    size = body.get("dimensions") or (card.dimensions if card else 768)
    encoded = body.get("encoding_format") == "base64"
    data = []
    for place, text in enumerate(texts):
        vector = embed(model, text, size)
        value: Any = vector
        if encoded:
            value = b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": place, "embedding": value})
    tokens = sum(count_tokens(text) for text in texts)
    used = {"prompt_tokens": tokens, "total_tokens": tokens}
    payload = {"object": "list", "data": data, "model": model, "usage": used}
    return Answer(payload=payload, input_tokens=tokens)


def embedding_tokens(body: dict[str, Any]) -> int:
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    return sum(count_tokens(str(text)) for text in texts)


def embed(model: str, text: str, size: int) -> list[float]:
    raw = hashlib.shake_256(f"{model}\0{text}".encode("utf-8", "replace")).digest(size * 2)
    values = [number - 32_768 for (number,) in struct.iter_unpack("<H", raw)]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


def usage(reply: Reply) -> dict[str, Any]:
    used: dict[str, Any] = {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }
    if reply.thought_tokens:
        used["completion_tokens_details"] = {"reasoning_tokens": reply.thought_tokens}
    return used


def _of(reply: Reply, **shape: Any) -> Answer:
    return Answer(input_tokens=reply.input_tokens, output_tokens=reply.output_tokens, **shape)


def _id(prefix: str, question: Question) -> str:
    digest = hashlib.sha256(
        f"{question.model}/{question.text}".encode("utf-8", "replace")
    ).hexdigest()
    return f"{prefix}-{digest[:20]}"


def _frame(question: Question, kind: str) -> dict[str, Any]:
    return {
        "id": _id("chatcmpl", question),
        "object": kind,
        "created": CREATED,
        "model": question.model,
    }


def _wire_calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": json.dumps(call.arguments, ensure_ascii=False),
            },
        }
        for call in reply.calls
    ]


def _whole(question: Question, reply: Reply, host: Host) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if not reply.calls:
        message["content"] = reply.text
    if reply.thoughts:
        message[host.reasoning_field] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = _wire_calls(reply)
    choices = [
        {"index": place, "message": message, "logprobs": None, "finish_reason": reply.finish}
        for place in range(question.choices)
    ]
    return {**_frame(question, "chat.completion"), "choices": choices, "usage": usage(reply)}


def _chat_events(question: Question, reply: Reply, host: Host) -> list[dict[str, Any]]:
    base = _frame(question, "chat.completion.chunk")

    def event(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**base, "choices": [choice]}

    events = [event({"role": "assistant", "content": ""})]
    events += [event({host.reasoning_field: thought}) for thought in reply.thoughts]
    events += [event({"content": piece}) for piece in reply.pieces]
    for place, call in enumerate(_wire_calls(reply)):
        head = {**call, "index": place, "function": {**call["function"], "arguments": ""}}
        events.append(event({"tool_calls": [head]}))
        for part in _halves(call["function"]["arguments"]):
            rest = {"index": place, "function": {"arguments": part}}
            events.append(event({"tool_calls": [rest]}))
    events.append(event({}, reply.finish))
    return events


def _halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


def _check_fields(body: dict[str, Any], messages: list[Any], host: Host, model: str) -> None:
    policy = host.params
    for name, value in body.items():
        known = not policy.allowed or name in policy.allowed
        if value is not None and (not known or name in policy.refused):
            raise Rejected("bad_field", Facts(model, field=name, value=value))
    if policy.single_choice and (body.get("n") or 1) > 1:
        raise Rejected("bad_field", Facts(model, field="n"))
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            text = f"messages[{place}] must be an object with a role"
            raise Rejected("bad_request", Facts(model, message=text))
        for name in policy.message_refused & message.keys():
            raise Rejected("bad_field", Facts(model, field=f"messages.{place}.{name}"))


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict)).strip()


def _message_tokens(message: dict[str, Any]) -> int:
    calls = message.get("tool_calls")
    return count_tokens(_text(message)) + (count_tokens(json.dumps(calls)) if calls else 0)


def _last_user_text(messages: list[dict[str, Any]]) -> str:
    users = [message for message in messages if message.get("role") == "user"]
    return _text(users[-1] if users else messages[-1])


def _results(messages: list[dict[str, Any]]) -> tuple[str, ...]:
    results: list[str] = []
    for message in reversed(messages):
        if message.get("role") != "tool":
            break
        results.insert(0, _text(message))
    return tuple(results)


def _tools(body: dict[str, Any]) -> list[Tool]:
    tools = []
    for tool in body.get("tools") or []:
        function = tool.get("function") or {}
        if not function.get("name"):
            text = "tools[].function.name is required"
            raise Rejected("bad_request", Facts(str(body.get("model")), message=text))
        tools.append(Tool(function["name"], function.get("parameters") or {}))
    return tools


def _tool_choice(choice: Any) -> str:
    if isinstance(choice, dict):
        return str((choice.get("function") or {}).get("name", "auto"))
    return {"any": "required"}.get(choice, choice) if isinstance(choice, str) else "auto"


def _wants_json(wish: Any) -> bool | dict[str, Any]:
    if not isinstance(wish, dict) or wish.get("type") == "text":
        return False
    schema = (wish.get("json_schema") or {}).get("schema")
    return schema if isinstance(schema, dict) else wish.get("type") == "json_object"


_OFF = (None, "none", "off", "disable", "disabled", False, 0)


def _wants_thought(body: dict[str, Any]) -> bool:
    effort = body.get("reasoning_effort")
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        effort = reasoning.get("effort", reasoning.get("enabled") or reasoning.get("max_tokens"))
    thinking = body.get("thinking")
    if isinstance(thinking, dict):
        effort = "high" if thinking.get("type") == "enabled" else "none"
    switches = body.get("chat_template_kwargs")
    if isinstance(switches, dict):
        effort = switches.get("enable_thinking", switches.get("thinking"))
    return effort not in _OFF


def _int(value: Any, model: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        text = "max_tokens must be a positive integer"
        raise Rejected("bad_request", Facts(model, message=text))
    return value


def _stop(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(one) for one in value) if isinstance(value, list) else ()

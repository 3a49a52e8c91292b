"""Google's native dialect: generateContent, its streams, countTokens, embeddings and the model list.

As strict as the service is reported to be (google_checks).
"""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.simulator.answers import Answer
from freellm_cli.simulator.google_checks import (
    FUNCTION_NAME,
    TOP_FIELDS,
    check_calls,
    check_config,
    check_content,
    check_fields,
    check_schema,
    field,
    invalid,
    parts_with,
    signature_for,
)
from freellm_cli.simulator.hosts import Card, Host
from freellm_cli.simulator.openai_dialect import embed
from freellm_cli.simulator.replies import Question, Reply, Tool, count_tokens


def question_of(model: str, body: Any, *, stream: bool) -> Question:
    """Reads a generateContent request. Raises Rejected."""
    check_fields(body, TOP_FIELDS, "", model)
    contents = field(body, "contents")
    if not isinstance(contents, list) or not contents:
        raise invalid(model, "* GenerateContentRequest.contents: contents is not specified")
    for place, content in enumerate(contents):
        check_content(content, f"contents[{place}]", model)
    config = field(body, "generationConfig") or {}
    check_config(config, model)
    tools = _tools(body, model)
    check_calls(contents, model)
    mime = field(config, "responseMimeType")
    if tools and mime == "application/json":
        text = "Function calling with a response mime type: 'application/json' is unsupported"
        raise invalid(model, text)
    return Question(
        model=model,
        text=_last_user_text(contents),
        input_tokens=_tokens(body, contents),
        stream=stream,
        tools=tuple(tools),
        tool_choice=_tool_choice(body),
        results=_results(contents[-1]),
        wants_json=_wants_json(config),
        thinks=bool(field(field(config, "thinkingConfig") or {}, "includeThoughts")),
        max_tokens=field(config, "maxOutputTokens"),
        stop=tuple(field(config, "stopSequences") or ()),
    )


def count_answer(model: str, body: Any) -> Answer:
    """`countTokens`, in both of its forms. Raises Rejected."""
    inner = field(body, "generateContentRequest") or body
    contents = field(inner, "contents")
    if not isinstance(contents, list) or not contents:
        raise invalid(model, "* CountTokensRequest.contents: contents is not specified")
    total = _tokens(inner, contents)
    return Answer(
        payload={
            "totalTokens": total,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}],
        },
        dialect="google",
    )


def generate_answer(question: Question, reply: Reply, *, as_array: bool) -> Answer:
    common = {
        "dialect": "google",
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
    }
    events = _events(question, reply)
    if question.stream:
        return Answer(events=events, form="array" if as_array else "sse", **common)  # type: ignore[arg-type]
    parts = _merged(part for event in events for part in event["candidates"][0]["content"]["parts"])
    whole = dict(events[-1])
    whole["candidates"] = [
        {**events[-1]["candidates"][0], "content": {"parts": parts, "role": "model"}}
    ]
    return Answer(payload=whole, **common)  # type: ignore[arg-type]


def embed_answer(model: str, body: Any, card: Card | None, *, batch: bool) -> Answer:
    """`embedContent` and `batchEmbedContents` (at most 100 a call). Raises Rejected."""
    requests = body.get("requests") if batch else [body]
    if not isinstance(requests, list) or not requests:
        raise invalid(model, "* BatchEmbedContentsRequest.requests: requests is not specified")
    if len(requests) > 100:
        raise invalid(
            model, "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch"
        )
    vectors, tokens = [], 0
    for request in requests:
        text = _text(field(request, "content") or {})
        if not text:
            raise invalid(model, "* EmbedContentRequest.content: contains no Part")
        size = field(request, "outputDimensionality") or (card.dimensions if card else 768)
        vectors.append({"values": embed(model, text, size)})
        tokens += count_tokens(text)
    payload = {"embeddings": vectors} if batch else {"embedding": vectors[0]}
    return Answer(payload=payload, dialect="google", input_tokens=tokens)


def models_answer(host: Host, query: dict[str, str]) -> Answer:
    """One page of the list: `pageSize` (50 when absent, 1000 at most) and `pageToken`."""
    size = min(int(query.get("pageSize") or 50), 1000)
    token = query.get("pageToken") or "0"
    start = int(token) if token.isdigit() else 0
    page = host.models[start : start + size]
    payload: dict[str, Any] = {"models": [model_of(card) for card in page]}
    if start + size < len(host.models):
        payload["nextPageToken"] = str(start + size)
    return Answer(payload=payload, dialect="google")


def model_of(card: Card) -> dict[str, Any]:
    methods = ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
    entry: dict[str, Any] = {
        "name": f"models/{card.name}",
        "version": "001",
        "displayName": card.name.replace("-", " ").title(),
        "description": "A simulated model.",
        "inputTokenLimit": card.context,
        "outputTokenLimit": card.max_output,
        "supportedGenerationMethods": ["embedContent", "countTextTokens"]
        if card.embeds
        else methods,
    }
    if card.thinks:
        entry["thinking"] = True
    return entry


def body_tokens(body: Any) -> int:
    """Tokens of an embedding request, for limits."""
    requests = body.get("requests") if isinstance(body.get("requests"), list) else [body]
    return sum(
        count_tokens(_text(field(one, "content") or {}))
        for one in requests
        if isinstance(one, dict)
    )


def _tools(body: dict[str, Any], model: str) -> list[Tool]:
    tools: list[Tool] = []
    for number, group in enumerate(body.get("tools") or []):
        for place, one in enumerate(field(group, "functionDeclarations") or []):
            where = f"tools[{number}].function_declarations[{place}]"
            name = str(one.get("name", ""))
            if not FUNCTION_NAME.match(name):
                text = (
                    f"Invalid function name at {where}: must start with a letter or an underscore and"
                    " hold only letters, digits, underscores, dots, colons or dashes."
                )
                raise invalid(model, text)
            check_schema(one.get("parameters"), f"{where}.parameters", model)
            schema = field(one, "parametersJsonSchema") or one.get("parameters") or {}
            tools.append(Tool(name, schema))
    return tools


def _text(content: dict[str, Any]) -> str:
    parts = content.get("parts") or []
    if isinstance(parts, dict):
        parts = [parts]
    return " ".join(str(part.get("text")) for part in parts if part.get("text")).strip()


def _tokens(body: Any, contents: list[Any]) -> int:
    texts = [json.dumps(part, ensure_ascii=False) for part in _parts_of(contents, "functionCall")]
    texts += [
        json.dumps(part, ensure_ascii=False) for part in _parts_of(contents, "functionResponse")
    ]
    texts += [_text(content) for content in contents]
    texts.append(_text(field(body, "systemInstruction") or {}))
    # Google counts a picture as 258 tokens at least (ai.google.dev/gemini-api/docs/tokens).
    return sum(map(count_tokens, texts)) + 258 * len(_parts_of(contents, "inlineData"))


def _parts_of(contents: list[Any], name: str) -> list[dict[str, Any]]:
    return [part for content in contents for part in parts_with(content, name)]


def _last_user_text(contents: list[dict[str, Any]]) -> str:
    texts = [_text(content) for content in contents if content.get("role", "user") == "user"]
    spoken = [text for text in texts if text]
    return spoken[-1] if spoken else ""


def _results(content: dict[str, Any]) -> tuple[str, ...]:
    responses = [
        field(part, "functionResponse") for part in parts_with(content, "functionResponse")
    ]
    return tuple(json.dumps(one.get("response"), ensure_ascii=False) for one in responses)


def _tool_choice(body: Any) -> str:
    config = field(field(body, "toolConfig") or {}, "functionCallingConfig") or {}
    names = field(config, "allowedFunctionNames") or []
    mode = str(config.get("mode", "AUTO")).upper()
    if mode == "ANY":
        return str(names[0]) if names else "required"
    return "none" if mode == "NONE" else "auto"


def _wants_json(config: Any) -> bool | dict[str, Any]:
    schema = field(config, "responseJsonSchema") or field(config, "responseSchema")
    if isinstance(schema, dict):
        return schema
    return bool(field(config, "responseMimeType") == "application/json")


_FINISH = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}


def _events(question: Question, reply: Reply) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": thought, "thought": True} for thought in reply.thoughts]
    parts += [{"text": piece} for piece in reply.pieces]
    for place, call in enumerate(reply.calls):
        part: dict[str, Any] = {
            "functionCall": {"name": call.name, "args": call.arguments, "id": call.id}
        }
        if place == 0 and question.model.startswith("gemini-3"):
            part["thoughtSignature"] = signature_for(question.model)
        parts.append(part)
    written = 0
    events = []
    for number, part in enumerate(parts or [{"text": ""}]):
        thought = bool(part.get("thought"))
        written += 0 if thought else 1
        candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
        if number >= len(parts) - 1:
            candidate["finishReason"] = _FINISH.get(reply.finish, reply.finish)
            written = reply.output_tokens - reply.thought_tokens
        thoughts = min(number + 1, reply.thought_tokens)
        events.append(_event(question, candidate, _usage(reply, written, thoughts)))
    return events


def _event(question: Question, candidate: dict[str, Any], used: dict[str, Any]) -> dict[str, Any]:
    return {
        "candidates": [candidate],
        "usageMetadata": used,
        "modelVersion": question.model,
        "responseId": "simulated",
    }


def _usage(reply: Reply, written: int, thoughts: int) -> dict[str, Any]:
    used = {
        "promptTokenCount": reply.input_tokens,
        "candidatesTokenCount": written,
        "totalTokenCount": reply.input_tokens + written + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": reply.input_tokens}],
    }
    if thoughts:
        used["thoughtsTokenCount"] = thoughts
    return used


def _merged(parts: Any) -> list[dict[str, Any]]:
    """Neighbouring texts of one kind as one part."""
    merged: list[dict[str, Any]] = []
    for part in parts:
        last = merged[-1] if merged else {}
        same = "text" in last and "text" in part and last.get("thought") == part.get("thought")
        if same:
            last["text"] += part["text"]
        else:
            merged.append(dict(part))
    return merged

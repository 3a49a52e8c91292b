"""Google's native dialect: generateContent, its streams, countTokens, embeddings and the model list.

As strict as the service is reported to be; each check names where its text was seen.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any

from freellm_cli.simulator.answers import Answer
from freellm_cli.simulator.hosts import Card, Host
from freellm_cli.simulator.openai_dialect import embed
from freellm_cli.simulator.refusals import Facts, Rejected
from freellm_cli.simulator.replies import Question, Reply, Tool, count_tokens

# ai.google.dev/api/generate-content; requests also carry these in snake_case (proto JSON takes both).
_TOP = frozenset(
    "contents systemInstruction generationConfig safetySettings tools toolConfig cachedContent model"
    " labels serviceTier store".split()
)
_CONFIG = frozenset(
    "stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount"
    " maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs"
    " logprobs thinkingConfig speechConfig mediaResolution imageConfig enableEnhancedCivicAnswers"
    " responseFormat".split()
)
_PART = frozenset(
    "text thought thoughtSignature inlineData fileData functionCall functionResponse executableCode"
    " codeExecutionResult videoMetadata partMetadata mediaResolution".split()
)
_DATA = _PART - {"thought", "thoughtSignature", "videoMetadata", "partMetadata", "mediaResolution"}
_THINKING = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
# brainlid/langchain#599, vercel/ai#19000: keywords of JSON Schema that the OpenAPI subset refuses.
_NO_SCHEMA = frozenset(
    "$schema $id $ref $defs definitions additionalProperties exclusiveMinimum exclusiveMaximum multipleOf"
    " uniqueItems const oneOf allOf propertyNames patternProperties".split()
)
BYPASS = "skip_thought_signature_validator"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,127}\Z")


def question_of(model: str, body: Any, *, stream: bool) -> Question:
    """Reads a generateContent request. Raises Rejected."""
    _known(body, _TOP, "", model)
    contents = _get(body, "contents")
    if not isinstance(contents, list) or not contents:
        raise _invalid(model, "* GenerateContentRequest.contents: contents is not specified")
    for place, content in enumerate(contents):
        _check_content(content, f"contents[{place}]", model)
    config = _get(body, "generationConfig") or {}
    _check_config(config, model)
    tools = _tools(body, model)
    _check_calls(contents, model)
    mime = _get(config, "responseMimeType")
    if tools and mime == "application/json":
        text = "Function calling with a response mime type: 'application/json' is unsupported"
        raise _invalid(model, text)
    return Question(
        model=model,
        text=_last_user_text(contents),
        input_tokens=_tokens(body, contents),
        stream=stream,
        tools=tuple(tools),
        tool_choice=_tool_choice(body),
        results=_results(contents[-1]),
        wants_json=_wants_json(config),
        thinks=bool(_get(_get(config, "thinkingConfig") or {}, "includeThoughts")),
        max_tokens=_get(config, "maxOutputTokens"),
        stop=tuple(_get(config, "stopSequences") or ()),
    )


def count_answer(model: str, body: Any) -> Answer:
    """`countTokens`, in both of its forms. Raises Rejected."""
    inner = _get(body, "generateContentRequest") or body
    contents = _get(inner, "contents")
    if not isinstance(contents, list) or not contents:
        raise _invalid(model, "* CountTokensRequest.contents: contents is not specified")
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
        raise _invalid(model, "* BatchEmbedContentsRequest.requests: requests is not specified")
    if len(requests) > 100:
        raise _invalid(
            model, "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch"
        )
    vectors, tokens = [], 0
    for request in requests:
        text = _text(_get(request, "content") or {})
        if not text:
            raise _invalid(model, "* EmbedContentRequest.content: contains no Part")
        size = _get(request, "outputDimensionality") or (card.dimensions if card else 768)
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
        count_tokens(_text(_get(one, "content") or {})) for one in requests if isinstance(one, dict)
    )


def _invalid(model: str, message: str) -> Rejected:
    return Rejected("bad_request", Facts(model, message=message))


def _get(body: Any, name: str) -> Any:
    """A field under its camelCase or its snake_case name."""
    if not isinstance(body, dict):
        return None
    return body.get(name, body.get(_snake(name)))


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found.group(1).upper(), name)


def _known(body: Any, names: frozenset[str], place: str, model: str) -> None:
    if not isinstance(body, dict):
        raise _invalid(model, "Invalid JSON payload received. Expected an object.")
    at = f" at '{place}'" if place else ""
    unknown = [name for name in body if _camel(name) not in names]
    if unknown:
        text = "\n".join(
            f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
            for name in unknown
        )
        raise Rejected("bad_field", Facts(model, field=unknown[0], message=text))


def _check_content(content: Any, place: str, model: str) -> None:
    _known(content, frozenset({"role", "parts"}), place, model)
    if content.get("role", "user") not in ("user", "model", "function"):
        raise _invalid(model, "Please use a valid role: user, model.")
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        text = f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty."
        raise _invalid(model, text)
    for number, part in enumerate(parts):
        _known(part, _PART, f"{place}.parts[{number}]", model)
        if not any(_get(part, name) is not None for name in _DATA):
            text = f"* GenerateContentRequest.{place}.parts[{number}].data: required oneof field 'data' must have one initialized field"
            raise _invalid(model, text)


def _check_config(config: Any, model: str) -> None:
    _known(config, _CONFIG, "generation_config", model)
    thinking = _get(config, "thinkingConfig")
    if thinking is not None:
        _known(thinking, _THINKING, "generation_config.thinking_config", model)
        budget, level = _get(thinking, "thinkingBudget"), _get(thinking, "thinkingLevel")
        if budget is not None and level is not None:
            text = "You can only set only one of thinking budget and thinking level."
            raise _invalid(model, text)
        _check_thinking(budget, level, model)
    if len(_get(config, "stopSequences") or ()) > 5:
        raise _invalid(model, "The number of stop sequences must be at most 5.")
    if (_get(config, "candidateCount") or 1) > 1:
        raise _invalid(model, "Multiple candidates is not enabled for this model")
    if (_get(config, "maxOutputTokens") or 1) < 1:
        raise _invalid(model, "max_output_tokens must be positive.")


def _check_thinking(budget: Any, level: Any, model: str) -> None:
    if level is not None and model.startswith("gemini-2."):
        raise _invalid(model, "Thinking level is not supported for this model.")
    ranges = {"gemini-2.5-pro": (128, 32_768), "gemini-2.5-flash-lite": (512, 24_576)}
    low, high = ranges.get(model, (0, 32_768 if "pro" in model else 24_576))
    off = budget == 0 and model != "gemini-2.5-pro"
    if budget is not None and budget != -1 and not off and not low <= budget <= high:
        text = f"The thinking budget {budget} is invalid. Please choose a value between {low} and {high}."
        raise _invalid(model, text)


def _tools(body: dict[str, Any], model: str) -> list[Tool]:
    tools: list[Tool] = []
    for number, group in enumerate(body.get("tools") or []):
        for place, one in enumerate(_get(group, "functionDeclarations") or []):
            where = f"tools[{number}].function_declarations[{place}]"
            name = str(one.get("name", ""))
            if not _NAME.match(name):
                text = (
                    f"Invalid function name at {where}: must start with a letter or an underscore and"
                    " hold only letters, digits, underscores, dots, colons or dashes."
                )
                raise _invalid(model, text)
            _check_schema(one.get("parameters"), f"{where}.parameters", model)
            schema = _get(one, "parametersJsonSchema") or one.get("parameters") or {}
            tools.append(Tool(name, schema))
    return tools


def _check_schema(schema: Any, place: str, model: str) -> None:
    if not isinstance(schema, dict):
        return
    for name in schema:
        if name in _NO_SCHEMA:
            text = f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
            raise Rejected("bad_field", Facts(model, field=name, message=text))
    for name, part in (schema.get("properties") or {}).items():
        _check_schema(part, f"{place}.properties[{name}]", model)
    _check_schema(schema.get("items"), f"{place}.items", model)


def _check_calls(contents: list[dict[str, Any]], model: str) -> None:
    """Answers must match calls in number; Gemini 3 wants the signature of the current turn's calls."""
    for before, after in zip(contents, [*contents[1:], {}], strict=True):
        calls = _parts_with(before, "functionCall")
        answers = _parts_with(after, "functionResponse")
        if calls and len(calls) != len(answers):
            text = (
                "Please ensure that the number of function response parts is equal to the number of"
                " function call parts of the function call turn."
            )
            raise _invalid(model, text)
        if answers and not calls:
            text = "Please ensure that function response turn comes immediately after a function call turn."
            raise _invalid(model, text)
    if model.startswith("gemini-3"):
        _check_signatures(contents, model)


def _check_signatures(contents: list[dict[str, Any]], model: str) -> None:
    current = 0
    for place, content in enumerate(contents):
        if content.get("role") != "model" and not _parts_with(content, "functionResponse"):
            current = place
    for place in range(current, len(contents)):
        calls = _parts_with(contents[place], "functionCall")
        if calls and not _get(calls[0], "thoughtSignature"):
            name = (_get(calls[0], "functionCall") or {}).get("name")
            text = (
                "Function call is missing a thought_signature in functionCall parts. This is required"
                " for tools to work correctly, and missing thought_signature may lead to degraded model"
                f" performance. Additional data, function call `default_api:{name}`, position {place + 1}."
            )
            raise _invalid(model, text)
        for call in calls:
            _check_signature(str(_get(call, "thoughtSignature") or BYPASS), model)


def _check_signature(signature: str, model: str) -> None:
    if signature != BYPASS and signature != signature_for(model):
        raise _invalid(model, "Thought signature is not valid.")


def signature_for(model: str) -> str:
    """The signature that this model puts on its calls."""
    return b64encode(f"simulated signature of {model}".encode()).decode()


def _parts_with(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [part for part in content.get("parts") or [] if _get(part, name) is not None]


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
    texts.append(_text(_get(body, "systemInstruction") or {}))
    # Google counts a picture as 258 tokens at least (ai.google.dev/gemini-api/docs/tokens).
    return sum(map(count_tokens, texts)) + 258 * len(_parts_of(contents, "inlineData"))


def _parts_of(contents: list[Any], name: str) -> list[dict[str, Any]]:
    return [part for content in contents for part in _parts_with(content, name)]


def _last_user_text(contents: list[dict[str, Any]]) -> str:
    texts = [_text(content) for content in contents if content.get("role", "user") == "user"]
    spoken = [text for text in texts if text]
    return spoken[-1] if spoken else ""


def _results(content: dict[str, Any]) -> tuple[str, ...]:
    responses = [
        _get(part, "functionResponse") for part in _parts_with(content, "functionResponse")
    ]
    return tuple(json.dumps(one.get("response"), ensure_ascii=False) for one in responses)


def _tool_choice(body: Any) -> str:
    config = _get(_get(body, "toolConfig") or {}, "functionCallingConfig") or {}
    names = _get(config, "allowedFunctionNames") or []
    mode = str(config.get("mode", "AUTO")).upper()
    if mode == "ANY":
        return str(names[0]) if names else "required"
    return "none" if mode == "NONE" else "auto"


def _wants_json(config: Any) -> bool | dict[str, Any]:
    schema = _get(config, "responseJsonSchema") or _get(config, "responseSchema")
    if isinstance(schema, dict):
        return schema
    return bool(_get(config, "responseMimeType") == "application/json")


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

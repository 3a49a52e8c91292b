"""The Gemini dialect as a client speaks it: its request as ChatRequest, our deltas as its responses.

https://ai.google.dev/api/generate-content. The reverse of what the Google provider does; neither
knows the other.
"""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.chat import ChatRequest, Completion, Delta, ToolCall, ToolCallDelta, Usage
from freellm_cli.core.errors import BadField
from freellm_cli.core.gemini_turns import field, messages_from_contents
from freellm_cli.core.request_params import check_params, one_choice, stop_texts
from freellm_cli.core.think import level_of, level_of_budget

Response = dict[str, Any]

_PARAMS = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "candidateCount": "n",
}
_PATHS = {ours: f"generationConfig.{name}" for name, ours in _PARAMS.items()}
_FORMATS = ("responseMimeType", "responseSchema", "responseJsonSchema")
_FINISH = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def request_from_gemini(model: str, body: object, stream: bool) -> ChatRequest:
    """A generateContent body as ChatRequest; `model` as in the path, without `models/`.

    What only Google understands (safetySettings, cachedContent, built-in tools, odd generation
    settings) is kept in `params["google"]` for a target that is Google's. Raises RequestRefused.
    """
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    messages = messages_from_contents(body.get("contents"), field(body, "systemInstruction"))
    config = field(body, "generationConfig")
    if not isinstance(config, dict | None):
        raise BadField("generationConfig", "an object")
    config = {_camel(key): value for key, value in (config or {}).items() if value is not None}
    params: dict[str, Any] = {_PARAMS[key]: config[key] for key in _PARAMS if key in config}
    check_params(params, _PATHS)
    one_choice(params, _PATHS["n"])
    if "stop" in params:
        params["stop"] = stop_texts(params["stop"], _PATHS["stop"])
    form = _response_format(config)
    if form:
        params["response_format"] = form
    google = _googles_own(body, config)
    _put_tools(params, google, body)
    if google:
        params["google"] = google
    thinking = config.get("thinkingConfig")
    think = _think(thinking) if isinstance(thinking, dict) else None
    name = model.removeprefix("models/")
    return ChatRequest(name, messages, params, think, stream)


def wants_thoughts(body: object) -> bool:
    """True when the client asked to see thoughts (`thinkingConfig.includeThoughts`)."""
    config = field(body, "generationConfig") if isinstance(body, dict) else None
    thinking = field(config, "thinkingConfig") if isinstance(config, dict) else None
    return isinstance(thinking, dict) and bool(field(thinking, "includeThoughts"))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _think(config: dict[str, Any]) -> str | None:
    level = field(config, "thinkingLevel")
    if isinstance(level, str) and not level.endswith("UNSPECIFIED"):
        return level_of(level)
    budget = field(config, "thinkingBudget")
    if isinstance(budget, int | float):
        return level_of_budget(budget)
    return "auto" if field(config, "includeThoughts") else None


def _response_format(config: dict[str, Any]) -> dict[str, Any] | None:
    if config.get("responseMimeType") != "application/json":
        return None
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if not isinstance(schema, dict):
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": json_schema_from_openapi(schema)},
    }


def _googles_own(body: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name in ("safetySettings", "cachedContent", "labels"):
        value = field(body, name)
        if value:
            kept[name] = value
    known = {*_PARAMS, *_FORMATS, "thinkingConfig"}
    odd = {key: value for key, value in config.items() if key not in known}
    mime = config.get("responseMimeType")
    if mime not in (None, "application/json", "text/plain"):
        odd.update({key: config[key] for key in _FORMATS if key in config})
    if odd:
        kept["generationConfig"] = odd
    return kept


def _put_tools(params: dict[str, Any], google: dict[str, Any], body: dict[str, Any]) -> None:
    functions: list[dict[str, Any]] = []
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise BadField("tools", "a list of objects")
    for tool in tools:
        declared = field(tool, "functionDeclarations") or []
        if not isinstance(declared, list):
            raise BadField("tools.functionDeclarations", "a list of objects")
        functions += [_function(one) for one in declared if isinstance(one, dict)]
        own = {k: v for k, v in tool.items() if _camel(k) != "functionDeclarations"}
        if own:
            google.setdefault("tools", []).append(own)
    choice, allowed = _tool_choice(field(body, "toolConfig"))
    if allowed:
        functions = [one for one in functions if one["function"]["name"] in allowed]
    if functions:
        params["tools"] = functions
        if choice is not None:
            params["tool_choice"] = choice


def _tool_choice(config: object) -> tuple[Any, list[str]]:
    """(tool_choice, the functions it is limited to: the others are not offered at all)"""
    calling = field(config, "functionCallingConfig") if isinstance(config, dict) else None
    if not isinstance(calling, dict):
        return None, []
    mode = str(calling.get("mode") or "").upper()
    names = field(calling, "allowedFunctionNames")
    allowed = [str(name) for name in names] if isinstance(names, list) else []
    if mode == "ANY" and len(allowed) == 1:
        return {"type": "function", "function": {"name": allowed[0]}}, []
    choice = {"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "auto"}.get(mode)
    return choice, allowed


def _function(declared: dict[str, Any]) -> dict[str, Any]:
    name = declared.get("name")
    if not isinstance(name, str) or not name:
        raise BadField("tools.functionDeclarations.name", "a string")
    function: dict[str, Any] = {"name": name}
    if declared.get("description"):
        function["description"] = declared["description"]
    schema = field(declared, "parametersJsonSchema") or declared.get("parameters")
    parameters = json_schema_from_openapi(schema) if isinstance(schema, dict) else {}
    function["parameters"] = parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def json_schema_from_openapi(schema: Any) -> Any:
    """Google's schemas name types in capitals and write `nullable`; JSON Schema comes out."""
    if isinstance(schema, list):
        return [json_schema_from_openapi(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            made[key] = {name: json_schema_from_openapi(child) for name, child in value.items()}
        elif key in ("type", "Type") and isinstance(value, str):
            made["type"] = value.lower()
        elif key in ("items", "anyOf", "any_of", "prefixItems", "additionalProperties", "$defs"):
            made[_camel(key)] = json_schema_from_openapi(value)
        elif key not in ("nullable", "propertyOrdering", "property_ordering"):
            made[_camel(key)] = value
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if "enum" in made and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    return made


class GeminiWriter:
    """Deltas as Gemini's response objects, for one answer.

    `model` and `response_id` stand in where the provider names none. `thoughts`: whether reasoning is
    shown. Feed each delta, send what comes back, then send `end()`: it holds finishReason and usage.
    Calls go out whole, when the next begins or the answer ends.
    """

    __slots__ = ("_calls", "_finish", "_model", "_response_id", "_signature", "_thoughts", "_usage")

    def __init__(self, model: str, response_id: str, *, thoughts: bool = True) -> None:
        self._model = model
        self._response_id = response_id
        self._thoughts = thoughts
        self._calls: dict[int, ToolCallDelta] = {}
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._signature = ""

    def feed(self, delta: Delta) -> list[Response]:
        """At most one response, with the parts that `delta` completes."""
        self._response_id = delta.response_id or self._response_id
        self._model = delta.model or self._model
        self._finish = delta.finish or self._finish
        self._usage = delta.usage or self._usage
        self._signature = _text_signature(delta.extra) or self._signature
        parts = self._parts(delta)
        return [self._response(parts)] if parts else []

    def end(self) -> list[Response]:
        """The last response. Call once, after the last delta of an answer that ended well."""
        parts = self._take_calls()
        if self._signature:
            parts.append({"text": "", "thoughtSignature": self._signature})
        return [self._response(parts or [{"text": ""}], last=True)]

    def whole(self, completion: Completion) -> Response:
        """The one response of an answer that is not streamed."""
        calls = tuple(
            ToolCallDelta(index, call.id, call.name, call.arguments, call.signature)
            for index, call in enumerate(completion.tool_calls)
        )
        delta = Delta(
            text=completion.text,
            reasoning=completion.reasoning,
            tool_calls=calls,
            finish=completion.finish,
            usage=completion.usage,
            model=completion.model,
            response_id=completion.response_id,
            images=completion.images,
            extra=completion.extra,
        )
        parts = [part for response in self.feed(delta) for part in _parts_of(response)]
        last = self.end()[0]
        ending = [part for part in _parts_of(last) if part != {"text": ""}]
        last["candidates"][0]["content"]["parts"] = parts + ending or [{"text": ""}]
        return last

    def _parts(self, delta: Delta) -> list[Response]:
        parts: list[Response] = []
        if delta.reasoning and self._thoughts:
            parts.append({"text": delta.reasoning, "thought": True})
        if delta.text:
            parts.append({"text": delta.text})
        for image in delta.images:
            head, _, data = image.partition(",")
            mime = head.removeprefix("data:").split(";")[0]
            parts.append({"inlineData": {"mimeType": mime, "data": data}})
        for call in delta.tool_calls:
            if call.index not in self._calls and all(map(_is_whole, self._calls.values())):
                parts.extend(self._take_calls())
            begun = self._calls.get(call.index, ToolCallDelta(call.index))
            self._calls[call.index] = ToolCallDelta(
                call.index,
                begun.id or call.id,
                begun.name or call.name,
                begun.arguments + call.arguments,
                begun.signature or call.signature,
            )
        return parts

    def _take_calls(self) -> list[Response]:
        calls = [ToolCall(*call[1:]) for _, call in sorted(self._calls.items())]
        self._calls.clear()
        return [_call_part(call) for call in calls]

    def _response(self, parts: list[Response], *, last: bool = False) -> Response:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}}
        if last:
            candidate["finishReason"] = _FINISH.get(self._finish or "stop", "STOP")
        candidate["index"] = 0
        response: Response = {"candidates": [candidate]}
        if last and self._usage is not None:
            response["usageMetadata"] = usage_metadata(self._usage)
        response["modelVersion"] = self._model
        response["responseId"] = self._response_id
        return response


def _parts_of(response: Response) -> list[Response]:
    parts: list[Response] = response["candidates"][0]["content"]["parts"]
    return parts


def _is_whole(call: ToolCallDelta) -> bool:
    """False while fragments of a call may still come: hosts mix those of parallel calls."""
    try:
        json.loads(call.arguments)
    except (ValueError, RecursionError):
        return False
    return True


def _call_part(call: ToolCall) -> Response:
    try:
        args = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        args = call.arguments
    if not isinstance(args, dict):
        args = {"arguments": args}
    called: dict[str, Any] = {"name": call.name, "args": args}
    if call.id:
        called["id"] = call.id
    part: Response = {"functionCall": called}
    if call.signature:
        part["thoughtSignature"] = call.signature
    return part


def _text_signature(extra: dict[str, Any] | None) -> str:
    found: Any = extra or {}
    for step in ("extra_content", "google", "thought_signature"):
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def usage_metadata(usage: Usage) -> dict[str, int]:
    """https://ai.google.dev/api/generate-content#UsageMetadata; thoughts stand beside the candidates."""
    counts = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": max(0, usage.completion - usage.reasoning),
        "totalTokenCount": usage.total,
    }
    if usage.reasoning:
        counts["thoughtsTokenCount"] = usage.reasoning
    if usage.cached:
        counts["cachedContentTokenCount"] = usage.cached
    return counts


def gemini_error(
    status: int, message: str, *, retry_after_s: float | None = None
) -> dict[str, Any]:
    """An error body as Google writes one; `retry_after_s` becomes a RetryInfo, which its SDKs obey."""
    name = _STATUS.get(status) or ("INVALID_ARGUMENT" if status < 500 else "UNAVAILABLE")
    error: dict[str, Any] = {"code": status, "message": message, "status": name}
    if retry_after_s is not None:
        delay = f"{max(0.0, retry_after_s):.3f}".rstrip("0").rstrip(".") + "s"
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        error["details"] = [{"@type": kind, "retryDelay": delay}]
    return {"error": error}


def gemini_model(name: str, spec: ModelSpec | None = None) -> dict[str, Any]:
    """An entry of the model list (https://ai.google.dev/api/models#Model) for the id `name`."""
    embeds = spec is not None and "embeddings" in spec.capabilities
    methods = ["embedContent", "batchEmbedContents"]
    if not embeds:
        methods = ["generateContent", "streamGenerateContent", "countTokens"]
    entry: dict[str, Any] = {
        "name": f"models/{name}",
        "version": "001",
        "displayName": (spec.title if spec else "") or name,
        "inputTokenLimit": (spec.context if spec else None) or 32768,
        "outputTokenLimit": (spec.max_output if spec else None) or 8192,
        "supportedGenerationMethods": methods,
    }
    if spec is not None and "thinking" in spec.capabilities:
        entry["thinking"] = True
    return entry

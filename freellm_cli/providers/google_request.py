"""ChatRequest -> the body of generateContent (https://ai.google.dev/api/generate-content).

Switches in `target.quirks`, each with what the model's name implies as its default
(`google_models.derived_quirks`):

    think         "gemini_budget" (thinkingBudget), "gemini_level" (thinkingLevel) or "none"
    think_levels  table over THINK_TABLES[think]: level -> tokens, or level -> Google's word; "" says
                  nothing for that level
    think_small   the level to ask for when nobody said one and max_tokens is below SMALL_ANSWER. Thoughts
                  are paid out of max_tokens, so a small answer may come out empty: "off" saves a game's
                  one-liner, no entry leaves the model its default
    system        "fold": the instruction goes into the first user turn
    tools         False: no function calling; calls in the history become text
    json          False: no JSON mode
    json_with_tools  True: JSON mode may stand beside functions
    safety        False: no safetySettings
    safety_settings  list to send as safetySettings
    signatures    "required", "optional" or "bypass" (never send a remembered one)
    nested_media  True: pictures of a tool's result go inside it
    prefill       True: the conversation may end with the model's own words
    schema        "openapi": functions take `parameters` in place of `parametersJsonSchema`
    drop          names of parameters (OpenAI's or Google's) that are left out, or paths into the body
                  ("tools.0.function_declarations.0.strict": of every tool and every function)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from freellm_cli.core.chat import ChatRequest, Target
from freellm_cli.core.errors import RequestRefused
from freellm_cli.providers.google_contents import conversation
from freellm_cli.providers.google_models import derived_capabilities, quirks_of
from freellm_cli.providers.google_names import ToolNames, function_names, function_tools
from freellm_cli.providers.google_parts import Media
from freellm_cli.providers.thought_signatures import ThoughtSignatures

SMALL_ANSWER = 1024
MAX_STOPS = 5
MAX_SEED = 2**31 - 1

THINK_TABLES: dict[str, dict[str, Any]] = {
    "gemini_budget": {
        "off": 0,
        "minimal": 512,
        "low": 1024,
        "medium": 8192,
        "high": 24576,
        "auto": -1,
    },
    "gemini_level": {
        "off": "minimal",
        "minimal": "minimal",
        "low": "low",
        "medium": "medium",
        "high": "high",
    },
}
_THINK_FIELDS = {"gemini_budget": "thinkingBudget", "gemini_level": "thinkingLevel"}

_NUMBERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
# Say nothing that Google's API could be told, or are said elsewhere in the body.
_SILENT = frozenset(
    "n tools tool_choice stream stream_options parallel_tool_calls user metadata store reasoning "
    "google functions function_call service_tier prompt_cache_key safety_identifier".split()
)
_MAPPED = frozenset((*_NUMBERS, "max_tokens", "stop", "seed", "response_format", "modalities"))
_GENERATION_FIELDS = frozenset(
    "stopSequences responseMimeType responseSchema responseJsonSchema responseModalities "
    "candidateCount maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty "
    "responseLogprobs logprobs enableEnhancedCivicAnswers speechConfig imageConfig "
    "mediaResolution".split()
)


class GoogleBody(NamedTuple):
    body: dict[str, Any]
    names: ToolNames
    changes: tuple[tuple[str, str], ...] = ()
    """(parameter, what became of it) of those that the target is not told as they were given."""


def build(request: ChatRequest, target: Target, signatures: ThoughtSignatures) -> GoogleBody:
    """Raises RequestRefused when the target cannot be asked this."""
    quirks = quirks_of(target)
    changes: dict[str, str] = {}
    params = _wanted(request.params, quirks, changes)
    _refuse_several(params)
    names = function_names(request.params.get("tools"), request.messages)
    media = Media(target, target.capabilities | derived_capabilities(target.name, thinks=False))
    system, contents = conversation(
        request.messages, target, quirks, media=media, names=names, signatures=signatures
    )
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    _put_tools(body, params, target, quirks, names)
    config = _generation(params, target, quirks, changes, has_tools="tools" in body)
    thinking = thinking_config(request.think, params, quirks)
    if thinking:
        config["thinkingConfig"] = thinking
    elif request.think not in (None, "off", "auto"):
        changes["think"] = f"{request.think} left out: {target.model_id} has no switch for it"
    body["generationConfig"] = config
    settings = quirks.get("safety_settings") or target.options.get("safety_settings")
    if settings and quirks.get("safety") is not False:
        body["safetySettings"] = list(settings)
    _merge_google(body, params.get("google"), str(quirks.get("think")))
    if quirks.get("drop"):
        body = without(body, quirks["drop"])
    if not body.get("generationConfig"):
        body.pop("generationConfig", None)
    return GoogleBody(body, names, tuple(changes.items()))


def without(body: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """`body` without the fields that Google complained of, by name or by the path it gives them."""
    import json

    pruned: dict[str, Any] = json.loads(json.dumps(body))
    for name in names:
        steps = name.removeprefix("request.").split(".")
        if len(steps) > 1:
            _prune(pruned, steps)
        elif _camel(name) != "contents":
            pruned.pop(_camel(name), None)
            pruned.get("generationConfig", {}).pop(_camel(name), None)
    return pruned


def _prune(node: Any, steps: list[str]) -> None:
    """A number stands for every element; of a map Google counts the entries and says `value`."""
    if not steps:
        return
    head, *rest = steps
    if head.isdecimal():
        if isinstance(node, dict):
            node, rest = list(node.values()), rest[1:]
        for child in node if isinstance(node, list) else ():
            _prune(child, rest)
    elif isinstance(node, dict):
        key = head if head in node else _camel(head)
        if rest:
            _prune(node.get(key), rest)
        else:
            node.pop(key, None)


def thinking_config(
    think: str | None, params: Mapping[str, Any], quirks: Mapping[str, Any]
) -> dict[str, Any] | None:
    """`thinkingConfig` for a level of THINK_LEVELS; None when nothing is to be said.

    Thoughts are asked for (includeThoughts) with every level but "off". `params["reasoning"]` may hold
    an exact budget (`max_tokens`) and `exclude`.
    """
    style = str(quirks.get("think") or "none")
    limit = params.get("max_tokens")
    if think is None and isinstance(limit, int) and limit < SMALL_ANSWER:
        think = quirks.get("think_small")
    if think is None or style not in THINK_TABLES:
        return None
    table = {**THINK_TABLES[style], **(quirks.get("think_levels") or {})}
    reasoning = params.get("reasoning")
    reasoning = reasoning if isinstance(reasoning, dict) else {}
    value = table.get(think)
    exact = reasoning.get("max_tokens")
    if style == "gemini_budget" and isinstance(exact, int) and think not in ("off", "auto"):
        value = max(table["minimal"], min(exact, table["high"]))
    config: dict[str, Any] = {}
    if value not in (None, ""):
        config[_THINK_FIELDS[style]] = value
    if think != "off" and not reasoning.get("exclude"):
        config["includeThoughts"] = True
    return config or None


def _wanted(
    given: Mapping[str, Any], quirks: Mapping[str, Any], changes: dict[str, str]
) -> dict[str, Any]:
    params = {key: value for key, value in given.items() if value is not None}
    for name in quirks.get("drop") or ():
        if params.pop(name, None) is not None:
            changes[name] = "left out: this model refuses it"
    if "max_completion_tokens" in params:
        params.setdefault("max_tokens", params.pop("max_completion_tokens"))
    for name in params:
        if name not in _SILENT and name not in _MAPPED:
            changes[name] = "left out: Google's API has no such field"
    return params


def _refuse_several(params: Mapping[str, Any]) -> None:
    count = params.get("n")
    if isinstance(count, int) and count > 1:
        raise RequestRefused(
            f"n = {count}: one answer a request is all that Gemini models give here",
            hint="ask several times instead",
        )


def _put_tools(
    body: dict[str, Any],
    params: Mapping[str, Any],
    target: Target,
    quirks: Mapping[str, Any],
    names: ToolNames,
) -> None:
    mode, only = _choice(params.get("tool_choice"))
    tools = function_tools(params.get("tools"))
    if only is not None:
        tools = [tool for tool in tools if tool["function"]["name"] in only]
        if not tools:
            raise RequestRefused("tool_choice names a function that tools does not have")
    if quirks.get("tools") is False and tools and mode != "NONE":
        raise RequestRefused(
            f"{target.model_id} calls no functions",
            hint="freellm models --tools shows models that do",
        )
    # Without its declarations a function cannot be called, and JSON mode stays possible.
    keep = mode != "NONE" or "response_format" not in params
    if not tools or not keep or quirks.get("tools") is False:
        return
    body["tools"] = [{"functionDeclarations": [_declaration(t, quirks, names) for t in tools]}]
    if mode:
        calling: dict[str, Any] = {"mode": mode}
        if mode == "ANY" and only is not None:
            calling["allowedFunctionNames"] = [names.to_google(name) for name in only]
        body["toolConfig"] = {"functionCallingConfig": calling}


def _choice(choice: object) -> tuple[str, list[str] | None]:
    """(mode or "", the names it is limited to)"""
    if isinstance(choice, str):
        return {"auto": "AUTO", "none": "NONE", "required": "ANY", "any": "ANY"}.get(
            choice, ""
        ), None
    if not isinstance(choice, dict):
        return "", None
    allowed = choice.get("allowed_tools")
    if isinstance(allowed, dict):
        named = [_function_name(tool) for tool in allowed.get("tools") or ()]
        mode = "ANY" if allowed.get("mode") == "required" else "AUTO"
        return mode, [name for name in named if name]
    name = _function_name(choice)
    return ("ANY", [name]) if name else ("", None)


def _function_name(tool: object) -> str:
    if not isinstance(tool, dict):
        return ""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else tool.get("name")
    return name if isinstance(name, str) else ""


def _declaration(
    tool: Mapping[str, Any], quirks: Mapping[str, Any], names: ToolNames
) -> dict[str, Any]:
    from freellm_cli.providers.google_schema import parameters_schema

    function = tool["function"]
    declared: dict[str, Any] = {"name": names.to_google(function["name"])}
    if isinstance(function.get("description"), str) and function["description"]:
        declared["description"] = function["description"]
    openapi = quirks.get("schema") == "openapi"
    schema = parameters_schema(function.get("parameters"), openapi=openapi)
    if not openapi:
        declared["parametersJsonSchema"] = schema
    elif schema["properties"]:
        declared["parameters"] = schema
    return declared


def _generation(
    params: Mapping[str, Any],
    target: Target,
    quirks: Mapping[str, Any],
    changes: dict[str, str],
    *,
    has_tools: bool,
) -> dict[str, Any]:
    config: dict[str, Any] = {_NUMBERS[key]: params[key] for key in _NUMBERS if key in params}
    limit = _whole(params.get("max_tokens"))
    if limit > 0:
        config["maxOutputTokens"] = min(limit, target.max_output or limit)
    seed = params.get("seed")
    if isinstance(seed, int):
        config["seed"] = seed & MAX_SEED
    stops = _stops(params.get("stop"))
    if stops:
        config["stopSequences"] = stops[:MAX_STOPS]
    if len(stops) > MAX_STOPS:
        changes["stop"] = f"only the first {MAX_STOPS} of {len(stops)} sent"
    modalities = params.get("modalities")
    if isinstance(modalities, list) and modalities != ["text"]:
        config["responseModalities"] = [str(name).upper() for name in modalities]
    form = _response_format(params.get("response_format"))
    beside_tools = has_tools and not quirks.get("json_with_tools")
    if form and (beside_tools or quirks.get("json") is False):
        why = "beside tools" if beside_tools else "at all"
        changes["response_format"] = f"left out: {target.model_id} takes no answer format {why}"
    else:
        config.update(form)
    return config


def _response_format(wanted: object) -> dict[str, Any]:
    if not isinstance(wanted, dict) or wanted.get("type") not in ("json_object", "json_schema"):
        return {}
    form: dict[str, Any] = {"responseMimeType": "application/json"}
    holder = wanted.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if isinstance(schema, dict) and schema:
        from freellm_cli.providers.google_schema import json_schema

        form["responseJsonSchema"] = json_schema(schema)
    return form


def _stops(given: object) -> list[str]:
    stops = [given] if isinstance(given, str) else given
    found = [stop for stop in stops if isinstance(stop, str)] if isinstance(stops, list) else []
    return [stop for stop in dict.fromkeys(found) if stop]


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _merge_google(body: dict[str, Any], extra: object, style: str) -> None:
    """What the caller says in Google's own names (`google = {...}`), in either spelling; it wins."""
    if not isinstance(extra, dict):
        return
    config = body["generationConfig"]
    for key, value in extra.items():
        name = _camel(str(key))
        if name == "generationConfig" and isinstance(value, dict):
            _merge_google(body, value, style)
        elif name == "thinkingConfig":
            _merge_thinking(config, value, style)
        elif name in _GENERATION_FIELDS:
            config[name] = _camel_keys(value)
        elif name == "tools" and isinstance(value, list):
            body.setdefault("tools", []).extend(_camel_keys(tool) for tool in value)
        elif name not in ("contents", "model"):
            body[name] = value


def _merge_thinking(config: dict[str, Any], extra: object, style: str) -> None:
    """The field of another generation of models is refused; the level it means was understood already."""
    if style not in _THINK_FIELDS:
        return
    own = (_THINK_FIELDS[style], "includeThoughts")
    said = {key: value for key, value in _camel_keys(extra or {}).items() if key in own}
    if said:
        config["thinkingConfig"] = {**config.get("thinkingConfig", {}), **said}


def _camel_keys(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {_camel(str(key)): inner for key, inner in value.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)

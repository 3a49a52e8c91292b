"""What Google refuses in the body of a generateContent request, as far as it is documented or was seen.

`problems(body, model)` lists every rule that the body breaks, in Google's own words where they are
known. Sources: https://ai.google.dev/api/generate-content, https://ai.google.dev/api/caching,
https://ai.google.dev/gemini-api/docs/thought-signatures and the 400s users posted.
"""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

BODY_KEYS = set(
    (
        "contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent"
    ).split()
)
CONFIG_KEYS = set(
    (
        "stopSequences responseMimeType responseSchema responseJsonSchema responseModalities "
        "candidateCount maxOutputTokens temperature topP topK seed presencePenalty "
        "frequencyPenalty responseLogprobs logprobs speechConfig thinkingConfig mediaResolution "
        "imageConfig"
    ).split()
)
DATA_KEYS = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
PART_KEYS = DATA_KEYS | {"thought", "thoughtSignature"}
OPENAPI_KEYS = set(
    (
        "type format title description nullable default items minItems maxItems enum properties "
        "propertyOrdering required minProperties maxProperties minimum maximum minLength "
        "maxLength pattern example anyOf"
    ).split()
)
NEVER_KEYS = {"$ref", "$defs", "definitions", "$schema", "$id", "const", "oneOf", "allOf", "not"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}\Z")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]+=*\Z")


def problems(body: dict[str, Any], model: str = "gemini-2.5-flash") -> list[str]:
    """[] for a body that Google would take."""
    found = [f'Unknown name "{key}": Cannot find field.' for key in body if key not in BODY_KEYS]
    contents = body.get("contents")
    if not contents:
        return [*found, "contents is not specified"]
    found += _turns(contents, model)
    found += _functions(contents, model)
    found += _instruction(body, model)
    found += _tools(body, model)
    found += _config(body, model)
    found += _numbers(body)
    return found


def _is_gemma(model: str, below: int = 4) -> bool:
    return model.startswith("gemma-") and int(model[6]) < below


def _turns(contents: list[Any], model: str) -> list[str]:
    found = []
    roles = [content.get("role") for content in contents]
    if any(role not in ("user", "model") for role in roles):
        found.append("Please use a valid role: user, model.")
    if roles[0] != "user":
        found.append("the first turn is not the user's")
    if roles[-1] != "user":
        found.append("Requests ending with a model turn are not supported")
    if any(a == b for a, b in itertools.pairwise(roles)):
        found.append("two neighbouring turns have one role")
    for at, content in enumerate(contents):
        if not content.get("parts"):
            found.append(f"contents[{at}].parts must not be empty")
        for part in content.get("parts") or ():
            found += [f"contents[{at}]: {text}" for text in _part(part, model)]
    return found


def _part(part: dict[str, Any], model: str) -> list[str]:
    found = [f'Unknown name "{key}": Cannot find field.' for key in part if key not in PART_KEYS]
    data = [key for key in DATA_KEYS if part.get(key) not in (None, "")]
    if len(data) != 1:
        found.append("required oneof field 'data' must have one initialized field")
    inline = part.get("inlineData")
    if inline is not None:
        if not inline.get("mimeType") or "/" not in inline["mimeType"]:
            found.append("Unable to determine MIME type")
        if not BASE64.match(inline.get("data", "")):
            found.append("Base64 decoding failed")
    signature = part.get("thoughtSignature")
    if signature is not None and not BASE64.match(signature):
        found.append("Invalid value at 'thought_signature' (TYPE_BYTES)")
    call = part.get("functionCall") or part.get("functionResponse")
    if call is not None:
        if not NAME.match(call.get("name", "")):
            found.append("Invalid function name.")
        if _is_gemma(model):
            found.append(f"Function calling is not enabled for models/{model}")
    if part.get("functionCall") and not isinstance(part["functionCall"].get("args", {}), dict):
        found.append("functionCall.args must be an object")
    response = part.get("functionResponse")
    if response is not None:
        if not isinstance(response.get("response"), dict):
            found.append("functionResponse.response must be an object")
        elif "$ref" in set(_keys(response["response"])):
            found.append("functionResponse.response holds a reference")
    return found


def _functions(contents: list[Any], model: str) -> list[str]:
    found = []
    answered: set[int] = set()
    for at, content in enumerate(contents):
        calls = [p for p in content.get("parts") or () if "functionCall" in p]
        if not calls:
            continue
        if content["role"] != "model":
            found.append("a function call stands in the user's turn")
        following = contents[at + 1]["parts"] if at + 1 < len(contents) else []
        responses = [p["functionResponse"] for p in following if "functionResponse" in p]
        answered.add(at + 1)
        if len(responses) != len(calls):
            found.append(
                "Please ensure that the number of function response parts is equal to the number of "
                "function call parts of the function call turn."
            )
        asked = [(p["functionCall"]["name"], p["functionCall"].get("id")) for p in calls]
        if asked != [(r["name"], r.get("id")) for r in responses]:
            found.append("the function responses are not those of the calls, in order")
        if model.startswith("gemini-3") and not calls[0].get("thoughtSignature"):
            found.append("Function call is missing a thought_signature in functionCall parts.")
    for at, content in enumerate(contents):
        stray = any("functionResponse" in part for part in content.get("parts") or ())
        if stray and at not in answered:
            found.append(
                "Please ensure that function response turn comes immediately after a function call turn."
            )
    return found


def _instruction(body: dict[str, Any], model: str) -> list[str]:
    system = body.get("systemInstruction")
    if system is None:
        return []
    found = []
    if _is_gemma(model):
        found.append(f"Developer instruction is not enabled for models/{model}")
    parts = system.get("parts")
    if not parts or any(not part.get("text") for part in parts):
        found.append("systemInstruction.parts must hold text")
    return found


def _tools(body: dict[str, Any], model: str) -> list[str]:
    tools = body.get("tools")
    found = []
    declared: list[str] = []
    if tools is not None and not tools:
        found.append("tools must not be empty")
    for tool in tools or ():
        for function in tool.get("functionDeclarations") or ():
            declared.append(function.get("name", ""))
            found += _declaration(function)
    if declared and _is_gemma(model):
        found.append(f"Function calling is not enabled for models/{model}")
    if len(set(declared)) < len(declared):
        found.append("Duplicate function declaration found")
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if calling and not declared:
        found.append("Function calling config is set without function_declarations.")
    if calling.get("mode", "AUTO") not in ("AUTO", "ANY", "NONE"):
        found.append("unknown mode of function calling")
    allowed = calling.get("allowedFunctionNames")
    if allowed and calling.get("mode") != "ANY":
        found.append("allowed_function_names should only be set when mode is ANY")
    if set(allowed or ()) - set(declared):
        found.append("allowed_function_names names a function that is not declared")
    config = body.get("generationConfig") or {}
    if declared and config.get("responseMimeType") == "application/json":
        found.append(
            "Function calling with a response mime type: 'application/json' is unsupported"
        )
    return found


def _declaration(function: dict[str, Any]) -> list[str]:
    known = {"name", "description", "parameters", "parametersJsonSchema", "response"}
    found = [f'Unknown name "{key}": Cannot find field.' for key in function if key not in known]
    if not NAME.match(function.get("name", "")):
        found.append(
            "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric"
        )
    if "parameters" in function and "parametersJsonSchema" in function:
        found.append("parameters and parameters_json_schema are mutually exclusive")
    if "parameters" in function:
        if function["parameters"].get("type") != "object":
            found.append("parameters schema should be of type OBJECT")
        if not function["parameters"].get("properties"):
            found.append("parameters.properties: should be non-empty for OBJECT type")
        found += _openapi(function["parameters"], "parameters")
    if "parametersJsonSchema" in function:
        if function["parametersJsonSchema"].get("type") != "object":
            found.append("parametersJsonSchema must describe an object")
        found += _json_schema(function["parametersJsonSchema"], "parametersJsonSchema")
    return found


def _openapi(schema: dict[str, Any], path: str) -> list[str]:
    found = [
        f"Unknown name \"{key}\" at '{path}': Cannot find field."
        for key in schema
        if key not in OPENAPI_KEYS
    ]
    if "anyOf" in schema:
        if set(schema) != {"anyOf"}:
            found.append(f"{path}: any_of must be the only field set")
    elif "type" not in schema:
        found.append(
            f"{path}.type: must be specified when not using one_of, any_of or all_of fields"
        )
    if "enum" in schema:
        if schema.get("type") != "string":
            found.append(f"{path}.enum: only allowed for STRING type")
        if not all(isinstance(value, str) and value for value in schema["enum"]):
            found.append(f"{path}.enum: cannot be empty")
    if schema.get("type") == "array" and "items" not in schema:
        found.append(f"{path}.items: missing field.")
    if schema.get("type") == "string" and schema.get("format", "enum") not in ("enum", "date-time"):
        found.append(f"{path}.format: only 'enum' and 'date-time' are supported for STRING type")
    return found + _schema_children(schema, path, _openapi)


def _json_schema(schema: dict[str, Any], path: str) -> list[str]:
    found = [f"{path}: {key} is not understood" for key in schema if key in NEVER_KEYS]
    if isinstance(schema.get("type"), list):
        found.append(f"{path}.type is a list")
    if "anyOf" in schema and set(schema) != {"anyOf"}:
        found.append(f"{path}: any_of must be the only field set")
    if any(value == "" for value in schema.get("enum", ())):
        found.append(f"{path}.enum: cannot be empty")
    return found + _schema_children(schema, path, _json_schema)


def _schema_children(schema: dict[str, Any], path: str, check: Any) -> list[str]:
    found = []
    properties = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in properties]
    found += [f"{path}.required: property is not defined: {name}" for name in missing]
    for name, child in properties.items():
        found += check(child, f"{path}.properties[{name}]")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found += check(schema[key], f"{path}.{key}")
    for key in ("anyOf", "prefixItems"):
        for child in schema.get(key, ()):
            found += check(child, f"{path}.{key}")
    return found


def _config(body: dict[str, Any], model: str) -> list[str]:
    config = body.get("generationConfig") or {}
    found = [
        f'Unknown name "{key}": Cannot find field.' for key in config if key not in CONFIG_KEYS
    ]
    if len(config.get("stopSequences", ())) > 5:
        found.append("The number of stop sequences must not exceed 5")
    if not all(config.get("stopSequences", ())):
        found.append("a stop sequence is empty")
    if "maxOutputTokens" in config and not 1 <= config["maxOutputTokens"] <= 65536:
        found.append("max_output_tokens must be in the supported range from 1 (inclusive) to 65537")
    if not -(2**31) <= config.get("seed", 0) < 2**31:
        found.append("Invalid value at 'generation_config.seed' (TYPE_INT32)")
    if config.get("candidateCount", 1) != 1:
        found.append("Only one candidate can be specified in the current model")
    if "responseJsonSchema" in config:
        found += _json_schema(config["responseJsonSchema"], "responseJsonSchema")
        if config.get("responseMimeType") != "application/json":
            found.append("response_json_schema needs the mime type application/json")
    if config.get("responseMimeType") and _is_gemma(model, below=10):
        found.append(f"JSON mode is not enabled for models/{model}")
    if body.get("safetySettings") and _is_gemma(model, below=10):
        found.append("safety settings are not supported")
    return found + _thinking(config.get("thinkingConfig"), model)


def _thinking(config: dict[str, Any] | None, model: str) -> list[str]:
    if config is None:
        return []
    found = [
        f'Unknown name "{key}": Cannot find field.'
        for key in config
        if key not in ("includeThoughts", "thinkingBudget", "thinkingLevel")
    ]
    budget, level = config.get("thinkingBudget"), config.get("thinkingLevel")
    if budget is not None and level is not None:
        found.append("You can only set only one of thinking budget and thinking level.")
    if _is_gemma(model) or model.startswith(("gemini-2.0", "gemini-1")):
        found.append("Thinking is not enabled for this model")
    if budget is not None:
        found += _budget(budget, model)
    if level is not None:
        found += _level(level, model)
    return found


def _budget(budget: int, model: str) -> list[str]:
    if model.startswith("gemma-"):
        return ["Thinking budget is not supported for this model."]
    low, high = (128, 32768) if "-pro" in model else (0, 24576)
    if "lite" in model and 0 < budget < 512:
        return ["thinking budget is out of range; supported values are integers from 512 to 24576."]
    if budget != -1 and not low <= budget <= high:
        return [f"thinking budget is out of range; supported are integers from {low} to {high}."]
    return []


def _level(level: str, model: str) -> list[str]:
    if model.startswith("gemini-2"):
        return ["Thinking level is not supported for this model."]
    known = {"minimal", "low", "medium", "high"}
    if model.startswith("gemma-"):
        known = {"minimal", "high"}
    elif "-pro" in model or model.startswith("gemini-3.7"):
        known = {"low", "medium", "high"}
    if model.startswith("gemini-3-pro"):
        known = {"low", "high"}
    return [] if level in known else [f"Thinking level {level} is not supported for this model."]


def _numbers(tree: Any) -> list[str]:
    """JSON has no NaN and no infinity."""
    if isinstance(tree, float) and not math.isfinite(tree):
        return ["Invalid JSON payload received."]
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [text for value in inner for text in _numbers(value)]


def _keys(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [*tree, *(key for value in tree.values() for key in _keys(value))]
    if isinstance(tree, list):
        return [key for value in tree for key in _keys(value)]
    return []

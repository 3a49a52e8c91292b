"""What Google's native dialect refuses, each check with the place where its text was seen."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

from freellm_cli.simulator.refusals import Facts, Rejected

# ai.google.dev/api/generate-content; requests also carry these in snake_case (proto JSON takes both).
TOP_FIELDS = frozenset(
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
FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,127}\Z")


def invalid(model: str, message: str) -> Rejected:
    return Rejected("bad_request", Facts(model, message=message))


def field(body: Any, name: str) -> Any:
    """A field under its camelCase or its snake_case name."""
    if not isinstance(body, dict):
        return None
    return body.get(name, body.get(_snake(name)))


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found.group(1).upper(), name)


def check_fields(body: Any, names: frozenset[str], place: str, model: str) -> None:
    if not isinstance(body, dict):
        raise invalid(model, "Invalid JSON payload received. Expected an object.")
    at = f" at '{place}'" if place else ""
    unknown = [name for name in body if _camel(name) not in names]
    if unknown:
        text = "\n".join(
            f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
            for name in unknown
        )
        raise Rejected("bad_field", Facts(model, field=unknown[0], message=text))


def check_content(content: Any, place: str, model: str) -> None:
    check_fields(content, frozenset({"role", "parts"}), place, model)
    if content.get("role", "user") not in ("user", "model", "function"):
        raise invalid(model, "Please use a valid role: user, model.")
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        text = f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty."
        raise invalid(model, text)
    for number, part in enumerate(parts):
        check_fields(part, _PART, f"{place}.parts[{number}]", model)
        if not any(field(part, name) is not None for name in _DATA):
            text = (
                f"* GenerateContentRequest.{place}.parts[{number}].data: required oneof field 'data' must"
                " have one initialized field"
            )
            raise invalid(model, text)


def check_config(config: Any, model: str) -> None:
    check_fields(config, _CONFIG, "generation_config", model)
    thinking = field(config, "thinkingConfig")
    if thinking is not None:
        check_fields(thinking, _THINKING, "generation_config.thinking_config", model)
        budget, level = field(thinking, "thinkingBudget"), field(thinking, "thinkingLevel")
        if budget is not None and level is not None:
            text = "You can only set only one of thinking budget and thinking level."
            raise invalid(model, text)
        _check_thinking(budget, level, model)
    if len(field(config, "stopSequences") or ()) > 5:
        raise invalid(model, "The number of stop sequences must be at most 5.")
    if (field(config, "candidateCount") or 1) > 1:
        raise invalid(model, "Multiple candidates is not enabled for this model")
    most = field(config, "maxOutputTokens")
    if most is not None and most < 1:
        raise invalid(model, "max_output_tokens must be positive.")


def _check_thinking(budget: Any, level: Any, model: str) -> None:
    if level is not None and model.startswith("gemini-2."):
        raise invalid(model, "Thinking level is not supported for this model.")
    ranges = {"gemini-2.5-pro": (128, 32_768), "gemini-2.5-flash-lite": (512, 24_576)}
    low, high = ranges.get(model, (0, 32_768 if "pro" in model else 24_576))
    off = budget == 0 and model != "gemini-2.5-pro"
    if budget is not None and budget != -1 and not off and not low <= budget <= high:
        text = f"The thinking budget {budget} is invalid. Please choose a value between {low} and {high}."
        raise invalid(model, text)


def check_schema(schema: Any, place: str, model: str) -> None:
    if not isinstance(schema, dict):
        return
    for name in schema:
        if name in _NO_SCHEMA:
            text = f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
            raise Rejected("bad_field", Facts(model, field=name, message=text))
    for name, part in (schema.get("properties") or {}).items():
        check_schema(part, f"{place}.properties[{name}]", model)
    check_schema(schema.get("items"), f"{place}.items", model)


def check_calls(contents: list[dict[str, Any]], model: str) -> None:
    """Answers must match calls in number; Gemini 3 wants the signature of the current turn's calls."""
    for before, after in zip(contents, [*contents[1:], {}], strict=True):
        calls = parts_with(before, "functionCall")
        answers = parts_with(after, "functionResponse")
        if calls and len(calls) != len(answers):
            text = (
                "Please ensure that the number of function response parts is equal to the number of"
                " function call parts of the function call turn."
            )
            raise invalid(model, text)
        if answers and not calls:
            text = "Please ensure that function response turn comes immediately after a function call turn."
            raise invalid(model, text)
    if model.startswith("gemini-3"):
        _check_signatures(contents, model)


def _check_signatures(contents: list[dict[str, Any]], model: str) -> None:
    current = 0
    for place, content in enumerate(contents):
        if content.get("role") != "model" and not parts_with(content, "functionResponse"):
            current = place
    for place in range(current, len(contents)):
        calls = parts_with(contents[place], "functionCall")
        if calls and not field(calls[0], "thoughtSignature"):
            name = (field(calls[0], "functionCall") or {}).get("name")
            text = (
                "Function call is missing a thought_signature in functionCall parts. This is required"
                " for tools to work correctly, and missing thought_signature may lead to degraded model"
                f" performance. Additional data, function call `default_api:{name}`, position {place + 1}."
            )
            raise invalid(model, text)
        for call in calls:
            _check_signature(str(field(call, "thoughtSignature") or BYPASS), model)


def _check_signature(signature: str, model: str) -> None:
    if signature != BYPASS and signature != signature_for(model):
        raise invalid(model, "Thought signature is not valid.")


def signature_for(model: str) -> str:
    """The signature that this model puts on its calls."""
    return b64encode(f"simulated signature of {model}".encode()).decode()


def parts_with(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [part for part in content.get("parts") or [] if field(part, name) is not None]

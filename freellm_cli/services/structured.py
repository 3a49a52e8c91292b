"""An answer that is a JSON value of the form asked for, or an error that says why not.

The schema goes into the request where the model takes one (`response_format`), and into the system prompt
where one of the models that may answer does not. The answer is checked here in either case; a wrong one
is sent back once, with what is wrong about it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.chat import ChatRequest, Completion, Message
from freellm_cli.core.errors import AnswerMismatch, UsageError
from freellm_cli.core.fences import first_fenced_block
from freellm_cli.core.json_schema import faults_of, schema_problem

if TYPE_CHECKING:
    from freellm_cli.services.answer import Answer
    from freellm_cli.services.call_options import CallOptions
    from freellm_cli.services.chat import ChatService

SCHEMA_LIMIT = 1_048_576
_NO_NAME = "answer"


class Structured(NamedTuple):
    """`text` is the JSON as the model wrote it, `data` what it says. `repaired`: it took a second turn."""

    text: str
    data: Any
    answer: Answer
    completion: Completion
    repaired: bool


def read_schema_file(path: str) -> Any:
    """Raises UsageError when the file cannot be read, is no JSON or no schema."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(SCHEMA_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"the schema {path} cannot be read: {reason}") from error
    if len(text) > SCHEMA_LIMIT:
        raise UsageError(f"the schema {path} is too large")
    return read_schema(text, path)


def read_schema(text: str, name: str) -> Any:
    """The schema in the text of the file `name`. Raises UsageError when it is no JSON or no schema."""
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is no JSON: {error}") from error
    problem = schema_problem(schema)
    if problem:
        raise UsageError(
            f"{name} is no JSON schema: {problem}",
            hint='a small one: {"type": "object", "properties": {"name": {"type": "string"}}}',
        )
    return schema


def ask_for_json(
    service: ChatService, request: ChatRequest, options: CallOptions, schema: Any
) -> Structured:
    """Asks, checks, asks once more if it must. Raises AnswerMismatch, and what `ChatService.ask` raises."""
    shaped = _shaped(service, request, options, schema)
    first = _ask(service, shaped, options)
    text, data, faults = _read(first[1], schema)
    if not faults:
        return Structured(text, data, *first, repaired=False)
    second = _ask(service, _with_repair(shaped, first[1], faults), options)
    text, data, still = _read(second[1], schema)
    if still:
        raise AnswerMismatch(
            f"{second[0].answerer.model_id} gave no answer that fits the schema, corrected once: "
            + "; ".join(still),
            hint="loosen the schema, say more in the prompt, or choose a model of "
            "`freellm models --tools`; the last answer is: " + _shortened(second[1].text),
        )
    return Structured(text, data, *second, repaired=True)


def _ask(
    service: ChatService, request: ChatRequest, options: CallOptions
) -> tuple[Answer, Completion]:
    answer = service.ask(request, options)
    try:
        return answer, answer.completion()
    finally:
        answer.close()


def _shaped(
    service: ChatService, request: ChatRequest, options: CallOptions, schema: Any
) -> ChatRequest:
    targets = service.plan(request, private=options.private).targets
    able = [("json" in item.model.capabilities) for item in targets]
    params = dict(request.params)
    if any(able):
        name = schema.get("title") if isinstance(schema, dict) else None
        params["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": _wire_name(name), "schema": schema},
        }
    messages = request.messages if able and all(able) else _instructed(request.messages, schema)
    return request._replace(params=params, messages=messages)


def _wire_name(title: Any) -> str:
    """Letters, digits, _ and - only (https://platform.openai.com/docs/api-reference/chat/create)."""
    text = title if isinstance(title, str) else ""
    name = "".join(char if char.isascii() and char.isalnum() else "_" for char in text).strip("_")
    return name[:64] or _NO_NAME


def _instructed(messages: list[Message], schema: Any) -> list[Message]:
    wish = (
        "Answer with one JSON value and nothing else: no explanation, no code fence. "
        f"It must fit this JSON schema:\n{json.dumps(schema, ensure_ascii=False)}"
    )
    if messages and messages[0]["role"] == "system":
        system = {"role": "system", "content": f"{messages[0]['content']}\n\n{wish}"}
        return [system, *messages[1:]]
    return [{"role": "system", "content": wish}, *messages]


def _with_repair(request: ChatRequest, wrong: Completion, faults: list[str]) -> ChatRequest:
    told = "\n".join(f"- {fault}" for fault in faults)
    again: list[Message] = [
        {"role": "assistant", "content": wrong.text or "(nothing)"},
        {
            "role": "user",
            "content": f"That does not fit:\n{told}\nAnswer again with the corrected JSON alone.",
        },
    ]
    return request._replace(messages=[*request.messages, *again])


def _read(completion: Completion, schema: Any) -> tuple[str, Any, list[str]]:
    """The JSON text, its value, and what is wrong with it."""
    text = first_fenced_block(completion.text).strip()
    try:
        data = json.loads(text, parse_constant=_no_json_constant)
    except ValueError as error:
        cut = " (it was cut at max_tokens)" if completion.finish == "length" else ""
        return text, None, [f"the answer is no JSON: {error}{cut}"]
    except RecursionError:
        return text, None, ["the answer is nested too deeply"]
    return text, data, faults_of(data, schema)


def _no_json_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:299] + "…"

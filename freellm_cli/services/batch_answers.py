"""An answer, or what went wrong, as one line of a batch's output."""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.core.chat import Completion, Usage
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.base import Ask, ReplyHead
from freellm_cli.core.faces.errors import openai_error
from freellm_cli.core.faces.openai_chat import OpenAIChatWriter
from freellm_cli.core.faces.openai_embeddings import EmbeddingAsk, embeddings_reply
from freellm_cli.services.answer import Answer
from freellm_cli.services.batch_file import Row
from freellm_cli.services.embeddings import Embedded

UNKNOWN_OUTCOME = "outcome_unknown"


def chat_line(row: Row, ask: Ask, answer: Answer, completion: Completion, now: float) -> bytes:
    """Of the Batch API (https://platform.openai.com/docs/api-reference/batch/request-output) for its own
    lines; else {"row", "id"?, "text", "model", "credential", "finish", "usage", "error": null}."""
    who = answer.answerer
    if row.is_openai:
        head = ReplyHead(answer.request_id, int(now), who.model_id, completion.usage.prompt)
        return _batch_line(
            row, answer.request_id, 200, OpenAIChatWriter(ask, head).whole(completion)
        )
    data: dict[str, Any] = {**_name(row), "text": completion.text}
    if completion.reasoning:
        data["reasoning"] = completion.reasoning
    if completion.tool_calls:
        data["tool_calls"] = [call._asdict() for call in completion.tool_calls]
    data |= {
        "model": who.model_id,
        "credential": who.credential,
        "finish": completion.finish,
        "usage": _usage(completion.usage),
        "error": None,
    }
    return _line(data)


def embedding_line(row: Row, ask: EmbeddingAsk, made: Embedded, request_id: str) -> bytes:
    """As `chat_line`; the body is that of `POST /v1/embeddings`."""
    body = embeddings_reply(
        ask, made.vectors, model=made.answerer.model_id, prompt_tokens=made.usage.prompt
    )
    return _batch_line(row, request_id, 200, body)


def error_line(row: Row, error: FreellmError, request_id: str) -> bytes:
    """A row that got no answer: an error row, with the HTTP status that the server would have given."""
    if row.is_openai:
        body = json.dumps(openai_error(error, request_id)).encode()
        return _batch_line(row, request_id, error.http_status, body)
    fault = {"slug": error.slug, "message": error.message, "hint": error.hint}
    return _line({**_name(row), "text": None, "error": fault})


def unknown_line(row: Row) -> bytes:
    """A row that was sent before a crash, whose answer is lost, and that must not be sent again."""
    message = "it was sent before an interruption; whether it was answered is not known"
    if row.is_openai:
        fault = {"code": UNKNOWN_OUTCOME, "message": message}
        data = {"id": f"batch_req_{row.number}", "custom_id": row.custom_id, "response": None}
        return _line({**data, "error": fault})
    fault = {"slug": UNKNOWN_OUTCOME, "message": message, "hint": "--retry-unknown sends it again"}
    return _line({**_name(row), "text": None, "error": fault})


def _name(row: Row) -> dict[str, Any]:
    named = {} if row.custom_id is None else {"id": row.custom_id}
    return {"row": row.number, **named}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
        "estimated": usage.estimated,
    }


def _batch_line(row: Row, request_id: str, status: int, body: bytes) -> bytes:
    start = {"id": f"batch_req_{row.number}", "custom_id": row.custom_id}
    response = b'{"status_code":%d,"request_id":%b,"body":%b}' % (
        status,
        json.dumps(request_id).encode(),
        body.strip(),
    )
    return json.dumps(start).encode()[:-1] + b', "response": %b, "error": null}\n' % response


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace") + b"\n"

"""Our errors as responses, in every client dialect.

A provider's refusal of a key is never shown as 401, 402 or 403: clients would blame their own key. We
have retried already, so SDKs are told not to, except where waiting helps: `x-should-retry`
(https://github.com/openai/openai-python, `_base_client.py`, and its Anthropic twin).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.errors import AllLimited, ContextTooLong, FreellmError, Overloaded
from freellm_cli.core.faces.frames import dump

if TYPE_CHECKING:
    from freellm_cli.core.faces.base import Face

# A longer wait is ignored by some SDKs, which then ask again at once.
LONGEST_RETRY_S = 60
OVERLOADED_RETRY_S = 2

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OVERLOADED = 529
_OWN_DOOR = (401, 402, 403)


class HttpRefusal(FreellmError):
    """A refusal by the server itself, before any target is asked: a wrong local token (401,
    `invalid_api_key`), a foreign origin (403), an unknown path (404, `unknown_url`), a method (405), a
    body too large (413), too many at once (429, `concurrency`, with `retry_after_s`)."""

    slug = "usage"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        hint: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.http_status = status
        self.code = code
        self.retry_after_s = retry_after_s
        limited = "rate_limit_error" if status == 429 else "invalid_request_error"
        self.error_type = limited if status < 500 else "server_error"


class ErrorReply(NamedTuple):
    """`headers`: those that tell a client whether and when to ask again."""

    status: int
    headers: dict[str, str]
    body: bytes


def error_reply(error: FreellmError, request_id: str, face: Face) -> ErrorReply:
    """`error` as a response that clients of `face` understand."""
    status = status_of(error)
    if face.name == "anthropic" and isinstance(error, Overloaded):
        status = _OVERLOADED
    return ErrorReply(status, retry_headers(error), dump(face.error_body(error, request_id)))


def status_of(error: FreellmError) -> int:
    if error.http_status in _OWN_DOOR and not isinstance(error, HttpRefusal):
        return 502
    return error.http_status


def retry_headers(error: FreellmError) -> dict[str, str]:
    """`x-should-retry`, and `retry-after` in whole seconds where it is known when to ask again."""
    wait = retry_after_s(error)
    headers = {"x-should-retry": "false"}
    if wait is None:
        return headers
    headers["retry-after"] = str(max(1, math.ceil(wait)))
    daily = isinstance(error, AllLimited) and error.daily
    if wait <= LONGEST_RETRY_S and not daily:
        headers["x-should-retry"] = "true"
    return headers


def retry_after_s(error: FreellmError) -> float | None:
    """Seconds until another try may succeed; None when nobody knows, or it never will."""
    wait: float | None = getattr(error, "retry_after_s", None)
    if wait is None and isinstance(error, Overloaded):
        return OVERLOADED_RETRY_S
    return wait


def message_of(error: FreellmError, request_id: str = "") -> str:
    """What a person reads: what happened, what mends it, and the id to look it up by."""
    message = error.message
    if error.client_hint:
        message += f" ({error.client_hint})"
    if request_id:
        message += f" [{request_id}]"
    return message


def openai_error(error: FreellmError, request_id: str) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`: all four keys, always an object."""
    return {
        "error": {
            "message": message_of(error, request_id),
            "type": error.error_type,
            "param": getattr(error, "path", None),
            "code": error.code,
        }
    }


def anthropic_error(error: FreellmError, request_id: str) -> dict[str, Any]:
    """https://docs.anthropic.com/en/api/errors. Claude Code shortens its conversation when a message
    begins "prompt is too long"."""
    message = message_of(error)
    if isinstance(error, ContextTooLong) and not message.startswith("prompt is too long"):
        message = f"prompt is too long: {message}"
    status = _OVERLOADED if isinstance(error, Overloaded) else status_of(error)
    kind = _ANTHROPIC_TYPES.get(status)
    kind = kind or ("api_error" if status >= 500 else "invalid_request_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id,
    }


def gemini_error(error: FreellmError, request_id: str) -> dict[str, Any]:
    """https://ai.google.dev/gemini-api/docs/troubleshooting, with a RetryInfo where waiting helps."""
    from freellm_cli.core import gemini_face

    return gemini_face.gemini_error(
        status_of(error), message_of(error, request_id), retry_after_s=retry_after_s(error)
    )


def ollama_error(error: FreellmError, request_id: str) -> dict[str, Any]:
    """https://github.com/ollama/ollama/blob/main/docs/api.md: the error is a text."""
    return {"error": message_of(error, request_id)}

"""JSON and event frames as clients read them: one line each, whatever a model writes."""

from __future__ import annotations

import json
import math
from json.encoder import encode_basestring
from typing import Any

EVENT_STREAM = "text/event-stream; charset=utf-8"
NDJSON = "application/x-ndjson"
JSON = "application/json"
DONE = b"data: [DONE]\n\n"
COMMENT = b": keep-alive\n\n"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

# Line ends to Python's `str.splitlines` and some other readers, though not to the event stream's
# grammar. JSON may write them as escapes.
_LINE_ENDS = (("\u2028", "\\u2028"), ("\u2029", "\\u2029"), ("\x85", "\\u0085"))


def dump(data: Any) -> bytes:
    """Compact JSON in UTF-8 on one line. Infinite numbers become null, broken surrogates "?"."""
    try:
        text = _encode(data)
    except ValueError:
        text = _encode(_finite(data))
    return _one_line(text)


def text_json(text: str) -> bytes:
    """A JSON string. The hot path of every stream: half a microsecond for a usual delta."""
    quoted = encode_basestring(text)
    return quoted.encode() if quoted.isascii() else _one_line(quoted)


def event(name: str, data: bytes) -> bytes:
    """A named server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def _one_line(text: str) -> bytes:
    if not text.isascii():
        for sign, escape in _LINE_ENDS:
            if sign in text:
                text = text.replace(sign, escape)
    return text.encode("utf-8", "replace")


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data

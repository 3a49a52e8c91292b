"""How many tokens a request will cost, roughly and fast: for reservations before the true count
comes.

Calibrated against the o200k and cl100k vocabularies on prose in twenty languages, code and JSON; on
the average of a kind of text the estimate is not below o200k's count. 100 KB take well under a
millisecond because every pass over the text runs inside the interpreter's C loops.
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import ChatRequest

IMAGE_TOKENS = 1000
SMALL_IMAGE_TOKENS = 300
MESSAGE_TOKENS = 5
TOOL_CALL_TOKENS = 8
REQUEST_TOKENS = 4

# A second of speech is 32 tokens (https://ai.google.dev/gemini-api/docs/audio); bytes a second by
# format.
_AUDIO_TOKENS_PER_SECOND = 32
_AUDIO_BYTES_PER_SECOND = {"wav": 32_000, "pcm16": 32_000, "flac": 16_000, "mp3": 8_000}
_PDF_BYTES_PER_TOKEN = 150

_LETTERS = bytes(range(65, 91)) + bytes(range(97, 123)) + b" "
_DIGITS = b"0123456789"
_BLANKS = b"\n\r\t"

# Tokens a UTF-16 unit, by its high byte: what a script costs.
_SCRIPTS: tuple[tuple[float, bytes], ...] = (
    (1.0, b"\x00"),  # Latin with accents, which break words apart
    (1.8, b"\x01\x02\x1e"),
    (1 / 2.2, b"\x03\x04\x05"),  # Greek, Cyrillic, Armenian
    (1 / 2.0, b"\x06\x07\x08\xfb\xfd\xfe"),  # Hebrew, Arabic
    (0.9, bytes(range(0x09, 0x1E)) + b"\x1f"),  # Indic, Thai, Georgian, Ethiopic…
    (0.7, bytes(range(0x20, 0x2E))),  # typographic signs, symbols
    (1.3, bytes(range(0x2E, 0xD8)) + b"\xf9\xfa\xff"),  # Chinese, Japanese, Korean
    (1.3, bytes(range(0xD8, 0xF9)) + b"\xfc"),  # emoji and the rest, in two halves
)


def estimate_text(text: str) -> int:
    """Tokens of a text; 0 for an empty one."""
    if not text:
        return 0
    if text.isascii():
        return int(_ascii_tokens(text.encode("ascii"))) + 1
    plain = text.encode("ascii", "ignore")
    high = text.encode("utf-16-le", "surrogatepass")[1::2]
    # Plain characters have the high byte 0 too.
    tokens = _ascii_tokens(plain) - _SCRIPTS[0][0] * len(plain)
    for cost, marks in _SCRIPTS:
        if not high:
            break
        rest = high.translate(None, marks)
        tokens += cost * (len(high) - len(rest))
        high = rest
    return int(tokens) + 1


def _ascii_tokens(text: bytes) -> float:
    if not text:
        return 0.0
    rest = text.translate(None, _LETTERS)
    letters = len(text) - len(rest)
    signs = rest.translate(None, _DIGITS)
    digits = len(rest) - len(signs)
    words = len(signs.translate(None, _BLANKS))
    blanks = len(signs) - words
    return letters / 4.4 + digits / 1.7 + words * 0.55 + blanks * 0.5


def estimate_request(request: ChatRequest) -> int:
    """Tokens of the prompt that `request` makes: messages, tools and answer schema."""
    tokens = REQUEST_TOKENS
    for message in request.messages:
        tokens += MESSAGE_TOKENS + estimate_content(message.get("content"))
        for name in ("reasoning_content", "name"):
            value = message.get(name)
            if isinstance(value, str):
                tokens += estimate_text(value)
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            tokens += TOOL_CALL_TOKENS + estimate_text(str(function.get("name", "")))
            tokens += estimate_text(str(function.get("arguments", "")))
    for name in ("tools", "response_format"):
        value = request.params.get(name)
        if value:
            tokens += _json_tokens(value)
    return tokens


def estimate_content(content: Any) -> int:
    """Tokens of a message's `content`: text, or a list of parts."""
    if isinstance(content, str):
        return estimate_text(content)
    if not isinstance(content, list):
        return 0
    return sum(_part_tokens(part) for part in content)


def _part_tokens(part: Any) -> int:
    if not isinstance(part, dict):
        return estimate_text(part) if isinstance(part, str) else 0
    kind = part.get("type")
    if kind == "image_url":
        image = part.get("image_url")
        small = isinstance(image, dict) and image.get("detail") == "low"
        return SMALL_IMAGE_TOKENS if small else IMAGE_TOKENS
    if kind == "input_audio":
        audio = part.get("input_audio") or {}
        return _audio_tokens(str(audio.get("data", "")), str(audio.get("format", "")))
    if kind == "file":
        file = part.get("file") or {}
        return _file_tokens(str(file.get("file_data", "")))
    text = part.get("text")
    return estimate_text(text) if isinstance(text, str) else 0


def _audio_tokens(data: str, form: str) -> int:
    rate = _AUDIO_BYTES_PER_SECOND.get(form.lower(), 4_000)
    return int(len(data) * 0.75 / rate * _AUDIO_TOKENS_PER_SECOND) + _AUDIO_TOKENS_PER_SECOND


def _file_tokens(data: str) -> int:
    head = data[:64]
    if head.startswith("data:image/"):
        return IMAGE_TOKENS
    if head.startswith("data:audio/"):
        return _audio_tokens(data, head[11:].split(";")[0].removeprefix("x-"))
    if head.startswith("data:text/"):
        return len(data) // 4
    return max(IMAGE_TOKENS, int(len(data) * 0.75) // _PDF_BYTES_PER_TOKEN)


def _json_tokens(value: Any) -> int:
    import json

    try:
        return estimate_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    except (TypeError, ValueError):
        return estimate_text(str(value))

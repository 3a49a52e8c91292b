"""Files, addresses, the pipe and the clipboard as parts of a question.

What a file is, its bytes decide. Text goes into the question, fenced and named; pictures, PDF files and sound
become parts of their own, for which only models are asked that take them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.errors import UsageError
from freellm_cli.core.fences import fenced
from freellm_cli.core.media import (
    AUDIO,
    IMAGE,
    OTHER,
    TEXT,
    decoded,
    kind_of,
    spoken,
    type_by_content,
    type_by_name,
)
from freellm_cli.services.fetch import fetch, too_large

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

LARGEST = 20 * 1_048_576
"""Bytes of one attachment, and of all together: what Google takes in one request
(https://ai.google.dev/gemini-api/docs/files)."""

Content = str | list[dict[str, Any]]


class Attachment(NamedTuple):
    """`text` is what it says when it is a text, `data` its bytes when it is not."""

    name: str
    kind: str
    mime: str
    text: str
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data) or len(self.text)


def load(runtime: Runtime, sources: Sequence[str], stdin: Callable[[], bytes]) -> list[Attachment]:
    """Reads each source: a path, an http(s) address, "-" for `stdin()`, or "clipboard".

    Raises UsageError: missing, empty, too large, of no use to a model, or not what its name says.
    """
    if list(sources).count("-") > 1:
        raise UsageError("standard input can be attached once")
    found = [_load(runtime, source, stdin) for source in sources]
    if sum(item.size for item in found) > LARGEST:
        raise too_large("the attachments together are too much: that", LARGEST)
    return found


def content_of(question: str, attachments: Sequence[Attachment]) -> Content:
    """The content of a user message (core.chat): the attachments first, as models read them best so."""
    texts = [fenced(item.text, item.name) for item in attachments if item.kind == TEXT]
    words = "\n\n".join([*texts, question] if question.strip() else texts)
    media = [_part(item) for item in attachments if item.kind != TEXT]
    if not media:
        return words
    return [*media, {"type": "text", "text": words}] if words else media


def summary(question: str, attachments: Sequence[Attachment]) -> str:
    """The question as a person remembers it: the words typed, and what went with them."""
    names = ", ".join(item.name for item in attachments)
    return f"{question}\n[{names}]".strip() if names else question


def _part(item: Attachment) -> dict[str, Any]:
    import binascii

    encoded = binascii.b2a_base64(item.data, newline=False).decode("ascii")
    if item.kind == IMAGE:
        return {"type": "image_url", "image_url": {"url": f"data:{item.mime};base64,{encoded}"}}
    if item.kind == AUDIO:
        form = item.mime.partition("/")[2]
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": form}}
    file = {"file_data": f"data:{item.mime};base64,{encoded}", "filename": item.name}
    return {"type": "file", "file": file}


def _load(runtime: Runtime, source: str, stdin: Callable[[], bytes]) -> Attachment:
    if source == "-":
        return _judged(runtime, "standard input", stdin(), "")
    if source == "clipboard" and not os.path.exists(source):
        from freellm_cli.services.clipboard import clipboard_image

        return _judged(runtime, "clipboard", clipboard_image(runtime.env), "")
    if source.startswith(("http://", "https://")):
        page = fetch(runtime, source, LARGEST)
        kind = page.kind.partition(";")[0].strip().lower()
        return _judged(runtime, source, page.data, kind)
    return _judged(runtime, os.path.basename(source) or source, _file(source), "", source)


def _file(path: str) -> bytes:
    try:
        if os.path.isdir(path):
            raise UsageError(f"{path} is a folder", hint="attach its files one by one")
        if os.path.getsize(path) > LARGEST:
            raise too_large(path, LARGEST)
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)  # a pipe or device has no size
    except OSError as error:
        raise UsageError(f"{path} cannot be attached: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{path!r} cannot be attached: it is no path") from error
    if len(data) > LARGEST:
        raise too_large(path, LARGEST)
    return data


def _judged(runtime: Runtime, name: str, data: bytes, declared: str, path: str = "") -> Attachment:
    if len(data) > LARGEST:
        raise too_large(name, LARGEST)
    if not data.strip():
        raise UsageError(f"{path or name} is empty")
    mime, promised = type_by_content(data), type_by_name(path or name.partition("?")[0])
    kind = kind_of(mime)
    if kind == OTHER:
        raise UsageError(
            f"{path or name} is {spoken(mime)}, which no model takes",
            hint="attach text, an image (PNG, JPEG, WebP, GIF), a PDF or sound (WAV, MP3)",
        )
    if kind == TEXT:
        if promised:
            raise UsageError(
                f"{path or name} is not {spoken(promised)} as its name says: it holds text",
                hint="was the download an error page? rename it to .txt to attach the text",
            )
        return Attachment(name, TEXT, mime, _text(runtime, name, data, declared), b"")
    if promised != mime and promised and kind_of(promised) != kind:
        raise UsageError(
            f"{path or name} is not {spoken(promised)} as its name says: it is {spoken(mime)}"
        )
    if promised and promised != mime:
        runtime.notice(f"{name} is {spoken(mime)}, whatever its name says, and is sent as one")
    return Attachment(name, kind, mime, "", data)


def _text(runtime: Runtime, name: str, data: bytes, declared: str) -> str:
    text, plain = decoded(data)
    if not plain:
        runtime.notice(f"{name} is not UTF-8 and was read as Windows-1252")
    if declared in ("text/html", "application/xhtml+xml"):
        from freellm_cli.core.html_text import text_of_page

        return text_of_page(text) or text
    return text

"""The rows of a batch: plain lines, `{"prompt"}` objects, or lines of OpenAI's Batch API
(https://platform.openai.com/docs/guides/batch), read one at a time."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import BadField, UsageError
from freellm_cli.core.faces.openai_chat import plain
from freellm_cli.core.faces.openai_embeddings import EmbeddingAsk, parse_embeddings
from freellm_cli.core.messages import normalise_body
from freellm_cli.core.tokens import estimate_request, estimate_text

FORMATS = ("auto", "text", "jsonl")
LINE_LIMIT = 64 * 1024 * 1024
_CHAT_URLS = ("", "/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions")
_EMBEDDING_URLS = ("/v1/embeddings", "/embeddings")
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")


class Row(NamedTuple):
    """`number`: of its line, 1 first. `custom_id`: the caller's own name for it, else None. `is_openai`:
    answered in the shape of the Batch API. `url`: of the endpoint that an OpenAI line names."""

    number: int
    custom_id: str | None
    is_openai: bool
    url: str
    body: dict[str, Any]


class Defaults(NamedTuple):
    """What holds for rows that do not say it themselves."""

    model: str = ""
    system: str | None = None
    params: dict[str, Any] = {}  # noqa: RUF012 - read-only by contract
    think: str | None = None


class Group(NamedTuple):
    """Rows that ask for one model. `example`: one of them."""

    rows: int
    tokens: int
    example: ChatRequest | EmbeddingAsk


class Survey(NamedTuple):
    """What a reading of the whole file found. `digest` tells one file from another; `numbers` are the
    lines that hold rows; `faulty` rows cannot be asked (their answers will be errors)."""

    path: str
    format: str
    digest: str
    numbers: array[int]
    groups: dict[str, Group]
    faulty: int


class BadLine(UsageError):
    """A line that is no row; nothing has been sent."""


def survey(path: str, asked_format: str, defaults: Defaults, *, called: str = "") -> Survey:
    """Reads every line once, so that a mistake in the last one is found before the first call. `called`: what
    the file is called in messages, if not by its path.

    Raises BadLine with the line's number; UsageError for a file that cannot be read or is empty.
    """
    import hashlib

    digest = hashlib.sha256()
    numbers = array("q")
    groups: dict[str, Group] = {}
    faulty = 0
    with _opened(path) as file:
        form = _format_of(file, path, asked_format)
        for row in _rows(file, form, digest):
            numbers.append(row.number)
            try:
                request = request_of(row, defaults)
            except BadField:
                faulty += 1
                continue
            key = f"{'embeddings ' if isinstance(request, EmbeddingAsk) else ''}{request.model}"
            known = groups.get(key, Group(0, 0, request))
            tokens = known.tokens + tokens_of(request)
            groups[key] = known._replace(rows=known.rows + 1, tokens=tokens)
    if not numbers:
        raise UsageError(
            f"{called or path} holds no rows", hint="one prompt a line, or one JSON object a line"
        )
    return Survey(path, form, digest.hexdigest(), numbers, groups, faulty)


def rows(path: str, form: str) -> Iterator[Row]:
    """Every row of a file that was surveyed as `form`. Raises as `survey`."""
    with _opened(path) as file:
        yield from _rows(file, form, None)


def request_of(row: Row, defaults: Defaults) -> ChatRequest | EmbeddingAsk:
    """What the row asks for. Raises BadField naming the field."""
    if row.url in _EMBEDDING_URLS:
        ask = parse_embeddings(row.body)
        return ask if ask.model else ask._replace(model=defaults.model)
    if row.url not in _CHAT_URLS:
        raise BadField("url", f"one of {', '.join((*_CHAT_URLS[1:3], *_EMBEDDING_URLS))}")
    body = row.body
    system = body.get("system", defaults.system) if not row.is_openai else defaults.system
    if not row.is_openai:
        body = {name: value for name, value in body.items() if name != "system"}
    request = plain(normalise_body(body))
    messages = request.messages
    if isinstance(system, str) and all(message["role"] != "system" for message in messages):
        messages = [{"role": "system", "content": system}, *messages]
    return request._replace(
        model=request.model or defaults.model,
        messages=messages,
        params={**defaults.params, **request.params},
        think=request.think or defaults.think,
        stream=False,
    )


def tokens_of(request: ChatRequest | EmbeddingAsk) -> int:
    """An estimate of its prompt's tokens."""
    if isinstance(request, EmbeddingAsk):
        return sum(map(estimate_text, request.inputs))
    return estimate_request(request)


def _opened(path: str) -> BinaryIO:
    try:
        if os.path.isdir(path):
            raise UsageError(f"{path} is a folder, not a file")
        return open(path, "rb")
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror or exc}") from exc


def _format_of(file: BinaryIO, path: str, asked: str) -> str:
    if asked not in FORMATS:
        raise UsageError(f"--format takes {', '.join(FORMATS)}, not {asked!r}")
    if asked != "auto":
        return asked
    if path.lower().endswith(_JSON_SUFFIXES):
        return "jsonl"
    start = file.read(65_536).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return "jsonl" if start.startswith(b"{") else "text"


def _rows(file: BinaryIO, form: str, digest: Any) -> Iterator[Row]:
    number = 0
    while True:
        line = file.readline(LINE_LIMIT + 1)
        if not line:
            return
        number += 1
        if digest is not None:
            digest.update(line)
        if len(line) > LINE_LIMIT:
            raise BadLine(f"line {number} is longer than {LINE_LIMIT >> 20} MiB")
        text = _decoded(line, number)
        if text:
            yield _text_row(number, text) if form == "text" else _json_row(number, text, line)


def _decoded(line: bytes, number: int) -> str:
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in line:
        raise BadLine(f"line {number} is binary, not text", hint="a batch is UTF-8 text")
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError as exc:
        raise BadLine(
            f"line {number} is not UTF-8 (byte {exc.start + 1})", hint="convert it with iconv"
        ) from exc


def _text_row(number: int, text: str) -> Row:
    return Row(number, None, False, "", {"prompt": text})


def _json_row(number: int, text: str, line: bytes) -> Row:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        torn = not line.endswith(b"\n")
        what = "half-written: the file ends in the middle of it" if torn else f"not JSON ({exc})"
        raise BadLine(
            f"line {number} is {what}; nothing has been sent",
            hint="mend or remove that line (plain prompts: --format text), then run it again",
        ) from exc
    if isinstance(value, str):
        return _text_row(number, value)
    if not isinstance(value, dict):
        raise BadLine(f"line {number} is no JSON object; nothing has been sent")
    if "body" in value:
        return _openai_row(number, value)
    own = value.get("custom_id", value.get("id"))
    body = {name: item for name, item in value.items() if name not in ("custom_id", "id")}
    return Row(number, None if own is None else str(own), False, "", body)


def _openai_row(number: int, value: dict[str, Any]) -> Row:
    own, body = value.get("custom_id"), value["body"]
    if not isinstance(body, dict):
        raise BadLine(f"line {number}: body is no JSON object; nothing has been sent")
    url = value.get("url")
    if not isinstance(url, str) or not url:
        url = _EMBEDDING_URLS[0] if "input" in body and "messages" not in body else ""
    return Row(number, None if own is None else str(own), True, url, body)

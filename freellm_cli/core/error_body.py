"""Any answer's body, of any shape, decoded into the few fields that tell what it means.

Providers wrap errors in arrays, in strings that hold JSON again, in `error.error`, flat, in RFC 7807
problems or in lists of pydantic complaints; relays cut them off in the middle. All of these come out as
the same `ErrorBody`. Nothing here raises, whatever the bytes.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

SCAN_BYTES = 64 * 1024
# What an error has to say stands at its beginning; patterns over more would be slow.
TEXT_CHARS = 12 * 1024
MAX_NESTING = 3
MAX_DEPTH = 14
MAX_PAIRS = 600
SSE_STARTS = ("data:", "event:", ":", "id:", "retry:")

# Values of these keys repeat what the client sent: they may say anything.
ECHO_KEYS = frozenset(
    "input flagged_input failed_generation prompt messages content contents context "
    "partial_generation arguments stack traceback flagged_content".split()
)
TEXT_KEYS = (
    "message detail msg raw error_description errormessage error_message error_msg errmsg err_msg "
    "status_msg errormsg error details description reason_message cause info errors "
    "error_details title".split()
)
TEXT_KEY_SET = frozenset(TEXT_KEYS)
CODE_KEYS = frozenset(
    "code type status reason error_type errortype limit_source error_code errorcode err_code "
    "errcode status_code statuscode provider_code error quotaid quota_limit name __type "
    "blockreason exception finish_reason finishreason resource_type".split()
)
STATUS_KEYS = frozenset(
    "code status status_code statuscode raw_status_code http_status httpstatuscode "
    "error_code http_code".split()
)
# The key whose word names the error best comes first; a number only where no word is.
CODE_RANK = {"code": 0, "reason": 1, "error_type": 2, "status": 3, "type": 4, "error": 5}
# Says that there was an error and nothing about it; the next text says more.
EMPTY_PHRASES = frozenset(
    ("provider returned error", "bad request", "error", "unknown error", "upstream error", "null")
)


class ErrorBody:
    """What a body says.

    `shape`: "json", "cut" (JSON that breaks off), "html", "text" or "empty"; an event stream has the
    shape of the event that tells.
    `pairs`: (key in lower case, scalar) of the whole tree in order; `nodes`: its objects.
    `text`: all human sentences, lower case, white space folded; `message`: the one to show, as sent.
    `codes`: every code, type, status and reason, lower case with only letters and digits kept.
    `code`: the most telling of them as sent, or "". `inner_status`: an HTTP status named inside.
    """

    __slots__ = (
        "code",
        "code_rank",
        "codes",
        "inner_status",
        "message",
        "nodes",
        "pairs",
        "shape",
        "source",
        "text",
        "tree",
    )

    def __init__(self, shape: str, source: str) -> None:
        self.shape = shape
        self.source = source
        self.tree: Any = None
        self.pairs: list[tuple[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.text = ""
        self.message = ""
        self.code = ""
        self.code_rank = 99
        self.codes: frozenset[str] = frozenset()
        self.inner_status: int | None = None

    def mentions(self, words: Iterable[str]) -> bool:
        return mentions(self.text, words)


def body_text(body: object) -> str:
    """The first 64 KiB as text, without byte-order mark and outer white space."""
    if body is None:
        return ""
    if isinstance(body, bytes | bytearray | memoryview):
        text = bytes(body[:SCAN_BYTES]).decode("utf-8", "replace")
    elif isinstance(body, dict | list):
        text = _dump(body)
    else:
        text = str(body)[:SCAN_BYTES]
    return text.strip("\ufeff\x00 \t\r\n")


def _dump(tree: object) -> str:
    try:
        return json.dumps(tree, default=str)[:SCAN_BYTES]
    except (ValueError, RecursionError):
        return ""


def parse_json(text: str) -> Any:
    """The first JSON value of `text`; None when it is not JSON or breaks off."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    return value


def looks_like_html(text: str) -> bool:
    start = text[:4096].lstrip().lower()
    if start.startswith(
        (
            "<!doctype html",
            "<html",
            "<head",
            "<body",
            "<center",
            "<title",
            "<h1",
            "<style",
            "<script",
        )
    ):
        return True
    if "<html" not in start and "<!doctype html" not in start:
        return False
    return start.startswith("<") or any(
        tag in start for tag in ("<head", "<body", "<title", "<center")
    )


def mentions(text: str, words: Iterable[str]) -> bool:
    """Is one of `words` in `text`? Asked before a pattern is tried: patterns are slow on long texts."""
    for word in words:  # noqa: SIM110 - any() over a generator costs three times as much
        if word in text:
            return True
    return False


def squash(code: object) -> str:
    """`RATE_LIMIT_EXCEEDED`, `rateLimitExceeded` and `rate-limit exceeded` become one word."""
    return "".join(c for c in str(code).lower() if c.isalnum())


def read_body(body: object) -> ErrorBody:
    """Decodes `body`: bytes, str, None, or an already parsed tree."""
    return read_text(body_text(body))


def read_text(text: str) -> ErrorBody:
    if not text:
        return ErrorBody("empty", "")
    if text[0] in '{["':
        tree = parse_json(text)
        if isinstance(tree, str) and tree.strip():
            return read_text(tree.strip())
        if isinstance(tree, dict | list):
            return read_tree(tree, text)
        if tree is None and text[0] in "{[":
            return _read_cut(text)
    if text.startswith(SSE_STARTS):
        payload = sse_payload(text)
        if payload:
            return read_text(payload)
    found = ErrorBody("html" if looks_like_html(text) else "text", text)
    if found.shape == "text":
        found.message = text
        _scan_quoted(text, found.pairs)
        found.pairs.append(("message", text))
    _digest(found)
    return found


def sse_payload(text: str) -> str:
    """The data of the first event that speaks of an error, else of the first event; "" without any."""
    lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    lines = [line for line in lines if line and not line.startswith(SSE_STARTS)]
    return next((line for line in lines if "error" in line), lines[0] if lines else "")


def read_tree(tree: Any, source: str = "") -> ErrorBody:
    """Decodes a parsed JSON value."""
    found = ErrorBody("json", source)
    found.tree = tree
    _walk("", tree, found, 0, 0)
    _digest(found)
    if looks_like_html(found.message):
        found.shape = "html"
    return found


def _walk(key: str, value: Any, found: ErrorBody, depth: int, nesting: int) -> None:
    if depth > MAX_DEPTH or len(found.pairs) > MAX_PAIRS or value is None:
        return
    if isinstance(value, dict):
        found.nodes.append(value)
        for name, inner in value.items():
            name = str(name).lower()
            if name not in ECHO_KEYS:
                _walk(name, inner, found, depth + 1, nesting)
    elif isinstance(value, list):
        for inner in value[:50]:
            _walk(key, inner, found, depth + 1, nesting)
    elif isinstance(value, str):
        _walk_string(key, value, found, depth, nesting)
    else:
        found.pairs.append((key, value))


def _walk_string(key: str, value: str, found: ErrorBody, depth: int, nesting: int) -> None:
    stripped = value.strip()
    if stripped[:1] in ("{", "[") and len(stripped) > 1 and key in TEXT_KEY_SET:
        tree = parse_json(stripped) if nesting < MAX_NESTING else None
        if isinstance(tree, dict | list):
            _walk(key, tree, found, depth + 1, nesting + 1)
            return
        flat = flatten_escapes(stripped)
        _scan_quoted(flat, found.pairs)
        value = flat
    elif key in TEXT_KEY_SET and "{" in value and "error" in value:
        _scan_quoted(flatten_escapes(value), found.pairs)
    found.pairs.append((key, value))


def _read_cut(text: str) -> ErrorBody:
    """JSON that breaks off: the whole text counts as message, fields are found by their look."""
    found = ErrorBody("cut", text)
    flat = flatten_escapes(text)
    _scan_quoted(flat, found.pairs)
    _digest(found)
    found.text = fold(flat[:TEXT_CHARS])
    if looks_like_html(found.message):
        found.shape = "html"
    return found


def flatten_escapes(text: str) -> str:
    """Takes every level of JSON string escaping away at once."""
    if "\\" not in text:
        return text
    text = re.sub(r"\\{1,16}u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text)
    text = re.sub(r"\\{1,16}[nrt]", " ", text)
    return re.sub(r"\\{1,16}([\"'/])", r"\1", text)


def _scan_quoted(text: str, pairs: list[tuple[str, Any]]) -> None:
    if ":" not in text or ('"' not in text and "'" not in text):
        return
    pattern = r"""["']([A-Za-z_@][\w.@-]{1,40})["']\s*:\s*(?:"([^"]{0,4000})|'([^']{0,4000})|(-?\d[\d.]*))"""
    for match in re.finditer(pattern, text):
        value = match[2] or match[3] or match[4]
        key = match[1].lower()
        if value and value.strip("{[ \n") and key not in ECHO_KEYS:
            pairs.append((key, value))
        if len(pairs) > MAX_PAIRS:
            return


def fold(text: str) -> str:
    """Lower case, every run of white space one blank, typographic quotes plain."""
    return " ".join(text.lower().replace("’", "'").split())


def _digest(found: ErrorBody) -> None:
    """Fills text, message, codes and inner_status from the pairs."""
    texts: list[str] = []
    codes: set[str] = set()
    for key, value in found.pairs:
        if isinstance(value, bool):
            continue
        if key in STATUS_KEYS and found.inner_status is None:
            found.inner_status = _http_status(value)
        word = isinstance(value, str) and " " not in value.strip()
        if key in CODE_KEYS and not (key == "error" and not word):
            _add_code(found, codes, key, value)
        elif key == "quotavalue" and str(value) == "0":
            codes.add("quotavalue0")
        elif key == "param" and isinstance(value, str):
            codes.add("param=" + squash(value))
        if isinstance(value, str) and _is_text(key, value, word) and value not in texts:
            texts.append(value)
    if not texts and found.shape == "json":
        texts = [v for _, v in found.pairs if isinstance(v, str) and " " in v][:10]
    found.codes = frozenset(codes)
    found.text = fold("\n".join(texts)[:TEXT_CHARS])
    found.message = _pick_message(found.pairs, texts) or found.message


def _is_text(key: str, value: str, word: bool) -> bool:
    sentence = not word and key in ("reason", "code", "type") and len(value) > 24
    return sentence or key in TEXT_KEY_SET


def _add_code(found: ErrorBody, codes: set[str], key: str, value: object) -> None:
    text = str(value)
    if len(text) > 120:
        return
    codes.add(squash(text))
    rank = CODE_RANK.get(key)
    if rank is None or not text.strip() or " " in text or text.lower() == "error":
        return
    if text.isdigit():
        rank += 10
    if rank < found.code_rank:
        found.code, found.code_rank = text, rank


def _http_status(value: object) -> int | None:
    text = str(value)
    if len(text) == 3 and text.isdigit() and 400 <= int(text) <= 599:
        return int(text)
    return None


def status_in_prose(text: str) -> int | None:
    """An HTTP status that a folded text names: "upstream answered with status code 429"."""
    if "code" not in text and "status" not in text and "http" not in text:
        return None
    match = re.search(
        r"\b(?:error code|status(?: code)?|http(?:/[\d.]+)?)[:=\s]+([45]\d\d)\b", text
    )
    return int(match[1]) if match else None


def _pick_message(pairs: list[tuple[str, Any]], texts: list[str]) -> str:
    known = set(texts)
    for empty_too in (False, True):
        for wanted in TEXT_KEYS:
            for key, value in pairs:
                if key != wanted or not isinstance(value, str) or value not in known:
                    continue
                if empty_too or not _says_nothing(value):
                    return value
    return texts[0] if texts else ""


def _says_nothing(text: str) -> bool:
    word = " " not in text.strip() and text.isascii() and len(text) < 60
    return word or text.strip(" .!").lower() in EMPTY_PHRASES

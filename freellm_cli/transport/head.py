"""The head of a message on the wire: writing a request's, reading an answer's."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from freellm_cli import __version__
from freellm_cli.core.errors import ConfigError
from freellm_cli.core.http import HttpRequest
from freellm_cli.transport.target import Target

USER_AGENT = f"freellm/{__version__}"
MAX_LINE = 32_768
MAX_HEAD = 131_072
MAX_FIELDS = 200

# How a body ends is for this layer to say, and a connection is kept unless the server closes it.
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "host"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_BLANKS = " \t"
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class BadHead(Exception):
    """The bytes are no HTTP head that we accept; the text says why and quotes none of them."""


class AnswerHead(NamedTuple):
    status: int
    keeps_alive: bool
    fields: list[tuple[str, str]]


def request_head(
    request: HttpRequest, target: Target, extra: tuple[tuple[str, str], ...] = (), origin: str = ""
) -> bytes:
    """Request line and headers, with the empty line that ends them.

    `origin` ("http://host:port") turns the request line into the absolute form that an HTTP proxy wants
    (RFC 9112 section 3.2.2); `extra` are headers for that proxy. Raises ConfigError naming the header,
    never its value.
    """
    method = request.method
    if not (method.isascii() and method.isalpha()):
        raise ConfigError(f"{method!r} is no HTTP method.")
    fields = _fields(request)
    if not _is_plain("".join([value for _, value in fields.values()])):
        for name, value in fields.values():
            _check_value(name, value)
    lines = [f"{method} {origin}{target.path} HTTP/1.1\r\nHost: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in fields.values()]
    if "user-agent" not in fields:
        lines.append(f"User-Agent: {USER_AGENT}")
    if "accept-encoding" not in fields:
        lines.append("Accept-Encoding: identity")
    if request.body is not None or method in _WITH_BODY:
        lines.append(f"Content-Length: {len(request.body or b'')}")
    lines += [f"{name}: {value}" for name, value in extra]
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1")


def _fields(request: HttpRequest) -> dict[str, tuple[str, str]]:
    """All headers by their names in lower case; a secret one replaces a plain one of the same name."""
    fields = {}
    for name, value in request.headers.items():
        lower = _lower_name(name)
        if lower not in _OURS:
            fields[lower] = (name, value)
    for name, prefix, hidden in request.auth:
        fields[_lower_name(name)] = (name, prefix + hidden.reveal())
    return fields


@lru_cache(maxsize=256)
def _lower_name(name: str) -> str:
    """Raises ConfigError for what is no header's name."""
    lower = name.lower()
    if not name or not _TOKEN.issuperset(lower):
        raise ConfigError(f"{name!r} is no name for an HTTP header.")
    return lower


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _check_value(name: str, value: str) -> None:
    """Raises ConfigError if the header cannot be written safely. Nothing here raises with the value."""
    if any((char < " " and char != "\t") or char == "\x7f" for char in value):
        raise ConfigError(
            f"The header {name} holds a line break or another control character.",
            hint="a key with a line break was pasted badly: add it again with `freellm keys add`",
        )
    if any(char > "\xff" for char in value):
        raise ConfigError(
            f"The header {name} holds a character that HTTP cannot carry (it is not in Latin-1).",
            hint="a key with such a character was pasted badly: add it again with `freellm keys add`",
        )


def head_size(data: bytes) -> int:
    """How many bytes of `data` are a head with the empty line that ends it; 0 while it is not whole.

    Raises BadHead for what can become no head of ours.
    """
    end = data.find(b"\n\r\n")
    bare = data.find(b"\n\n", 0, end + 1 if end >= 0 else len(data))
    size = bare + 2 if bare >= 0 else end + 3 if end >= 0 else 0
    if size > MAX_HEAD or (not size and _is_too_long(data)):
        raise BadHead("its head is too large")
    if not size and b"\n" in data:
        _status_line(data[: data.index(b"\n")])
    return size


def _is_too_long(data: bytes) -> bool:
    return len(data) > MAX_HEAD or len(data) - data.rfind(b"\n") > MAX_LINE + 1


def parse_head(raw: bytes) -> AnswerHead:
    """A head as `head_size` cuts it off. Raises BadHead for what is no HTTP/1.x or beyond the limits."""
    lines = raw.decode("latin-1").split("\n")
    if len(lines) > MAX_FIELDS + 3:
        raise BadHead(f"its head has more than {MAX_FIELDS} headers")
    if len(raw) >= MAX_LINE and max(map(len, lines)) >= MAX_LINE:
        raise BadHead("its head is too large")
    version, status = _status_line(raw[: len(lines[0])])
    fields: list[tuple[str, str]] = []
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if colon and name and name[0] not in _BLANKS and name[-1] not in _BLANKS:
            fields.append((name, value.strip()))
        else:
            _add_odd_field(fields, line)
    return AnswerHead(status, _keeps_alive(version, fields), fields)


def _status_line(line: bytes) -> tuple[bytes, int]:
    """RFC 9112 section 4; a missing reason phrase is usual."""
    if line.startswith(b"\x15\x03"):
        raise BadHead("it answers with a TLS alert: the port wants https://")
    version, _, rest = line.partition(b" ")
    digits = rest.strip()[:4].strip()
    if not version.startswith(b"HTTP/1.") or len(digits) != 3 or not digits.isdigit():
        raise BadHead("it does not answer in HTTP/1.1")
    return version, int(digits)


def _add_odd_field(fields: list[tuple[str, str]], text: str) -> None:
    if text and text[0] in _BLANKS:
        # A folded line: RFC 9112 section 5.2 lets a client read it as a space.
        if fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {text.strip()}")
        return
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise BadHead("a line of its head is no header")
    fields.append((name.strip(), value.strip()))


def _keeps_alive(version: bytes, fields: list[tuple[str, str]]) -> bool:
    words = {
        word.strip()
        for name, value in fields
        if len(name) == 10 and name.lower() == "connection"
        for word in value.lower().split(",")
    }
    return "keep-alive" in words if version == b"HTTP/1.0" else "close" not in words

"""The head of a message on the wire: writing a request's, reading an answer's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

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
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class BadHead(Exception):
    """The bytes are no HTTP head that we accept; the text says why and quotes none of them."""


class LineReader(Protocol):
    def readline(self, limit: int, /) -> bytes: ...


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
    lines = [f"{method} {origin}{target.path} HTTP/1.1\r\nHost: {target.authority}"]
    given = set()
    for name, value in _fields(request):
        lower = name.lower()
        if lower not in _OURS:
            given.add(lower)
            check_field(name, value)
            lines.append(f"{name}: {value}")
    if "user-agent" not in given:
        lines.append(f"User-Agent: {USER_AGENT}")
    if "accept-encoding" not in given:
        lines.append("Accept-Encoding: identity")
    if request.body is not None or method in _WITH_BODY:
        lines.append(f"Content-Length: {len(request.body or b'')}")
    lines += [f"{name}: {value}" for name, value in extra]
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1")


def _fields(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """All headers in the order they are written; a secret one replaces a plain one of the same name."""
    secret = {name.lower() for name, _, _ in request.auth}
    for name, value in request.headers.items():
        if name.lower() not in secret:
            yield name, value
    for name, prefix, hidden in request.auth:
        yield name, prefix + hidden.reveal()


def check_field(name: str, value: str) -> None:
    """Raises ConfigError if the header cannot be written safely. Nothing here raises with the value."""
    if not name or not _TOKEN.issuperset(name.lower()):
        raise ConfigError(f"{name!r} is no name for an HTTP header.")
    if value.isascii() and value.isprintable():
        return
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


def read_head(reader: LineReader) -> AnswerHead | None:
    """The next head, None when the other side closed before its first byte.

    Raises BadHead for what is no HTTP/1.x or beyond the limits, EOFError when the bytes stop inside it.
    """
    line = _line(reader, MAX_HEAD)
    if not line:
        return None
    version, status = _status_line(line)
    fields: list[tuple[str, str]] = []
    room = MAX_HEAD - len(line)
    while True:
        line = _line(reader, room)
        room -= len(line)
        if line in (b"\r\n", b"\n"):
            break
        if not line:
            raise EOFError
        if len(fields) == MAX_FIELDS:
            raise BadHead(f"its head has more than {MAX_FIELDS} headers")
        _add_field(fields, line)
    return AnswerHead(status, _keeps_alive(version, fields), fields)


def _line(reader: LineReader, room: int) -> bytes:
    line = reader.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE or len(line) > room:
        raise BadHead("its head is too large")
    if line and not line.endswith(b"\n"):
        raise EOFError
    return line


def _status_line(line: bytes) -> tuple[bytes, int]:
    """RFC 9112 section 4; a missing reason phrase is usual."""
    if line.startswith(b"\x15\x03"):
        raise BadHead("it answers with a TLS alert: the port wants https://")
    version, _, rest = line.partition(b" ")
    digits = rest.strip()[:4].strip()
    if not version.startswith(b"HTTP/1.") or len(digits) != 3 or not digits.isdigit():
        raise BadHead("it does not answer in HTTP/1.1")
    return version, int(digits)


def _add_field(fields: list[tuple[str, str]], line: bytes) -> None:
    text = line.decode("latin-1")
    if text[0] in " \t":
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
        if name.lower() == "connection"
        for word in value.lower().split(",")
    }
    return "keep-alive" in words if version == b"HTTP/1.0" else "close" not in words

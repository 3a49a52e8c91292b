"""HTTP/1.1 requests as bytes: a head parsed strictly, a chunked body undone (RFC 9112).

What two parsers could read in two ways is refused, not guessed: that is how requests are smuggled
(RFC 9112 section 11.2).
"""

from __future__ import annotations

from freellm_cli.core.faces.errors import HttpRefusal

MAX_CHUNK_LINE = 1024
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])
_HEX = b"0123456789abcdefABCDEF"
# Headers that mean something else when they come twice.
_ONCE = frozenset(
    {"host", "content-length", "transfer-encoding", "authorization", "origin", "expect"}
)
_LONGEST_METHOD = 32


class RequestHead:
    """A request's first line and headers. `headers`: names in lower case; repeated ones are joined by commas.

    `length`: of the body, 0 when there is none, -1 when it is chunked.
    """

    __slots__ = (
        "headers",
        "is_http_10",
        "keeps_alive",
        "length",
        "method",
        "path",
        "query",
        "waits",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        *,
        is_http_10: bool,
        keeps_alive: bool,
        length: int,
        waits: bool,
    ) -> None:
        self.method = method
        self.path = path
        """Still percent-encoded."""
        self.query = query
        self.headers = headers
        self.is_http_10 = is_http_10
        self.keeps_alive = keeps_alive
        self.length = length
        self.waits = waits
        """The client sends its body only after a 100 Continue."""


def malformed(message: str, *, status: int = 400, code: str = "bad_http") -> HttpRefusal:
    return HttpRefusal(message, status=status, code=code)


class NotAllowed(HttpRefusal):
    """A method that this path does not know. `allow`: those that it knows, as in the header Allow."""

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message, status=405, code="method_not_allowed")
        self.allow = allow


def parse_head(head: bytes) -> RequestHead:
    """`head` without the empty line that ends it. Raises HttpRefusal (400, 417, 501, 505)."""
    lines = head.split(b"\r\n")
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise malformed("the lines of a request's head must end with CRLF")
    if len(head.translate(None, _CONTROLS)) != len(head):
        raise malformed("the request's head holds a control character")
    method, target, is_http_10 = _request_line(lines[0])
    headers = _headers(lines)
    path, query = _target(target, headers)
    if not is_http_10 and "host" not in headers:
        raise malformed("the request names no Host")
    connection = headers.get("connection", "").lower()
    keeps_alive = "keep-alive" in connection if is_http_10 else "close" not in connection
    return RequestHead(
        method,
        path,
        query,
        headers,
        is_http_10=is_http_10,
        keeps_alive=keeps_alive,
        length=_body_length(headers, is_http_10),
        waits=_waits(headers, is_http_10),
    )


def _request_line(line: bytes) -> tuple[str, str, bool]:
    parts = line.split(b" ")
    if len(parts) != 3:
        raise malformed("the first line of a request is: method, path, HTTP/1.1")
    method, target, version = parts
    if not method or method.translate(None, _TOKEN) or len(method) > _LONGEST_METHOD:
        raise malformed("the request's method is no word")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        if version[:5] == b"HTTP/" and version[5:6].isdigit():
            raise malformed("only HTTP/1.1 and HTTP/1.0 are spoken here", status=505)
        raise malformed("the first line of a request ends with HTTP/1.1")
    if not target:
        raise malformed("the request names no path")
    return method.decode("ascii"), target.decode("latin-1"), version == b"HTTP/1.0"


def _headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name.translate(None, _TOKEN):
            if line[:1] in (b" ", b"\t"):
                raise malformed("a header is folded over two lines, which RFC 9112 forbids")
            raise malformed("a line of the request's head is no header")
        key = name.decode("ascii").lower()
        text = value.strip(b" \t").decode("latin-1")
        if key in headers:
            if key in _ONCE:
                raise malformed(f"the header {key} comes twice")
            text = f"{headers[key]}, {text}"
        headers[key] = text
    return headers


def _target(target: str, headers: dict[str, str]) -> tuple[str, str]:
    """(path, query). The absolute form names the host once more, and more strongly."""
    if target[0] != "/":
        scheme, mark, rest = target.partition("://")
        if mark and scheme.lower() in ("http", "https"):
            authority, _, tail = rest.partition("/")
            headers["host"] = authority.partition("?")[0]
            target = "/" + tail
        elif target != "*":
            raise malformed("the path of a request begins with a slash")
    path, _, query = target.partition("?")
    return path.partition("#")[0], query


def _body_length(headers: dict[str, str], is_http_10: bool) -> int:
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is not None:
        if length is not None:
            raise malformed("Content-Length and Transfer-Encoding exclude each other")
        if is_http_10:
            raise malformed("HTTP/1.0 knows no Transfer-Encoding")
        if coding.lower() != "chunked":
            raise malformed("the only transfer coding taken here is chunked", status=501)
        return -1
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()) or len(length) > 18:
        raise malformed("Content-Length is no number")
    return int(length)


def _waits(headers: dict[str, str], is_http_10: bool) -> bool:
    expected = headers.get("expect")
    if expected is None or is_http_10:
        return False
    if expected.lower() != "100-continue":
        raise malformed("the only expectation met here is 100-continue", status=417)
    return True


class ChunkedBody:
    """Undoes the chunked coding, piece by piece. `limit`: most bytes of the body.

    `rest`: what was fed beyond the end, once `ended`.
    """

    def __init__(self, limit: int, trailer_limit: int = 16_384) -> None:
        self.ended = False
        self.rest = b""
        self.size = 0
        self._limit = limit
        self._trailer_limit = trailer_limit
        self._parts: list[bytes] = []
        self._held = b""
        self._left = 0
        self._in_data = False
        self._in_trailer = False

    def feed(self, data: bytes) -> None:
        """Raises HttpRefusal for a bad chunk or too large a body."""
        held = self._held + data if self._held else data
        while held and not self.ended:
            if self._in_data:
                held, enough = self._take_data(held)
            elif self._in_trailer:
                held, enough = self._take_trailer(held)
            else:
                held, enough = self._take_size(held)
            if not enough:
                break
        if self.ended:
            self.rest, held = held, b""
        self._held = held

    def body(self) -> bytes:
        return b"".join(self._parts)

    def _take_size(self, held: bytes) -> tuple[bytes, bool]:
        at = held.find(b"\r\n")
        if at < 0:
            if len(held) > MAX_CHUNK_LINE or b"\n" in held:
                raise malformed("a chunk's size line is malformed")
            return held, False
        line = held[:at]
        size = line.partition(b";")[0].rstrip(b" \t") if b";" in line else line
        if not size or size.translate(None, _HEX) or len(size) > 15 or len(line) > MAX_CHUNK_LINE:
            raise malformed("a chunk's size is no hexadecimal number")
        if b"\n" in line or b"\r" in line:
            raise malformed("a chunk's size line is malformed")
        self._left = int(size, 16)
        self.size += self._left
        if self.size > self._limit:
            raise too_large(self._limit)
        self._in_trailer = self._left == 0
        self._in_data = not self._in_trailer
        return held[at + 2 :], True

    def _take_data(self, held: bytes) -> tuple[bytes, bool]:
        if self._left:
            piece = held[: self._left]
            self._parts.append(piece)
            self._left -= len(piece)
            held = held[len(piece) :]
        if self._left or len(held) < 2:
            if held and held[:1] != b"\r":
                raise malformed("a chunk does not end where its size says")
            return held, False
        if held[:2] != b"\r\n":
            raise malformed("a chunk does not end where its size says")
        self._in_data = False
        return held[2:], True

    def _take_trailer(self, held: bytes) -> tuple[bytes, bool]:
        at = held.find(b"\r\n")
        if at < 0:
            if len(held) > self._trailer_limit:
                raise malformed("the trailer of the body is too long", status=431)
            return held, False
        if at == 0:
            self.ended = True
            return held[2:], True
        name, colon, _ = held[:at].partition(b":")
        if not colon or not name or name.translate(None, _TOKEN):
            raise malformed("the trailer of the body holds no header")
        self._trailer_limit -= at + 2
        if self._trailer_limit < 0:
            raise malformed("the trailer of the body is too long", status=431)
        return held[at + 2 :], True


def too_large(limit: int) -> HttpRefusal:
    return HttpRefusal(
        f"the request's body is larger than {limit} bytes",
        status=413,
        code="request_too_large",
        hint="serve.max_body allows more",
    )

"""The bytes of an answer's head."""

from __future__ import annotations

import time
from collections.abc import Iterable

REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    529: "Overloaded",
}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_LAST_DATE = (0, "")


def head(status: int, fields: Iterable[tuple[str, str]]) -> bytes:
    """Status line and headers with the empty line that ends them."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}\r\ndate: {http_date(time.time())}"]
    lines += [f"{name}: {value}" for name, value in fields]
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1", "replace")


def http_date(now: float) -> str:
    """RFC 9110 section 5.6.7, made once a second."""
    global _LAST_DATE
    second, text = _LAST_DATE
    if second != int(now):
        at = time.gmtime(now)
        text = (
            f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year}"
            f" {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"
        )
        _LAST_DATE = (int(now), text)
    return text


def one_line(value: str) -> str:
    """`value` as it may stand in a header."""
    return value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)

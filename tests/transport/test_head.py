from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli import __version__
from freellm_cli.core.errors import ConfigError
from freellm_cli.core.http import HttpRequest
from freellm_cli.core.secret import Secret
from freellm_cli.transport.head import (
    MAX_FIELDS,
    MAX_HEAD,
    MAX_LINE,
    BadHead,
    head_size,
    parse_head,
    request_head,
)
from freellm_cli.transport.target import parse_target

URL = "https://api.example:8443/v1/chat"
KEY = "sk-canary-7f3a9c51d2e84b60"


def written(
    headers: dict[str, str] | None = None,
    *,
    key: str = KEY,
    method: str = "POST",
    body: bytes | None = b"{}",
) -> list[str]:
    auth = (("Authorization", "Bearer ", Secret(key)),)
    request = HttpRequest(method, URL, headers or {}, auth, body)
    return request_head(request, parse_target(URL)).decode("latin-1").split("\r\n")


def test_a_request_says_who_asks_where_and_how_much() -> None:
    assert written({"Content-Type": "application/json"}) == [
        "POST /v1/chat HTTP/1.1",
        "Host: api.example:8443",
        "Content-Type: application/json",
        f"Authorization: Bearer {KEY}",
        f"User-Agent: freellm/{__version__}",
        "Accept-Encoding: identity",
        "Content-Length: 2",
        "",
        "",
    ]


def test_a_get_has_no_length_and_a_post_without_a_body_has_length_zero() -> None:
    assert not [line for line in written(method="GET", body=None) if "Length" in line]
    assert "Content-Length: 0" in written(method="POST", body=None)


def test_the_caller_may_name_itself() -> None:
    lines = written({"user-agent": "probe/1", "ACCEPT-ENCODING": "gzip"})
    assert [line for line in lines if "gent" in line] == ["user-agent: probe/1"]
    assert [line for line in lines if "NCODING" in line.upper()] == ["ACCEPT-ENCODING: gzip"]


def test_framing_headers_of_the_caller_are_not_believed() -> None:
    lines = written({"Content-Length": "9", "Transfer-Encoding": "chunked", "Host": "evil"})
    assert [line for line in lines if "Length" in line] == ["Content-Length: 2"]
    assert not [line for line in lines if "evil" in line or "chunked" in line]


def test_a_secret_header_replaces_a_plain_one_of_its_name() -> None:
    lines = written({"authorization": "Bearer plain"})
    assert [line for line in lines if "uthorization" in line] == [f"Authorization: Bearer {KEY}"]


def test_an_http_proxy_is_asked_with_the_whole_address() -> None:
    request = HttpRequest("GET", "http://a.example/x", {})
    head = request_head(
        request,
        parse_target(request.url),
        (("Proxy-Authorization", "Basic eA=="),),
        "http://a.example",
    )
    assert head.startswith(b"GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n")
    assert b"\r\nProxy-Authorization: Basic eA==\r\n" in head


@pytest.mark.parametrize("bad", ["\r\nEvil: 1", "\n", "\r", "\x00", "\x7f", "…", "\x1b[0m"])
def test_a_bad_value_is_refused_by_the_name_of_its_header_alone(bad: str) -> None:
    for headers, key in (({}, KEY + bad), ({"X-Title": KEY + bad}, "k")):
        with pytest.raises(ConfigError) as caught:
            written(headers, key=key)
        error = caught.value
        assert "X-Title" in str(error) or "Authorization" in str(error)
        assert "canary" not in f"{error!r} {error.hint} {error.__context__!r} {error.__cause__!r}"


def test_latin_1_and_tabs_may_stand_in_a_value() -> None:
    assert "X-Title: café\tbar" in written({"X-Title": "café\tbar"})


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\r\nEvil", "Ü"])
def test_a_bad_header_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no name"):
        written({name: "1"})


@pytest.mark.parametrize("method", ["", "GE T", "GET /x", "PÖST", "GET\r\n"])
def test_a_bad_method_is_refused(method: str) -> None:
    with pytest.raises(ConfigError, match="method"):
        written(method=method)


@given(st.text(max_size=30))
def test_whatever_the_value_a_head_has_one_line_a_header(value: str) -> None:
    try:
        lines = written({"X-Any": value})
    except ConfigError:
        return
    assert len(lines) == 9


def read(raw: bytes) -> tuple[int, bool, list[tuple[str, str]]]:
    return parse_head(raw[: head_size(raw)])


def test_a_head_is_read_with_its_headers_in_order() -> None:
    raw = b"HTTP/1.1 429 Too Many\r\nRetry-After:  7 \r\nX-A: 1\r\nx-a: caf\xe9\r\n\r\nbody"
    assert read(raw) == (429, True, [("Retry-After", "7"), ("X-A", "1"), ("x-a", "café")])


def test_bare_line_feeds_folds_and_a_missing_reason_are_understood() -> None:
    assert read(b"HTTP/1.1 200\nA: 1\n  2\n\n") == (200, True, [("A", "1 2")])


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: x, close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", True),
    ],
)
def test_whether_the_connection_stays_is_known(head: bytes, kept: bool) -> None:
    assert read(head + b"\r\n")[1] is kept


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: nameless\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_LINE + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * (MAX_FIELDS + 1) + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"a" * 30_000 + b"\r\n") * 5 + b"\r\n",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_no_head_or_too_much_of_one_is_refused(raw: bytes) -> None:
    with pytest.raises(BadHead):
        read(raw)


def test_the_largest_allowed_head_is_read() -> None:
    line = b"X: " + b"a" * 600 + b"\r\n"
    raw = b"HTTP/1.1 200 OK\r\n" + line * MAX_FIELDS + b"\r\n"
    assert len(raw) < MAX_HEAD
    assert len(read(raw)[2]) == MAX_FIELDS


def test_a_tls_alert_is_recognised() -> None:
    with pytest.raises(BadHead, match="https"):
        head_size(b"\x15\x03\x03\x00\x02\x02\x16\n")


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\r\n\n", b"\n\r\n"])
def test_a_head_ends_with_its_first_empty_line(end: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nA: 1" + end
    for body in (b"", b"body\n\nof\r\n\r\nlines", b"\n", b"\r\n\r\n"):
        assert head_size(head + body) == len(head)


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n"])
def test_a_head_that_comes_in_pieces_is_awaited(end: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nA: 1" + end
    assert [head_size(head[:cut]) for cut in range(len(head))] == [0] * len(head)


@pytest.mark.parametrize(
    "raw",
    [
        b"220 mail.example ready\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_LINE,
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"a" * 30_000 + b"\r\n") * 5,
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_can_become_no_head_is_not_awaited(raw: bytes) -> None:
    with pytest.raises(BadHead):
        head_size(raw)

"""HTTP/1.1 to the byte: what is taken, what is refused, how connections end."""

from __future__ import annotations

import json
import socket

import pytest

from freellm_cli.core.errors import StoreError
from freellm_cli.server.app import App
from freellm_cli.server.exchange import Exchange
from freellm_cli.server.router import Place
from tests.support.raw_client import Raw, RawClient
from tests.support.serving import HELLO, Served

BODY = json.dumps(HELLO).encode()
PATH = b"/v1/chat/completions"


def exchange(house: Served, data: bytes, *, seconds: float = 3.0) -> Raw:
    """Sends `data`, reads until the server closes or nothing comes for a while."""
    with RawClient(house.port) as client:
        client.send(data)
        return read_all(client.sock, seconds)


def read_all(sock: socket.socket, seconds: float = 3.0) -> Raw:
    sock.settimeout(seconds)
    parts = []
    while True:
        try:
            data = sock.recv(65536)
        except TimeoutError:
            return Raw(b"".join(parts), "open")
        except ConnectionResetError:
            return Raw(b"".join(parts), "reset")
        if not data:
            return Raw(b"".join(parts), "closed")
        parts.append(data)


def post(*headers: bytes, body: bytes = BODY, version: bytes = b"1.1", path: bytes = PATH) -> bytes:
    lines = [b"POST " + path + b" HTTP/" + version, b"Host: localhost", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


LENGTH = b"Content-Length: %d" % len(BODY)


def test_a_client_with_the_least_of_headers_is_answered(house: Served) -> None:
    raw = exchange(house, post(LENGTH, b"Connection: close"))
    assert raw.status == 200
    assert raw.ended == "closed"
    assert raw.header("connection") == "close"
    assert json.loads(raw.body)["object"] == "chat.completion"


def test_http_10_gets_a_whole_answer_and_a_closed_connection(house: Served) -> None:
    data = b"POST /v1/chat/completions HTTP/1.0\r\n" + LENGTH + b"\r\n\r\n" + BODY
    raw = exchange(house, data)
    assert raw.status == 200
    assert raw.ended == "closed"
    streamed = json.dumps({**HELLO, "stream": True}).encode()
    length = b"Content-Length: %d" % len(streamed)
    raw = exchange(
        house, b"POST /v1/chat/completions HTTP/1.0\r\n" + length + b"\r\n\r\n" + streamed
    )
    assert raw.header("transfer-encoding") is None
    assert raw.ended == "closed"
    assert raw.body.endswith(b"data: [DONE]\n\n")


def test_a_connection_carries_many_requests(house: Served) -> None:
    with RawClient(house.port) as client:
        for _ in range(3):
            client.send(post(LENGTH))
            raw = read_one(client.sock)
            assert raw.status == 200
            assert raw.header("connection") is None


def read_one(sock: socket.socket) -> Raw:
    """One answer with a Content-Length, on a connection that stays."""
    sock.settimeout(5)
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(sock)
    raw = Raw(data, "open")
    length = int(raw.header("content-length") or 0)
    while len(raw.body) < length:
        raw = Raw(raw.data + _more(sock), "open")
    return raw


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    assert data, "the connection has ended before the answer"
    return data


def test_requests_that_were_sent_ahead_are_answered_in_order(house: Served) -> None:
    get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    raw = exchange(house, get + post(LENGTH) + get + last)
    statuses = [part.split(b" ", 1)[0] for part in raw.data.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"200", b"404"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_a_models_name_cannot_write_headers(house: Served, path: str) -> None:
    body = {**HELLO, "model": "acme/x\r\nset-cookie: a=b", "input": "hi"}
    reply = house.ask(path, body)
    assert reply.status == 200
    assert reply.headers["x-freellm-model"] == "acme/x  set-cookie: a=b"
    assert "set-cookie" not in reply.headers


def test_a_fault_behind_a_whole_answer_is_no_second_answer(house: Served) -> None:
    def answer_and_fail(app: App, exchange: Exchange, place: Place) -> None:
        exchange.answer_json({"status": "ok"})
        raise StoreError("the disk is full")

    house.app.handlers["healthz"] = answer_and_fail
    get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    raw = exchange(house, get)
    assert (raw.status, raw.ended) == (200, "closed")
    assert raw.data.count(b"HTTP/1.1 ") == 1


def test_a_number_without_end_is_no_limit(house: Served) -> None:
    path = "/v1/models?limit=" + "9" * 5000
    assert house.ask(path, headers={"anthropic-version": "2023-06-01"}).status == 200


def test_a_request_may_come_byte_by_byte(house: Served) -> None:
    with RawClient(house.port) as client:
        for byte in post(LENGTH, b"Connection: close"):
            client.send(bytes([byte]))
        assert read_all(client.sock).status == 200


def test_a_chunked_body_is_put_together(house: Served) -> None:
    cut = len(BODY) // 2
    chunks = b"%x;ext=1\r\n%s\r\n%X\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (
        cut, BODY[:cut], len(BODY) - cut, BODY[cut:],
    )  # fmt: skip
    raw = exchange(house, post(b"Transfer-Encoding: chunked", b"Connection: close", body=chunks))
    assert raw.status == 200
    with RawClient(house.port) as client:
        for byte in post(b"Transfer-Encoding: chunked", b"Connection: close", body=chunks):
            client.send(bytes([byte]))
        assert read_all(client.sock).status == 200


def test_who_waits_for_a_continue_gets_it_before_sending_the_body(house: Served) -> None:
    with RawClient(house.port) as client:
        client.send(post(LENGTH, b"Expect: 100-continue", b"Connection: close", body=b""))
        client.sock.settimeout(3)
        assert client.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(BODY)
        assert read_all(client.sock).status == 200


def test_who_waits_for_a_continue_learns_of_a_refusal_instead(house: Served) -> None:
    raw = exchange(house, post(b"Content-Length: 99999999999", b"Expect: 100-continue", body=b""))
    assert raw.status == 413
    assert raw.ended == "closed"


SMUGGLED = {
    "two lengths": post(LENGTH, LENGTH),
    "different lengths": post(LENGTH, b"Content-Length: 5"),
    "a list of lengths": post(b"Content-Length: 5, 5"),
    "length and coding": post(LENGTH, b"Transfer-Encoding: chunked"),
    "a coding in HTTP/1.0": post(b"Transfer-Encoding: chunked", version=b"1.0"),
    "two codings": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
    "a signed length": post(b"Content-Length: +5"),
    "a negative length": post(b"Content-Length: -5"),
    "a hexadecimal length": post(b"Content-Length: 0x5"),
    "a length with a space in it": post(b"Content-Length: 1 0"),
    "a folded header": post(LENGTH, b"X-A: 1", b" folded"),
    "a space before the colon": post(b"Content-Length : %d" % len(BODY)),
    "a header without a name": post(LENGTH, b": value"),
    "a header without a colon": post(LENGTH, b"nonsense"),
    "a bad character in a name": post(LENGTH, b"X(A): 1"),
    "a null byte": post(LENGTH, b"X-A: \x00"),
    "a bare carriage return": post(LENGTH, b"X-A: 1\rX-B: 2"),
    "a bare line feed": post(LENGTH, b"X-A: 1\nX-B: 2"),
    "only line feeds": b"POST /v1/chat/completions HTTP/1.1\nHost: localhost\n\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no version": b"GET /\r\nHost: localhost\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path without a slash": b"GET v1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a chunk that is no number": post(b"Transfer-Encoding: chunked", body=b"zz\r\nab\r\n0\r\n\r\n"),
    "a chunk with a sign": post(b"Transfer-Encoding: chunked", body=b"+2\r\nab\r\n0\r\n\r\n"),
    "a chunk with a prefix": post(b"Transfer-Encoding: chunked", body=b"0x2\r\nab\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": post(
        b"Transfer-Encoding: chunked", body=b"2\r\nabcd\r\n0\r\n\r\n"
    ),
    "a chunk's line with a line feed": post(b"Transfer-Encoding: chunked", body=b"2\nab\n0\n\n"),
    "an endless chunk line": post(b"Transfer-Encoding: chunked", body=b"2;" + b"x" * 5000),
    "a broken trailer": post(
        b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\nbad trailer\r\n\r\n"
    ),
}


@pytest.mark.parametrize("shape", SMUGGLED)
def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_closed(
    house: Served, shape: str
) -> None:
    raw = exchange(house, SMUGGLED[shape] + b"GET /v1/limits HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert raw.status == 400
    assert raw.ended == "closed"
    assert raw.data.count(b"x-request-id: ") == 1
    assert set(json.loads(raw.body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post(b"Transfer-Encoding: gzip, chunked"), 501),
        (post(LENGTH, b"Expect: the unexpected"), 417),
        (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (post(LENGTH, b"Content-Encoding: gzip"), 415),
        (post(b"Content-Length: 999999999999"), 413),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
    ],
)
def test_what_is_beyond_this_server_is_named_by_its_status(
    house: Served, data: bytes, status: int
) -> None:
    raw = exchange(house, data)
    assert raw.status == status
    assert raw.ended == "closed"


def test_a_chunked_body_beyond_the_limit_is_refused(house: Served) -> None:
    raw = exchange(house, post(b"Transfer-Encoding: chunked", body=b"fffffffff\r\n"))
    assert raw.status == 413


def test_head_is_get_without_a_body(house: Served) -> None:
    for path in (b"/", b"/health", b"/v1", b"/v1/models"):
        raw = exchange(
            house,
            b"HEAD "
            + path
            + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".replace(b"x", b"localhost"),
        )
        assert raw.status == 200
        assert int(raw.header("content-length") or 0) > 0
        assert raw.body == b""


def test_a_wrong_method_is_told_the_right_ones(house: Served) -> None:
    reply = house.ask("/v1/chat/completions", method="GET")
    assert reply.status == 405
    assert reply.headers["allow"] == "POST, OPTIONS"
    assert "POST" in reply.json["error"]["message"]
    reply = house.ask("/v1/models", body={}, method="DELETE")
    assert reply.status == 405
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS"


def test_options_are_answered_anywhere(house: Served) -> None:
    for path in ("/v1/chat/completions", "/nowhere", "/"):
        reply = house.ask(path, method="OPTIONS")
        assert reply.status == 204
        assert reply.body == b""
        assert "OPTIONS" in reply.headers["allow"]


def test_an_absolute_path_is_taken_and_its_host_counts(house: Served) -> None:
    get = b"GET http://%s/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert exchange(house, get % b"localhost:80").status == 200
    assert exchange(house, get % b"evil.example").status == 403

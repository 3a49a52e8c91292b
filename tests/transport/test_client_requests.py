from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from freellm_cli.core.errors import ConfigError, TransportFault
from freellm_cli.core.secret import Secret
from freellm_cli.transport.pool import Connection
from tests.support.http_client import KEY, Client
from tests.support.raw_server import PATIENCE, Peer, RawServer


def test_a_request_goes_out_and_its_answer_comes_back(client: Client) -> None:
    with RawServer(lambda peer: peer.answer(b'{"a":1}', "200 OK", "X-Left: 9")) as server:
        answer = client.ask(f"{server.url}/prefix/v1/chat", b'{"q":1}')
        assert (answer.status, answer.headers["x-left"], answer.read()) == (200, "9", b'{"a":1}')
        client.close()
    sent = server.requests[0]
    assert sent.startswith(b"POST /prefix/v1/chat HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n".encode() in sent
    assert f"\r\nAuthorization: Bearer {KEY}\r\n".encode() in sent
    assert sent.endswith(b'\r\n\r\n{"q":1}')


class Recording(socket.socket):
    """A kept connection that remembers what was written at once."""

    writes: list[bytes]

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        self.writes.append(bytes(data))
        super().sendall(data, flags)


def test_head_and_body_leave_in_one_write(client: Client) -> None:
    body = b"x" * 30_000
    with RawServer(Peer.answer) as server:
        sock = Recording()
        sock.writes = []
        sock.connect(("127.0.0.1", server.port))
        place = ("http", "127.0.0.1", str(server.port), "")
        client.transport._pool.give(Connection(sock, place))
        assert client.read(server.url, body=body) == b"ok"
        client.close()
    assert len(sock.writes) == 1
    assert sock.writes[0].endswith(b"\r\n\r\n" + body)


def test_a_large_body_arrives_whole(client: Client) -> None:
    body = bytes(range(256)) * 20_000
    with RawServer(Peer.answer) as server:
        assert client.read(server.url, body=body) == b"ok"
        client.close()
    assert server.requests[0].endswith(body)


def test_nagle_is_off() -> None:
    from freellm_cli.transport.connect import connect

    with RawServer(Peer.until_closed) as server:
        for resolve in (socket.getaddrinfo, twice):
            with connect("127.0.0.1", server.port, resolve=resolve, left=lambda: 20.0) as sock:
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def twice(*arguments: object) -> list[tuple[object, ...]]:
    return list(socket.getaddrinfo(*arguments)) * 2  # type: ignore[arg-type]


def test_sent_is_told_once_when_the_connection_stands_and_before_the_first_byte(
    client: Client,
) -> None:
    accepted, told = threading.Event(), threading.Event()
    early = []

    def script(peer: Peer) -> None:
        peer.sock.setblocking(False)
        accepted.set()
        assert told.wait(PATIENCE)
        try:
            early.append(peer.sock.recv(1))
        except BlockingIOError:
            peer.sock.settimeout(PATIENCE)
            go_on.set()
            peer.answer()

    go_on = threading.Event()
    calls = []

    def on_sent() -> None:
        calls.append(1)
        assert accepted.wait(PATIENCE)
        told.set()
        assert go_on.wait(PATIENCE)

    with RawServer(script) as server:
        assert client.read(server.url, on_sent=on_sent) == b"ok"
        client.close()
    assert calls == [1]
    assert early == []


def test_nothing_is_told_when_nothing_can_be_sent(client: Client) -> None:
    def never() -> None:
        raise AssertionError

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportFault) as caught:
        client.ask(f"http://127.0.0.1:{port}/", on_sent=never)
    assert caught.value.sent is False
    with pytest.raises(ConfigError):
        client.ask("http://127.0.0.1:9/", headers={"X": "a\nb"}, on_sent=never)


def test_an_error_of_the_callers_callback_leaves_no_connection(
    client: Client, count_descriptors: Callable[[], int]
) -> None:
    def refuse() -> None:
        raise KeyError("ledger")

    with RawServer(Peer.until_closed) as server:
        before = count_descriptors()
        with pytest.raises(KeyError):
            client.ask(server.url, on_sent=refuse)
        assert len(client.transport._pool) == 0
    assert count_descriptors() <= before


def test_an_ipv6_address_is_called_by_its_brackets(client: Client) -> None:
    try:
        server = RawServer(Peer.answer, host="::1").__enter__()
    except OSError:
        pytest.skip("no IPv6 here")
    assert client.read(f"{server.url}/v1") == b"ok"
    client.close()
    server.__exit__(None, None, None)
    assert f"\r\nHost: [::1]:{server.port}\r\n".encode() in server.requests[0]


def test_a_key_in_a_refused_header_is_in_no_text(client: Client) -> None:
    with pytest.raises(ConfigError) as caught:
        client.ask("http://127.0.0.1:9/", auth=(("x-goog-api-key", "", Secret(KEY + "\n")),))
    shown = f"{caught.value} {caught.value!r} {caught.value.hint}"
    assert "x-goog-api-key" in shown
    assert "canary" not in shown

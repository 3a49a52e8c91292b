from __future__ import annotations

import gzip
import threading
import zlib

import pytest

from freellm_cli.core.errors import TransportFault
from freellm_cli.transport.inflate import STEP
from tests.support.http_client import Client
from tests.support.raw_server import PATIENCE, Peer, RawServer, Script, answer, chunked


def saying(*parts: bytes) -> Script:
    """A server that takes one request, says the parts, and closes."""

    def script(peer: Peer) -> None:
        peer.request()
        for part in parts:
            peer.send(part)

    return script


def fault_of(client: Client, *parts: bytes) -> TransportFault:
    with RawServer(saying(*parts)) as server:
        with pytest.raises(TransportFault) as caught:
            client.read(server.url)
        client.close()
    assert caught.value.sent is True
    return caught.value


def body_of(client: Client, *parts: bytes) -> bytes:
    with RawServer(saying(*parts)) as server:
        body = client.read(server.url)
        client.close()
    return body


def test_each_chunk_is_passed_on_before_the_next_one_comes(client: Client) -> None:
    seen = [threading.Event() for _ in range(3)]

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(end=False))
        for event in seen:
            peer.send(b"4\r\nword\r\n")
            assert event.wait(PATIENCE)
        peer.send(b"0\r\n\r\n")
        peer.until_closed()

    with RawServer(script) as server:
        answer = client.ask(server.url)
        for event, part in zip(seen, answer.chunks(), strict=False):
            assert part == b"word"
            event.set()
        assert answer.read() == b""
        client.close()


def test_the_head_is_known_before_the_body_comes(client: Client) -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        assert go_on.wait(PATIENCE)
        peer.send(b"ok")

    with RawServer(script) as server:
        answer = client.ask(server.url)
        assert answer.status == 200
        go_on.set()
        assert answer.read() == b"ok"
        client.close()


def test_a_body_that_comes_byte_by_byte_is_whole(client: Client) -> None:
    raw = chunked(b"a", b"bc", b"\xff" * 20)
    assert body_of(client, *(raw[i : i + 1] for i in range(len(raw)))) == b"abc" + b"\xff" * 20


def test_a_large_chunked_body_is_whole(client: Client) -> None:
    parts = [bytes([n]) * (n * 1000) for n in range(1, 100)]
    assert body_of(client, chunked(*parts)) == b"".join(parts)


def test_a_body_may_end_with_the_connection(client: Client) -> None:
    assert body_of(client, b"HTTP/1.1 200 OK\r\n\r\n", b"until", b" the end") == b"until the end"
    assert body_of(client, b"HTTP/1.0 200 OK\r\n\r\nold") == b"old"


def test_chunk_extensions_and_trailers_are_skipped(client: Client) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 99\r\n\r\n"
    assert body_of(client, head + b"2;x=y\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n") == b"ok"


def test_interim_answers_are_skipped(client: Client) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    assert body_of(client, b"HTTP/1.1 100 Continue\r\n\r\n", hints, answer(b"final")) == b"final"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_some_answers_have_no_body_whatever_they_say(client: Client, status: str) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n".encode()

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(head)

    with RawServer(script) as server:
        assert client.read(server.url) == b""
        assert client.read(server.url) == b""
        client.close()
    assert server.connections == 1


def test_an_answer_to_head_has_no_body(client: Client) -> None:
    with RawServer(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as server:
        assert client.read(server.url, method="HEAD", body=None) == b""
        client.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        chunked(b"a", b"b", end=False),
        chunked(end=False),
        chunked(b"a", end=False) + b"5\r\nab",
        chunked(b"a", end=False) + b"5",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n",
    ],
    ids=lambda raw: repr(raw[-16:]),
)
def test_an_answer_that_stops_early_is_cut(client: Client, raw: bytes) -> None:
    assert fault_of(client, raw).fault == "cut"


def test_what_came_before_the_cut_was_passed_on(client: Client) -> None:
    with RawServer(saying(chunked(b"one", b"two", end=False))) as server:
        parts = []
        with pytest.raises(TransportFault):
            parts.extend(client.ask(server.url).chunks())
        client.close()
    # `extend` keeps what it took before the iterator raised.
    assert b"".join(parts) == b"onetwo"


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: br\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nok",
        chunked(end=False) + b"-5\r\nhello\r\n",
        chunked(end=False) + b"1" * 70_000,
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_what_is_no_clear_http_is_bad_http(client: Client, raw: bytes) -> None:
    fault = fault_of(client, raw)
    assert fault.fault == "bad_http"
    assert "127.0.0.1" in fault.message


def test_equal_lengths_given_twice_are_one(client: Client) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"
    assert body_of(client, head + b"ok") == b"ok"


def test_a_body_beyond_the_limit_is_not_read(client: Client) -> None:
    with RawServer(saying(answer(b"x" * 101))) as server:
        answer_ = client.ask(server.url)
        with pytest.raises(TransportFault, match="100 bytes") as caught:
            answer_.read(100)
        client.close()
    assert caught.value.fault == "bad_http"


def test_a_body_of_just_the_limit_is_read(client: Client) -> None:
    with RawServer(saying(answer(b"x" * 100))) as server:
        assert client.ask(server.url).read(100) == b"x" * 100
        client.close()


def deflated(text: bytes) -> bytes:
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return raw.compress(text) + raw.flush()


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("X-GZIP", gzip.compress(b"hello", mtime=0)),
        ("gzip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)),
        ("gzip", gzip.compress(b"hello", mtime=0) + b"\0\0\0"),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", deflated(b"hello")),
        ("identity", b"hello"),
        ("", b"hello"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 100])
def test_compression_that_nobody_asked_for_is_undone(
    client: Client, coding: str, coded: bytes, pieces: int
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(coded)}\r\n\r\n"
    size = -(-len(coded) // pieces)
    parts = [coded[start : start + size] for start in range(0, len(coded), size)]
    assert body_of(client, head.encode(), *parts) == b"hello"


def test_a_compressed_stream_is_passed_on_as_it_comes(client: Client) -> None:
    seen = threading.Event()
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS + 16)

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        peer.send(packer.compress(b"first") + packer.flush(zlib.Z_SYNC_FLUSH))
        assert seen.wait(PATIENCE)
        peer.send(packer.compress(b"second") + packer.flush())

    with RawServer(script) as server:
        parts = client.ask(server.url).chunks()
        assert next(parts) == b"first"
        seen.set()
        assert b"".join(parts) == b"second"
        client.close()


def test_a_compressed_body_cut_short_is_cut(client: Client) -> None:
    coded = gzip.compress(b"hello" * 100, mtime=0)[:-9]
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    assert fault_of(client, head + coded).fault == "cut"


def test_a_small_body_that_unpacks_to_a_huge_one_comes_in_pieces(client: Client) -> None:
    coded = gzip.compress(b"\0" * 40_000_000, mtime=0)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    with RawServer(saying(head + coded)) as server:
        answer_ = client.ask(server.url)
        assert len(next(answer_.chunks())) == STEP
        with pytest.raises(TransportFault, match="more than"):
            answer_.read(10_000_000)
        client.close()

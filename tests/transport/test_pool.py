from __future__ import annotations

import gc
import select
import socket
import threading
import time
from collections.abc import Callable

import pytest

from freellm_cli.core.errors import TransportFault
from freellm_cli.transport.pool import Connection, Pool
from tests.support.http_client import HASTY, PATIENT, Client
from tests.support.raw_server import PATIENCE, Peer, RawServer, Script, answer, chunked
from tests.support.stepping_clock import SteppingClock


def serving(*raw: bytes) -> Script:
    """Answers each request on the connection with the next of `raw`, the last for ever."""

    def script(peer: Peer) -> None:
        count = 0
        while peer.request():
            peer.send(raw[min(count, len(raw) - 1)])
            count += 1

    return script


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"ok"),
        answer(b""),
        chunked(b"o", b"k"),
        chunked(),
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_a_connection_is_used_again_when_its_answer_was_read(client: Client, raw: bytes) -> None:
    with RawServer(serving(raw)) as server:
        for _ in range(5):
            client.read(server.url)
        client.close()
    assert server.connections == 1
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"ok", "200 OK", "Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        answer(b"ok") + b"more than was asked for",
        chunked(b"ok") + b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_connection_that_ends_or_is_out_of_step_is_not_used_again(
    client: Client, raw: bytes
) -> None:
    with RawServer(serving(raw)) as server:
        for _ in range(3):
            assert client.read(server.url) == b"ok"
        client.close()
    assert server.connections == 3


def test_an_answer_left_in_the_middle_ends_its_connection(client: Client) -> None:
    gone = threading.Event()

    def endless(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(b"one", b"two", end=False))
        peer.until_closed()
        gone.set()

    with RawServer(endless, serving(answer())) as server:
        left = client.ask(server.url)
        assert next(left.chunks()) == b"onetwo"
        left.close()
        assert gone.wait(PATIENCE)
        assert client.read(server.url) == b"ok"
        client.close()
    assert server.connections == 2


def test_a_stream_left_while_it_stalls_ends_its_connection(client: Client) -> None:
    gone = threading.Event()

    def stalls(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(b"one", end=False))
        peer.until_closed()
        gone.set()

    with RawServer(stalls) as server:
        left = client.ask(server.url)
        assert next(left.chunks()) == b"one"
        left.close()
        assert gone.wait(PATIENCE)
    assert len(client.transport._pool) == 0


def test_a_stream_left_at_its_last_event_leaves_its_connection(client: Client) -> None:
    with RawServer(serving(chunked(b"data: x\n\n", b"data: [DONE]\n\n"))) as server:
        for _ in range(3):
            stream = client.ask(server.url)
            for part in stream.chunks():
                if b"[DONE]" in part:
                    break
            stream.close()
        client.close()
    assert server.connections == 1


def test_leaving_a_stream_whose_end_does_not_come_waits_a_moment_only(client: Client) -> None:
    """Not as long as it would wait for the next piece."""
    asks_on = threading.Event()
    patient = PATIENT._replace(total=10 * PATIENT.idle)

    def stalls(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(b"one", end=False))
        asks_on.wait(PATIENCE)
        peer.send(b"3\r\ntwo\r\n")
        peer.until_closed()

    with RawServer(stalls) as server:
        left = client.ask(server.url, timeouts=patient)
        pieces = left.chunks()
        assert next(pieces) == b"one"
        asks_on.set()
        assert next(pieces) == b"two"
        begun = time.monotonic()
        left.close()
        assert time.monotonic() - begun < patient.idle / 2


def test_reading_after_the_end_or_closing_twice_does_nothing(client: Client) -> None:
    with RawServer(serving(answer())) as server:
        done = client.ask(server.url)
        assert done.read() == b"ok"
        assert done.read() == b""
        done.close()
        done.close()
        assert list(done.chunks()) == []
        assert len(client.transport._pool) == 1
        client.close()


def test_reading_after_closing_in_the_middle_is_a_fault(client: Client) -> None:
    with RawServer(serving(chunked(b"one", b"two"))) as server:
        left = client.ask(server.url)
        left.close()
        with pytest.raises(TransportFault) as caught:
            left.read()
        client.close()
    assert caught.value.fault == "reset"


def test_a_kept_connection_that_the_server_closed_is_replaced_unseen(client: Client) -> None:
    closed = threading.Event()

    def once(peer: Peer) -> None:
        peer.answer()
        peer.sock.close()
        closed.set()

    sent = []
    with RawServer(once) as server:
        for _ in range(4):
            assert client.read(server.url, on_sent=lambda: sent.append(1)) == b"ok"
            assert closed.wait(PATIENCE)
            closed.clear()
        client.close()
    assert len(sent) == 4
    assert server.connections == 4


@pytest.mark.parametrize("end", [Peer.reset, lambda peer: peer.sock.close()])
def test_a_kept_connection_that_breaks_on_the_next_request_is_replaced_once(
    client: Client, end: Callable[[Peer], None]
) -> None:
    def breaks(peer: Peer) -> None:
        peer.answer()
        peer.request()
        end(peer)

    sent = []
    with RawServer(breaks, serving(answer(b"again"))) as server:
        assert client.read(server.url, on_sent=lambda: sent.append(1)) == b"ok"
        assert client.read(server.url, on_sent=lambda: sent.append(1)) == b"again"
        client.close()
    assert len(sent) == 2
    assert server.connections == 2


def test_the_replacement_is_not_replaced_again(client: Client) -> None:
    def breaks(peer: Peer) -> None:
        peer.answer()
        peer.request()

    def deaf(peer: Peer) -> None:
        peer.request()

    sent = []
    with RawServer(breaks, deaf) as server:
        client.read(server.url)
        with pytest.raises(TransportFault) as caught:
            client.read(server.url, on_sent=lambda: sent.append(1))
        client.close()
    assert (caught.value.fault, caught.value.sent) == ("empty", True)
    assert len(sent) == 1
    assert server.connections == 2


def test_a_replacement_that_cannot_be_had_was_sent_all_the_same(client: Client) -> None:
    def breaks(peer: Peer) -> None:
        peer.answer()
        peer.request()
        server._listener.shutdown(socket.SHUT_RDWR)
        server._listener.close()

    with RawServer(breaks) as server:
        client.read(server.url)
        with pytest.raises(TransportFault) as caught:
            client.read(server.url)
        client.close()
    assert (caught.value.fault, caught.value.sent) == ("connect", True)


@pytest.mark.parametrize("said", [b"H", b"HTTP/1.1 200 OK\r\n"])
def test_nothing_is_asked_again_once_the_server_has_spoken(client: Client, said: bytes) -> None:
    def breaks(peer: Peer) -> None:
        peer.answer()
        peer.request()
        peer.send(said)

    with RawServer(breaks) as server:
        client.read(server.url)
        with pytest.raises(TransportFault) as caught:
            client.read(server.url)
        client.close()
    assert caught.value.fault == "cut"
    assert server.connections == 1


class BreakingAfterOneByte(socket.socket):
    spoke = False

    def recv(self, *_: int) -> bytes:
        if self.spoke:
            raise ConnectionResetError
        self.spoke = True
        return b"H"


def test_a_reset_after_the_first_byte_is_not_asked_again(client: Client) -> None:
    with RawServer(Peer.until_closed) as server:
        sock = BreakingAfterOneByte()
        sock.connect(("127.0.0.1", server.port))
        place = ("http", "127.0.0.1", str(server.port), "")
        client.transport._pool.give(Connection(sock, place))
        with pytest.raises(TransportFault) as caught:
            client.read(server.url, timeouts=HASTY)
    assert caught.value.fault == "reset"
    assert server.requests == []


def test_a_timeout_on_a_kept_connection_is_not_asked_again(client: Client) -> None:
    def falls_silent(peer: Peer) -> None:
        peer.answer()
        peer.until_closed()

    with RawServer(falls_silent) as server:
        client.read(server.url)
        with pytest.raises(TransportFault) as caught:
            client.read(server.url, timeouts=HASTY)
        client.close()
    assert caught.value.fault == "first_token_timeout"
    assert server.connections == 1


def test_a_kept_connection_grows_old(make_client: Callable[..., Client]) -> None:
    clock = SteppingClock()
    client = make_client(clock=clock, max_idle_age=30.0)
    with RawServer(serving(answer())) as server:
        for pause in (0, 29, 31):
            clock.advance(pause)
            client.read(server.url)
        client.close()
    assert server.connections == 2


def test_connections_are_kept_by_host_and_port(client: Client) -> None:
    with RawServer(serving(answer(b"a"))) as one, RawServer(serving(answer(b"b"))) as other:
        for _ in range(2):
            assert client.read(one.url) == b"a"
            assert client.read(other.url) == b"b"
        client.close()
    assert (one.connections, other.connections) == (1, 1)


def test_the_connection_used_last_is_used_first() -> None:
    clock = SteppingClock()
    pool = Pool(clock.monotonic)
    pairs = [socket.socketpair() for _ in range(3)]
    kept = [Connection(near, ("a",)) for near, _ in pairs]
    for connection in kept:
        pool.give(connection)
    assert [pool.take(("a",)) for _ in range(4)] == [*reversed(kept), None]
    close(pairs)


def test_no_more_than_the_bound_are_kept_and_the_oldest_goes() -> None:
    clock = SteppingClock()
    pool = Pool(clock.monotonic, max_idle=2)
    pairs = [socket.socketpair() for _ in range(3)]
    for near, _ in pairs:
        pool.give(Connection(near, ("a",)))
    assert len(pool) == 2
    assert pairs[0][0].fileno() == -1
    assert pairs[2][0].fileno() != -1
    close(pairs)


def test_old_connections_to_hosts_no_longer_asked_are_let_go() -> None:
    clock = SteppingClock()
    pool = Pool(clock.monotonic, max_idle_age=10.0)
    pairs = [socket.socketpair() for _ in range(2)]
    pool.give(Connection(pairs[0][0], ("forgotten",)))
    clock.advance(11)
    pool.give(Connection(pairs[1][0], ("asked",)))
    assert pairs[0][0].fileno() == -1
    assert len(pool) == 1
    close(pairs)


def test_systems_without_poll_notice_a_closed_connection_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(select, "poll", raising=False)
    pool = Pool(SteppingClock().monotonic)
    pairs = [socket.socketpair() for _ in range(2)]
    good, closed = (Connection(near, ("a",)) for near, _ in pairs)
    pool.give(good)
    pool.give(closed)
    pairs[1][1].close()
    assert [pool.take(("a",)), pool.take(("a",))] == [good, None]
    close(pairs)


def test_a_connection_given_to_a_closed_pool_is_closed() -> None:
    pool = Pool(SteppingClock().monotonic)
    pairs = [socket.socketpair() for _ in range(2)]
    pool.give(Connection(pairs[0][0], ("a",)))
    pool.close()
    pool.give(Connection(pairs[1][0], ("a",)))
    assert [near.fileno() for near, _ in pairs] == [-1, -1]
    close(pairs)


def close(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    for near, far in pairs:
        near.close()
        far.close()


def test_hundreds_of_threads_share_the_transport(client: Client) -> None:
    """Each gets its own answer back, whoever used the connection before."""

    def echo(peer: Peer) -> None:
        while asked := peer.request():
            peer.send(chunked(asked.partition(b"\r\n\r\n")[2], b"!"))

    wrong: list[object] = []
    start = threading.Barrier(200)

    def work(number: int) -> None:
        start.wait(PATIENCE)
        for turn in range(5):
            mine = b"%d/%d" % (number, turn)
            got = client.read(server.url, body=mine)
            if got != mine + b"!":
                wrong.append((mine, got))

    with RawServer(echo) as server:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(client.transport._pool) <= 64
        client.close()
    assert wrong == []
    assert len(server.requests) == 1000
    assert server.connections <= 264


def test_no_descriptor_is_left_whatever_happened(
    make_client: Callable[..., Client], count_descriptors: Callable[[], int]
) -> None:
    raws = [
        answer(),
        chunked(b"x"),
        chunked(b"x", end=False),
        b"HTTP/1.1 200 OK\r\n",
        b"",
        b"SSH-2.0\r\n",
        answer(b"", "302 Found", "Location: /x"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: br\r\n\r\nok",
    ]

    def one(raw: bytes) -> Script:
        def script(peer: Peer) -> None:
            peer.request()
            peer.send(raw)

        return script

    gc.collect()
    before = count_descriptors()
    client = make_client()
    with RawServer(*[one(raw) for raw in raws]) as server:
        faults = 0
        for _ in raws:
            try:
                client.read(server.url)
            except TransportFault:
                faults += 1
        with pytest.raises(TransportFault):
            client.ask(server.url.replace("http", "https"), timeouts=HASTY)
    client.close()
    assert faults == 6
    assert count_descriptors() == before

"""Closing an answer from another thread than the one that reads it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable

import pytest

from freellm_cli.core.errors import TransportFault
from freellm_cli.transport.exchange import Exchange
from tests.support.certificates import Authority
from tests.support.http_client import Client
from tests.support.raw_server import PATIENCE, Peer, RawServer, answer, chunked


class Reader(threading.Thread):
    """Reads to the end; `blocked` is set after the first piece, before the read that waits."""

    def __init__(self, response: Exchange) -> None:
        super().__init__(daemon=True)
        self.response = response
        self.blocked = threading.Event()
        self.parts: list[bytes] = []
        self.fault: TransportFault | None = None
        self.start()

    def run(self) -> None:
        try:
            for part in self.response.chunks():
                self.parts.append(part)
                self.blocked.set()
        except TransportFault as fault:
            self.fault = fault


def stalls(peer: Peer) -> None:
    peer.request()
    peer.send(chunked(b"one", end=False))
    peer.until_closed()


def is_reading(response: Exchange) -> bool:
    return response._busy


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_blocked_read_ends_at_once(
    make_client: Callable[..., Client], authority: Authority, tls: bool
) -> None:
    client = make_client({"SSL_CERT_FILE": str(authority.pem)})
    context: ssl.SSLContext | None = authority.server("127.0.0.1") if tls else None
    gone = threading.Event()

    def script(peer: Peer) -> None:
        stalls(peer)
        gone.set()

    with RawServer(script, tls=context) as server:
        reader = Reader(client.ask(server.url))
        assert reader.blocked.wait(PATIENCE)
        until(lambda: is_reading(reader.response))
        reader.response.close()
        reader.join(PATIENCE)
        assert not reader.is_alive()
        assert gone.wait(PATIENCE), "the server was not told"
    assert reader.parts == [b"one"]
    assert reader.fault is not None
    assert reader.fault.fault == "reset"
    assert len(client.transport._pool) == 0


def until(condition: Callable[[], bool]) -> None:
    """Yields to other threads until the condition holds."""
    tick = threading.Event()
    for _ in range(20_000):
        if condition():
            return
        tick.wait(0.001)
    raise AssertionError("it never came true")


def test_the_descriptor_is_closed_by_the_reader_and_not_under_it(
    client: Client, count_descriptors: Callable[[], int]
) -> None:
    with RawServer(stalls) as server:
        before = count_descriptors()
        reader = Reader(client.ask(server.url))
        assert reader.blocked.wait(PATIENCE)
        reader.response.close()
        reader.join(PATIENCE)
        until(lambda: count_descriptors() <= before)


def test_closing_against_the_last_read_never_breaks_the_next_call(client: Client) -> None:
    """The race that matters: the reader gives the connection back while somebody shuts it down."""

    def serve(peer: Peer) -> None:
        while asked := peer.request():
            peer.send(answer(asked[-4:]))

    with RawServer(serve) as server:
        for turn in range(300):
            response = client.ask(server.url, b"%4d" % turn)
            barrier = threading.Barrier(2)

            def close(response: Exchange = response, barrier: threading.Barrier = barrier) -> None:
                barrier.wait(PATIENCE)
                response.close()

            closer = threading.Thread(target=close)
            closer.start()
            barrier.wait(PATIENCE)
            try:
                assert response.read() == b"%4d" % turn
            except TransportFault as fault:
                assert fault.fault == "reset"  # noqa: PT017 - either end of the race is right
            assert client.read(server.url, body=b"next") == b"next"
            closer.join(PATIENCE)
        client.close()


def test_many_threads_may_close(client: Client) -> None:
    with RawServer(stalls) as server:
        reader = Reader(client.ask(server.url))
        assert reader.blocked.wait(PATIENCE)
        closers = [threading.Thread(target=reader.response.close) for _ in range(20)]
        for closer in closers:
            closer.start()
        for thread in (*closers, reader):
            thread.join(PATIENCE)
            assert not thread.is_alive()
        client.close()
    assert reader.fault is not None


def test_an_interrupt_in_the_middle_of_a_read_ends_the_connection(
    make_client: Callable[..., Client],
) -> None:
    class Interrupting:
        """The person presses Ctrl-C when the clock is read for the n-th time."""

        countdown = 1_000

        def now(self) -> float:
            return 0.0

        def monotonic(self) -> float:
            self.countdown -= 1
            if self.countdown == 0:
                raise KeyboardInterrupt
            return 0.0

        def sleep(self, seconds: float) -> None:
            raise AssertionError

    clock = Interrupting()
    client = make_client(clock=clock)
    with RawServer(stalls) as server:
        parts = client.ask(server.url).chunks()
        assert next(parts) == b"one"
        clock.countdown = 1
        with pytest.raises(KeyboardInterrupt):
            next(parts)
    assert len(client.transport._pool) == 0

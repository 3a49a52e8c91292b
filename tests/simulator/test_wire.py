"""HTTP as the simulator speaks it when nothing goes wrong, byte by byte."""

from __future__ import annotations

import json
import os
import socket
import threading
import time

import pytest

from freellm_cli.simulator.server import Simulator
from tests.support.raw_client import HELLO, RawClient
from tests.support.upstream import simulator, upstream

__all__ = ["upstream"]


def test_one_connection_serves_many_requests(upstream: Simulator) -> None:
    with RawClient(upstream.port) as client:
        for _ in range(5):
            client.chat()
            assert client.read_answer().status == 200
    assert upstream.counts.peak_connections == 1
    assert upstream.counts.answered == 5


def test_pipelined_requests_are_answered_in_order(upstream: Simulator) -> None:
    with RawClient(upstream.port) as client:
        client.chat(model="first")
        client.chat(model="second")
        answers = [json.loads(client_answer.body) for client_answer in _two(client)]
    assert [answer["model"] for answer in answers] == ["first", "second"]


def _two(client: RawClient):  # type: ignore[no-untyped-def]
    from tests.support.raw_client import Raw

    data = b""
    while data.count(b"HTTP/1.1 200") < 2 or not data.endswith(b"}"):
        data += client.sock.recv(65_536)
    second = data.rindex(b"HTTP/1.1 200")
    return [Raw(data[:second], "open"), Raw(data[second:], "open")]


def test_the_answer_comes_in_one_write(upstream: Simulator) -> None:
    with RawClient(upstream.port) as client:
        client.chat()
        data = client.sock.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head


def test_connection_close_is_obeyed(upstream: Simulator) -> None:
    with RawClient(upstream.port) as client:
        client.post("/acme/v1/chat/completions", HELLO, headers=("connection: close",))
        answer = client.read()
    assert answer.ended == "closed"
    assert answer.header("connection") == "close"


def test_an_http_10_client_gets_no_chunks_and_the_end_of_the_connection(
    upstream: Simulator,
) -> None:
    with RawClient(upstream.port) as client:
        client.post("/acme/v1/chat/completions", {**HELLO, "stream": True}, version="1.0")
        answer = client.read()
    assert answer.ended == "closed"
    assert answer.header("transfer-encoding") is None
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_a_chunked_request_body_is_read(upstream: Simulator) -> None:
    data = json.dumps(HELLO).encode()
    halves = [data[:20], data[20:]]
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(half), half) for half in halves)
    with RawClient(upstream.port) as client:
        client.send(
            b"POST /acme/v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        client.send(chunks + b"0\r\ntrailer: x\r\n\r\n")
        assert client.read_answer().status == 200
        client.chat()
        assert client.read_answer().status == 200, "the connection is in step"


def test_expect_100_continue_is_answered_before_the_body_comes(upstream: Simulator) -> None:
    data = json.dumps(HELLO).encode()
    with RawClient(upstream.port) as client:
        client.send(
            b"POST /acme/v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\n"
            b"content-length: %d\r\n\r\n" % len(data)
        )
        assert client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(data)
        assert client.read_answer().status == 200


def test_head_has_no_body(upstream: Simulator) -> None:
    with RawClient(upstream.port) as client:
        client.send(b"HEAD /acme/v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = client.read()
    assert answer.status == 200
    assert answer.body == b""
    assert int(answer.header("content-length") or 0) > 0


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"GET /acme/v1/models\r\n\r\n",
        b"GET /acme/v1/models HTTP/1.1\r\nno colon here\r\n\r\n",
        b"POST /x HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        b"POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_gets_a_400_and_is_counted(upstream: Simulator, data: bytes) -> None:
    with RawClient(upstream.port) as client:
        client.send(data)
        answer = client.read()
    assert answer.status == 400
    assert answer.ended == "closed"
    assert upstream.counts.malformed == 1
    assert upstream.counts.requests == 0


def test_a_client_that_leaves_in_the_middle_of_its_request_harms_nobody(
    upstream: Simulator,
) -> None:
    with RawClient(upstream.port) as client:
        client.send(b"POST /acme/v1/chat/completions HTTP/1.1\r\ncontent-length: 100\r\n\r\n{")
    assert upstream.wait_for(lambda counts: counts.malformed == 1)
    assert upstream.wait_for(lambda counts: counts.open_connections == 0)


def test_two_hundred_connections_are_served_at_once(upstream: Simulator) -> None:
    clients = [RawClient(upstream.port) for _ in range(200)]
    for client in clients:
        client.chat()
    assert all(client.read_answer().status == 200 for client in clients)
    for client in clients:
        client.__exit__()
    assert upstream.wait_for(lambda counts: counts.open_connections == 0)
    assert upstream.counts.peak_connections == 200


def test_stopping_ends_threads_and_connections_and_frees_the_port() -> None:
    before = threading.active_count()
    with simulator() as sim:
        clients = [RawClient(sim.port) for _ in range(10)]
        sim.fail("stall_before_headers", times=None)
        for client in clients:
            client.chat()
        assert sim.wait_for(lambda counts: counts.open_requests == 10)
        port = sim.port
    assert threading.active_count() == before
    assert [client.read().data for client in clients] == [b""] * 10
    for client in clients:
        client.__exit__()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_it_can_be_started_again() -> None:
    sim = simulator()
    for number in (1, 2):
        sim.start()
        sim.fail("stall_before_headers")
        with RawClient(sim.port) as client:
            client.chat()
            assert sim.wait_for(lambda counts: counts.stalled == 1)
            sim.release()
            assert client.read_answer().status == 200
        assert sim.counts.answered == number
        sim.stop()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")
def test_no_descriptor_is_left_behind() -> None:
    def story() -> None:
        with simulator() as sim:
            for fault in ("stall_before_headers", "reset_midstream", "cut_midstream", "delay"):
                sim.fail(fault, delay_s=0.001)
                with RawClient(sim.port) as client:
                    client.chat(stream=True)
                    assert sim.wait_for(lambda counts: counts.requests >= 1)

    story()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        story()
    assert len(os.listdir("/proc/self/fd")) == before


def test_it_listens_on_ipv6_loopback_too() -> None:
    try:
        sim = Simulator(host="::1")
        sim.start()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    try:
        assert sim.url == f"http://[::1]:{sim.port}"
        with RawClient(sim.port, "::1") as client:
            client.chat()
            assert client.read_answer().status == 200
    finally:
        sim.stop()


def test_a_stream_is_paced_in_real_time_and_ends_when_the_client_leaves() -> None:
    with simulator(tokens_per_s=5) as sim:
        with RawClient(sim.port) as client:
            client.chat(stream=True)
            client.read_until(b'"content":" is"')
        assert sim.wait_for(lambda counts: counts.aborted == 1, timeout=1.0)
        (seen,) = sim.seen
        assert seen.outcome == "aborted"
        assert sim.wait_for(lambda counts: counts.open_connections == 0)


def test_a_client_that_hangs_up_is_noticed_within_50_ms(upstream: Simulator) -> None:
    def seconds(number: int) -> float:
        upstream.fail("stall_midstream")
        with RawClient(upstream.port) as client:
            client.chat(stream=True)
            client.read_until(b'"content":"This"')
            left = time.monotonic()
        assert upstream.wait_for(lambda counts: counts.aborted == number)
        return time.monotonic() - left

    # The best of several: this machine may be busy with something else.
    assert min(seconds(number) for number in range(1, 6)) < 0.05


def test_whoever_has_read_an_answer_finds_it_settled(upstream: Simulator) -> None:
    with RawClient(upstream.port) as client:
        for number in range(1, 200):
            client.chat(stream=bool(number % 2))
            client.read_answer()
            assert upstream.counts.answered == number
            assert upstream.counts.open_requests == 0

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable

import pytest

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import FAULTS, Timeouts
from tests.support.http_client import KEY, PATIENT, Client
from tests.support.raw_server import PATIENCE, Peer, RawServer, chunked
from tests.support.stepping_clock import SteppingClock

SHORT = 0.05


def fault_of(call: Callable[[], object]) -> TransportFault:
    with pytest.raises(TransportFault) as caught:
        call()
    fault = caught.value
    assert fault.fault in FAULTS
    assert "canary" not in f"{fault} {fault!r} {fault.hint} {fault.__cause__!r}"
    return fault


def silent(peer: Peer) -> None:
    peer.request()
    peer.until_closed()


def test_a_name_without_an_address(make_client: Callable[..., Client]) -> None:
    def resolve(*_: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    client = make_client(resolve=resolve)
    fault = fault_of(lambda: client.ask("http://api.exmaple/v1"))
    assert (fault.fault, fault.sent) == ("dns", False)
    assert "api.exmaple" in fault.message
    assert "base_url" in fault.hint


def test_a_name_that_cannot_be_a_name(client: Client) -> None:
    assert fault_of(lambda: client.ask(f"http://{'a' * 70}.example/")).fault == "dns"


def test_an_empty_list_of_addresses(make_client: Callable[..., Client]) -> None:
    client = make_client(resolve=lambda *_: [])
    assert fault_of(lambda: client.ask("http://api.example/")).fault == "dns"


def test_a_refused_connection(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fault = fault_of(lambda: client.ask(f"http://127.0.0.1:{port}/"))
    assert (fault.fault, fault.sent) == ("connect", False)
    assert f"127.0.0.1:{port}" in fault.message
    assert "running" in fault.hint


def test_a_server_that_does_not_begin_tls_in_time(client: Client) -> None:
    with RawServer(Peer.until_closed) as server:
        url = server.url.replace("http", "https")
        fault = fault_of(lambda: client.ask(url, timeouts=PATIENT._replace(connect=SHORT)))
    assert (fault.fault, fault.sent) == ("connect_timeout", False)
    assert "timeouts.connect" in fault.hint


def test_no_answer_within_the_time_for_the_first_token(client: Client) -> None:
    with RawServer(silent) as server:
        fault = fault_of(
            lambda: client.ask(server.url, timeouts=PATIENT._replace(first_token=SHORT))
        )
    assert (fault.fault, fault.sent) == ("first_token_timeout", True)
    assert "0.05 s" in fault.message


@pytest.mark.parametrize("begun", [b"", b"5", b"5\r\n"])
def test_the_time_for_the_first_token_goes_on_after_the_head(
    make_client: Callable[..., Client], begun: bytes
) -> None:
    clock = SteppingClock()
    client = make_client(clock=clock)

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(end=False) + begun)
        peer.until_closed()

    with RawServer(script) as server:
        answer = client.ask(server.url, timeouts=Timeouts(first_token=30, idle=60))
        assert answer.status == 200
        clock.advance(31)
        assert fault_of(answer.read).fault == "first_token_timeout"


def test_a_slow_first_token_is_no_idle_stream(client: Client) -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(end=False))
        assert go_on.wait(PATIENCE)
        peer.send(b"2\r\nok\r\n0\r\n\r\n")
        peer.until_closed()

    with RawServer(script) as server:
        answer = client.ask(server.url, timeouts=PATIENT._replace(idle=0.001))
        timer = threading.Timer(SHORT, go_on.set)
        timer.start()
        assert next(answer.chunks()) == b"ok"
        timer.join()
        client.close()


def test_a_stream_that_falls_silent(client: Client) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(b"one", end=False))
        peer.until_closed()

    with RawServer(script) as server:
        parts = client.ask(server.url, timeouts=PATIENT._replace(idle=SHORT)).chunks()
        assert next(parts) == b"one"
        fault = fault_of(lambda: next(parts))
    assert fault.fault == "idle_timeout"
    assert "timeouts.idle" in fault.hint


def test_a_stream_that_drips_for_ever_ends_with_its_total_time(
    make_client: Callable[..., Client],
) -> None:
    clock = SteppingClock()
    client = make_client(clock=clock)
    asked = threading.Semaphore(0)

    def drip(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(end=False))
        while asked.acquire(timeout=PATIENCE) and not done.is_set():
            peer.send(b"1\r\n.\r\n")

    done = threading.Event()
    with RawServer(drip) as server:
        answer = client.ask(server.url, timeouts=Timeouts())
        received = 0

        def read_on() -> None:
            nonlocal received
            asked.release()
            for part in answer.chunks():
                received += len(part)
                clock.advance(50)
                asked.release()

        fault = fault_of(read_on)
        done.set()
        asked.release()
    assert fault.fault == "total_timeout"
    assert received == 12
    assert "600 s" in fault.message


def test_the_total_time_bounds_the_wait_for_the_head(client: Client) -> None:
    with RawServer(silent) as server:
        fault = fault_of(lambda: client.ask(server.url, timeouts=PATIENT._replace(total=SHORT)))
    assert (fault.fault, fault.sent) == ("total_timeout", True)


def test_the_total_time_bounds_connecting(client: Client) -> None:
    with RawServer(Peer.until_closed) as server:
        url = server.url.replace("http", "https")
        fault = fault_of(lambda: client.ask(url, timeouts=PATIENT._replace(total=SHORT)))
    assert (fault.fault, fault.sent) == ("total_timeout", False)


def test_a_head_that_drips_does_not_win_time(make_client: Callable[..., Client]) -> None:
    clock = SteppingClock()
    client = make_client(clock=clock)

    def script(peer: Peer) -> None:
        peer.request()
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaa":
            clock.advance(10)
            try:
                peer.send(bytes([byte]))
            except ConnectionError:
                return

    with RawServer(script) as server:
        fault = fault_of(lambda: client.ask(server.url, timeouts=Timeouts()))
    assert fault.fault in {"first_token_timeout", "cut"}


def test_a_server_that_does_not_take_the_body(client: Client) -> None:
    taken = threading.Event()

    def script(peer: Peer) -> None:
        assert taken.wait(PATIENCE)

    with RawServer(script) as server:
        fault = fault_of(
            lambda: client.ask(server.url, b"x" * 50_000_000, timeouts=PATIENT._replace(idle=SHORT))
        )
        taken.set()
    assert (fault.fault, fault.sent) == ("idle_timeout", True)


@pytest.mark.skipif(
    sys.platform != "linux", reason="others throw away what had come when a connection breaks"
)
def test_a_server_that_refuses_before_the_body_is_through_is_heard(client: Client) -> None:
    def script(peer: Peer) -> None:
        while len(peer.sock.recv(1_000_000)) < 10:
            pass
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nhuge")
        peer.sock.shutdown(socket.SHUT_RDWR)

    with RawServer(script) as server:
        answer = client.ask(server.url, b"x" * 50_000_000)
        assert (answer.status, answer.read()) == (413, b"huge")
        assert len(client.transport._pool) == 0


def test_a_connection_closed_without_an_answer(client: Client) -> None:
    with RawServer(lambda peer: peer.request() and None) as server:
        fault = fault_of(lambda: client.ask(server.url))
    assert (fault.fault, fault.sent) == ("empty", True)
    assert server.connections == 1


def test_a_connection_reset_instead_of_an_answer(client: Client) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.reset()

    with RawServer(script) as server:
        fault = fault_of(lambda: client.ask(server.url))
    assert (fault.fault, fault.sent) == ("reset", True)


def test_a_connection_reset_in_the_middle_of_an_answer(client: Client) -> None:
    got_it = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked(b"one", end=False))
        assert got_it.wait(PATIENCE)
        peer.reset()

    with RawServer(script) as server:
        parts = client.ask(server.url).chunks()
        assert next(parts) == b"one"
        got_it.set()
        assert fault_of(lambda: next(parts)).fault == "reset"


def test_https_spoken_to_a_port_without_tls(client: Client) -> None:
    def script(peer: Peer) -> None:
        peer.sock.recv(4096)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with RawServer(script) as server:
        fault = fault_of(lambda: client.ask(server.url.replace("http", "https")))
    assert (fault.fault, fault.sent) == ("tls", False)
    assert "does not speak TLS" in fault.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(client: Client, status: int) -> None:
    def script(peer: Peer) -> None:
        peer.answer(
            b"moved",
            f"{status} Moved",
            "Location: https://me:canary@other.example:8443/login?token=canary#canary",
        )

    with RawServer(script) as server:
        fault = fault_of(lambda: client.ask(server.url))
    assert (fault.fault, fault.sent) == ("redirect", True)
    assert "https://other.example:8443" in fault.message
    assert "login" not in fault.message + fault.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "location", ["/elsewhere", "", "?x", "http://[", "javascript:alert(1)", "http://\x1b[31m/"]
)
def test_a_redirect_to_nowhere_else_speaks_of_the_path(client: Client, location: str) -> None:
    with RawServer(lambda peer: peer.answer(b"", "302 Found", f"Location: {location}")) as server:
        fault = fault_of(lambda: client.ask(server.url))
    assert "another path" in fault.message
    assert "\x1b" not in fault.message


@pytest.mark.parametrize("status", ["300 Choices", "400 Bad", "404 No", "429 Slow", "503 Down"])
def test_any_other_status_is_an_answer(client: Client, status: str) -> None:
    with RawServer(lambda peer: peer.answer(b"{}", status)) as server:
        answer = client.ask(server.url)
        assert (answer.status, answer.read()) == (int(status[:3]), b"{}")
        client.close()


def test_no_fault_shows_the_key_or_the_query(client: Client) -> None:
    with RawServer(lambda peer: peer.request() and None) as server:
        fault = fault_of(lambda: client.ask(f"{server.url}/v1?key={KEY}", KEY.encode()))
    assert "v1" not in fault.message

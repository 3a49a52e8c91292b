from __future__ import annotations

import select
import socket
import sys
import threading
from collections.abc import Callable
from time import monotonic

import pytest

from freellm_cli.core.errors import TransportFault
from freellm_cli.transport.base import Cancel
from freellm_cli.transport.connect import connect
from tests.support.http_client import Client
from tests.support.raw_server import Peer, RawServer

Place = tuple[int, int, int, str, tuple[object, ...]]


def at(port: int, host: str = "127.0.0.1") -> Place:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return (family, socket.SOCK_STREAM, 0, "", (host, port))


@pytest.fixture
def refusing() -> Place:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return at(taken.getsockname()[1])


@pytest.fixture
def silent() -> Callable[[], Place]:
    """An address whose queue is full: connecting neither succeeds nor fails."""
    kept: list[socket.socket] = []

    def make() -> Place:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        kept.append(listener)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            kept.append(filler)
        return at(listener.getsockname()[1])

    return make


def is_silent(place: Place) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.05)
        try:
            probe.connect(place[4])
        except TimeoutError:
            return True
        except OSError:
            return False
    return False


def test_a_refused_first_address_costs_nothing(
    make_client: Callable[..., Client], refusing: Place
) -> None:
    with RawServer(Peer.answer) as server:
        client = make_client(resolve=lambda *_: [refusing, at(server.port)])
        assert client.read("http://localhost:1/") == b"ok"
        client.close()


def test_an_ipv6_localhost_without_a_listener_costs_nothing(
    make_client: Callable[..., Client],
) -> None:
    with RawServer(Peer.answer) as server:
        places = [at(server.port, "::1"), at(server.port)]
        client = make_client(resolve=lambda *_: places)
        assert client.read(f"http://localhost:{server.port}/") == b"ok"
        client.close()


def test_a_silent_first_address_does_not_hold_up_the_next(silent: Callable[[], Place]) -> None:
    dead = silent()
    if not is_silent(dead):
        pytest.skip("a full queue refuses here")
    with RawServer(Peer.until_closed) as server:
        places = [dead, at(server.port)]
        with connect("localhost", 1, resolve=lambda *_: places, left=lambda: 20.0) as sock:
            assert sock.getpeername()[1] == server.port


def test_an_address_family_that_this_machine_lacks_is_passed_over() -> None:
    with RawServer(Peer.until_closed) as server:
        unknown: Place = (12345, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))
        places = [unknown, at(server.port)]
        with connect("localhost", 1, resolve=lambda *_: places, left=lambda: 20.0) as sock:
            assert sock.getpeername()[1] == server.port


def test_when_all_refuse_the_refusal_is_told(
    make_client: Callable[..., Client], refusing: Place
) -> None:
    client = make_client(resolve=lambda *_: [refusing, refusing])
    with pytest.raises(TransportFault, match="refused") as caught:
        client.ask("http://localhost:1/")
    assert caught.value.fault == "connect"


def test_systems_without_poll_race_too(monkeypatch: pytest.MonkeyPatch, refusing: Place) -> None:
    with socket.socket() as probe:
        if probe.fileno() > 1000:
            pytest.skip("select() takes no descriptor beyond 1,023, and this process has many open")
    monkeypatch.delattr(select, "poll", raising=False)
    with RawServer(Peer.until_closed) as server:
        places = [refusing, at(server.port), refusing]
        with connect("localhost", 1, resolve=lambda *_: places, left=lambda: 20.0) as sock:
            assert sock.getpeername()[1] == server.port


@pytest.mark.parametrize("count", [1, 3])
def test_silence_everywhere_ends_with_the_time_for_connecting(
    make_client: Callable[..., Client],
    silent: Callable[[], Place],
    count: int,
    count_descriptors: Callable[[], int],
) -> None:
    from tests.support.http_client import HASTY

    places = [silent() for _ in range(count)]
    if not is_silent(places[0]):
        pytest.skip("a full queue refuses here")
    before = count_descriptors()
    client = make_client(resolve=lambda *_: places)
    with pytest.raises(TransportFault) as caught:
        client.ask("http://localhost:1/", timeouts=HASTY)
    assert (caught.value.fault, caught.value.sent) == ("connect_timeout", False)
    assert count_descriptors() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a wait ends with its time")
@pytest.mark.parametrize("count", [1, 3])
def test_whoever_gives_up_ends_the_wait_for_a_connection(
    silent: Callable[[], Place], count: int, count_descriptors: Callable[[], int]
) -> None:
    places = [silent() for _ in range(count)]
    if not is_silent(places[0]):
        pytest.skip("a full queue refuses here")
    before = count_descriptors()
    cancel = Cancel()
    leaving = threading.Timer(0.1, cancel.cancel)
    leaving.start()
    began = monotonic()
    with pytest.raises(OSError):
        connect("localhost", 1, resolve=lambda *_: places, left=lambda: 20.0, cancel=cancel)
    assert monotonic() - began < 5
    leaving.join()
    assert count_descriptors() <= before

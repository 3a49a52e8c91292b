from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Callable

import pytest

from freellm_cli.core.errors import ConfigError, TransportFault
from freellm_cli.core.http import Timeouts
from freellm_cli.transport.proxies import Proxies
from freellm_cli.transport.target import parse_target
from tests.support.certificates import Authority
from tests.support.http_client import HASTY, KEY, PATIENT, Client
from tests.support.raw_server import Peer, RawServer, answer

Make = Callable[..., Client]


def label(env: dict[str, str], url: str = "https://api.example/v1") -> str | None:
    proxy = Proxies(env).choose(parse_target(url))
    return proxy.label if proxy else None


@pytest.mark.parametrize(
    ("env", "url", "expected"),
    [
        ({}, "https://a.example", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://a.example", "p:3128"),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://a.example", None),
        ({"HTTP_PROXY": "http://p:3128"}, "http://a.example", "p:3128"),
        ({"https_proxy": "http://q", "HTTPS_PROXY": "http://p"}, "https://a.example", "q:80"),
        ({"ALL_PROXY": "p:8080"}, "https://a.example", "p:8080"),
        ({"all_proxy": "p:8080", "HTTPS_PROXY": "q:1"}, "https://a.example", "q:1"),
        ({"HTTPS_PROXY": " "}, "https://a.example", None),
        ({"HTTPS_PROXY": "http://[::1]:3128"}, "https://a.example", "[::1]:3128"),
        ({"ALL_PROXY": "p:1"}, "http://localhost:8080", None),
        ({"ALL_PROXY": "p:1"}, "http://127.0.0.1", None),
        ({"ALL_PROXY": "p:1"}, "http://[::1]:11434", None),
        ({"ALL_PROXY": "p:1"}, "http://127.evil.example", "p:1"),
    ],
)
def test_the_proxy_is_the_one_the_environment_names(
    env: dict[str, str], url: str, expected: str | None
) -> None:
    assert label(env, url) == expected


@pytest.mark.parametrize(
    ("listed", "exempt"),
    [
        ("*", True),
        ("api.example", True),
        ("API.Example", True),
        ("example", True),
        (".example", True),
        ("*.example", True),
        ("other, api.example", True),
        ("other api.example", True),
        ("api.example:443", True),
        ("api.example:8443", False),
        ("pi.example", False),
        ("api.example.org", False),
        ("", False),
        (",", False),
        (".", False),
        ("10.0.0.0/8", False),
    ],
)
def test_no_proxy_exempts_hosts_and_what_is_below_them(listed: str, exempt: bool) -> None:
    chosen = label({"HTTPS_PROXY": "p:1", "NO_PROXY": listed})
    assert (chosen is None) is exempt


@pytest.mark.parametrize(
    ("listed", "host", "exempt"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8", "[fd00::7]", True),
        ("[fd00::7]", "[fd00::7]", True),
        ("[fd00::7]:443", "[fd00::7]", True),
        ("fd00::7", "[fd00::7]", True),
        ("10.0.0.0/99", "10.1.2.3", False),
    ],
)
def test_no_proxy_exempts_addresses_and_networks(listed: str, host: str, exempt: bool) -> None:
    chosen = label({"HTTPS_PROXY": "p:1", "no_proxy": listed}, f"https://{host}/")
    assert (chosen is None) is exempt


@pytest.mark.parametrize(
    "address",
    [
        "socks5://me:hunter2@p:1080",
        "socks5h://p:1080",
        "https://me:hunter2@p:443",
        "http://me:hunter2@",
        "http://me:hunter2@p:port",
        "http://me:hunter2@[::1",
    ],
)
def test_a_proxy_that_we_cannot_speak_to_is_refused_without_its_login(address: str) -> None:
    with pytest.raises(ConfigError, match="ALL_PROXY") as caught:
        label({"ALL_PROXY": address})
    error = caught.value
    assert "hunter2" not in f"{error} {error!r} {error.hint} {error.__context__!r}"
    assert "ALL_PROXY" in error.hint


def test_such_a_proxy_does_not_matter_to_this_machine(make_client: Make) -> None:
    client = make_client({"ALL_PROXY": "socks5://p:1080"})
    with RawServer(Peer.answer) as server:
        assert client.read(server.url) == b"ok"
        client.close()


def test_a_login_shows_in_no_text() -> None:
    proxy = Proxies({"ALL_PROXY": "http://me:hunter2@p:1"}).choose(parse_target("http://a"))
    assert proxy is not None
    assert "hunter2" not in f"{proxy} {proxy!r} {proxy.label}"
    assert b64encode(b"me:hunter2").decode() not in repr(proxy)


class TunnelProxy:
    """A CONNECT proxy for one tunnel, which leads to `port` whatever host is asked for."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked = b""

    def __call__(self, peer: Peer) -> None:
        self.asked = peer.request()
        with socket.create_connection(("127.0.0.1", self.port)) as far:
            peer.send(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
            back = threading.Thread(target=pump, args=(far, peer.sock))
            back.start()
            pump(peer.sock, far)
            back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_https_goes_through_a_tunnel_that_sees_nothing_of_it(
    make_client: Make, authority: Authority
) -> None:
    def twice(peer: Peer) -> None:
        peer.answer()
        peer.answer()
        peer.until_closed()

    with RawServer(twice, tls=authority.server("api.example")) as upstream:
        tunnel = TunnelProxy(upstream.port)
        with RawServer(tunnel) as proxy:
            client = make_client(
                {
                    "HTTPS_PROXY": f"http://me:p%40ss@127.0.0.1:{proxy.port}",
                    "SSL_CERT_FILE": str(authority.pem),
                }
            )
            for _ in range(2):
                assert client.read("https://api.example/v1") == b"ok"
            client.close()
    assert tunnel.asked.startswith(b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n")
    login = b64encode(b"me:p@ss")
    assert b"\r\nProxy-Authorization: Basic " + login + b"\r\n" in tunnel.asked
    assert KEY.encode() not in tunnel.asked
    assert proxy.connections == 1
    assert b"Proxy-Authorization" not in upstream.requests[0]
    assert b"Host: api.example\r\n" in upstream.requests[0]


def test_the_certificate_is_checked_through_the_tunnel(
    make_client: Make, authority: Authority
) -> None:
    upstream = RawServer(Peer.answer, tls=authority.server("other.example"))
    with upstream, RawServer(lambda peer: TunnelProxy(upstream.port)(peer)) as proxy:
        env = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": str(authority.pem)}
        with pytest.raises(TransportFault) as caught:
            make_client(env).ask("https://api.example/v1")
    assert caught.value.fault == "tls"
    assert "another host" in caught.value.message


def test_http_is_asked_for_by_its_whole_address(make_client: Make) -> None:
    def serve(peer: Peer) -> None:
        while peer.request():
            peer.send(answer())

    with RawServer(serve) as proxy:
        client = make_client({"HTTP_PROXY": f"http://me:pw@127.0.0.1:{proxy.port}"})
        for _ in range(2):
            assert client.read("http://api.example:8080/v1?x=1") == b"ok"
        client.close()
    assert proxy.connections == 1
    assert proxy.requests[0].startswith(b"POST http://api.example:8080/v1?x=1 HTTP/1.1\r\n")
    assert b"\r\nHost: api.example:8080\r\n" in proxy.requests[0]
    assert b"\r\nProxy-Authorization: Basic " + b64encode(b"me:pw") in proxy.requests[0]


def failing(
    make_client: Make,
    env: dict[str, str],
    url: str = "https://api.example/v1",
    timeouts: Timeouts = PATIENT,
) -> TransportFault:
    with pytest.raises(TransportFault) as caught:
        make_client(env).ask(url, timeouts=timeouts)
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"
    return caught.value


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\n\r\n", "login"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "403"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "302"),
        (b"HTTP/1.1 20", "HTTP proxy"),
        (b"SSH-2.0\r\n", "HTTP proxy"),
        (b"", "closed"),
    ],
)
def test_a_tunnel_that_is_refused_says_by_whom(make_client: Make, said: bytes, word: str) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(said)

    with RawServer(script) as proxy:
        env = {"HTTPS_PROXY": f"http://me:hunter2@127.0.0.1:{proxy.port}"}
        fault = failing(make_client, env)
    assert (fault.fault, fault.sent) == ("connect", False)
    assert word in fault.message
    assert f"127.0.0.1:{proxy.port}" in fault.message
    assert "api.example" in fault.message
    assert "HTTPS_PROXY" in fault.hint


def test_a_proxy_that_refuses_the_login_of_a_plain_request(make_client: Make) -> None:
    with RawServer(lambda peer: peer.answer(b"", "407 Login")) as proxy:
        fault = failing(make_client, {"http_proxy": proxy.url}, "http://api.example/v1")
    assert (fault.fault, fault.sent) == ("connect", True)
    assert "login" in fault.message


def test_a_proxy_that_is_silent_does_not_hold_us(make_client: Make) -> None:
    with RawServer(Peer.until_closed) as proxy:
        fault = failing(make_client, {"HTTPS_PROXY": proxy.url}, timeouts=HASTY)
    assert (fault.fault, fault.sent) == ("connect_timeout", False)


def test_a_proxy_that_is_not_there_is_named(make_client: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fault = failing(make_client, {"HTTPS_PROXY": f"http://127.0.0.1:{port}"})
    assert (fault.fault, fault.sent) == ("connect", False)
    assert f"the proxy 127.0.0.1:{port}" in fault.message
    assert "HTTPS_PROXY" in fault.hint


def test_a_connection_through_a_proxy_is_not_one_without(make_client: Make) -> None:
    """Two transports of one process may differ in their environment; one pool must not mix places."""
    with RawServer(lambda peer: peer.answer(b"proxied")) as proxy:
        client = make_client({"HTTP_PROXY": proxy.url, "NO_PROXY": "direct.example"})
        assert client.read("http://api.example/") == b"proxied"
        places = list(client.transport._pool._idle)
        client.close()
    assert places == [("http", "api.example", "80", f"127.0.0.1:{proxy.port}")]

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from freellm_cli.core.errors import ConfigError, TransportFault
from freellm_cli.transport.tls import FULL_STORE, Trust, _fill_if_empty, is_hashed_store
from tests.support.certificates import Authority
from tests.support.http_client import Client
from tests.support.raw_server import Peer, RawServer

Make = Callable[..., Client]


def fault_of(client: Client, url: str) -> TransportFault:
    with pytest.raises(TransportFault) as caught:
        client.ask(url)
    assert caught.value.fault == "tls"
    assert caught.value.sent is False
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_that_a_trusted_authority_vouches_for_is_asked(
    make_client: Make, authority: Authority, host: str
) -> None:
    client = make_client({"SSL_CERT_FILE": str(authority.pem)})

    def twice(peer: Peer) -> None:
        peer.answer()
        peer.answer()
        peer.until_closed()

    with RawServer(twice, tls=authority.server(host)) as server:
        for _ in range(2):
            assert client.read(f"https://{host}:{server.port}/v1") == b"ok"
        client.close()
    assert server.connections == 1
    assert f"Host: {host}:{server.port}\r\n".encode() in server.requests[0]


def test_an_unknown_authority_is_not_trusted(client: Client, authority: Authority) -> None:
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1")) as server:
        fault = fault_of(client, server.url)
    assert "authority" in fault.message
    assert "SSL_CERT_FILE" in fault.hint


def test_a_self_signed_certificate_is_called_so(make_client: Make, authority: Authority) -> None:
    client = make_client({"SSL_CERT_FILE": str(authority.pem)})
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1", self_signed=True)) as server:
        fault = fault_of(client, server.url)
    assert "self-signed" in fault.message
    assert "SSL_CERT_FILE" in fault.hint


@pytest.mark.parametrize(("days", "word"), [((-9, -1), "expired"), ((1, 9), "not valid yet")])
def test_a_certificate_out_of_its_time_is_called_so(
    make_client: Make, authority: Authority, days: tuple[int, int], word: str
) -> None:
    client = make_client({"SSL_CERT_FILE": str(authority.pem)})
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1", days=days)) as server:
        fault = fault_of(client, server.url)
    assert word in fault.message
    assert "clock" in fault.hint


@pytest.mark.parametrize(
    ("named", "asked", "word"),
    [
        ("other.example", "localhost", "another host"),
        ("localhost", "127.0.0.1", "another address"),
    ],
)
def test_a_certificate_for_somebody_else_is_called_so(
    make_client: Make, authority: Authority, named: str, asked: str, word: str
) -> None:
    client = make_client({"SSL_CERT_FILE": str(authority.pem)})
    with RawServer(Peer.answer, tls=authority.server(named)) as server:
        fault = fault_of(client, f"https://{asked}:{server.port}/")
    assert word in fault.message
    assert f"{asked}:{server.port}" in fault.message


def test_tls_older_than_1_2_is_not_spoken(make_client: Make, authority: Authority) -> None:
    context = authority.server("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    client = make_client({"SSL_CERT_FILE": str(authority.pem)})
    with RawServer(Peer.answer, tls=context) as server:
        assert "TLS" in fault_of(client, server.url).message


def test_a_server_that_ends_tls_early_is_a_fault(client: Client) -> None:
    def hangs_up(peer: Peer) -> None:
        peer.sock.recv(10)

    with RawServer(hangs_up) as server:
        with pytest.raises(TransportFault) as caught:
            client.ask(server.url.replace("http", "https"))
        assert caught.value.fault in {"tls", "reset"}
        assert caught.value.sent is False


def test_a_tls_connection_cut_in_the_middle_of_an_answer_is_cut(
    make_client: Make, authority: Authority
) -> None:
    client = make_client({"SSL_CERT_FILE": str(authority.pem)})

    def cuts(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        # The socket below goes without TLS's own farewell.
        socket.socket.shutdown(peer.sock, socket.SHUT_RDWR)

    with RawServer(cuts, tls=authority.server("127.0.0.1")) as server:
        with pytest.raises(TransportFault) as caught:
            client.read(server.url)
        assert caught.value.fault in {"cut", "reset"}
        assert caught.value.sent is True


def verifies(context: ssl.SSLContext) -> bool:
    return (
        context.verify_mode == ssl.CERT_REQUIRED
        and context.check_hostname
        and context.minimum_version >= ssl.TLSVersion.TLSv1_2
    )


@pytest.fixture
def hashed_store(tmp_path: Path, authority: Authority) -> Path:
    """A folder as `openssl rehash` leaves it, with enough links to be a machine's whole store."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl program here")
    told = subprocess.run(
        [openssl, "x509", "-hash", "-noout", "-in", authority.pem], capture_output=True, check=True
    )
    shutil.copy(authority.pem, tmp_path / f"{told.stdout.decode().strip()}.0")
    for number in range(FULL_STORE):
        shutil.copy(authority.pem, tmp_path / f"{number:08x}.0")
    return tmp_path


def test_a_hashed_folder_is_trusted_and_verifies(
    make_client: Make, authority: Authority, hashed_store: Path
) -> None:
    trust = Trust({}, store=str(hashed_store))
    assert verifies(trust.context())
    assert trust.context().cert_store_stats()["x509_ca"] == 0, "nothing is read ahead"
    client = make_client(trust=trust)
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1")) as server:
        assert client.read(server.url) == b"ok"
        client.close()
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1", self_signed=True)) as server:
        assert "self-signed" in fault_of(make_client(trust=trust), server.url).message


def test_a_folder_of_hashed_certificates_may_be_named(
    make_client: Make, authority: Authority, hashed_store: Path
) -> None:
    client = make_client({"SSL_CERT_DIR": str(hashed_store)})
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1")) as server:
        assert client.read(server.url) == b"ok"
        client.close()


def test_requests_variable_is_respected_where_openssls_are_not_set(
    make_client: Make, authority: Authority
) -> None:
    client = make_client({"REQUESTS_CA_BUNDLE": str(authority.pem)})
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1")) as server:
        assert client.read(server.url) == b"ok"
        client.close()


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_a_variable_that_names_no_certificates_is_named(
    name: str, tmp_path: Path, make_client: Make
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    for path in (str(tmp_path / "missing.pem"), str(empty)):
        with pytest.raises(ConfigError, match=name) as caught:
            Trust({name: path}).context()
        assert path in caught.value.message
        assert name in caught.value.hint


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert verifies(Trust({"SSL_CERT_FILE": "", "REQUESTS_CA_BUNDLE": ""}).context())


def test_without_a_hashed_folder_the_default_store_is_used(tmp_path: Path) -> None:
    assert verifies(Trust({}, store=str(tmp_path)).context())


def test_a_machine_without_any_roots_gets_those_of_certifi() -> None:
    """As a Python from python.org on macOS is before its certificates are installed."""

    class NoStore:
        def get_default_verify_paths(self) -> ssl.DefaultVerifyPaths:
            return ssl.DefaultVerifyPaths(None, None, "", "", "", "")  # type: ignore[arg-type]

    pytest.importorskip("certifi")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _fill_if_empty(context, NoStore(), bundles=())
    assert context.cert_store_stats()["x509_ca"] > 50


def test_an_openssl_of_another_system_is_shown_where_this_one_keeps_its_roots(
    authority: Authority, tmp_path: Path
) -> None:
    class StoreOfAnother:
        def get_default_verify_paths(self) -> ssl.DefaultVerifyPaths:
            return ssl.DefaultVerifyPaths(None, str(tmp_path), "", "", "", "")  # type: ignore[arg-type]

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bundles = (str(tmp_path / "not here"), str(authority.pem))
    _fill_if_empty(context, StoreOfAnother(), bundles)
    assert context.cert_store_stats()["x509_ca"] == 1


def test_a_folder_that_openssl_reads_itself_is_left_to_it(
    authority: Authority, tmp_path: Path
) -> None:
    class StoreOfAFew:
        def get_default_verify_paths(self) -> ssl.DefaultVerifyPaths:
            return ssl.DefaultVerifyPaths(None, str(tmp_path), "", "", "", "")  # type: ignore[arg-type]

    (tmp_path / "0a1b2c3d.0").write_text("a root of the machine's owner")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _fill_if_empty(context, StoreOfAFew(), bundles=(str(authority.pem),))
    assert context.cert_store_stats()["x509_ca"] == 0


def test_the_context_is_made_once() -> None:
    trust = Trust({})
    assert trust.context() is trust.context()


def test_a_folder_is_a_store_only_with_many_hashes_that_lead_somewhere(tmp_path: Path) -> None:
    assert not is_hashed_store(str(tmp_path / "missing"))
    for number in range(FULL_STORE - 1):
        (tmp_path / f"{number:08x}.0").write_text("x")
    for name in ("0000000g.0", "0000000.0", "00000000", "00000000.x", "ca.pem"):
        (tmp_path / name).write_text("x")
    assert not is_hashed_store(str(tmp_path))
    (tmp_path / "ffffffff.0").write_text("x")
    assert is_hashed_store(str(tmp_path))


def test_dangling_hashes_are_no_store(tmp_path: Path) -> None:
    for number in range(FULL_STORE):
        try:
            (tmp_path / f"{number:08x}.0").symlink_to(tmp_path / "gone.pem")
        except OSError:
            pytest.skip("no symbolic links here")
    assert not is_hashed_store(str(tmp_path))


def test_http_needs_no_certificates(make_client: Make) -> None:
    client = make_client({"SSL_CERT_FILE": os.path.join("no", "such", "file")})
    with RawServer(Peer.answer) as server:
        assert client.read(server.url) == b"ok"
        client.close()


def test_the_transport_imports_no_other_http_library() -> None:
    code = (
        "import sys, freellm_cli.transport.client\n"
        "heavy = {'requests', 'urllib3', 'urllib.request', 'asyncio', 'logging', 'dataclasses', 'inspect',"
        " 'pathlib', 'subprocess', 'threading', 'zlib'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-S", "-c", code], check=True, cwd=root)

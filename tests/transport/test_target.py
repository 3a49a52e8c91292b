from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freellm_cli.core.errors import ConfigError
from freellm_cli.transport.target import is_loopback, parse_target


def test_the_path_of_the_base_url_is_kept() -> None:
    target = parse_target("https://relay.example/openai/v1/chat/completions?alt=sse")
    assert target.path == "/openai/v1/chat/completions?alt=sse"
    assert (target.scheme, target.host, target.port) == ("https", "relay.example", 443)


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("http://a.example/x", "a.example", 80, "a.example"),
        ("http://a.example:80/x", "a.example", 80, "a.example"),
        ("https://a.example:80/x", "a.example", 80, "a.example:80"),
        ("http://A.Example:8080", "a.example", 8080, "a.example:8080"),
        ("http://[::1]:11434/v1", "::1", 11434, "[::1]:11434"),
        ("http://[fe80::1%eth0]/v1", "fe80::1%eth0", 80, "[fe80::1]"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "xn--bcher-kva.example"),
    ],
)
def test_host_and_port_are_told_apart(url: str, host: str, port: int, authority: str) -> None:
    target = parse_target(url)
    assert (target.host, target.port, target.authority) == (host, port, authority)


def told(url: str) -> object:
    """What becomes of an address: where it leads, or that it leads nowhere."""
    try:
        return parse_target(url)
    except ConfigError:
        return "refused"


@example("http", "a", "", "x?")
@given(
    st.sampled_from(["http", "https"]),
    st.text("abz19-.", max_size=5),
    st.sampled_from(["", ":", ":0", ":1", ":80", ":443", ":0443", ":65535", ":65536", ":٨٠", ":x"]),
    st.text("aZ0/:@=&?_%é;#.~ ", max_size=6),
)
def test_a_plain_address_is_read_as_any_other(scheme: str, host: str, port: str, rest: str) -> None:
    """A scheme in capitals takes the long way to the same place."""
    address = f"://{host}{port}/{rest}"
    assert told(scheme + address) == told(scheme.upper() + address)
    assert told(f"{scheme}://{host}{port}") == told(f"{scheme.upper()}://{host}{port}")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://a", "/"),
        ("http://a?x=1", "/?x=1"),
        ("http://a/m:generate?alt=sse#part", "/m:generate?alt=sse"),
        ("http://a/@cf/meta/llama", "/@cf/meta/llama"),
        ("http://a/mod%C3%A8le/modèle", "/mod%C3%A8le/mod%C3%A8le"),
    ],
)
def test_the_path_is_what_goes_on_the_request_line(url: str, path: str) -> None:
    assert parse_target(url).path == path


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "a.example/v1",
        "//a.example",
        "http://",
        "http://:80/",
        "http://a:b/",
        "http://a:99999/",
        "http://a:0/",
        "http://[::1/",
        "http://.example/",
        "http://a/x y",
        "http://a/x\r\nEvil: 1",
        "http://" + "ü" * 300 + ".example/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="cannot be called"):
        parse_target(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@a.example/v1",
        "https://user:hun/ter2@a.example/v1",
        "https://a.example:x/v1?key=hunter2",
        "ftp://a.example/#hunter2",
        "user:hunter2@a.example",
        "https://user:hunter2 @a.example/",
    ],
)
def test_a_refusal_never_quotes_what_may_be_a_credential(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_target(url)
    shown = f"{caught.value} {caught.value!r} {caught.value.hint} {caught.value.__context__!r}"
    assert "hunter2" not in shown
    assert "ter2" not in shown


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("127.evil.example", False),
        ("127.0.0.1.example", False),
        ("localhost.example", False),
        ("10.0.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected

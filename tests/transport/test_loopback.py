"""The listener for the redirect of a login."""

from __future__ import annotations

import socket
import threading

import pytest

from freellm_cli.core.errors import ConfigError
from freellm_cli.transport.loopback import Redirect, RedirectListener, read_redirect
from tests.support.login_home import visit

STATE = "the-state-of-this-login"
PATH = "/oauth2callback"


def visiting(url: str) -> tuple[threading.Thread, list[tuple[int, str]]]:
    pages: list[tuple[int, str]] = []
    thread = threading.Thread(target=lambda: pages.append(visit(url)))
    thread.start()
    return thread, pages


def test_the_browser_waits_for_the_outcome() -> None:
    with RedirectListener(PATH, STATE) as listener:
        thread, pages = visiting(f"{listener.redirect_uri}?code=c&state={STATE}")
        assert listener.wait(10) == Redirect(code="c")
        listener.finish("Logged <in>", "All is well.", good=True)
        thread.join(10)
    assert pages[0][0] == 200
    assert "Logged &lt;in&gt;" in pages[0][1]


def test_a_login_that_is_given_up_lets_the_browser_go() -> None:
    with RedirectListener(PATH, STATE) as listener:
        thread, pages = visiting(f"{listener.redirect_uri}?code=c&state={STATE}")
        assert listener.wait(10) is not None
    thread.join(10)
    assert "not finished" in pages[0][1]


def test_an_answer_is_taken_once() -> None:
    with RedirectListener(PATH, STATE) as listener:
        url = f"{listener.redirect_uri}?error=access_denied&state={STATE}"
        thread, _ = visiting(url)
        assert listener.wait(10) == Redirect(error="access_denied")
        assert visit(url)[0] == 410
        assert listener.wait(0) is None
        listener.finish("x", "y", good=False)
        thread.join(10)


def test_strange_requests_change_nothing() -> None:
    with RedirectListener(PATH, STATE) as listener:
        base = f"http://127.0.0.1:{listener.port}"
        assert [visit(base + path)[0] for path in ("/", "/favicon.ico", PATH, PATH + "?x=1")] == [
            404,
            404,
            400,
            400,
        ]
        assert listener.wait(0) is None


def test_localhost_is_served_on_both_families() -> None:
    with RedirectListener(PATH, STATE, host="localhost") as listener:
        assert listener.redirect_uri.startswith("http://localhost:")
        assert visit(f"http://127.0.0.1:{listener.port}/")[0] == 404
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                pytest.skip("no IPv6 here")
        assert visit(f"http://[::1]:{listener.port}/")[0] == 404


def test_a_taken_port_is_a_matter_of_configuration() -> None:
    with (
        RedirectListener(PATH, STATE) as first,
        pytest.raises(ConfigError, match=str(first.port)),
        RedirectListener(PATH, STATE, port=first.port),
    ):
        pass


def test_a_second_login_may_use_the_port_of_the_first() -> None:
    with RedirectListener(PATH, STATE) as first:
        port = first.port
        visit(f"http://127.0.0.1:{port}/")
    with RedirectListener(PATH, STATE, port=port) as second:
        assert second.port == port


def test_nothing_of_a_request_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with RedirectListener(PATH, STATE) as listener:
        thread, _ = visiting(f"{listener.redirect_uri}?code=the-secret-code&state={STATE}")
        listener.wait(10)
        listener.finish("x", "y", good=True)
        thread.join(10)
        with socket.create_connection(("127.0.0.1", listener.port)) as rude:
            rude.sendall(b"nonsense the-secret-code\r\n\r\n")
            rude.recv(1000)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"code=c&state={STATE}", Redirect(code="c")),
        (f"code=c&state={STATE}x", Redirect(forged=True)),
        ("code=c", Redirect(forged=True)),
        (f"error=e&error_description=d&state={STATE}", Redirect(error="e", description="d")),
        ("error=e&state=%C3%A4", Redirect(forged=True)),
        ("state=x", None),
        ("", None),
    ],
)
def test_only_this_logins_state_is_believed(query: str, found: Redirect | None) -> None:
    assert read_redirect(query, STATE) == found

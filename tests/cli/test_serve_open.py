"""`freellm serve --open` and a double click: the page comes to the person."""

from __future__ import annotations

import http.client
import io
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.cli.double_click import serve_and_show, was_double_clicked
from freellm_cli.cli.face import Face
from freellm_cli.cli.front import dispatch
from freellm_cli.cli.serve_face import serve
from freellm_cli.core.errors import ConfigError
from tests.support.household import Household
from tests.support.serving import served
from tests.support.terminal import Terminal
from tests.support.upstream import simulator

OWN = ["C:\\Users\\me\\Downloads\\freellm-1.2.exe", "C:\\cache\\freellm\\python.exe"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Household]:
    with simulator() as sim:
        yield Household(tmp_path, sim)


def face_of(home: Household, stdin: str = "") -> Face:
    return Face(home.env, Terminal(stdin), Terminal(), Terminal())


def said(face: Face) -> str:
    assert isinstance(face.err, io.StringIO)
    return face.err.getvalue()


# A double click


@pytest.mark.parametrize(
    ("programs", "is_one"),
    [
        (OWN, True),
        (["C:\\Python311\\Scripts\\freellm.exe", "C:\\Python311\\python.exe"], True),
        (["C:\\Windows\\py.exe", "C:\\Python311\\python3.11.exe"], True),
        (["C:\\Windows\\System32\\cmd.exe", *OWN], False),
        (["C:\\Program Files\\PowerShell\\7\\pwsh.exe", *OWN], False),
        (["C:\\Program Files\\Git\\usr\\bin\\bash.exe", OWN[1]], False),
        (["", OWN[1]], False),
        ([], False),
    ],
)
def test_a_console_of_its_own_is_a_double_click(
    home: Household, programs: list[str], is_one: bool
) -> None:
    assert was_double_clicked(face_of(home), programs) is is_one


def test_a_program_without_a_person_was_not_double_clicked(home: Household) -> None:
    for streams in ((io.StringIO(), Terminal()), (Terminal(), io.StringIO())):
        face = Face(home.env, streams[0], Terminal(), streams[1])
        assert not was_double_clicked(face, OWN)


def test_a_double_click_that_fails_leaves_its_message_on_the_screen(home: Household) -> None:
    home.config("[serve]\nport = 'none'")
    face = face_of(home, "\n")
    assert dispatch([], face, programs=lambda: OWN) == 3
    assert "serve.port" in said(face)
    assert said(face).endswith("Press Enter to close this window. ")
    assert face.stdin.read() == ""


def test_freellm_alone_in_a_shell_is_no_double_click(home: Household) -> None:
    face = face_of(home)
    assert dispatch([], face, programs=lambda: ["C:\\Windows\\System32\\cmd.exe", *OWN]) == 0
    assert "Press Enter" not in said(face)


def test_a_fault_of_ours_stays_on_the_screen_too(home: Household) -> None:
    def fail() -> int:
        raise RuntimeError("odd")

    face = face_of(home, "\n")
    assert serve_and_show(face, fail) == 1
    assert "Press Enter" in said(face)
    assert serve_and_show(face_of(home), lambda: 0) == 0


# --open


def test_open_shows_the_page_of_the_server_once_it_listens(home: Household) -> None:
    """The opener is where this test stands in for the browser, and for Ctrl-C after it."""
    shown: list[str] = []

    def show(address: str) -> bool:
        shown.append(address)
        port = int(address.rstrip("/").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/", headers={"Accept": "text/html"})
        shown.append(connection.getresponse().read().decode())
        connection.close()
        signal.raise_signal(signal.SIGINT)
        return True

    face = face_of(home)
    assert serve(face, {"serve.port": 0}, show_page=True, show=show) == 0
    assert shown[0].startswith("http://127.0.0.1:")
    assert "<title>freellm" in shown[1]
    assert f"a page for you: {shown[0].rstrip('/')}" in said(face)


def test_where_no_browser_can_be_opened_the_address_is_said(home: Household) -> None:
    def show(address: str) -> bool:
        signal.raise_signal(signal.SIGINT)
        return False

    face = face_of(home)
    assert serve(face, {"serve.port": 0}, show_page=True, show=show) == 0
    assert "no browser could be opened here: go to http://127.0.0.1:" in said(face)


def test_a_server_that_runs_already_is_shown(home: Household, tmp_path: Path) -> None:
    shown: list[str] = []
    with served(home.sim, tmp_path / "other") as house:
        overrides = {"serve.port": house.port}
        face = face_of(home)
        code = serve(face, overrides, show_page=True, show=lambda url: not shown.append(url))
        assert code == 0
        assert shown == [f"{house.url}/"]
        assert "a server runs already" in said(face)
        with pytest.raises(ConfigError, match=f"serves already on {house.url}$") as refused:
            serve(face_of(home), overrides)
        assert re.search(r"`--port \d+` is free$", refused.value.hint)


def test_another_program_on_the_port_is_not_shown(home: Household) -> None:
    shown: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            sock = other.accept()[0]
            sock.recv(4096)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            sock.close()

        threading.Thread(target=answer, daemon=True).start()
        overrides = {"serve.port": other.getsockname()[1]}
        with pytest.raises(ConfigError, match="nothing can listen"):
            serve(
                face_of(home),
                overrides,
                show_page=True,
                show=lambda url: not shown.append(url),
            )
    assert not shown

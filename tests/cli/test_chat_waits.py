"""A limit that a question waits for is told: in a pipe, on a terminal, in a conversation; not when quiet."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.household import FLASH, Household
from tests.support.program import PROGRAM

pytestmark = pytest.mark.skipif(os.name == "nt", reason="ended by a POSIX signal")

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(
    r"freellm: waiting (5\d|60) s for gemini-1/gemini/gemini-2\.5-flash: "
    r"1 requests? per minute \(1 used, set\); Ctrl-C stops, --timeout shortens\n"
)


@pytest.fixture
def spent(home: Household) -> dict[str, str]:
    """The environment of one whose limit of this minute is used up."""
    home.keys("gemini", "k1").config(f'default_model = "{FLASH}"')
    home.limits("gemini", requests_per_minute=1)
    home.ask().completion()
    home.forget()
    return {**os.environ, **home.env, "PYTHONPATH": str(ROOT), "TERM": "xterm", "LANG": "C.UTF-8"}


@contextmanager
def asking(env: dict[str, str], *more: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*PROGRAM, "chat", "hello", *more],
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_in_a_pipe_one_line_on_stderr_tells_of_it_at_once(
    spent: dict[str, str], more: tuple[str, ...]
) -> None:
    with asking(spent, *more) as child:
        assert child.stderr is not None
        assert LINE.fullmatch(child.stderr.readline())
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err) == (130, "", "freellm: interrupted\n")


def test_who_wants_quiet_gets_it(spent: dict[str, str], home: Household) -> None:
    with asking(spent, "-q") as child:
        while not home.runtime.ledger.waiting()["interactive"]:
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=20) == ("", "")


def test_a_conversation_counts_down_and_goes_on_after_ctrl_c(spent: dict[str, str]) -> None:
    pytest.importorskip("pexpect")
    from tests.support.screen import Screen

    screen = Screen(["chat"], spent, columns=120)
    screen.see("leaves")
    screen.send("hello\r")
    assert re.search(r"waiting \d+ s for gemini-1/.*; Ctrl-C stops$", screen.see("Ctrl-C stops"))
    screen.send("\x03")
    screen.see("stopped")
    screen.send("\x04")
    assert screen.end() == 0
    assert "waiting" not in screen.text

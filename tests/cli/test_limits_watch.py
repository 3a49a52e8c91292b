"""`freellm limits --watch`: on terminals wide and narrow, in a pipe, and how it is left."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.cli.face import Face
from freellm_cli.cli.limits_watch import watch_limits
from freellm_cli.services.runtime import Runtime
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household
from tests.support.program import PROGRAM, only_python_itself
from tests.support.stepping_clock import SteppingClock
from tests.support.terminal import Terminal
from tests.support.upstream import simulator

on_a_terminal = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
ROOT = Path(__file__).resolve().parents[2]
CTRL_C = "\x03"
COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:3[0-7]|9[0-7])m")
LEFT = (b"\x1b[?1049l", b"\x1b[?25h")
"""The screen of before, and its cursor."""


@pytest.fixture
def home(home: Household) -> Household:
    """Two keys; each may be asked ten times a minute."""
    return home.keys("gemini", "first-key", "second-key").limits("gemini", requests_per_minute=10)


@pytest.fixture
def env(home: Household) -> dict[str, str]:
    return {
        **home.env,
        "PATH": "/usr/bin:/bin",
        "HOME": str(home.folder),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }


@pytest.fixture
def watching(env: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Opens `limits --watch` on a terminal of its own; whatever still runs in the end is ended."""
    screen = pytest.importorskip("tests.support.screen")
    opened: list[Any] = []

    def open_(*words: str, columns: int = 80, rows: int = 24, **more: str) -> Any:
        words = ("limits", "--watch", "--interval", "0.2", *words)
        opened.append(screen.Screen(words, {**env, **more}, columns, rows))
        return opened[-1]

    yield open_
    for each in opened:
        each.child.close(force=True)


# On a terminal


@on_a_terminal
@pytest.mark.parametrize("columns", [80, 120])
def test_a_call_of_another_process_shows_up_and_q_leaves(
    home: Household, watching: Callable[..., Any], columns: int
) -> None:
    terminal = watching(columns=columns)
    assert re.search(r"gemini-1 +ready$", terminal.see("gemini-1"))
    assert re.search(r"freellm limits  2 keys +\d\d:\d\d:\d\d$", terminal.lines[0])
    home.ask(conversation="one").completion()
    line = terminal.see("1/10 requests a minute")
    assert re.fullmatch(r"  all models +█+░+ 1/10 requests a minute +\d+ s", line)
    for _ in range(2):
        home.ask(conversation="one").completion()
    terminal.wait_for(lambda: sum(map(int, re.findall(r"(\d+)/10 requests", terminal.text))) == 3)
    assert terminal.lines[-1] == "q leaves"
    terminal.send("q")
    assert terminal.end() == 0
    assert all(mark in terminal.sent for mark in LEFT)


@on_a_terminal
def test_what_rests_and_why_is_seen_until_it_is_woken(
    home: Household, sim: Simulator, watching: Callable[..., Any]
) -> None:
    terminal = watching()
    terminal.see("gemini-2")
    sim.key("first-key").suspended()
    for _ in range(2):
        home.ask().completion()
    terminal.see("refused")
    assert re.search(r"gemini-1 +refused$", terminal.see("gemini-1"))
    assert terminal.see("key suspended: ").startswith("  key suspended: ")
    assert "2 keys, 1 refused" in terminal.lines[0]
    home.run("limits", "reset")
    terminal.wait_for(lambda: "refused" not in terminal.text)
    runtime = home.runtime
    runtime.ledger.rest(
        f"target:gemini-2/{FLASH}",
        until=runtime.clock.now() + 300,
        reason="rate limited minute: slowly please",
        kind="rate_limited_minute",
    )
    line = terminal.see("slowly please")
    assert re.fullmatch(r"    rests \d (min|s): rate limited minute: slowly please", line)


@on_a_terminal
def test_a_key_that_is_added_meanwhile_joins_and_shared_pots_are_named(
    home: Household, watching: Callable[..., Any]
) -> None:
    terminal = watching()
    terminal.see("gemini-2")
    home.run("keys", "label", "gemini-1", "--account", "ours")
    home.run("keys", "label", "gemini-2", "--account", "ours")
    home.keys("groq", "gsk_another_01234567890123456789012345678901")
    terminal.see("groq-1")
    assert "gemini-1 · shares with gemini-2" in terminal.see("shares with gemini-2")


@on_a_terminal
def test_forty_columns_are_enough_and_a_wider_window_is_used(
    home: Household, watching: Callable[..., Any]
) -> None:
    home.ask().completion()
    terminal = watching(columns=40)
    assert re.fullmatch(r"freellm limits  2 keys +\d\d:\d\d:\d\d", terminal.see("2 keys"))
    assert re.fullmatch(r"    █░+ 1/10 req/min +\d+ s", terminal.see("1/10"))
    assert re.search(r"^gemini-2 +ready$", terminal.text, re.MULTILINE)
    terminal.resize(100, 24)
    terminal.see("1/10 requests a minute")


@on_a_terminal
def test_it_is_calm_while_only_the_clock_moves(
    home: Household, watching: Callable[..., Any]
) -> None:
    home.ask().completion()
    terminal = watching("--interval", "0.5")
    terminal.see("1/10")
    terminal.read(0.6)
    idle = terminal.read(2.0)
    assert len(idle) < 1000
    assert b"\x1b[2J" not in idle
    assert b"\x1b[J" not in idle
    assert b"gemini-1" not in idle


@on_a_terminal
def test_what_does_not_fit_is_scrolled_to(home: Household, watching: Callable[..., Any]) -> None:
    home.keys("groq", *[f"gsk_{number}_0123456789012345678901234567890" for number in range(6)])
    terminal = watching(rows=10)
    assert "scroll" in terminal.see("q leaves")
    assert "groq-6" not in terminal.text
    terminal.send("\x1b[F")
    terminal.see("groq-6")
    assert "gemini-1" not in terminal.text
    terminal.send("k" * 100)
    terminal.see("gemini-1")


@on_a_terminal
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_however_it_ends_the_terminal_is_as_before(watching: Callable[..., Any], how: str) -> None:
    terminal = watching()
    terminal.see("gemini-1")
    if how == "Ctrl-C":
        terminal.send(CTRL_C)
    else:
        terminal.child.kill(signal.SIGTERM)
    assert terminal.end() == 0
    assert all(mark in terminal.sent for mark in LEFT)
    assert b"Traceback" not in terminal.sent


@on_a_terminal
def test_who_declines_colours_gets_none(home: Household, watching: Callable[..., Any]) -> None:
    home.ask().completion()
    coloured, plain = watching(), watching(NO_COLOR="1")
    for terminal in (coloured, plain):
        terminal.see("1/10")
    assert COLOUR.search(coloured.sent)
    assert not COLOUR.search(plain.sent)


@on_a_terminal
def test_a_dumb_terminal_and_one_without_a_keyboard(
    home: Household, watching: Callable[..., Any], env: dict[str, str]
) -> None:
    dumb = watching(TERM="dumb")
    dumb.see("gemini-1")
    assert b"\x1b" not in dumb.sent
    program = ["/bin/sh", "-c", 'exec "$@" </dev/null', "sh", *PROGRAM]
    from tests.support.screen import Screen

    deaf = Screen(["limits", "--watch"], env, program=program)
    deaf.see("gemini-1")
    deaf.send("q")
    assert deaf.end() == 0


@on_a_terminal
@only_python_itself
def test_a_terminal_without_the_letters_gets_others(
    home: Household, watching: Callable[..., Any]
) -> None:
    home.ask().completion()
    old = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    terminal = watching(**old)
    assert re.search(r"#-+ 1/10 requests a minute", terminal.see("1/10"))


# In a pipe


class FaceOf(Face):
    """A face whose runtime has a clock of the test's own."""

    def __init__(self, runtime: Runtime, **options: bool) -> None:
        super().__init__(runtime.env, io.StringIO(), io.StringIO(), io.StringIO())
        self.options = dict(options)
        self._given = runtime

    @property
    def runtime(self) -> Runtime:
        return self._given


@pytest.mark.parametrize("as_json", [False, True])
def test_a_pipe_is_told_when_something_has_changed(tmp_path: Path, as_json: bool) -> None:
    def happens(seconds: float) -> None:
        waits = len(clock.slept)
        if waits == 20:
            home.ask().completion()
        elif waits == 150:
            raise KeyboardInterrupt

    clock = SteppingClock(on_sleep=happens)
    with simulator("generous", clock=clock) as sim:
        home = Household(tmp_path, sim, clock=clock).keys("gemini", "only-key")
        home.limits("gemini", requests_per_minute=10)
        face = FaceOf(home.runtime, json=as_json)
        with pytest.raises(KeyboardInterrupt):
            watch_limits(face, "", 1.0)
        home.forget()
    told = str(face.out.getvalue())  # type: ignore[attr-defined]
    assert clock.slept == [1.0] * 150
    if as_json:
        used = [json.loads(line)["targets"][0]["limits"][0]["used"] for line in told.splitlines()]
        assert used == [0, 1, 0]
    else:
        assert re.findall(r"gemini-1 +gemini/\* +(\d+) +10 requests", told) == ["0", "1", "0"]
        assert len(re.findall(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", told, re.MULTILINE)) == 3


def test_json_lines_on_a_terminal_hold_nothing_that_drives_it(tmp_path: Path) -> None:
    def happens(seconds: float) -> None:
        raise KeyboardInterrupt

    clock = SteppingClock(on_sleep=happens)
    with simulator("generous", clock=clock) as sim:
        home = Household(tmp_path, sim, clock=clock).keys("gemini", "k", account="me\x9b2J")
        home.ask().completion()
        face = FaceOf(home.runtime, json=True)
        face.out = Terminal()
        with pytest.raises(KeyboardInterrupt):
            watch_limits(face, "", 1.0)
        home.forget()
    told = face.out.getvalue()
    assert "account:gemini/me\\u009b2J" in told
    assert "\x9b" not in told


def test_json_lines_come_as_they_happen_and_an_interrupt_ends_them(
    home: Household, env: dict[str, str]
) -> None:
    if os.name == "nt":
        pytest.skip("no SIGINT for another process")
    words = [*PROGRAM, "--json", "limits", "--watch", "--interval", "0.2", "gemini"]
    child = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["rests"] == []
    home.ask(model=FLASH).completion()
    meters = json.loads(child.stdout.readline())["targets"]
    limits = [limit for meter in meters for limit in meter["limits"]]
    assert sum(limit["used"] for limit in limits if limit["source"] == "set") == 1
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out) == (130, b"")
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    "words",
    ["why gemini-1", "plan --model x", "--interval 0", "--interval nan", "gemini groq", "nobody"],
)
def test_what_cannot_be_watched_is_refused(home: Household, words: str) -> None:
    outcome = home.run("limits", "--watch", *words.split())
    assert outcome.code == 2
    assert outcome.err

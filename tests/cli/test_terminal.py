"""The program on a real pseudo-terminal: narrow, wide, coloured, dumb, and when it is cut off."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.simulator.server import Simulator
from tests.support.household import Household
from tests.support.program import PROGRAM

pexpect = pytest.importorskip("pexpect")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")

ROOT = Path(__file__).resolve().parent.parent.parent
GROQ_KEY = "gsk_typed_0123456789012345678901234567890123"
MODEL = "groq/openai/gpt-oss-20b"


@pytest.fixture
def env(tmp_path: Path, sim: Simulator) -> dict[str, str]:
    home = Household(tmp_path, sim).provider("groq").keys("groq", GROQ_KEY[:-1])
    home.forget()
    return {
        **home.env,
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }


def spawned(words: list[str], env: dict[str, str], columns: int = 120) -> Any:
    return pexpect.spawn(
        PROGRAM[0], [*PROGRAM[1:], *words], env=env, timeout=20, encoding="utf-8",
        dimensions=(40, columns), use_poll=True,
    )  # fmt: skip


def on_a_terminal(words: list[str], env: dict[str, str], columns: int = 120) -> str:
    child = spawned(words, env, columns)
    text = str(child.read())
    child.close()
    assert child.exitstatus == 0, text
    return text


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


@pytest.mark.parametrize("columns", [40, 120])
@pytest.mark.parametrize(
    "words",
    ["keys", "models groq", "models show groq/openai/gpt-oss-20b", "config show", "limits", "why"],
)
def test_no_line_is_wider_than_the_terminal(words: str, columns: int, env: dict[str, str]) -> None:
    text = plain(on_a_terminal(words.split(), env, columns))
    assert max(len(line) for line in text.split("\n")) <= columns
    assert text.strip()


@pytest.mark.parametrize("columns", [40, 120])
def test_help_fits_too(columns: int, env: dict[str, str]) -> None:
    text = plain(on_a_terminal(["keys", "--help"], env, columns))
    assert max(len(line) for line in text.split("\n")) <= columns


def test_a_terminal_gets_colours_and_whoever_declines_gets_none(env: dict[str, str]) -> None:
    assert "\x1b[32m" in on_a_terminal(["keys"], env)
    for declined in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        text = on_a_terminal(["keys"], {**env, **declined})
        assert not re.search(r"\x1b\[(3|4|9)\d", text), declined
        assert "groq-1" in text
    assert not re.search(r"\x1b\[(3|4|9)\d", on_a_terminal(["keys", "--no-color"], env))
    assert "\x1b" not in on_a_terminal(["keys"], {**env, "TERM": "dumb"})


def test_freellm_alone_tells_the_state_of_the_pool(env: dict[str, str]) -> None:
    assert "1 × groq" in plain(on_a_terminal([], env))


def test_a_locale_without_the_letters_is_survived(env: dict[str, str]) -> None:
    ascii_only = {**env, "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [*PROGRAM, "models", "--recommended"], env=ascii_only, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_nothing_that_others_wrote_drives_the_terminal(
    env: dict[str, str], sim: Simulator, term: str
) -> None:
    env = {**env, "TERM": term}
    on_a_terminal(["chat", "-m", MODEL, "x\x1b]0;title\x07\x1b[2Jy"], env)
    for words in (["history"], ["history", "show"], ["history", "search", "title"]):
        shown = on_a_terminal(words, env)
        assert "x]0;title[2Jy" in plain(shown), words
        assert not re.search(r"\x1b\]|\x1b\[2J|\x07", shown), words
    refused = spawned(["chat", "-a", "no\x1b[2Jfile", "hello"], env).read()
    assert "no[2Jfile cannot be attached" in refused
    assert "\x1b[2J" not in refused


@pytest.mark.parametrize("enough", ["", "n", "No"])
def test_a_key_is_typed_unseen_and_another_is_asked_for(
    env: dict[str, str], sim: Simulator, enough: str
) -> None:
    child = spawned(["keys", "add", "groq", "--label", "typed"], env)
    child.expect("not shown: ")
    child.sendline(GROQ_KEY)
    child.expect("stored groq-2")
    text = child.before + child.after
    child.expect("another Groq key")
    text += child.before
    child.sendline(enough)
    text += child.read()
    child.close()
    assert child.exitstatus == 0
    assert GROQ_KEY[8:] not in text
    assert "groq-3" not in text, "a no is no key"


def test_a_mistyped_key_is_refused_at_once_and_may_be_typed_again(
    env: dict[str, str], sim: Simulator
) -> None:
    sim.key(GROQ_KEY[::-1]).bad()
    child = spawned(["keys", "add", "groq"], env)
    for text, answer in ((GROQ_KEY[::-1], "not stored"), (GROQ_KEY, "stored groq-2")):
        child.expect("not shown: ")
        child.sendline(text)
        child.expect(answer)
    child.expect("not shown: ")
    child.sendline(GROQ_KEY)
    child.expect("already stored as groq-2")
    child.expect("not shown: ")
    child.sendline("")
    child.read()
    child.close()
    assert child.exitstatus == 0


def test_removing_asks_first_and_takes_no_for_an_answer(env: dict[str, str]) -> None:
    child = spawned(["keys", "remove", "groq-1"], env)
    child.expect("for good")
    child.sendline("n")
    child.read()
    child.close()
    assert child.exitstatus == 130
    assert "groq-1" in on_a_terminal(["keys"], env)


def test_ctrl_c_stops_an_answer_with_130(env: dict[str, str], sim: Simulator) -> None:
    stalled = sim.fail("stall_midstream", times=None)
    child = spawned(["chat", "-m", MODEL, "hello"], env)
    assert sim.wait_for(lambda counts: counts.stalled > 0, 15)
    child.sendintr()
    text = child.read()
    child.close()
    stalled.cancel()
    sim.release()
    assert child.exitstatus == 130
    assert "Traceback" not in text


def test_a_closed_pipe_ends_it_quietly_with_141(env: dict[str, str]) -> None:
    many = f"{shlex.join(PROGRAM)} models --all --json"
    script = f'{many} | head -c 10 >/dev/null; echo "${{PIPESTATUS[0]}}"'
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this machine")
    done = subprocess.run([bash, "-c", script], env=env, capture_output=True, text=True, timeout=30)
    assert (done.stdout.strip(), done.stderr) == ("141", "")


def test_a_signal_that_ends_the_process_leaves_no_traceback(
    env: dict[str, str], sim: Simulator
) -> None:
    sim.fail("stall_before_headers", times=None)
    child = subprocess.Popen(
        [*PROGRAM, "chat", "-m", MODEL, "hello"],
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert sim.wait_for(lambda counts: counts.stalled > 0, 15)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    sim.release()
    assert (child.returncode, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err


def test_progress_and_colour_stay_out_of_a_pipe(env: dict[str, str]) -> None:
    done = subprocess.run(
        [*PROGRAM, "chat", "-m", MODEL, "hello"], env=env, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0
    assert "simulated" in done.stdout
    assert done.stderr == ""
    assert "\x1b" not in done.stdout

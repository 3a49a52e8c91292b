"""`freellm batch` as it is typed: answers on stdout alone, progress on stderr, a bar on a terminal."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from freellm_cli.cli.batch_progress import watcher, words_of
from freellm_cli.cli.face import Face
from freellm_cli.services.batch import Progress
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household
from tests.support.program import PROGRAM
from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1", "k2").config(f'default_model = "{FLASH}"')


def test_a_pipe_in_and_a_pipe_out_hold_nothing_but_rows(home: Household) -> None:
    outcome = home.run("batch", "-", "--ordered", stdin="one\ntwo\nthree\n")
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [row["row"] for row in rows] == [1, 2, 3]
    assert all(row["model"] == FLASH and row["error"] is None for row in rows)
    assert (outcome.code, outcome.err) == (0, "freellm: 3 rows answered in 1 s\n")


def test_defaults_hold_for_rows_that_do_not_say_it_themselves(
    home: Household, sim: Simulator
) -> None:
    lines = '{"prompt": "a"}\n{"prompt": "b", "system": "mine", "temperature": 1}\n'
    assert home.run("batch", "-", "-s", "common", "-O", "temperature=0", stdin=lines).code == 0
    asked = {
        seen.body["contents"][-1]["parts"][0]["text"]: (
            seen.body["systemInstruction"]["parts"][0]["text"],
            seen.body["generationConfig"]["temperature"],
        )
        for seen in sim.seen
    }
    assert asked == {"a": ("common", 0), "b": ("mine", 1)}


def seconds_to_pacific_midnight() -> float:
    now = datetime.now(ZoneInfo("America/Los_Angeles"))
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return tomorrow.timestamp() - now.timestamp()


def test_the_plan_as_json_is_the_whole_output(home: Household, sim: Simulator) -> None:
    outcome = home.run("batch", "-", "--plan", "--json", stdin="hello\n" * 60)
    plan = json.loads(outcome.out)
    assert (plan["rows"], outcome.code, sim.counts.requests) == (60, 0, 0)
    # Two keys of twenty a day: the last twenty wait for the next day in California.
    assert plan["ends_in_s"] > seconds_to_pacific_midnight() - 60


def test_one_row_is_one_row(home: Household) -> None:
    outcome = home.run("batch", "-", stdin="alone\n")
    assert outcome.err == "freellm: 1 row answered in 1 s\n"


def test_an_empty_pipe_is_called_standard_input(home: Household) -> None:
    outcome = home.run("batch", "-", stdin="")
    assert outcome.code == 2
    assert "standard input holds no rows" in outcome.err


def test_the_summary_of_a_file_can_be_json(home: Household, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    outcome = home.run("batch", "-", "-o", str(target), "--json", stdin="hello\n")
    assert json.loads(outcome.out)["answered"] == 1
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-file"], "cannot be read"),
        (["-", "--reserve", "half"], "wants a share"),
        (["-", "--format", "csv"], "auto, text, jsonl"),
        (["-", "--resume"], "-o"),
        (["-", "-O", "nonsense"], "-O wants key=value, not 'nonsense'"),
        (["-", "-O", "temperature=warm"], "-O: temperature must be a number"),
        (["-", "-O", "n=3"], "-O: n must be 1"),
        (["-", "-O", "model=x"], "-O takes no 'model'\n  → -m names the model"),
    ],
)
def test_a_mistake_is_a_usage_error(home: Household, words: list[str], said: str) -> None:
    outcome = home.run("batch", *words, stdin="hello\n")
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.out == ""


def test_progress_says_what_is_waited_for_and_until_when() -> None:
    at = 4_000_000_000.0
    words = words_of(Progress(10, 4, 1, 2, 3, 5, 99, at))
    assert words.startswith("2 running, 3 waiting for a limit, 1 errors, done in ")
    assert "(at " in words
    assert words_of(Progress(10, 4, 0, 2, 0, 5, 99, None)) == "2 running"


def test_progress_says_what_failed_where_no_limit_is_waited_for() -> None:
    progress = Progress(3, 0, 0, 0, 3, 4, 0, None, fault="server error: api.x.org has no address.")
    told = "0 running, 3 waiting after a failure (server error: api.x.org has no address)"
    assert words_of(progress) == told
    assert len(words_of(progress._replace(fault="x" * 5000))) < 200


@pytest.mark.parametrize("words", ["bad template [/INST] here", "[bold]loud[/bold]"])
def test_the_bar_shows_what_a_provider_said_as_it_stands(words: str) -> None:
    face = Face({"TERM": "xterm", "COLUMNS": "120"}, io.StringIO(), Terminal(), err := Terminal())
    with watcher(face) as show:
        show(Progress(3, 0, 0, 0, 3, 4, 0, None, fault=f"{words}\x1b]0;title\x07"))
    assert f"({words}]0;title)" in err.getvalue()


@pytest.mark.skipif(os.name == "nt", reason="interrupted by a POSIX signal")
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_the_first_ctrl_c_says_what_a_second_one_does(
    home: Household, sim: Simulator, tmp_path: Path, more: tuple[str, ...]
) -> None:
    sim.fail("stall_before_first_token", times=None)
    source = tmp_path / "in.txt"
    source.write_text("hello\n" * 6)
    words = ["batch", str(source), "-o", str(tmp_path / "out"), "--width", "2", *more]
    env = {**os.environ, **home.env, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*PROGRAM, *words], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        assert sim.wait_for(lambda counts: counts.stalled == 2, 15)
        child.send_signal(signal.SIGINT)
        told = child.stderr.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert told == "freellm: letting 2 rows end; Ctrl-C again stops now\n"
    assert (child.returncode, err) == (130, "")
    assert "6" in out
    assert sim.counts.requests == 2


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
def test_on_a_terminal_the_first_ctrl_c_is_answered_above_the_bar(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    pytest.importorskip("pexpect")
    from tests.support.screen import Screen

    sim.fail("stall_before_first_token", times=None)
    source = tmp_path / "in.txt"
    source.write_text("hello\n" * 6)
    env = {**os.environ, **home.env, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    screen = Screen(["batch", str(source), "-o", str(tmp_path / "out"), "--width", "2"], env)
    screen.see("2 running")
    screen.send("\x03")
    screen.see("letting 2 rows end; Ctrl-C again stops now")
    screen.send("\x03")
    assert screen.end() == 130
    assert "stopped with 6 rows left" in screen.text


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
@pytest.mark.parametrize("columns", [40, 120])
def test_a_terminal_shows_a_bar_and_the_file_gets_the_rows(
    home: Household, sim: Simulator, tmp_path: Path, columns: int
) -> None:
    pexpect = pytest.importorskip("pexpect")
    sim.fail("delay", delay_s=0.4, times=None)
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("hello\n" * 8)
    env = {**os.environ, **home.env, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    talk = pexpect.spawn(
        PROGRAM[0],
        [*PROGRAM[1:], "batch", str(source), "-o", str(target), "--width", "2"],
        env=env, encoding="utf-8", timeout=20, dimensions=(24, columns), use_poll=True,
    )  # fmt: skip
    talk.expect("━")
    talk.expect(pexpect.EOF)
    talk.close()
    assert talk.exitstatus == 0
    assert "8 rows answered" in talk.before
    assert len(target.read_text().splitlines()) == 8

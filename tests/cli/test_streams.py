"""Streams as other systems and careless callers hand them over."""

from __future__ import annotations

import errno
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from freellm_cli.cli.streams import is_stand_in, standard_streams
from freellm_cli.core.errors import OutputFault
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household
from tests.support.program import PROGRAM

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "Größe: 鍵 → “ok” 🙂"


class Pipe(io.TextIOWrapper):
    """A stream in a region's code page; `console`: somebody looks at it."""

    def __init__(self, data: bytes = b"", *, console: bool = False) -> None:
        self.raw_bytes = io.BytesIO(data)
        self.console = console
        super().__init__(self.raw_bytes, encoding="cp1252", write_through=True)

    def isatty(self) -> bool:
        return self.console


def test_a_pipe_on_windows_carries_every_answer() -> None:
    out, err = Pipe(), Pipe()
    standard_streams({}, Pipe(), out, err, platform="win32")
    out.write(ANSWER)
    err.write(ANSWER)
    assert out.raw_bytes.getvalue().decode("utf-8") == ANSWER
    assert err.raw_bytes.getvalue().decode("utf-8") == ANSWER


def test_a_question_from_a_windows_pipe_is_read_as_it_was_written() -> None:
    source = Pipe(b"\xef\xbb\xbf" + ANSWER.encode())
    stdin, _, _ = standard_streams({}, source, Pipe(), Pipe(), platform="win32")
    assert stdin.read() == ANSWER


@pytest.mark.parametrize(
    ("platform", "console", "env"),
    [
        ("linux", False, {}),
        ("win32", True, {}),
        ("win32", False, {"PYTHONIOENCODING": "cp1252"}),
    ],
)
def test_elsewhere_and_on_a_console_and_by_request_nothing_changes(
    platform: str, console: bool, env: dict[str, str]
) -> None:
    out = Pipe(console=console)
    standard_streams(env, Pipe(), out, Pipe(), platform=platform)
    assert out.encoding == "cp1252"


def test_missing_streams_swallow_what_is_written_and_hold_nothing_to_read() -> None:
    stdin, stdout, stderr = standard_streams({}, None, None, None)
    assert stdin.read() == ""
    assert stdout.write(ANSWER) == len(ANSWER)
    stderr.flush()
    for stream in (stdin, stdout, stderr):
        stream.close()


@pytest.mark.skipif(os.name == "nt", reason="closes streams as a POSIX shell does")
@pytest.mark.parametrize("closing", ["0<&-", ">&-", "2>&-", "0<&- >&- 2>&-"])
def test_a_command_started_without_a_stream_does_not_fall_over(closing: str) -> None:
    line = f'"{sys.executable}" -m freellm_cli limits {closing}'
    done = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def env(home: Household) -> dict[str, str]:
    home.keys("gemini", "k1").config(f'default_model = "{FLASH}"').forget()
    return {**os.environ, **home.env, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}


def typed(line: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = f"{shlex.join(PROGRAM)} {line}"
    return subprocess.run(
        command, shell=True, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    "words",
    [
        "models", "models --all --json", "chat hi", "chat hi --json", "config show", "--help",
        "chat --help", "--version", "--version -v", "completion bash",
    ],
)  # fmt: skip
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_stdout_is_told_and_is_no_fault_of_ours(
    env: dict[str, str], words: str, unbuffered: str
) -> None:
    done = typed(f"{words} >/dev/full", {**env, "PYTHONUNBUFFERED": unbuffered})
    assert done.returncode == 3
    assert done.stderr == (
        "error: the output could not be written: No space left on device\n"
        "  → make room there, or send standard output elsewhere\n"
    )
    assert not Path(env["FREELLM_STATE_DIR"], "crash.log").exists()


@pytest.mark.skipif(os.name == "nt", reason="a pipe without a reader is another error there")
@pytest.mark.parametrize("words", ["--version", "--help", "models"])
def test_nobody_is_told_that_the_reader_of_the_output_has_gone(
    env: dict[str, str], words: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [*PROGRAM, words]
    done = subprocess.run(command, env=env, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_ends_a_command_without_a_word(
    env: dict[str, str], unbuffered: str
) -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [*PROGRAM, "models", "--all", "--json"],
        env={**env, "PYTHONUNBUFFERED": unbuffered},
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
    ) as program:
        os.close(writing)
        if unbuffered:
            assert os.read(reading, 1)  # it has begun, and cannot have ended: no pipe holds so much
        os.close(reading)
        said = program.communicate()[1]
    assert (program.returncode, said) == (141, b"")


class Narrow(io.RawIOBase):
    """A file that takes three bytes at a time, and then no more, as a disk does that fills up."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.held = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        taken = bytes(data)[: min(3, self.room - len(self.held))]  # type: ignore[call-overload]
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.held += taken
        return len(taken)


def test_an_unbuffered_output_is_written_whole_or_told_to_be_cut() -> None:
    narrow = Narrow(100)
    unbuffered = io.TextIOWrapper(cast("Any", narrow), encoding="utf-8", write_through=True)
    out = standard_streams({}, io.StringIO(), unbuffered, io.StringIO())[1]
    out.write(ANSWER)
    assert narrow.held.decode() == ANSWER, "at once, as who wants no buffer expects it"
    with pytest.raises(OutputFault, match="No space left"):
        out.write("x" * 100)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_log_that_is_full_too_changes_no_exit_code(env: dict[str, str]) -> None:
    assert typed("models >/dev/full 2>&1", env).returncode == 3
    done = typed("chat hi -v --usage 2>/dev/full", env)
    assert (done.returncode, done.stdout[:7]) == (0, "This is")


@pytest.mark.skipif(os.name == "nt", reason="closes streams as a POSIX shell does")
@pytest.mark.parametrize("words", ["chat hi", "chat hi --json", "batch /dev/null"])
def test_no_quota_is_spent_on_an_answer_that_would_be_lost(
    env: dict[str, str], sim: Simulator, words: str
) -> None:
    done = typed(f"{words} >&-", env)
    assert done.returncode == 3
    assert done.stderr.startswith("error: the answer could not be written: standard output is clo")
    assert sim.counts.requests == 0
    assert typed(f"{words} >/dev/null", env).returncode != 3


def test_a_file_that_took_the_place_of_a_closed_stream_is_no_output(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_text("all that it unpacks")
    with file.open() as taken, file.open("a") as given:
        with standard_streams({}, io.StringIO(), taken, io.StringIO())[1] as stand_in:
            assert is_stand_in(stand_in)
        assert not is_stand_in(standard_streams({}, io.StringIO(), given, io.StringIO())[1])


class Broken(io.RawIOBase):
    """A file that fails at each write, as a disconnected share does."""

    def __init__(self, number: int) -> None:
        self.number = number

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.EIO, errno.EFBIG, errno.EBADF])
@pytest.mark.parametrize("size", [1, 100_000])
def test_whatever_fails_at_stdout_is_an_output_fault(number: int, size: int) -> None:
    raw = Broken(number)
    out = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8")
    _, stdout, _ = standard_streams({}, None, out, None)
    with pytest.raises(OutputFault, match=re.escape(os.strerror(number))):
        print("x" * size, file=stdout, flush=True)
    raw.close()


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_a_code_page_costs_characters_but_no_crash(encoding: str) -> None:
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "freellm_cli", "models", "show", "gemini/gemini-2.5-flash"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"gemini-2.5-flash" in done.stdout
    done.stdout.decode(encoding)

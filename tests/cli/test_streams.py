"""Streams as other systems and careless callers hand them over."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from freellm_cli.cli.streams import standard_streams

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


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_a_code_page_costs_characters_but_no_crash(encoding: str) -> None:
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "freellm_cli", "models", "show", "gemini/gemini-2.5-flash"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"gemini-2.5-flash" in done.stdout
    done.stdout.decode(encoding)

"""A conversation held through a real terminal: typed, drawn, stopped, and left."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household
from tests.support.program import PROGRAM, only_python_itself

pexpect = pytest.importorskip("pexpect", reason="there are no pseudo-terminals on Windows")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals on Windows")

ROOT = Path(__file__).resolve().parent.parent.parent
LITE = "gemini/gemini-2.5-flash-lite"
ENTER, CTRL_C, CTRL_D, ALT_ENTER = "\r", "\x03", "\x04", "\x1b\r"
# What a terminal is told, as opposed to what is read on it.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78]|\r|[^\n]\x08")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;[\d;]+)m")
ANSWER = """# The plan

Some **bold** words and `code`.

```python
print("hello")
```

1. first
2. second
"""

Open = Callable[..., "Terminal"]


class Terminal:
    """`type` sends keys, `see` waits for a text and gives what came before it, as it is read."""

    def __init__(self, child: Any) -> None:
        self.child = child
        self.raw = ""

    def type(self, *keys: str) -> Terminal:
        self.child.send("".join(keys))
        return self

    def see(self, text: str) -> str:
        self.child.expect_exact(text)
        self.raw += self.child.before + self.child.after
        return CONTROL.sub("", self.child.before)

    def ask(self, text: str) -> str:
        """Asks, and waits for the line that tells who answered."""
        self.type(text, ENTER)
        said = self.see(" tokens")
        self.prompt()
        return said

    def prompt(self) -> None:
        """Waits until the next input is awaited."""
        self.child.expect(r"(?:\x1b\[0m|^|\n)> ?(?:\x08|$|\x1b)|> $")
        self.raw += self.child.before + self.child.after

    def leave(self) -> int:
        self.type(CTRL_D)
        self.child.expect(pexpect.EOF)
        self.raw += self.child.before
        self.child.close()
        code: int = self.child.exitstatus
        return code


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1").config(f'default_model = "{FLASH}"')


@pytest.fixture
def terminal(home: Household, tmp_path: Path) -> Iterator[Open]:
    """Opens `freellm chat` on a terminal of so many columns."""
    home.forget()
    opened: list[Any] = []

    def open_(*argv: str, columns: int = 80, **env: str) -> Terminal:
        settings = {
            **home.env,
            "HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        child = pexpect.spawn(
            PROGRAM[0], [*PROGRAM[1:], "chat", *argv],
            env={**settings, **env}, cwd=str(tmp_path), dimensions=(24, columns), encoding="utf-8",
            codec_errors="replace", timeout=15, use_poll=True,
        )  # fmt: skip
        child.delaybeforesend = None
        opened.append(child)
        found = Terminal(child)
        found.see("leaves")
        found.prompt()
        return found

    yield open_
    for child in opened:
        child.close(force=True)


@pytest.mark.parametrize("columns", [40, 120])
@pytest.mark.parametrize("no_colour", ["", "1"])
def test_an_answer_is_drawn_as_markdown(
    terminal: Open, sim: Simulator, columns: int, no_colour: str
) -> None:
    sim.reply(ANSWER)
    session = terminal(columns=columns, NO_COLOR=no_colour)
    said = session.ask("what is the plan?")
    for text in (
        "The plan",
        "bold",
        'print("hello")',
        "1 first",
        "2 second",
        f"{FLASH} · gemini-1",
    ):
        assert text in " ".join(said.split()), text
    assert "**" not in said
    assert "```" not in said
    assert session.leave() == 0
    assert bool(COLOUR.search(session.raw)) is not bool(no_colour)
    lines = [CONTROL.sub("", line) for line in re.split(r"[\r\n]", session.raw)]
    assert max(len(line) for line in lines if " · " not in line) <= columns


def test_what_was_said_is_sent_and_kept(terminal: Open, home: Household, sim: Simulator) -> None:
    session = terminal()
    sim.reply("Blue.")
    session.ask("what colour is the sky?")
    session.ask("why?")
    assert session.leave() == 0
    said = [turn["parts"][0]["text"] for turn in sim.seen[-1].body["contents"]]
    assert said == ["what colour is the sky?", "Blue.", "why?"]
    assert "what colour is the sky?" in home.run("history", "show").out
    again = terminal("-c")
    assert "why?" not in again.raw
    again.ask("and now?")
    assert len(sim.seen[-1].body["contents"]) == 5
    assert again.leave() == 0


def test_the_model_changes_in_mid_conversation(terminal: Open, sim: Simulator) -> None:
    session = terminal()
    session.ask("one")
    session.type(f"/model {LITE}", ENTER).see(f"now asking {LITE}")
    session.prompt()
    session.ask("two")
    session.type("/model nonsense", ENTER).see("error:")
    session.prompt()
    session.type("/system be brief", ENTER).see("system: be brief")
    session.prompt()
    session.ask("three")
    assert session.leave() == 0
    assert [seen.model for seen in sim.seen] == [
        "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-flash-lite",
    ]  # fmt: skip
    assert len(sim.seen[-1].body["contents"]) == 5
    assert "be brief" in str(sim.seen[-1].body["systemInstruction"])


def test_ctrl_c_stops_the_answer_and_keeps_the_session(terminal: Open, sim: Simulator) -> None:
    session = terminal()
    sim.fail("stall_midstream")
    session.type("a long story", ENTER)
    sim.wait_for(lambda counts: counts.stalled == 1)
    session.type(CTRL_C).see("stopped")
    session.prompt()
    session.ask("something else")
    session.type("half a line", CTRL_C).see("Ctrl-D or /exit leaves")
    session.prompt()
    assert session.leave() == 0


def test_ctrl_c_before_the_first_token_keeps_the_session(terminal: Open, sim: Simulator) -> None:
    session = terminal()
    sim.fail("stall_before_first_token")
    session.type("hello?", ENTER)
    sim.wait_for(lambda counts: counts.stalled == 1)
    session.type(CTRL_C).see("stopped")
    session.prompt()
    session.type("/retry", ENTER).see(" tokens")
    session.prompt()
    assert session.leave() == 0
    assert sim.seen[-1].body["contents"][-1]["parts"][0]["text"] == "hello?"


def test_a_failure_keeps_the_session_and_retry_asks_again(terminal: Open, sim: Simulator) -> None:
    session = terminal()
    sim.fail("bad_request")
    session.type("hello", ENTER).see("error:")
    session.prompt()
    session.type("/retry", ENTER).see(" tokens")
    session.prompt()
    assert session.leave() == 0
    assert len(sim.seen[-1].body["contents"]) == 1


def test_retry_and_undo_change_what_is_kept(
    terminal: Open, home: Household, sim: Simulator
) -> None:
    session = terminal()
    sim.reply("wrong")
    sim.reply("right")
    session.ask("one")
    session.type("/retry", ENTER).see(" tokens")
    session.prompt()
    session.ask("two")
    session.type("/undo", ENTER).see("taken back: two")
    session.prompt()
    assert session.leave() == 0
    shown = home.run("history", "show").out
    assert "right" in shown
    assert "wrong" not in shown
    assert "two" not in shown


def test_lines_files_and_tables(terminal: Open, sim: Simulator, tmp_path: Path) -> None:
    (tmp_path / "my notes.txt").write_text("remember the milk")
    session = terminal()
    session.type("first\\", ENTER, "second", ALT_ENTER, "third", ENTER).see(" tokens")
    session.prompt()
    assert sim.seen[-1].body["contents"][-1]["parts"][0]["text"] == "first\nsecond\nthird"
    session.type("/attach my notes.txt", ENTER).see("goes with the next question")
    session.prompt()
    session.ask("what is it?")
    assert "remember the milk" in str(sim.seen[-1].body["contents"][-1])
    session.type("/attach gone.png", ENTER).see("No such file")
    session.prompt()
    session.type("/usage", ENTER).see("answer tokens")
    session.prompt()
    session.type("/limits", ENTER).see("resets in")
    session.prompt()
    session.type("/hlep", ENTER).see("did you mean /help?")
    session.prompt()
    session.type("//usr is a folder", ENTER).see(" tokens")
    session.prompt()
    assert sim.seen[-1].body["contents"][-1]["parts"][0]["text"] == "/usr is a folder"
    session.type("/save talk.md", ENTER).see("wrote talk.md")
    session.prompt()
    session.type("/save talk.md", ENTER).see("exists already")
    session.prompt()
    session.type("/help", ENTER).see("/retry")
    session.prompt()
    session.type("/exit", ENTER)
    session.child.expect(pexpect.EOF)
    assert (tmp_path / "talk.md").read_text().startswith("# first second third\n")


def test_the_last_answer_is_copied_through_the_terminal(terminal: Open, sim: Simulator) -> None:
    sim.reply(ANSWER)
    session = terminal()
    session.type("/copy", ENTER).see("nothing was said yet")
    session.prompt()
    session.ask("what is the plan?")
    session.type("/copy", ENTER).see("to be copied")
    session.prompt()
    session.type("/copy code", ENTER).see("to be copied")
    session.prompt()
    session.type("/copy all", ENTER).see("/copy takes code or nothing")
    session.prompt()
    assert session.leave() == 0
    copied = re.findall(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", session.raw)
    assert [b64decode(text).decode() for text in copied] == [ANSWER, 'print("hello")']


def test_a_question_may_be_written_in_an_editor(
    terminal: Open, sim: Simulator, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf " of two\nlines" >> "$1"\n')
    editor.chmod(0o755)
    session = terminal(EDITOR=str(editor))
    session.type("a question", "\x18\x05").see(" tokens")  # what the editor leaves is asked at once
    session.prompt()
    assert session.leave() == 0
    asked = sim.seen[-1].body["contents"][-1]["parts"][0]["text"]
    assert asked == "a question of two\nlines"


def test_no_log_keeps_neither_answers_nor_what_was_typed(terminal: Open, home: Household) -> None:
    session = terminal("--no-log")
    session.ask("a secret")
    assert session.leave() == 0
    state = Path(home.env["FREELLM_STATE_DIR"])
    assert not (state / "history.db").exists()
    assert not (state / "typed_lines").exists()


def test_what_was_typed_is_remembered_for_its_owner_alone(terminal: Open, home: Household) -> None:
    session = terminal()
    session.ask("something to repeat")
    assert session.leave() == 0
    file = Path(home.env["FREELLM_STATE_DIR"]) / "typed_lines"
    assert file.stat().st_mode & 0o777 == 0o600
    again = terminal()
    again.type("\x1b[A", ENTER).see(" tokens")
    again.prompt()
    assert again.leave() == 0


@pytest.mark.parametrize("columns", [40, 120])
def test_a_dumb_terminal_gets_plain_lines(terminal: Open, sim: Simulator, columns: int) -> None:
    sim.reply(ANSWER)
    session = terminal(TERM="dumb", columns=columns)
    said = session.ask("first\\\rsecond")
    assert "**bold**" in said
    assert sim.seen[-1].body["contents"][-1]["parts"][0]["text"] == "first\nsecond"
    assert session.leave() == 0
    assert "\x1b" not in session.raw


@only_python_itself
def test_a_terminal_that_knows_no_utf_8(terminal: Open, sim: Simulator) -> None:
    sim.reply("Grüße – 日本")
    session = terminal(PYTHONIOENCODING="latin-1", PYTHONUTF8="0", LC_ALL="C")
    said = session.ask("hello")
    assert "?" in said
    assert session.leave() == 0


def test_a_models_answer_cannot_drive_the_terminal(terminal: Open, sim: Simulator) -> None:
    sim.reply("harmless \x1b]0;owned\x07\x1b[2J text")
    session = terminal()
    said = session.ask("hello")
    assert session.leave() == 0
    assert "\x1b]0;" not in session.raw
    assert "\x1b[2J" not in session.raw
    assert "text" in said

"""Where a locale knows few letters: what is asked arrives whole, what is shown stays readable."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest

from freellm_cli.cli.face import Face
from freellm_cli.cli.plain_letters import as_text
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household
from tests.support.program import PROGRAM, only_python_itself

pytestmark = only_python_itself
ROOT = Path(__file__).resolve().parents[2]
ASCII_ALONE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1").config(f'default_model = "{FLASH}"')


def run(home: Household, *words: str, given: str = "") -> subprocess.CompletedProcess[bytes]:
    env = {**home.env, **ASCII_ALONE, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [*PROGRAM, *words], env=env, input=given.encode(), capture_output=True, timeout=30
    )


def asked(sim: Simulator) -> str:
    text: str = sim.seen[-1].body["contents"][-1]["parts"][0]["text"]
    return text


def test_a_question_in_other_letters_arrives_is_kept_and_answered(
    home: Household, sim: Simulator
) -> None:
    sim.reply("Grüße “von” hier… → dort ★ 日本")
    done = run(home, "chat", "-s", "Sei höflich.", "Grüße!", given="日本")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b'Gr??e "von" hier... -> dort * ??\n'
    assert asked(sim) == "Grüße!\n\n日本"
    assert "Sei höflich." in str(sim.seen[-1].body["systemInstruction"])
    kept = json.loads(home.run("history", "show", "--json").out)
    assert kept["messages"][0]["text"] == "Grüße!\n\n日本"


def test_json_loses_no_letter(home: Household, sim: Simulator) -> None:
    sim.reply("Grüße 日本")
    done = run(home, "chat", "--json", "hello")
    assert json.loads(done.stdout)["text"] == "Grüße 日本"


def test_tables_and_messages_stay_readable(home: Household) -> None:
    shown = run(home, "models", "--recommended").stdout.decode("ascii")
    assert "* gemini/gemini-2.5-flash" in shown
    assert "?" not in shown
    error = run(home, "chat", "-m", "nonsense-model", "x").stderr.decode("ascii")
    assert "  -> " in error


def test_a_word_that_is_no_text_is_refused_with_a_way_out(home: Household) -> None:
    done = run(home, "history", "search", "für-mich")
    assert done.returncode == 2
    assert b"LC_ALL=C.UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("plain", "plain"),
        ("Grüße", "Grüße"),
        (b"Gr\xc3\xbc\xc3\x9fe".decode("ascii", "surrogateescape"), "Grüße"),
        (b"Gr\xfc\xdfe".decode("utf-8", "surrogateescape"), "Gr\ufffd\ufffde"),
    ],
)
def test_what_was_typed_becomes_text(typed: str, text: str) -> None:
    assert as_text(typed) == text


def test_a_stream_that_knows_all_letters_keeps_them() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Face({}, io.StringIO(), out, io.StringIO()).print("… ★")
    out.flush()
    assert out.buffer.getvalue() == "… ★\n".encode()  # type: ignore[attr-defined]

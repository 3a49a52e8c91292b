"""`freellm setup` on a real pseudo-terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.household import Household
from tests.support.program import PROGRAM
from tests.support.upstream import simulator

pexpect = pytest.importorskip("pexpect")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
ROOT = Path(__file__).parents[2]
KEY = "gsk_CANARY0123456789CANARY0123456789"


@pytest.mark.parametrize("columns", [40, 120])
def test_a_newcomer_types_a_key_unseen_and_gets_an_answer(tmp_path: Path, columns: int) -> None:
    with simulator() as sim:
        home = Household(tmp_path, sim)
        for name in ("groq", "mistral", "openrouter", "gemini", "nvidia_nim", "cohere", "zai"):
            home.provider(name)
        env = {
            **os.environ,
            **home.env,
            "HOME": str(tmp_path),
            "BROWSER": "true",
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
        }
        talk = pexpect.spawn(
            PROGRAM[0], [*PROGRAM[1:], "setup"],
            env=env, encoding="utf-8", timeout=20, dimensions=(40, columns), use_poll=True,
        )  # fmt: skip
        shown = ""
        for expected, typed in (("Which one", ""), ("now\\?", "n"), ("not shown", KEY)):
            talk.expect(expected)
            shown += talk.before + talk.after
            talk.sendline(typed)
        talk.expect(pexpect.EOF)
        shown += talk.before
        talk.close()
    assert talk.exitstatus == 0, shown
    assert "It works" in shown
    assert KEY not in shown

"""Many `freellm chat` processes at once, on one ledger, against keys whose limits are strict."""

from __future__ import annotations

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.household import Household
from tests.support.program import PROGRAM
from tests.support.upstream import simulator

ROOT = Path(__file__).parents[2]


def ask(home: Household, number: int) -> tuple[int, str]:
    done = subprocess.run(
        [*PROGRAM, "chat", f"question {number}"],
        env={**home.env, "PYTHONPATH": str(ROOT), "PATH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.slow
def test_forty_processes_eight_at_a_time_share_four_keys_of_ten_a_minute(tmp_path: Path) -> None:
    with simulator("generous") as sim:
        sim.each_key().rpm(10)
        home = Household(tmp_path, sim).keys("groq", "k1", "k2", "k3", "k4")
        home.limits("groq", requests_per_minute=10)
        home.config('default_model = "groq/openai/gpt-oss-120b"')
        home.forget()
        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(lambda number: ask(home, number), range(40)))
        assert [outcome for outcome in outcomes if outcome[0]] == []
        assert (sim.counts.answered, sim.counts.refused) == (40, 0)
        by_key = Counter(seen.key for seen in sim.seen)
        assert list(by_key.values()) == [10, 10, 10, 10]

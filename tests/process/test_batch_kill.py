"""A batch that is killed with SIGKILL and resumed: no row is lost, none is answered twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.household import FLASH
from tests.support.program import PROGRAM
from tests.support.upstream import Remote, simulator_process

ROOT = Path(__file__).parents[2]
ROWS = 300


def prepare(folder: Path, remote: Remote) -> tuple[dict[str, str], Path]:
    config = folder / "config"
    config.mkdir()
    (config / "config.toml").write_text(
        f'default_model = "{FLASH}"\n[providers.gemini]\nbase_url = "{remote.base_url("gemini")}"\n'
        "catalog_limits = false\n"
    )
    source = folder / "in.jsonl"
    source.write_text(
        "".join(json.dumps({"id": f"c{n}", "prompt": f"question {n}"}) + "\n" for n in range(ROWS))
    )
    env = {
        **os.environ,
        "FREELLM_CONFIG_DIR": str(config),
        "FREELLM_STATE_DIR": str(folder / "state"),
        "GEMINI_API_KEY": "k1",
        "PYTHONPATH": str(ROOT),
    }
    return env, source


def batch(env: dict[str, str], source: Path, *more: str) -> subprocess.Popen[str]:
    out = source.parent / "out.jsonl"
    command = [*PROGRAM, "batch", str(source), "-o", str(out), *more]
    return subprocess.Popen(
        command,
        env=env,
        cwd=source.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def run_and_kill(env: dict[str, str], source: Path, *more: str, after: int, results: str) -> None:
    process = batch(env, source, *more)
    deadline = time.monotonic() + 60
    while lines_of(source.parent / results) < after and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    process.communicate()


@pytest.mark.parametrize("ordered", [False, True])
def test_killed_three_times_it_still_answers_every_row_once(tmp_path: Path, ordered: bool) -> None:
    order = ("--ordered",) if ordered else ()
    results = "out.jsonl.part" if ordered else "out.jsonl"
    with simulator_process("generous", "--first-token-s", "0.01") as remote:
        env, source = prepare(tmp_path, remote)
        run_and_kill(env, source, *order, after=20, results=results)
        for after in (80, 150):
            run_and_kill(env, source, *order, "--resume", after=after, results=results)
        last = batch(env, source, *order, "--resume")
        _, err = last.communicate(timeout=120)
        assert last.returncode == 0, err
        answered = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        times_asked = Counter(
            seen["body"]["contents"][-1]["parts"][0]["text"] for seen in remote.seen
        )
    ids = [row["id"] for row in answered]
    assert sorted(ids) == sorted(f"c{n}" for n in range(ROWS))
    assert not ordered or ids == [f"c{n}" for n in range(ROWS)]
    twice = [text for text, count in times_asked.items() if count > 1]
    assert len(twice) <= 3 * 8  # only what was under way when it was killed
    assert not (tmp_path / "out.jsonl.journal").exists()


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C reaches every process of it")
def test_ctrl_c_lets_running_rows_end_and_leaves_130(tmp_path: Path) -> None:
    with simulator_process("generous", "--first-token-s", "0.2") as remote:
        env, source = prepare(tmp_path, remote)
        process = batch(env, source)
        deadline = time.monotonic() + 60
        while lines_of(tmp_path / "out.jsonl") < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 130, (out, err)
        assert "--resume" in out + err
        assert remote.counts["requests"] == lines_of(tmp_path / "out.jsonl")

"""What the one file costs, beside bare Python and an installed freellm, as ratios of one run on this machine.

    python3 scripts/binary
    .venv/bin/python benchmarks/binary.py dist/freellm-*/freellm [--rounds 20] [--build]

Bars: `--version` at most 12x `python -c pass`; `chat` at most 1.4x the same from a virtual environment; at
most 30 MB; `serve` from start to first answer 0.8 s; with `--build`, a build in a fresh clone in 5 minutes.
The first start, which unpacks, is shown too: each is timed in an empty home.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import startup

from freellm_cli.simulator.server import Simulator

ROOT = Path(__file__).resolve().parent.parent
MOST_MB, MOST_SERVE_S, MOST_BUILD_S = 30.0, 0.8, 300.0
BARS = {
    "one file --version": ("python -c pass", 12.0),
    "one file chat hello": ("installed chat hello", 1.4),
}
FIRST_STARTS = 5
SERVES = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--build", action="store_true", help="time building it, too")
    options = parser.parse_args()
    file = options.file.resolve()
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator("generous", first_token_s=0, tokens_per_s=0) as simulator,
    ):
        commands, env = prepare(Path(folder), simulator, file)
        took = startup.measure(commands, env, options.rounds)
        firsts = first_starts(Path(folder), file)
        serves = [first_answer(file, env) for _ in range(SERVES)]
    missed = report(took)
    missed += told("size", file.stat().st_size / 1e6, MOST_MB, "MB")
    missed += told("serve, start to first answer", statistics.median(serves), MOST_SERVE_S, "s")
    wall, cpu = (statistics.median(times) for times in zip(*firsts, strict=True))
    print(f"{'first start, which unpacks':34}{wall:8.2f} s, {cpu:.2f} s of processor")
    if options.build:
        missed += told("build", build(), MOST_BUILD_S, "s")
    return 1 if missed else 0


def prepare(
    folder: Path, simulator: Simulator, file: Path
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The commands to time, and their environment; the installed one is a wheel in a virtual environment."""
    started, env = startup.prepare(folder, simulator)
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, str(ROOT)], check=True)
    for name in ("PYTHONPATH", "PYTHONPYCACHEPREFIX"):
        env.pop(name)
    installed = str(venv / "bin" / "freellm")
    return {
        "python -c pass": started["python -c pass"],
        "installed --version": [installed, "--version"],
        "one file --version": [str(file), "--version"],
        "installed chat hello": [installed, "chat", "hello"],
        "one file chat hello": [str(file), "chat", "hello"],
    }, env


def first_starts(folder: Path, file: Path) -> list[tuple[float, float]]:
    """Seconds of the wall and of the processor, each start in an empty home."""
    found = []
    for number in range(FIRST_STARTS):
        home = folder / f"home{number}"
        home.mkdir()
        before, began = os.times(), time.perf_counter()
        subprocess.run(
            [file, "--version"], env={"HOME": str(home)}, check=True, capture_output=True
        )
        after = os.times()
        cpu = sum(after[2:4]) - sum(before[2:4])
        found.append((time.perf_counter() - began, cpu))
    return found


def first_answer(file: Path, env: dict[str, str]) -> float:
    """Seconds from starting `serve` to its first answer to a question."""
    began = time.perf_counter()
    with subprocess.Popen(
        [file, "--json", "-q", "serve", "--port", "0"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told = ""
        while not told.endswith("}\n"):
            told += process.stdout.readline()
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
        connection = http.client.HTTPConnection("127.0.0.1", json.loads(told)["port"])
        connection.request("POST", "/v1/chat/completions", body)
        assert connection.getresponse().status == 200
        took = time.perf_counter() - began
        connection.close()
        process.terminate()
    return took


def build() -> float:
    """Seconds, the environment with the tools included."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        command = [sys.executable, str(clone / "scripts" / "binary")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def report(took: dict[str, list[float]]) -> int:
    missed = 0
    for name, times in took.items():
        line = f"{name:34}{statistics.median(times):8.1f} ms"
        if name in BARS:
            base, most = BARS[name]
            ratio = statistics.median(o / t for o, t in zip(times, took[base], strict=True))
            missed += ratio > most
            line += f"{ratio:7.2f}x {base} (at most {most:g}x{'' if ratio <= most else ', MISSED'})"
        print(line)
    return missed


def told(name: str, value: float, most: float, unit: str) -> int:
    verdict = "" if value <= most else ", MISSED"
    print(f"{name:34}{value:8.2f} {unit} (at most {most:g} {unit}{verdict})")
    return int(value > most)


if __name__ == "__main__":
    raise SystemExit(main())

"""How long a command takes to start, as ratios of one run on this machine.

    .venv/bin/python benchmarks/startup.py [--rounds 20]

Bars: `--version` at most 4x `python -c pass`; `--help` and a completion at most 7x; `freellm chat` as a whole
process at most 1.8x a minimal script that makes the same call with http.client, json, sqlite3 and tomllib.
The interpreter is timed itself, with its byte code written once, as an installed program has it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from freellm_cli.simulator.server import Simulator  # noqa: E402

KEY = "gsk_123456789012345678901234567890123456"
MODEL = "openai/gpt-oss-120b"
CONFIG = """\
default_model = "groq/{model}"
[providers.groq]
base_url = "{base_url}"
catalog_limits = false
"""
SCRIPT = """\
import http.client, json, sqlite3, tomllib
body = json.dumps({{"model": "{model}", "messages": [{{"role": "user", "content": "hello"}}]}})
headers = {{"Authorization": "Bearer {key}", "Content-Type": "application/json"}}
connection = http.client.HTTPConnection("127.0.0.1", {port})
connection.request("POST", "{path}/chat/completions", body, headers)
print(json.loads(connection.getresponse().read())["choices"][0]["message"]["content"])
"""
# Name -> (what it is measured against, the most it may take of it).
BARS = {
    "freellm --version": ("python -c pass", 4.0),
    "freellm --help": ("python -c pass", 7.0),
    "freellm chat --help": ("python -c pass", 7.0),
    "freellm _complete names g": ("python -c pass", 7.0),
    "freellm chat hello": ("stdlib script", 1.8),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator("generous", first_token_s=0, tokens_per_s=0) as simulator,
    ):
        commands, env = prepare(Path(folder), simulator)
        took = measure(commands, env, rounds)
    return report(took)


def prepare(folder: Path, simulator: Simulator) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The commands to time, and the environment that they run in."""
    config = folder / "config"
    config.mkdir()
    base_url = simulator.base_url("groq")
    (config / "config.toml").write_text(CONFIG.format(model=MODEL, base_url=base_url))
    path = base_url.partition(str(simulator.port))[2]
    script = folder / "minimal.py"
    script.write_text(SCRIPT.format(model=MODEL, key=KEY, port=simulator.port, path=path))
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "FREELLM_CONFIG_DIR": str(config),
        "FREELLM_STATE_DIR": str(folder / "state"),
    }
    freellm = [sys.executable, "-m", "freellm_cli"]
    subprocess.run(
        [*freellm, "keys", "add", "groq", "--stdin", "-q"],
        input=KEY, text=True, env=env, check=True, capture_output=True,
    )  # fmt: skip
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "stdlib script": [sys.executable, str(script)],
    }
    return commands | {name: freellm + name.split()[1:] for name in BARS}, env


def measure(
    commands: dict[str, list[str]], env: dict[str, str], rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of every run; the commands take turns, so that a slow moment meets them all."""
    took: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 2):
        for name, command in commands.items():
            begun = time.perf_counter()
            done = subprocess.run(command, env=env, capture_output=True, check=False)
            elapsed = (time.perf_counter() - begun) * 1000
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr.decode()[-500:]}")
            if number >= 2:  # the first two write byte code and warm the disk's cache
                took[name].append(elapsed)
    return took


def report(took: dict[str, list[float]]) -> int:
    """Prints medians, and of each round's ratios the median; 1 when a bar is missed.

    The runs of a round follow each other, so that a machine busy with other things slows both sides.
    """
    medians = {name: statistics.median(times) for name, times in took.items()}
    missed = 0
    for name, median in medians.items():
        line = f"{name:28}{median:8.1f} ms"
        if name in BARS:
            base, most = BARS[name]
            pairs = zip(took[name], took[base], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            missed += ratio > most
            line += f"{ratio:7.2f}x {base} (at most {most:g}x{'' if ratio <= most else ', MISSED'})"
        print(line)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())

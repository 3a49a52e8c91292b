"""What a batch costs beside the answers themselves: milliseconds a row, and memory at the end.

    python benchmarks/batch.py [--rows 10000] [--width 8]

Prints one JSON line a run: a tenth of the rows, then all of them, against a simulator in a process of its
own that answers at once, limits of a real provider's shape in the ledger. Flat memory: `peak_mib` of both
runs is about the same. The simulator's own time is in `ms_a_row`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
PEAK = """
import resource, sys
from freellm_cli.cli.front import run
code = run(sys.argv[1:])
kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(kib // (1024 * 1024 if sys.platform == "darwin" else 1024))
sys.exit(code)
"""


def measure(folder: Path, url: str, rows: int, width: int) -> dict[str, Any]:
    config = folder / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        f'default_model = "gemini/gemini-2.5-flash"\n[providers.gemini]\nbase_url = "{url}"\n'
        "catalog_limits = false\n[[providers.gemini.limits]]\n"
        "requests_per_minute = 1_000_000\ntokens_per_minute = 1_000_000_000\n"
        "requests_per_day = 10_000_000\n"
    )
    source = folder / "in.jsonl"
    with source.open("w") as file:
        for number in range(rows):
            file.write(json.dumps({"prompt": f"question {number} " + "word " * 20}) + "\n")
    env = {
        **os.environ,
        "FREELLM_CONFIG_DIR": str(config),
        "FREELLM_STATE_DIR": str(folder / "state"),
        "GEMINI_API_KEY_1": "k1",
        "GEMINI_API_KEY_2": "k2",
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [sys.executable, "-c", PEAK, "batch", str(source), "-o", str(folder / "out.jsonl")]
    begun = time.perf_counter()
    done = subprocess.run(
        [*command, "-q", "--width", str(width)], env=env, capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - begun
    answered = sum(1 for _ in (folder / "out.jsonl").open())
    assert answered == rows, f"{answered} of {rows} rows"
    return {
        "rows": rows,
        "width": width,
        "seconds": round(seconds, 2),
        "ms_a_row": round(1000 * seconds / rows, 3),
        "peak_mib": int(done.stdout.split()[-1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=8, help="0: as the batch itself chooses")
    given = parser.parse_args()
    simulator = subprocess.Popen(
        [sys.executable, "-m", "freellm_cli.simulator", "--until-stdin-ends"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with simulator, tempfile.TemporaryDirectory() as folder:
        assert simulator.stdin
        assert simulator.stdout
        url = json.loads(simulator.stdout.readline())["base_urls"]["gemini"]
        for rows in (given.rows // 10, given.rows):
            print(json.dumps(measure(Path(folder) / str(rows), url, rows, given.width)), flush=True)
        simulator.stdin.close()


if __name__ == "__main__":
    main()

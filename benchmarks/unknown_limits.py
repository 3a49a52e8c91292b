"""Finding a rate that nobody tells: what is learned within three minutes, and what is refused after that.

    python benchmarks/unknown_limits.py

Simulated time; the ledger and its arithmetic are the real ones.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.unknown_rate import find_rate

CASES = (
    (5, 60, 4, 2.0),
    (20, 60, 8, 1.0),
    (30, 60, 16, 3.0),
    (40, 60, 1, 1.0),
    (40, 60, 16, 1.0),
    (40, 60, 16, 8.0),
    (100, 60, 16, 1.0),
    (200, 60, 16, 1.0),
    (300, 60, 32, 3.0),
    (1, 1, 4, 1.0),
    (2, 1, 2, 0.3),
    (2, 1, 8, 1.0),
)
"""True amount, its window in seconds, workers, seconds an answer takes."""
SEEDS = (1, 2, 3)


def main() -> int:
    worst_off = worst_refused = 0.0
    print("true/window  workers  latency s   learned   off   refused later")
    for true, seconds, workers, latency in CASES:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                found = find_rate(
                    f"{folder}/ledger.db",
                    true=true,
                    seconds=seconds,
                    workers=workers,
                    latency_s=latency,
                    seed=seed,
                )
            share = found.refused / found.asked
            worst_off, worst_refused = max(worst_off, found.off), max(worst_refused, share)
            print(
                f"{true:6}/{seconds:2} s  {workers:7}  {latency:9.1f}  {found.learned:8g}"
                f"  {found.off:4.0%}   {found.refused} of {found.asked} ({share:.2%})"
            )
    print(f"worst: {worst_off:.0%} off (bar 10%), {worst_refused:.2%} refused (bar 1%)")
    return 0 if worst_off <= 0.10 and worst_refused < 0.01 else 1


if __name__ == "__main__":
    raise SystemExit(main())

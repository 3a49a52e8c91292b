"""What choosing costs when the ledger is full, and how large it becomes.

    python benchmarks/ledger.py [CALLS]       a million unless said otherwise

Eight keys, each with limits of a minute and of a rolling day; the clock is the benchmark's own and steps
a second a call, so that each key's rolling day holds more than 10,000 calls at any time, and calls leave
it as others come. Nothing is limited: what is measured is looking, choosing, writing and settling.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from freellm_cli.core.limits import REQUESTS, TOKENS, Limit, Window
from freellm_cli.core.rotation import Candidate
from freellm_cli.storage.ledger import Lease, Ledger

KEYS = 8
STEP_S = 1.0
MEASURED = 20_000


class BenchClock:
    def __init__(self) -> None:
        self.time = 1_790_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def candidates() -> list[Candidate]:
    found = []
    for number in range(KEYS):
        meter = f"account:p/{number}|m"
        limits = (
            Limit(meter, REQUESTS, Window("sliding", 60.0), 100_000),
            Limit(meter, TOKENS, Window("sliding", 60.0), 100_000_000),
            Limit(meter, REQUESTS, Window("sliding", 86_400.0), 1_000_000),
            Limit(meter, REQUESTS, Window("day"), 1_000_000),
        )
        key = f"k{number}/p/m"
        rests = (f"target:{key}", "model:p/m", f"credential:k{number}", "provider:p")
        found.append(Candidate(key, 0, f"k{number}", "p", str(number), "p/m", limits, rests))
    return found


def main() -> int:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    clock, pool = BenchClock(), candidates()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"{folder}/ledger.db", clock=clock, rng=random.Random(1), boot="b")
        choosing, settling, working = [], [], []
        for number in range(calls):
            clock.time += STEP_S
            begun, worked = time.perf_counter(), time.thread_time()
            lease = ledger.acquire(pool, tokens=500, request_id="r", deadline=clock.time + 60)
            chosen, worked = time.perf_counter(), time.thread_time() - worked
            assert isinstance(lease, Lease)
            ledger.mark_sent(lease)
            ledger.settle(lease, tokens=400, answered_at=clock.time, outcome="ok")
            if number >= calls - MEASURED:
                choosing.append(chosen - begun)
                working.append(worked)
                settling.append(time.perf_counter() - chosen)
        ledger.close()
        size = sum(
            path.stat().st_size for path in Path(folder).glob("ledger.db*") if path.is_file()
        )
    p99 = sorted(choosing)[int(len(choosing) * 0.99)] * 1e3
    median = sorted(choosing)[len(choosing) // 2] * 1e3
    settled = sorted(settling)[int(len(settling) * 0.99)] * 1e3
    busy = sorted(working)[int(len(working) * 0.99)] * 1e3
    print(f"after {calls:,} calls: choosing median {median:.3f} ms, p99 {p99:.3f} ms (bar 1 ms)")
    print(f"of that at work on the processor: p99 {busy:.3f} ms (another load does not change it)")
    print(f"settling p99 {settled:.3f} ms; the ledger has {size / 1e6:.1f} MB (bar 20 MB)")
    return 0 if p99 < 1.0 and size < 20e6 else 1


if __name__ == "__main__":
    raise SystemExit(main())

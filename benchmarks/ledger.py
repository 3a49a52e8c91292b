"""What choosing costs when the ledger is full, and how large it becomes.

    python benchmarks/ledger.py [CALLS]       a million unless said otherwise (10 to 20 minutes)

Eight keys, three models each; limits of a minute (requests and tokens), of a rolling day, of a calendar
day for each model, and of a day for the whole key. The clock is the benchmark's own and steps a second a
call: each key's rolling day holds more than 10,000 calls at any time, and days begin on the way. Every call
is one of a conversation and leaves its trace for `freellm why`; at the end the traces are as long as they
can be. Nothing is limited: what is measured is looking, choosing, writing and settling.
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
from freellm_cli.storage.ledger_history import LONGEST_TRACE, REQUESTS_KEPT

KEYS = 8
MODELS = ("small", "middle", "large")
CONVERSATIONS = 5000
STEP_S = 1.0
MEASURED = 20_000
PACIFIC = Window("day", zone="America/Los_Angeles")


class BenchClock:
    def __init__(self) -> None:
        self.time = 1_790_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def candidates(model: str) -> tuple[Candidate, ...]:
    return tuple(_candidate(number, model) for number in range(KEYS))


def _candidate(number: int, model: str) -> Candidate:
    meter = f"account:p/{number}|{model}"
    limits = (
        Limit(meter, REQUESTS, Window("sliding", 60.0), 100_000),
        Limit(meter, TOKENS, Window("sliding", 60.0), 100_000_000),
        Limit(meter, REQUESTS, PACIFIC, 1_000_000),
        Limit(f"account:p/{number}|*", REQUESTS, Window("sliding", 86_400.0), 1_000_000),
        Limit(f"account:p/{number}|*", REQUESTS, Window("day"), 1_000_000),
    )
    key = f"k{number}/p/{model}"
    rests = (f"target:{key}", f"model:p/{model}", f"credential:k{number}", "provider:p")
    return Candidate(key, 0, f"k{number}", "p", str(number), f"p/{model}", limits, rests)


def trace(number: int, clock: BenchClock, lease: Lease, filling: str = "") -> dict[str, object]:
    return {
        "id": f"{number:x}",
        "at": clock.time,
        "asked": lease.candidate.model_id,
        "face": "chat",
        "outcome": "ok",
        "seconds": 1.25,
        "route": [{"why": "asked", "models": [lease.candidate.model_id]}],
        "excluded": [],
        "attempts": [
            {"target": lease.candidate.key, "outcome": "ok", "message": filling, "seconds": 1.25}
        ],
        "answerer": {"model_id": lease.candidate.model_id, "credential": lease.candidate.key},
        "usage": {"prompt": 400, "completion": 100, "total": 500},
    }


class Times:
    def __init__(self) -> None:
        self.choosing: list[float] = []
        self.working: list[float] = []
        self.settling: list[float] = []


def call(
    ledger: Ledger, clock: BenchClock, pool: tuple[Candidate, ...], number: int, filling: str = ""
) -> tuple[float, float, float]:
    """One request; seconds of choosing, of that on the processor, of settling."""
    clock.time += STEP_S
    begun, worked = time.perf_counter(), time.thread_time()
    lease = ledger.acquire(
        pool,
        tokens=500,
        request_id="r",
        deadline=clock.time + 60,
        sticky=f"conversation {number % CONVERSATIONS}" if number % 2 else None,
    )
    chosen, worked = time.perf_counter(), time.thread_time() - worked
    assert isinstance(lease, Lease)
    ledger.mark_sent(lease)
    before = time.perf_counter()
    with ledger.together():
        ledger.settle(lease, tokens=400, answered_at=clock.time, outcome="ok")
        ledger.note_answer(lease.candidate, first_token_s=0.3)
        ledger.record_request(trace(number, clock, lease, filling))
    return chosen - begun, worked, time.perf_counter() - before


def p99(seconds: list[float]) -> float:
    """In milliseconds."""
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1e3


def main() -> int:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    clock, pools, times = BenchClock(), [candidates(model) for model in MODELS], Times()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"{folder}/ledger.db", clock=clock, rng=random.Random(1), boot="b")
        for number in range(calls):
            took = call(ledger, clock, pools[number % len(pools)], number)
            if number >= calls - MEASURED:
                times.choosing.append(took[0])
                times.working.append(took[1])
                times.settling.append(took[2])
        size = size_of(folder)
        for number in range(calls, calls + REQUESTS_KEPT):
            call(ledger, clock, pools[0], number, "x" * (LONGEST_TRACE - 500))
        largest = size_of(folder)
        day = Limit("account:p/0|*", REQUESTS, Window("sliding", 86_400.0), 1_000_000)
        in_a_day = ledger.usage([day])[0].used
        ledger.close()
    median = sorted(times.choosing)[len(times.choosing) // 2] * 1e3
    worst = p99(times.choosing)
    print(f"after {calls:,} calls, {in_a_day:,} in the rolling day of one key:")
    print(f"choosing median {median:.3f} ms, p99 {worst:.3f} ms (bar 1 ms)")
    print(f"of that at work on the processor: p99 {p99(times.working):.3f} ms")
    print(f"settling, learning and recording p99 {p99(times.settling):.3f} ms")
    print(
        f"the ledger has {size / 1e6:.1f} MB, with the longest traces {largest / 1e6:.1f} MB "
        "(bar 20 MB)"
    )
    return 0 if worst < 1.0 and largest < 20e6 else 1


def size_of(folder: str) -> int:
    """The file, its log and the owners' boards."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


if __name__ == "__main__":
    raise SystemExit(main())

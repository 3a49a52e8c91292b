"""Real processes on one ledger: together they keep every limit, and the killed leave no debt."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.limits import CONCURRENT, REQUESTS, Limit, Window
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.ledger import Lease, Ledger
from tests.support.strict_gate import Gate, StrictGate
from tests.support.targets import at_once, per_minute, pool, target

ROOT = Path(__file__).parents[2]


@contextmanager
def workers(amount: int, **order: Any) -> Iterator[list[subprocess.Popen[str]]]:
    settings = {"requests": 0, "patience_s": 60.0, "work_s": 0.01, **order}
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.ledger_worker",
                json.dumps({**settings, "seed": number}),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(amount)
    ]
    try:
        yield running
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.communicate()


def reports(running: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    found = []
    for process in running:
        out, err = process.communicate(timeout=80)
        assert (process.returncode, err) == (0, ""), err
        found.append(json.loads(out.splitlines()[-1]))
    return found


def open_ledger(folder: Path) -> Ledger:
    return Ledger(str(folder / "ledger.db"), clock=SystemClock(), rng=random.Random(99))


def ask(ledger: Ledger, candidates: Any, **more: Any) -> object:
    return ledger.acquire(
        candidates, tokens=10, request_id="probe", deadline=time.time() + 60, **more
    )


def test_eight_processes_use_their_keys_to_the_full_and_are_never_refused(tmp_path: Path) -> None:
    gate = Gate(amount=20, seconds=2.0)
    with (
        StrictGate(gate) as upstream,
        workers(
            8,
            path=str(tmp_path / "ledger.db"),
            keys=4,
            limits=[["requests", "sliding", gate.seconds, gate.amount]],
            port=upstream.address[1],
            requests=50,
        ) as running,
    ):
        told = reports(running)
    assert upstream.refused == []
    assert sum(each["done"] for each in told) == sum(upstream.admitted.values()) == 400
    assert max(upstream.admitted.values()) - min(upstream.admitted.values()) <= 0.05 * 100
    # 80 at once, then 80 every two seconds.
    took = max(upstream.times) - min(upstream.times)
    assert took < 4 * 2.0 * 1.08


@pytest.mark.slow
def test_killed_processes_leave_neither_debt_nor_gap(tmp_path: Path) -> None:
    gate = Gate(amount=15, seconds=2.0, at_once=3)
    limits = [
        ["requests", "sliding", gate.seconds, gate.amount],
        ["concurrent", "open", 0.0, gate.at_once],
    ]
    order = {
        "path": str(tmp_path / "ledger.db"),
        "keys": 3,
        "limits": limits,
        "work_s": 0.05,
    }
    rng = random.Random(4)
    with StrictGate(gate) as upstream:
        order["port"] = upstream.address[1]
        with workers(8, **order) as running:
            time.sleep(2.0)
            for _ in range(6):
                time.sleep(0.5 + rng.random())
                running.pop(rng.randrange(len(running))).kill()
            time.sleep(3.0)
            assert all(process.poll() is None for process in running)
            before = sum(upstream.admitted.values())
            time.sleep(4.0)
            rate = (sum(upstream.admitted.values()) - before) / 4.0
        # Two that are left use what eight did: 15 in two seconds on each of three keys.
        assert rate >= 0.85 * 22.5
        assert upstream.refused == []
    time.sleep(2.1)
    ledger = open_ledger(tmp_path)
    one = pool(3, per_minute(1))[0]._replace(
        limits=pool(3, at_once(3))[0].limits,
    )
    for _ in range(3):
        assert isinstance(ask(ledger, (one,), wait_policy="never"), Lease)
    ledger.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_every_request_of_killed_processes_is_counted_once_and_all_capacity_comes_back(
    tmp_path: Path, seed: int
) -> None:
    gate = Gate(amount=12, seconds=1.5, at_once=3)
    limits = (
        Limit("", REQUESTS, Window("sliding", gate.seconds), gate.amount),
        Limit("", REQUESTS, Window("first_use", 86_400.0), 1_000_000),
        Limit("", CONCURRENT, Window("open"), gate.at_once),
    )
    windows = [[each.unit, each.window.kind, each.window.seconds, each.amount] for each in limits]
    order = {"path": str(tmp_path / "ledger.db"), "keys": 3, "limits": windows, "work_s": 0.05}
    rng = random.Random(seed)
    with StrictGate(gate) as upstream, workers(9, port=upstream.address[1], **order) as running:
        wait_until(lambda: sum(upstream.admitted.values()) > 12)
        while running:
            time.sleep(rng.expovariate(6.0))
            running.pop(rng.randrange(len(running))).kill()
    ledger, candidates = open_ledger(tmp_path), pool(3, *limits)
    ask_and_release(ledger, candidates)  # what the dead were sending counts from now at the latest
    time.sleep(gate.seconds + 0.2)
    for _ in range(gate.amount * 3):
        lease = ask(ledger, candidates, wait_policy="never")
        assert isinstance(lease, Lease), "some capacity was lost"
        ledger.mark_sent(lease)
        ledger.settle(lease, tokens=1, answered_at=time.time(), outcome="ok")
    assert not isinstance(ask(ledger, candidates, wait_policy="never"), Lease)
    counted = [ledger.usage(one.limits)[1].used - gate.amount for one in candidates]
    arrived = [upstream.admitted[one.credential] for one in candidates]
    beyond = [mine - theirs for mine, theirs in zip(counted, arrived, strict=True)]
    assert upstream.refused == []
    assert min(beyond) >= 0, "capacity was invented"
    assert sum(beyond) <= 2, "more than what can have been on its way just then"
    ledger.close()


def ask_and_release(ledger: Ledger, candidates: Any) -> None:
    found = ledger.acquire_or_wait(
        candidates, tokens=1, request_id="first", deadline=time.time() + 10
    )
    assert isinstance(found, Lease)
    ledger.release(found)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


HOLDS = """
import random, sys, time
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.ledger import Ledger
from tests.support.targets import target, per_minute, at_once
ledger = Ledger(sys.argv[1], clock=SystemClock(), rng=random.Random())
one = target("a", per_minute(2), at_once(2))
leases = [
    ledger.acquire((one,), tokens=10, request_id="r", deadline=time.time() + 600) for _ in range(2)
]
if sys.argv[2] != "unsent":
    ledger.mark_sent(leases[0])
if sys.argv[2] == "answered":
    ledger.answered(leases[0], time.time())
print("ready", flush=True)
time.sleep(60)
"""


def killed_while(folder: Path, state: str) -> None:
    """A process that held two leases and was killed; the first in this state, the second unsent."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder / "ledger.db"), state],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate()


def test_what_a_killed_process_had_not_sent_never_was(tmp_path: Path) -> None:
    killed_while(tmp_path, "unsent")
    ledger, one = open_ledger(tmp_path), target("a", per_minute(2), at_once(2))
    assert isinstance(ask(ledger, (one,)), Lease)
    assert isinstance(ask(ledger, (one,)), Lease)
    ledger.close()


@pytest.mark.parametrize("state", ["sent", "answered"])
def test_what_a_killed_process_had_sent_is_spent_and_its_place_is_free(
    tmp_path: Path, state: str
) -> None:
    killed_while(tmp_path, state)
    ledger, one = open_ledger(tmp_path), target("a", per_minute(2), at_once(2))
    assert isinstance(ask(ledger, (one,)), Lease)
    requests, places = ledger.usage(one.limits)
    assert (requests.used, places.used) == (2, 1)
    assert not isinstance(ask(ledger, (one,), wait_policy="never"), Lease)
    ledger.close()


def test_what_a_killed_process_had_sent_counts_until_its_deadline_at_the_latest(
    tmp_path: Path,
) -> None:
    killed_while(tmp_path, "sent")
    later = LaterClock(3600.0)
    ledger = Ledger(str(tmp_path / "ledger.db"), clock=later, rng=random.Random(9))
    one = target("a", per_minute(2), at_once(2))
    for _ in range(2):
        found = ledger.acquire((one,), tokens=1, request_id="r", deadline=later.now() + 60)
        assert isinstance(found, Lease), "its minute was over long ago"
    ledger.close()


class LaterClock(SystemClock):
    def __init__(self, seconds: float) -> None:
        self._later = seconds

    def now(self) -> float:
        return super().now() + self._later

    def monotonic(self) -> float:
        return super().monotonic() + self._later


def test_a_killed_waiter_is_in_nobodys_way(tmp_path: Path) -> None:
    program = """
import random, sys, time
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.ledger import Ledger
from tests.support.targets import target, at_once
ledger = Ledger(sys.argv[1], clock=SystemClock(), rng=random.Random())
found = ledger.acquire_or_wait(
    (target("a", at_once(1)),), tokens=1, request_id="w", deadline=time.time() + 600,
    on_wait=lambda wait, seconds: print("waits", flush=True),
)
"""
    ledger, one = open_ledger(tmp_path), target("a", at_once(1))
    lease = ask(ledger, (one,))
    assert isinstance(lease, Lease)
    process = subprocess.Popen(
        [sys.executable, "-c", program, ledger.path], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    process.kill()
    process.communicate()
    ledger.settle(lease, tokens=1, answered_at=None, outcome="ok")
    found = ledger.acquire_or_wait((one,), tokens=1, request_id="r", deadline=time.time() + 5)
    assert isinstance(found, Lease)
    ledger.close()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_stopped_process_keeps_its_leases(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "ledger.db"), "unsent"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGSTOP)
    ledger, one = open_ledger(tmp_path), target("a", per_minute(2), at_once(2))
    assert not isinstance(ask(ledger, (one,), wait_policy="never"), Lease)
    process.kill()
    process.communicate()
    ledger.close()


def test_a_ledger_that_is_damaged_under_running_processes_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with (
        StrictGate(Gate(1 << 30, 1.0)) as upstream,
        workers(
            4,
            path=str(path),
            keys=2,
            limits=[["requests", "sliding", 60.0, 1_000_000]],
            port=upstream.address[1],
            requests=150,
            work_s=0.01,
        ) as running,
    ):
        while sum(upstream.admitted.values()) < 50:
            time.sleep(0.01)
        for tail in ("-wal", ""):
            with open(f"{path}{tail}", "r+b") as raw:
                raw.write(b"\xee" * os.fstat(raw.fileno()).st_size)
        told = reports(running)
    assert [each["done"] for each in told] == [150] * 4
    assert list(tmp_path.glob("ledger.db.broken-*"))

"""What takes its time: many requests against tight limits, and an hour's load in a minute."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.serving import HELLO, Served, asking, descriptors, key_text, served
from tests.support.upstream import simulator

pytestmark = pytest.mark.slow


def test_sixty_at_once_on_three_keys_of_ten_a_minute_are_all_answered_and_none_is_refused(
    tmp_path: Path,
) -> None:
    limits = [{"requests_per_minute": 10}]
    with simulator() as sim:
        for number in (1, 2, 3):
            sim.key(key_text("acme", number)).rpm(10)
        with served(
            sim, tmp_path, providers={"acme": 3}, settings={"providers.acme.limits": limits}
        ) as house:
            began = time.monotonic()
            with ThreadPoolExecutor(60) as crowd:
                statuses = list(crowd.map(lambda _: _ask(house), range(60)))
            took = time.monotonic() - began
        assert statuses == [200] * 60
        assert sim.counts.refused == 0
        assert took < 64


def _ask(house: Served) -> int:
    import http.client
    import json

    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=120)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(HELLO))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def rss_kb() -> int:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(text.partition("VmRSS:")[2].split()[0])


SOAK_S = 60.0
WARM_S = 15.0


def test_a_minute_of_mixed_load_leaves_nothing_behind(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, providers={"acme": 2, "other": 1}) as house:
        before = threading.active_count()  # the pool grows to as many threads as clients at once
        end = time.monotonic() + SOAK_S
        faults: list[BaseException] = []
        workers = [
            threading.Thread(target=_soak, args=(house, end, seed, faults)) for seed in range(8)
        ]
        for worker in workers:
            worker.start()
        time.sleep(WARM_S)
        warm = rss_kb()
        files = descriptors()
        for worker in workers:
            worker.join()
        assert not faults, faults[0]
        assert house.wait_for(lambda: house.app.requests_running == 0)
        assert not house.runtime.ledger.open_leases()
        sim.reset()
        # The simulator's own journal grows in this process too; the server's share is what is left.
        assert rss_kb() < warm * 1.25
        assert house.wait_for(lambda: descriptors() <= files + 16)
        assert threading.active_count() <= before + 10
    assert sim.counts.open_requests == 0


def _soak(house: Served, end: float, seed: int, faults: list[BaseException]) -> None:
    rng = random.Random(seed)
    try:
        while time.monotonic() < end:
            _one(house, rng)
            if rng.random() < 0.02:
                house.sim.reset()
    except BaseException as fault:  # noqa: BLE001 - shown by the test
        faults.append(fault)


def _one(house: Served, rng: random.Random) -> None:
    kind = rng.randrange(5)
    if kind == 0:
        assert house.ask(body=HELLO).status == 200
    elif kind == 1:
        assert house.ask(body={**HELLO, "stream": True}).events[-1] == "[DONE]"
    elif kind == 2:  # hangs up at once, or in the middle
        with asking(house.port, stream=bool(rng.randrange(2))) as sock:
            if rng.randrange(2):
                sock.recv(rng.randrange(1, 400))
    elif kind == 3:  # reads slowly
        with asking(house.port, stream=True) as sock:
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                data += sock.recv(200)
                time.sleep(0.001)
    else:
        body = {**HELLO, "max_tokens": 50}
        assert house.ask("/v1/messages", body).status == 200

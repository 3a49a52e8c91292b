"""Clients that leave: their upstream call ends, their lease comes back."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.serving import HELLO, MODEL, Served, asking, served
from tests.support.upstream import simulator

SOON_S = 0.1
"""What is promised; tests allow a busy machine some more."""
PATIENT_S = 1.0


@contextmanager
def waiting(house: Served, **body: object) -> Iterator[socket.socket]:
    """A client that has asked and waits."""
    sock = asking(house.port, **body)
    try:
        yield sock
    finally:
        sock.close()


def until(condition: object, seconds: float) -> float:
    """How long it took until `condition()`; fails after `seconds`."""
    began = time.monotonic()
    while not condition():  # type: ignore[operator]
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.002)
    return time.monotonic() - began


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "fault", ["stall_before_headers", "stall_before_first_token", "stall_midstream"]
)
def test_a_client_that_leaves_ends_its_upstream_call(
    house: Served, fault: str, stream: bool, reset: bool
) -> None:
    house.sim.fail(fault)
    with waiting(house, stream=stream) as sock:
        assert house.sim.wait_for(lambda counts: counts.stalled == 1)
        time.sleep(0.05)
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        until(lambda: house.sim.counts.aborted == 1, PATIENT_S)
    until(lambda: not house.runtime.ledger.open_leases(), PATIENT_S)
    assert house.wait_for(lambda: any(" 499 " in text for text in house.log))
    assert house.sim.counts.requests == 1, "nobody else is asked for a client that has left"


def test_most_clients_are_missed_within_a_tenth_of_a_second(house: Served) -> None:
    taken = []
    for _ in range(5):
        house.sim.fail("stall_before_headers")
        before = house.sim.counts.aborted
        with waiting(house) as sock:
            assert house.sim.wait_for(lambda counts: counts.stalled == 1)
            time.sleep(0.06)
            sock.close()
            taken.append(until(lambda: house.sim.counts.aborted == before + 1, PATIENT_S))  # noqa: B023
    assert sorted(taken)[2] < SOON_S


def test_a_client_that_leaves_the_line_gives_up_its_place(tmp_path: Path) -> None:
    limits = [{"requests_per_minute": 1}]
    with (
        simulator() as sim,
        served(sim, tmp_path, settings={"providers.acme.limits": limits}) as house,
    ):
        assert house.ask(body=HELLO).status == 200
        with waiting(house) as sock:
            time.sleep(0.3)
            assert house.app.requests_running == 1
            sock.close()
            assert until(lambda: house.app.requests_running == 0, PATIENT_S) < 0.4
        assert house.wait_for(lambda: len(house.log) == 2)
        assert re.search(r" 499 · .* · waited 0\.[3-9] s for a limit · .*has left", house.log[1])
        assert sim.counts.requests == 1
        assert not house.runtime.ledger.open_leases()


def test_who_stays_is_answered_while_others_leave(house: Served) -> None:
    house.sim.fail("delay", delay_s=0.4, times=None)
    with waiting(house) as leaver, waiting(house, stream=True) as stayer:
        time.sleep(0.1)
        leaver.close()
        stayer.settimeout(5)
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += stayer.recv(65536)
        assert b"[DONE]" in data


def test_bytes_sent_ahead_are_no_hang_up(house: Served) -> None:
    house.sim.fail("delay", delay_s=0.3)
    with waiting(house) as sock:
        time.sleep(0.1)
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        sock.settimeout(5)
        data = b""
        while more := sock.recv(65536):
            data += more
    assert data.count(b"HTTP/1.1 200 OK") == 2


def test_a_reader_that_stops_reading_is_dropped(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, idle_timeout=0.3) as house:
        pieces = ["x" * 60_000 for _ in range(200)]
        sim.reply(pieces=pieces, times=None)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", house.port))
        with sock:
            data = json.dumps({**HELLO, "model": MODEL, "stream": True}).encode()
            sock.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(data), data)
            )
            until(lambda: sim.counts.requests == 1, 3)
            until(lambda: house.app.requests_running == 0, 5)
        assert not house.runtime.ledger.open_leases()

"""A watcher that rests while the same clients wait, and yet misses nobody."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from freellm_cli.server.exchange import Exchange
from freellm_cli.server.watcher import Watcher

PATIENCE = 20.0
FOR_EVER = 3600.0
OFTEN = 50
"""Looks, of which half a second holds a dozen for somebody new."""

pytestmark = pytest.mark.skipif(
    not hasattr(select, "POLLRDHUP"), reason="the system does not tell who leaves: it never rests"
)


class Client:
    """One that waits for its answer; `left`: whether the watcher has found that it went."""

    def __init__(self) -> None:
        served, self.sock = socket.socketpair()
        self.connection = SimpleNamespace(sock=served)
        self.cancel = SimpleNamespace(cancelled=False)
        self.has_ended = False
        self.looks = 0
        self.looked_at_often = threading.Event()
        self.seen = threading.Event()
        self.left = threading.Event()

    def look(self) -> None:
        if not self.has_ended:
            self.cancel.cancelled = True
            self.left.set()

    def stay_alive(self, now: float) -> None:
        self.looks += 1
        self.seen.set()
        if self.looks == OFTEN:
            self.looked_at_often.set()

    def close(self) -> None:
        self.sock.close()
        self.connection.sock.close()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher(time.monotonic, quiet_look_s=FOR_EVER)
    watcher.start()
    yield watcher
    watcher.stop()


def watched_by(watcher: Watcher, client: Client) -> Client:
    watcher.watch(cast("Exchange", client))
    return client


def test_whoever_comes_while_it_rests_is_looked_after(watcher: Watcher) -> None:
    clients: list[Any] = []
    for _ in range(20):
        clients.append(watched_by(watcher, Client()))
        assert clients[-1].seen.wait(PATIENCE)
    for client in clients:
        client.close()


def test_whoever_leaves_while_it_rests_is_seen_to_leave(watcher: Watcher) -> None:
    staying = watched_by(watcher, Client())
    for _ in range(20):
        leaving = watched_by(watcher, Client())
        assert leaving.seen.wait(PATIENCE)
        leaving.sock.close()
        assert leaving.left.wait(PATIENCE)
        watcher.forget(cast("Exchange", leaving))
        leaving.close()
    assert not staying.left.is_set()
    staying.close()


def test_a_half_closed_client_whose_answer_is_on_its_way_keeps_nobody_busy(
    watcher: Watcher,
) -> None:
    reading = watched_by(watcher, Client())
    assert reading.seen.wait(PATIENCE)
    reading.has_ended = True
    reading.sock.shutdown(socket.SHUT_WR)
    assert not reading.looked_at_often.wait(0.5)
    reading.close()


def test_it_can_be_stopped_while_it_rests() -> None:
    watcher = Watcher(time.monotonic, quiet_look_s=FOR_EVER)
    watcher.start()
    client = watched_by(watcher, Client())
    assert client.seen.wait(PATIENCE)
    stopping = threading.Thread(target=watcher.stop)
    stopping.start()
    stopping.join(PATIENCE)
    assert not stopping.is_alive()
    client.close()

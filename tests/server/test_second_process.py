"""A second process serves too, for as long as one processor is not enough."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.server import worker_link
from freellm_cli.server.affinity import Affinity
from freellm_cli.server.load import Load
from freellm_cli.server.options import Options
from freellm_cli.server.overflow import Overflow, is_question
from freellm_cli.server.worker_launch import Process, launch_worker
from freellm_cli.server.worker_link import Link, LinkBroken
from freellm_cli.server.worker_process import begin_with
from freellm_cli.services.runtime import Runtime
from freellm_cli.simulator.server import Simulator
from tests.server.test_http import read_one
from tests.support.program import PROGRAM
from tests.support.raw_client import RawClient
from tests.support.serving import HELLO, PATIENCE, Served, served
from tests.support.upstream import REPOSITORY, simulator

pytestmark = pytest.mark.skipif(
    not worker_link.is_possible, reason="connections cannot be handed over here"
)

HELD = 4


def question(headers: str = "") -> bytes:
    """`headers`: more of them, each with its CRLF."""
    body = json.dumps(HELLO).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Launched:
    """Starts worker processes and keeps them for the test."""

    def __init__(self, launch: Callable[[socket.socket], Process] = launch_worker) -> None:
        self.processes: list[Any] = []
        self._launch = launch

    def __call__(self, theirs: socket.socket) -> Process:
        self.processes.append(self._launch(theirs))
        return self.processes[-1]  # type: ignore[no-any-return]


def always_busy() -> Load:
    return Load(processor=time.monotonic)


@contextmanager
def hard_pressed(
    sim: Simulator, folder: Path, launch: Any = None, *, headers: str = "", **more: Any
) -> Iterator[tuple[Served, Overflow]]:
    """A server whose processor is always busy, as it believes, with HELD questions that nobody answers; its
    second process has started."""
    arguments = {"launch": launch, **more.pop("overflow", {})}
    with (
        served(sim, folder, overflow=arguments, load=always_busy(), **more) as house,
        ExitStack() as clients,
    ):
        overflow = house.app.overflow
        assert overflow is not None
        sim.fail("stall_before_headers", times=HELD)
        for _ in range(HELD):
            client = clients.enter_context(RawClient(house.port))
            client.send(question(headers))
        assert sim.wait_for(lambda counts: counts.stalled == HELD)
        assert house.wait_for(lambda: overflow.is_helping)
        yield house, overflow


def ask_in_vain(sim: Simulator, client: RawClient) -> None:
    """One question more, which the second process hears nothing to."""
    sim.fail("stall_before_headers")
    client.send(question())
    assert sim.wait_for(lambda counts: counts.stalled == HELD + 1)


@contextmanager
def stopping(house: Served) -> Iterator[list[bool]]:
    """The server drains meanwhile, for ten seconds at most; after it, what `stop` has said."""
    said: list[bool] = []
    thread = threading.Thread(target=lambda: said.append(house.app.stop(10.0)))
    thread.start()
    yield said
    thread.join()


def test_it_answers_over_the_same_ledger_and_its_requests_are_seen_here(tmp_path: Path) -> None:
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path) as (house, overflow),
        RawClient(house.port) as client,
    ):
        for _ in range(20):
            client.send(question())
            assert read_one(client.sock).status == 200
        assert overflow.lent == 1
        assert house.app.gauges()["connections_served"] == HELD + 1
        assert house.wait_for(
            lambda: sum("completions 200" in line for line in _lines(house)) == 20
        )
        assert house.wait_for(lambda: len(house.runtime.ledger.requests(100)) == 20)
        figures = house.ask("/metrics").body.decode()
        assert 'outcome="ok"' in figures


def _lines(house: Served) -> list[str]:
    return "".join(house.log).splitlines()


def test_a_connection_comes_back_when_its_client_pauses_or_asks_for_something_else(
    tmp_path: Path,
) -> None:
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path) as (house, overflow),
        RawClient(house.port) as client,
    ):
        client.send(question() + HEALTH + question())
        assert read_one(client.sock).status == 200
        assert json.loads(read_one(client.sock).body)["status"] == "ok"
        assert read_one(client.sock).status == 200
        assert house.wait_for(lambda: overflow.lent == 0)
        client.send(question())
        assert read_one(client.sock).status == 200


def test_the_death_of_one_process_is_felt_by_its_own_clients_only(tmp_path: Path) -> None:
    launch = Launched()
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path, launch) as (house, overflow),
        RawClient(house.port) as client,
    ):
        ask_in_vain(sim, client)
        assert overflow.lent == 1
        os.kill(launch.processes[0].pid, signal.SIGKILL)
        assert client.sock.recv(1) == b""
        assert house.wait_for(lambda: not overflow.is_helping and overflow.lent == 0)
        assert house.app.gauges()["connections"] == HELD
        assert house.ask(body=HELLO).status == 200
        sim.release()


def test_a_stop_waits_for_its_answers_and_for_its_end(tmp_path: Path) -> None:
    launch = Launched()
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path, launch, drain=10.0) as (house, overflow),
        RawClient(house.port) as client,
    ):
        sim.fail("delay", delay_s=0.5)
        client.send(question())
        assert house.wait_for(lambda: overflow.lent == 1)
        with stopping(house) as said:
            raw = read_one(client.sock)
            assert raw.status == 200
            sim.release()
        assert said == [True]
        assert launch.processes[0].wait(1) == 0
        assert sum("completions 200" in line for line in _lines(house)) == HELD + 1


def test_a_stop_in_a_hurry_ends_its_answers(tmp_path: Path) -> None:
    launch = Launched()
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path, launch) as (house, _),
        RawClient(house.port) as client,
    ):
        ask_in_vain(sim, client)
        assert house.app.stop(0.1) is False
        assert sim.wait_for(lambda counts: counts.aborted == HELD + 1)
        assert launch.processes[0].wait(3) == 0
        raw = read_one(client.sock)
        assert raw.status == 503
        assert raw.header("connection") == "close"
        assert sum("server_stopping" in line for line in _lines(house)) == HELD + 1


def test_it_ends_when_it_was_not_needed_for_long_and_comes_again(tmp_path: Path) -> None:
    launch = Launched()
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path, launch, overflow={"idle_s": 0.1}) as (house, _),
    ):
        assert launch.processes[0].wait(PATIENCE) == 0
        assert house.wait_for(lambda: len(launch.processes) > 1)
        sim.release()


def test_what_goes_wrong_there_is_reported_here(tmp_path: Path) -> None:
    ends: list[socket.socket] = []

    class Nobody:
        def wait(self, timeout: float | None = None) -> int:
            return 0

        def kill(self) -> None:
            return

    def launch(theirs: socket.socket) -> Process:
        ends.append(theirs.dup())
        link = Link(ends[0])
        link.send(worker_link.BEGIN)
        link.send(worker_link.NOTICE, b"a word")
        link.send(worker_link.REFUSAL, b'["acme", "acme/model-one", "overloaded"]')
        link.send(worker_link.CRASH, b"Traceback:\n  somewhere\nMistake: a word\n")
        return Nobody()

    with simulator() as sim, hard_pressed(sim, tmp_path, launch) as (house, _):
        assert house.wait_for(lambda: house.crashes)
        crash = house.crashes.pop()
        assert str(crash) == "Mistake: a word"
        assert "  somewhere" in "".join(traceback.format_exception(crash))
        assert 'verdict="overloaded"' in house.ask("/metrics").body.decode()
        ends[0].close()
        sim.release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a program choose")
def test_both_processes_are_bound_to_processors_of_their_own(tmp_path: Path) -> None:
    everywhere = os.sched_getaffinity(0)
    affinity = Affinity()

    def places(process: int) -> set[int]:
        threads = [int(name) for name in os.listdir(f"/proc/{process}/task")]
        return set().union(*(os.sched_getaffinity(thread) for thread in threads))

    def are_apart(other: int) -> bool:
        ours, theirs = os.sched_getaffinity(0), places(other)
        return len(ours) == len(theirs) == 1 and not ours & theirs

    try:
        with simulator() as sim, hard_pressed(sim, tmp_path, affinity=affinity) as (house, second):
            (other,) = second.processes or ()
            assert house.wait_for(lambda: are_apart(other))
    finally:
        affinity.free()
        os.sched_setaffinity(0, everywhere)  # the thread that frees the others is not among them


def test_where_none_can_be_started_one_process_serves(tmp_path: Path) -> None:
    def launch(theirs: socket.socket) -> Process:
        raise OSError("no more processes")

    with (
        simulator() as sim,
        served(sim, tmp_path, overflow={"launch": launch}, load=always_busy()) as house,
    ):
        sim.fail("delay", times=None, delay_s=0.6)
        askers = [threading.Thread(target=house.ask, kwargs={"body": HELLO}) for _ in range(3)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        sim.heal()
        assert house.ask(body=HELLO).status == 200


def test_it_outlives_its_server_only_for_the_answers_that_run(tmp_path: Path) -> None:
    """The server is killed: nobody can tell the second process to end."""
    ours, theirs = socket.socketpair()
    link = Link(ours)
    with theirs:
        process = launch_worker(theirs)
    runtime = Runtime(env={}, config_dir=str(tmp_path), state_dir=str(tmp_path))
    begin = begin_with(runtime, {}, Options())
    link.send(worker_link.BEGIN, json.dumps(begin).encode())
    ready = link.receive()
    assert ready is not None
    assert ready.kind == worker_link.BEGIN
    link.close()
    assert process.wait(PATIENCE) == 0


def test_another_version_does_not_serve(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    link = Link(ours)
    with theirs:
        process = launch_worker(theirs)
    link.send(worker_link.BEGIN, b'{"version": "0.0"}')
    with pytest.raises(LinkBroken):
        link.receive()
    assert process.wait(PATIENCE) == 1
    link.close()


def test_a_person_who_types_its_word_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "_serve"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 2
    assert "freellm serve" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "leads_there"),
    [
        (b"POST /v1/chat/completions HTTP/1.1", True),
        (b"POST /chat/completions?x=1 HTTP/1.1", True),
        (b"POST /v1/messages HTTP/1.1", True),
        (b"POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1", True),
        (b"POST /page/ask HTTP/1.1", False),
        (b"POST http://localhost/v1/chat/completions HTTP/1.1", False),
        (b"GET /metrics HTTP/1.1", False),
        (b"GET /v1/models HTTP/1.1", False),
        (b"POST /nowhere HTTP/1.1", False),
        (b"POST", False),
        (b"\xff\xfe \xff HTTP/1.1", False),
    ],
)
def test_only_questions_to_models_are_handed_over(line: bytes, leads_there: bool) -> None:
    assert is_question(line + b"\r\nHost: localhost\r\n\r\n") is leads_there


# The link


def test_frames_arrive_whole_and_with_their_connections() -> None:
    left, right = socket.socketpair()
    one, other = Link(left), Link(right)
    client, far = socket.socketpair()
    long = os.urandom(300_000)

    def send_all() -> None:
        one.send(worker_link.NOTICE, b"first")
        one.send(worker_link.CONNECTION, long, client)
        one.send(worker_link.CONNECTION, b"", client)

    sending = threading.Thread(target=send_all)
    sending.start()
    first, second, third = (other.receive() for _ in range(3))
    sending.join()
    client.close()
    assert first is not None
    assert first.data == b"first"
    assert second is not None
    assert third is not None
    assert second.data == long
    assert second.client is not None
    assert third.client is not None
    assert not second.client.get_inheritable()
    second.client.sendall(b"hello")
    assert far.recv(5) == b"hello"
    for each in (second.client, third.client, far):
        each.close()
    one.close()
    with pytest.raises(LinkBroken):
        other.receive()
    with pytest.raises(LinkBroken):
        other.send(worker_link.CLOSED)
    other.close()


def test_who_does_not_listen_is_given_up() -> None:
    left, right = socket.socketpair()
    link = Link(left, 0.05)
    with right:
        assert link.receive() is None
        with pytest.raises(LinkBroken):
            link.send(worker_link.NOTICE, b"x" * 60_000_000)
    link.close()

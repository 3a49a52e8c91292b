"""A second process that is ended, dies, cannot begin or is short of something: who loses what."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.secret import Secret
from freellm_cli.server import worker_link
from freellm_cli.server.connection import Connection, Limits
from freellm_cli.server.crew import Crew
from freellm_cli.server.options import Options
from freellm_cli.server.overflow import BUSY_LOOKS, Overflow
from freellm_cli.server.worker_launch import Process, launch_worker
from freellm_cli.server.worker_link import Link, LinkBroken
from freellm_cli.server.worker_process import begin_with
from freellm_cli.services.runtime import Runtime
from tests.server.test_http import read_one
from tests.server.test_second_process import HELD, Launched, hard_pressed, question, stopping
from tests.support.raw_client import RawClient
from tests.support.serving import PATIENCE, Served, served
from tests.support.upstream import simulator

pytestmark = pytest.mark.skipif(
    not worker_link.is_possible, reason="connections cannot be handed over here"
)


def _answers_logged(house: Served) -> int:
    return sum("completions 200" in line for line in "".join(house.log).splitlines())


# Signals


def test_a_signal_lets_it_finish_and_nothing_more_goes_there(tmp_path: Path) -> None:
    launch = Launched()
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path, launch, drain=10.0) as (house, overflow),
        RawClient(house.port) as client,
        RawClient(house.port) as other,
    ):
        sim.fail("delay", delay_s=2.5)  # longer than a process is given that must die
        client.send(question())
        assert sim.wait_for(lambda counts: counts.requests == HELD + 1)
        is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # under nohup, and there too
        os.kill(launch.processes[0].pid, signal.SIGTERM if is_ignored else signal.SIGHUP)
        assert house.wait_for(lambda: not overflow.is_helping)
        other.send(question())
        assert read_one(other.sock).status == 200
        assert overflow.lent == 1
        assert read_one(client.sock).status == 200
        assert launch.processes[0].wait(PATIENCE) == 0
        assert house.wait_for(lambda: _answers_logged(house) == 2)
        assert house.told == []
        sim.release()


def test_a_signal_to_both_processes_cuts_no_answer(tmp_path: Path) -> None:
    """As systemd ends a service."""
    launch = Launched()
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path, launch, drain=10.0) as (house, _),
        RawClient(house.port) as client,
    ):
        sim.fail("delay", delay_s=2.5)
        client.send(question())
        assert sim.wait_for(lambda counts: counts.requests == HELD + 1)
        os.kill(launch.processes[0].pid, signal.SIGTERM)
        with stopping(house) as said:
            assert read_one(client.sock).status == 200
            sim.release()
        assert said == [True]
        assert launch.processes[0].wait(PATIENCE) == 0
        assert _answers_logged(house) == HELD + 1


def test_a_question_that_comes_back_from_it_at_the_end_is_answered(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path) as house:
        near, far = socket.socketpair()
        with far:
            assert house.app.stop()
            house.app.come_back(house.app.connected(near, question()))
            assert read_one(far).status == 503
            assert far.recv(1) == b""


# Its beginning


def test_one_that_cannot_begin_is_told_of_and_not_started_again_at_once(tmp_path: Path) -> None:
    def launch(theirs: socket.socket) -> Process:
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=theirs)

    launched = Launched(launch)
    now = [0.0]
    inside = Inside()
    overflow = Overflow({}, launch=launched, monotonic=lambda: now[0])
    overflow.lead_to(inside)

    def busy_for(seconds: float) -> None:
        until = now[0] + seconds
        while now[0] < until:
            now[0] += 0.3
            overflow.look(1.0, 5)
            assert overflow.wait(PATIENCE)

    busy_for(30)
    assert len(launched.processes) == 1
    assert "exit code 3" in inside.told[0]
    busy_for(60)
    assert len(launched.processes) == 2


class Inside:
    """What the server is to `Overflow`, for tests of that alone."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.errors: list[BaseException] = []
        self.lost = 0
        self.back: list[Connection] = []

    def connected(self, client: socket.socket, held: bytes) -> Connection:
        return _connection(client, held)

    def come_back(self, connection: Connection) -> None:
        self.back.append(connection)

    def left(self) -> None:
        self.lost += 1

    def enter(self, entry: object) -> None:
        raise AssertionError("no request was made")

    def refused(self, provider: str, model: str, kind: str) -> None:
        raise AssertionError("no request was made")

    def report(self, error: BaseException) -> None:
        self.errors.append(error)

    def tell(self, text: str) -> None:
        self.told.append(text)


def _connection(sock: socket.socket, held: bytes) -> Connection:
    connection = Connection(sock, Limits(body=1, head=1, head_time=1, idle_time=1), lambda: 0.0)
    connection.held = held
    return connection


def _handed_over(
    overflow: Overflow, client: socket.socket
) -> tuple[Connection, Callable[[Connection], None]]:
    """A connection with a question that is to go to the second process, and what takes it there."""
    connection = _connection(client, question())
    owner = overflow.owner_for(connection, 3)
    assert owner is not None
    return connection, owner


class Played:
    """A process that is played here: `end` is its end of the link."""

    def __init__(self, theirs: socket.socket) -> None:
        self.end = Link(theirs.dup())
        self.end.send(worker_link.BEGIN)
        self.may_end = threading.Event()

    def wait(self, timeout: float | None = None) -> int:
        assert self.may_end.wait(PATIENCE)
        return 0

    def kill(self) -> None:
        raise AssertionError("nobody has to kill it")


@contextmanager
def played(**more: Any) -> Iterator[tuple[Overflow, Inside, Launched]]:
    inside, launched = Inside(), Launched(Played)
    overflow = Overflow({}, launch=launched, **more)
    overflow.lead_to(inside)
    for _ in range(BUSY_LOOKS):
        overflow.look(1.0, 5)
    until = threading.Event()
    while not overflow.is_helping:
        until.wait(0.005)
    yield overflow, inside, launched
    for process in launched.processes:
        process.may_end.set()
        process.end.close()
    assert overflow.wait(PATIENCE)


def test_it_has_not_ended_before_its_process_has(tmp_path: Path) -> None:
    with played() as (overflow, _, launched):
        launched.processes[0].end.cut()
        assert not overflow.wait(0.1)
        launched.processes[0].may_end.set()
        assert overflow.wait(PATIENCE)


def test_what_could_not_be_given_to_it_is_served_here(tmp_path: Path) -> None:
    """It dies between the decision and the sending: the connection is neither closed nor counted as lost."""
    client, far = socket.socketpair()
    with client, far, played() as (overflow, inside, launched):
        connection, owner = _handed_over(overflow, client)
        launched.processes[0].end.cut()
        launched.processes[0].may_end.set()
        owner(connection)
        assert inside.back == [connection]
        assert overflow.wait(PATIENCE)
        assert (overflow.lent, inside.lost) == (0, 0)


def test_what_nobody_can_make_sense_of_ends_it(tmp_path: Path) -> None:
    client, far = socket.socketpair()
    with client, far, played() as (overflow, inside, launched):
        connection, owner = _handed_over(overflow, client)
        owner(connection)
        launched.processes[0].may_end.set()
        launched.processes[0].end.send(worker_link.ENTRIES, b"no JSON")
        assert overflow.wait(PATIENCE)
        assert isinstance(inside.errors[0], ValueError)
        assert inside.lost == 1
        assert not overflow.is_helping


# What it serves with


def test_it_serves_with_what_the_server_was_started_with(tmp_path: Path) -> None:
    """Another token in the file counts from the next start on, in both processes."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('[serve]\ntoken = "a-newer-one"\n')
    launch = Launched()
    token = "c4n4ry-of-the-start"
    right, newer = (f"Authorization: Bearer {each}\r\n" for each in (token, "a-newer-one"))
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path, launch, headers=right, token=Secret(token)) as (
            house,
            overflow,
        ),
        RawClient(house.port) as client,
    ):
        for headers, status in ((right, 200), (newer, 401)):
            client.send(question(headers))
            assert read_one(client.sock).status == status
            assert overflow.lent == 1
        assert _seen_of(launch.processes[0].pid).count(token) == 0
        assert token not in "".join(house.log)
        sim.release()


def _seen_of(pid: int) -> str:
    """What everybody on the machine may see of a process."""
    done = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True)
    seen = done.stdout.decode()
    assert "_serve" in seen
    return seen


def test_it_uses_the_same_folders_also_where_none_was_named(tmp_path: Path) -> None:
    """A state folder that is named holds the cache too; the usual one does not."""
    env = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    runtime = Runtime(env=env)
    assert begin_with(runtime, {}, Options())["paths"] == runtime.paths._asdict()


def test_a_module_in_the_persons_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    ours, theirs = socket.socketpair()
    with theirs:
        process = launch_worker(theirs)
    ours.close()
    assert process.wait(PATIENCE) == 0


# Limits


def test_both_processes_together_serve_no_more_than_the_threads_allow(tmp_path: Path) -> None:
    threads = 6
    with (
        simulator() as sim,
        hard_pressed(sim, tmp_path, threads=threads, queue=100) as (house, _),
        ExitStack() as clients,
    ):
        sim.fail("delay", times=None, delay_s=0.15)
        asked = [clients.enter_context(RawClient(house.port)) for _ in range(14)]
        for client in asked:
            client.send(question())
        most = 0
        while _answers_logged(house) < len(asked):
            most = max(most, house.app.requests_running)
            assert house.wait_for(lambda: True)
        assert most <= threads + 1  # one may be on its way from here to there
        sim.heal()
        sim.release()


def test_a_crew_gives_up_a_thread_for_what_runs_elsewhere_and_takes_it_back() -> None:
    elsewhere = [0]
    crew = Crew(2, 10, elsewhere=lambda: elsewhere[0])
    may_end, ended = threading.Event(), threading.Semaphore(0)

    def job() -> None:
        assert may_end.wait(PATIENCE)
        ended.release()

    for _ in range(2):
        assert crew.submit(job)
    assert crew.threads == 2
    elsewhere[0] = 1
    may_end.set()
    assert ended.acquire(timeout=PATIENCE)
    assert ended.acquire(timeout=PATIENCE)
    until = threading.Event()
    while crew.threads > 1:
        until.wait(0.005)
    may_end.clear()
    for _ in range(2):
        assert crew.submit(job)
    assert crew.threads == 1
    elsewhere[0] = 0
    crew.fill()
    assert crew.threads == 2
    may_end.set()
    assert crew.close(PATIENCE)


# The link


def test_a_client_that_could_not_be_taken_is_not_confused_with_the_next() -> None:
    resource = pytest.importorskip("resource")
    left, right = socket.socketpair()
    one, other = Link(left), Link(right)
    clients = [socket.socketpair() for _ in range(2)]
    for (near, _), held in zip(clients, (b"first", b"second"), strict=True):
        one.send(worker_link.CONNECTION, held, near)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # as if all were taken
    try:
        first = other.receive()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    second = other.receive()
    assert first is not None
    assert (first.data, first.client) == (b"first", None)
    assert second is not None
    assert second.data == b"second"
    assert second.client is not None
    second.client.sendall(b"hello")
    assert clients[1][1].recv(5) == b"hello"
    second.client.close()
    for pair in clients:
        for sock in pair:
            sock.close()
    one.close()
    other.close()


def test_a_long_frame_is_no_reason_to_give_up() -> None:
    """What is logged of a question may be as long as the question."""
    left, right = socket.socketpair()
    one, other = Link(left, 0.3), Link(right, 0.3)
    long = b"x" * 64_000_000
    sending = threading.Thread(target=lambda: one.send(worker_link.ENTRIES, long))
    sending.start()
    message = other.receive()
    sending.join()
    assert message is not None
    assert message.data == long
    one.close()
    other.close()
    with pytest.raises(LinkBroken):
        one.send(worker_link.CLOSED)

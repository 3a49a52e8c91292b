"""Bounds on threads, time and size; how the server stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from freellm_cli.core.errors import ConfigError
from freellm_cli.server.listening import listen
from tests.server.test_http import read_all, read_one
from tests.support.program import PROGRAM
from tests.support.raw_client import Raw, RawClient
from tests.support.serving import HELLO, Served, asking, descriptors, served
from tests.support.upstream import REPOSITORY, simulator


def test_beyond_threads_and_queue_there_is_an_answer_at_once(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, threads=2, queue=3) as house:
        assert house.ask(body=HELLO).status == 200
        assert house.wait_for(lambda: not house.app.requests_running)
        sim.fail("stall_before_headers", times=None)
        clients = [asking(house.port) for _ in range(5)]
        assert sim.wait_for(lambda counts: counts.stalled == 2)
        assert house.wait_for(lambda: house.app.gauges()["connections_queued"] == 3)
        began = time.monotonic()
        with RawClient(house.port) as late:
            late.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            raw = read_all(late.sock)
        assert raw.status == 503
        assert raw.header("retry-after") == "1"
        assert json.loads(raw.body)["error"]["code"] == "overloaded"
        assert time.monotonic() - began < 0.5
        sim.heal()
        sim.release()
        for client in clients:
            assert client.recv(12).startswith(b"HTTP/1.1 ")
            client.close()


def test_clients_that_dribble_their_headers_hold_no_thread(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, threads=1, header_timeout=0.4) as house:
        slow = [RawClient(house.port) for _ in range(20)]
        for client in slow:
            client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: local")
        assert house.ask(body=HELLO).status == 200
        for client in slow:
            raw = read_all(client.sock)
            assert raw.status == 408
            assert raw.ended == "closed"
            client.sock.close()


def test_a_body_that_never_comes_is_given_up(tmp_path: Path) -> None:
    with (
        simulator() as sim,
        served(sim, tmp_path, idle_timeout=0.2) as house,
        RawClient(house.port) as client,
    ):
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        raw = read_all(client.sock)
        assert raw.status == 408
        assert raw.ended == "closed"


def test_a_silent_connection_is_closed_in_time(tmp_path: Path) -> None:
    with (
        simulator() as sim,
        served(sim, tmp_path, idle_timeout=0.3) as house,
        RawClient(house.port) as client,
    ):
        assert read_all(client.sock).ended == "closed"


def test_an_idle_connection_may_ask_again_later(house: Served) -> None:
    get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with RawClient(house.port) as client:
        for pause in (0.0, 0.2, 0.0):
            time.sleep(pause)
            client.send(get)
            assert read_one(client.sock).status == 200


def test_many_more_connections_than_threads_are_all_served(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, threads=4) as house:
        with ThreadPoolExecutor(40) as crowd:
            statuses = list(crowd.map(lambda _: house.ask(body=HELLO).status, range(200)))
        assert statuses == [200] * 200


def test_what_was_opened_is_closed(tmp_path: Path) -> None:
    threads, files = threading.active_count(), descriptors()
    with simulator() as sim, served(sim, tmp_path) as house:
        clients = [RawClient(house.port) for _ in range(30)]
        with ThreadPoolExecutor(8) as crowd:
            list(crowd.map(lambda n: house.ask(body={**HELLO, "stream": bool(n % 2)}), range(40)))
        for client in clients:
            client.sock.close()
        assert house.wait_for(lambda: house.app.gauges()["connections"] == 0)
    assert threading.active_count() <= threads
    assert descriptors() <= files + 2


def test_a_stop_lets_running_answers_finish_and_new_ones_out(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path, drain=5.0) as house:
        sim.fail("delay", delay_s=0.5)
        with ThreadPoolExecutor(2) as crowd:
            running = crowd.submit(house.ask, body=HELLO)
            assert sim.wait_for(lambda counts: counts.requests == 1)
            stopping = crowd.submit(house.app.stop)
            reply = running.result()
            assert reply.status == 200
            assert reply.headers["connection"] == "close"
            assert stopping.result() is True
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", house.port), 1)


@contextmanager
def cut_off(house: Served, fault: str, path: str, **body: object) -> Iterator[Raw]:
    """What a client reads whose answer still runs when the server waits no longer."""
    house.sim.fail(fault)
    with RawClient(house.port) as client, ThreadPoolExecutor(1) as crowd:
        data = json.dumps({**HELLO, "max_tokens": 500, **body}).encode()
        client.send(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
            % (path.encode(), len(data), data)
        )
        assert house.sim.wait_for(lambda counts: counts.stalled == 1)
        time.sleep(0.05)
        began = time.monotonic()
        stopping = crowd.submit(house.app.stop, 0.1)
        raw = client.read()
        client.sock.close()
        assert stopping.result() is False
        assert time.monotonic() - began < 1.0
        yield raw
    assert house.sim.wait_for(lambda counts: counts.aborted == 1)
    (line,) = (text for text in house.log if path in text)
    assert "server_stopping" in line
    assert "client has left" not in line


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_stream_that_a_stop_cuts_off_ends_with_a_word(house: Served, path: str) -> None:
    body = {"input": "Hello"} if "responses" in path else {}
    with cut_off(house, "stall_midstream", path, stream=True, **body) as raw:
        assert raw.status == 200
        assert raw.ended == "closed"
        last = raw.unchunked().decode().rpartition("data: {")[2]
        assert "the server is stopping" in last


def test_an_answer_that_a_stop_cuts_off_is_a_refusal(house: Served) -> None:
    with cut_off(house, "stall_before_headers", "/v1/chat/completions") as raw:
        assert raw.status == 503
        assert raw.header("connection") == "close"
        assert raw.header("retry-after") == "1"
        assert json.loads(raw.body)["error"]["code"] == "server_stopping"
    assert " 503 · " in house.log[-1]


def test_a_stop_tells_it_in_the_clients_dialect(house: Served) -> None:
    with cut_off(house, "stall_before_first_token", "/v1/messages", stream=True) as raw:
        assert raw.status == 503
        told = json.loads(raw.body)
        assert told["type"] == "error"
        assert told["error"]["message"].startswith("the server is stopping")


def test_who_waits_for_a_limit_is_told_of_a_stop(tmp_path: Path) -> None:
    limits = [{"requests_per_minute": 1}]
    with (
        simulator() as sim,
        served(sim, tmp_path, settings={"providers.acme.limits": limits}) as house,
    ):
        assert house.ask(body=HELLO).status == 200
        with asking(house.port) as sock, ThreadPoolExecutor(1) as crowd:
            assert house.wait_for(lambda: house.app.requests_running == 1)
            time.sleep(0.1)
            stopping = crowd.submit(house.app.stop, 0.1)
            assert read_all(sock).status == 503
            assert stopping.result() is False


def test_a_client_that_does_not_read_keeps_no_server_from_its_end(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path) as house:
        sim.reply(pieces=["x" * 60_000 for _ in range(300)], times=None)
        with asking(house.port, stream=True) as sock:
            assert sock.recv(15) == b"HTTP/1.1 200 OK"
            time.sleep(0.3)
            began = time.monotonic()
            assert house.app.stop(0.1) is False
            assert time.monotonic() - began < 3.0
    assert any("server_stopping" in text for text in house.log)


def test_both_loopback_addresses_are_served(house: Served) -> None:
    hosts = {address[0] for address in house.app.addresses}
    assert "127.0.0.1" in hosts
    for host in hosts:
        with RawClient(house.port, host) as client:
            client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert read_all(client.sock).status == 200


def test_a_port_that_is_taken_is_named(house: Served) -> None:
    with pytest.raises(ConfigError, match=f"port {house.port}") as refused:
        listen("127.0.0.1", house.port)
    found = re.search(r"another program has that port; `--port (\d+)` is free", refused.value.hint)
    assert found is not None
    for listener in listen("127.0.0.1", int(found[1])):
        listener.close()


def test_a_host_that_cannot_be_had_is_not_blamed_on_the_port() -> None:
    with pytest.raises(ConfigError, match="nothing can listen") as refused:
        listen("x" * 70, 0)
    assert "no host is called" in refused.value.hint
    serve = [*PROGRAM, "serve", "--host", "192.0.2.1", "--token", "any", "--port", "0"]
    done = subprocess.run(serve, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 3
    hint = done.stderr.partition("→")[2]
    assert "192.0.2.1 is no address of this machine; `--host 127.0.0.1`" in hint
    assert "--port" not in hint


def test_who_cannot_be_let_in_for_want_of_descriptors_keeps_nobody_busy(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    with simulator() as sim, served(sim, tmp_path) as house, ExitStack() as clients:
        sim.fail("stall_before_headers")
        clients.enter_context(asking(house.port))  # somebody whom one cannot close to make room
        assert sim.wait_for(lambda counts: counts.stalled == 1)
        late = clients.enter_context(socket.socket())
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (late.fileno() + 1, hard))
        try:
            late.connect(("127.0.0.1", house.port))
            late.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            spent = time.process_time()
            time.sleep(0.3)
            assert time.process_time() - spent < 0.15
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert read_one(late).status == 200
        sim.release()


def test_changed_settings_are_used_without_a_restart(tmp_path: Path) -> None:
    with simulator() as sim, served(sim, tmp_path) as house:
        assert house.ask(body={**HELLO, "model": "mine"}).status == 404
        config = tmp_path / "config" / "config.toml"
        config.write_text('[aliases]\nmine = "acme/model-one"\n')
        assert house.wait_for(lambda: house.ask(body={**HELLO, "model": "mine"}).status == 200)
        config.write_text("[aliases\n")
        time.sleep(1.1)
        assert house.ask(body={**HELLO, "model": "mine"}).status == 200


SERVE = [*PROGRAM, "--json", "serve", "--simulate", "free", "--port", "0"]


def _port_told(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    text = ""
    while "}" not in text:
        text += process.stdout.readline()
    return int(json.loads(text)["port"])


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_after_the_answers(tmp_path: Path, number: int) -> None:
    with subprocess.Popen(
        SERVE, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        port = _port_told(process)
        with asking(port, stream=True, model="groq/openai/gpt-oss-20b") as sock:
            assert sock.recv(15) == b"HTTP/1.1 200 OK"
            process.send_signal(number)
            raw = read_all(sock, 10)
        assert b"[DONE]" in raw.data
        assert process.wait(10) == 0
        errors = process.stderr.read()
    assert "Traceback" not in errors


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no nohup")
def test_who_started_it_with_nohup_may_close_the_terminal() -> None:
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *SERVE]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        port = _port_told(process)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        with asking(port, model="groq/openai/gpt-oss-20b") as sock:
            assert read_one(sock).status == 200
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_it_asks_for_as_many_files_as_its_clients_may_need() -> None:
    command = ["sh", "-c", 'ulimit -Sn 200; exec "$@"', "sh", *SERVE]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        _port_told(process)
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        soft, hard = limits.partition("Max open files")[2].split()[:2]
        assert int(soft) == min(1792, int(hard))
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize("quiet", [False, True])
def test_who_has_no_key_is_told_so_at_the_start(tmp_path: Path, quiet: bool) -> None:
    serve = [*PROGRAM, "--json", *(["--quiet"] if quiet else []), "serve", "--port", "0"]
    env = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    with subprocess.Popen(
        serve,
        cwd=REPOSITORY,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        _port_told(process)
        told = process.stderr.readline() + process.stderr.readline() if not quiet else ""
        time.sleep(0.5 if quiet else 0.0)
        process.terminate()
        told += process.stderr.read()
        assert process.wait(10) == 0
    assert told.count("no key yet") == (0 if quiet else 1)
    assert ("`freellm setup`" in told) is not quiet

"""Simulators in processes of their own: the command, the remote control, the fast upstream."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from freellm_cli.simulator.fast import FastUpstream
from freellm_cli.simulator.server import Simulator
from tests.support.raw_client import RawClient
from tests.support.upstream import REPOSITORY, Remote, simulator_process


def test_the_command_says_where_it_is_and_obeys_its_remote_control() -> None:
    with simulator_process("tiny") as remote:
        remote.key("k1", limits=[["rpm", 2]], account="acme")
        remote.fail("overloaded", model="other")
        remote.reply("as told", model="third")
        remote.model("gone", state="retired")
        with RawClient(remote.port) as client:
            statuses = []
            for model in ("m", "other", "m"):
                client.chat(model=model)
                statuses.append(client.read_answer().status)
            assert statuses == [200, 503, 429]
            client.post("/acme/v1/chat/completions", {"model": "gone"}, key="k2")
            assert client.read_answer().status == 410
            client.post(
                "/acme/v1/chat/completions",
                {"model": "third", "messages": [{"role": "user"}]},
                key="k2",
            )
            assert b"as told" in client.read_answer().body
        assert remote.counts["refused"] == 1
        assert [seen["key"] for seen in remote.seen][:3] == ["k1"] * 3
        remote.reset()
        assert remote.counts["requests"] == 0
        remote.pot("address", limits=[["rpm", 1, "shared-*"]])
        with RawClient(remote.port) as client:
            for code in (200, 429):
                client.chat(model="shared-m")
                assert client.read_answer().status == code
        with pytest.raises(ValueError, match="no fault is called"):
            remote.fail("nonsense")
        with pytest.raises(ValueError, match="is none of"):
            remote.key("k1", state="happy")


def test_a_stall_is_released_from_outside() -> None:
    with simulator_process() as remote, RawClient(remote.port) as client:
        remote.fail("stall_before_headers")
        client.chat()
        while remote.counts["stalled"] == 0:
            continue
        remote.release()
        assert client.read_answer().status == 200


def test_the_remote_control_wants_its_token_and_is_off_without_one() -> None:
    with Simulator(control_token="right") as sim:
        with pytest.raises(ValueError, match="x-control-token is wrong"):
            _ = Remote(sim.url, "wrong").counts
        assert Remote(sim.url, "right").counts["requests"] == 0
    with Simulator() as sim, RawClient(sim.port) as client:
        client.send(b"GET /_control/counts HTTP/1.1\r\nx-control-token: \r\n\r\n")
        assert client.read_answer().status == 404


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_the_command_leaves_on_a_signal(name: str) -> None:
    command = [sys.executable, "-m", "freellm_cli.simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["profile"] == "generous"
        process.send_signal(getattr(signal, name))
        assert process.wait(10) == 0


def chat(port: int, *, stream: bool) -> Any:
    with RawClient(port) as client:
        client.chat(path="/v1", stream=stream)
        return client.read_answer()


def test_the_fast_upstream_answers_whole_and_streamed() -> None:
    with FastUpstream(chunks=5) as fast:
        whole = json.loads(chat(fast.port, stream=False).body)
        assert whole["choices"][0]["finish_reason"] == "stop"
        body = chat(fast.port, stream=True).unchunked().decode()
        assert [f"word{number} " in body for number in range(6)] == [True] * 5 + [False]
        assert body.endswith("data: [DONE]\n\n")
        assert fast.requests == 2


def test_the_fast_upstream_paces_streams_without_holding_up_others() -> None:
    with FastUpstream(chunks=3, pause_s=0.01) as fast:
        found: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: found.append(chat(fast.port, stream=True).unchunked()))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        assert chat(fast.port, stream=False).status == 200
        for thread in threads:
            thread.join()
        assert len(set(found)) == 1


def test_the_fast_upstream_can_take_its_time() -> None:
    with FastUpstream(first_token_s=0.05) as fast:
        started = time.monotonic()
        assert chat(fast.port, stream=False).status == 200
        assert time.monotonic() - started >= 0.05


def test_the_fast_upstream_takes_requests_in_any_pieces() -> None:
    with FastUpstream() as fast, RawClient(fast.port) as client:
        request = b"POST /v1/x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
        for place in range(len(request)):
            client.send(request[place : place + 1])
        assert client.read_answer().status == 200
        client.send(request * 3)
        data = b""
        while data.count(b"HTTP/1.1 200 OK") < 3 or not data.endswith(b"}}"):
            data += client.sock.recv(65_536)
        assert fast.requests == 4


def test_the_fast_command() -> None:
    with simulator_process("generous", "--fast") as remote:
        assert chat(remote.port, stream=False).status == 200

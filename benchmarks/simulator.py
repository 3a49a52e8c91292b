"""How many answers a second the simulator gives: it must not be what other benchmarks measure.

    python benchmarks/simulator.py [--seconds 3]

Prints one JSON line a row: the full simulator and its fast mode, whole and streamed, at 1 to 128 kept
connections, from a client in a process of its own on bare sockets.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def request(stream: bool) -> bytes:
    body = json.dumps({**BODY, "stream": stream}).encode()
    head = (
        f"POST /acme/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def complete(data: bytes, stream: bool) -> bool:
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return False
    if stream:
        return data.endswith(b"0\r\n\r\n")
    start = data.find(b"content-length: ") + 16
    return len(data) >= head + 4 + int(data[start : data.find(b"\r\n", start)])


def load(port: int, connections: int, seconds: float, stream: bool, found: Any) -> None:
    """Keeps every connection busy; puts (answers a second, median ms, 99th percentile ms)."""
    asked = request(stream)
    selector = selectors.DefaultSelector()
    began: dict[socket.socket, float] = {}
    got: dict[socket.socket, bytes] = {}
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(sock, selectors.EVENT_READ)
        began[sock], got[sock] = time.perf_counter(), b""
        sock.sendall(asked)
    took: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for key, _ in selector.select(1):
            sock = key.fileobj  # type: ignore[assignment]
            got[sock] += sock.recv(1 << 18)
            if complete(got[sock], stream):
                now = time.perf_counter()
                took.append(now - began[sock])
                began[sock], got[sock] = now, b""
                sock.sendall(asked)
    took.sort()
    middle, late = took[len(took) // 2], took[len(took) * 99 // 100]
    found.put((len(took) / seconds, middle * 1000, late * 1000))


def measure(mode: str, seconds: float) -> None:
    command = [sys.executable, "-m", "freellm_cli.simulator", "--until-stdin-ends"]
    more = ["--fast"] if mode == "fast" else []
    with subprocess.Popen(
        [*command, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY
    ) as process:
        assert process.stdin
        assert process.stdout
        port = json.loads(process.stdout.readline())["port"]
        for stream in (False, True):
            for connections in (1, 8, 32, 128):
                found: Any = multiprocessing.Queue()
                arguments = (port, connections, seconds, stream, found)
                client = multiprocessing.Process(target=load, args=arguments)
                client.start()
                rate, middle, late = found.get()
                client.join()
                row = {
                    "upstream": mode,
                    "answers": "streamed" if stream else "whole",
                    "connections": connections,
                    "per_second": round(rate),
                    "p50_ms": round(middle, 2),
                    "p99_ms": round(late, 2),
                }
                print(json.dumps(row), flush=True)
        process.stdin.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row")
    given = parser.parse_args()
    for mode in ("full", "fast"):
        measure(mode, given.seconds)


if __name__ == "__main__":
    main()

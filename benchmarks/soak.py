"""A server under mixed load for as long as you like: does it leave anything behind?

    python benchmarks/soak.py [--minutes 15] [--clients 8] [--json]

The server is a process of its own before a simulated upstream. Clients ask for whole answers and
streams in two dialects, hang up at once or in mid-answer, and read slowly. The server's memory, threads
and descriptors are noted after a warm-up (a tenth of the time, at least 20 s), and again when all clients
have gone. Bars: at most 5 % more memory, no more threads and descriptors than after the warm-up, every
answer that was awaited a right one, no request left running.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import socket
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from serve import MODEL, Party, fast_upstream, freellm

HELLO: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}]}
KINDS = ("whole", "stream", "anthropic", "hang-up", "slow reader")


class Client(threading.Thread):
    """Does one of the kinds after the other, at random. `counts`: how often each was done."""

    def __init__(self, port: int, ends: float, seed: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._ends = ends
        self._rng = random.Random(seed)
        self.counts = dict.fromkeys(KINDS, 0)
        self.faults: list[str] = []

    def run(self) -> None:
        while time.monotonic() < self._ends:
            kind = self._rng.choice(KINDS)
            try:
                getattr(self, "_" + kind.replace("-", "_").replace(" ", "_"))()
            except (OSError, http.client.HTTPException, AssertionError) as fault:
                self.faults.append(f"{kind}: {fault!r}")
            self.counts[kind] += 1

    def _post(self, path: str, body: dict[str, Any]) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", path, json.dumps(body))
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status == 200, (answer.status, data[:200])
            return data
        finally:
            connection.close()

    def _whole(self) -> None:
        answer = json.loads(self._post("/v1/chat/completions", HELLO))
        assert answer["choices"][0]["message"]["content"]

    def _stream(self) -> None:
        data = self._post("/v1/chat/completions", {**HELLO, "stream": True})
        assert data.rstrip().endswith(b"[DONE]"), data[-100:]

    def _anthropic(self) -> None:
        answer = json.loads(self._post("/v1/messages", {**HELLO, "max_tokens": 50}))
        assert answer["content"][0]["text"]

    def _asking(self, *, stream: bool) -> socket.socket:
        body = json.dumps({**HELLO, "stream": stream}).encode()
        sock = socket.create_connection(("127.0.0.1", self._port), 60)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
        )
        sock.sendall(head.encode() + b"\r\n\r\n" + body)
        return sock

    def _hang_up(self) -> None:
        with self._asking(stream=bool(self._rng.randrange(2))) as sock:
            if self._rng.randrange(2):
                sock.recv(self._rng.randrange(1, 400))

    def _slow_reader(self) -> None:
        with self._asking(stream=True) as sock:
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                piece = sock.recv(200)
                assert piece, "the answer broke off"
                data += piece
                time.sleep(0.002)


def threads_of(server: Party) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


def files_of(server: Party) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def open_requests(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return int(json.loads(connection.getresponse().read()).get("requests_running", 0))
    finally:
        connection.close()


def settled_rss(server: Party) -> float:
    """The median of a few looks: a single one may meet a burst."""
    looks = []
    for _ in range(9):
        looks.append(server.rss_mb())
        time.sleep(0.5)
    return statistics.median(looks)


def soak(minutes: float, clients: int) -> dict[str, Any]:
    with fast_upstream(per_s=400.0, chunks=20) as up, freellm(up.port) as server:
        before = {"threads": threads_of(server), "files": files_of(server)}
        ends = time.monotonic() + minutes * 60
        crowd = [Client(server.port, ends, seed) for seed in range(clients)]
        for client in crowd:
            client.start()
        time.sleep(max(20.0, minutes * 6))
        warm = settled_rss(server)
        then = {"threads": threads_of(server), "files": files_of(server)}
        course = []
        while any(client.is_alive() for client in crowd):
            time.sleep(5.0)
            course.append(round(server.rss_mb(), 1))
        time.sleep(3.0)
        after = settled_rss(server)
        counts = {kind: sum(client.counts[kind] for client in crowd) for kind in KINDS}
        faults = [fault for client in crowd for fault in client.faults]
        return {
            "minutes": minutes,
            "requests": counts,
            "faults": faults[:5],
            "faults_count": len(faults),
            "rss_warm_mb": round(warm, 1),
            "rss_end_mb": round(after, 1),
            "rss_most_mb": max(course, default=0.0),
            "course_mb": course[:: max(1, len(course) // 12)],
            "growth": round(after / warm - 1, 4),
            "threads": [before["threads"], then["threads"], threads_of(server)],
            "files": [before["files"], then["files"], files_of(server)],
            "running": open_requests(server.port),
        }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = soak(given.minutes, given.clients)
    kept = found["growth"] <= 0.05 and not found["faults_count"] and not found["running"]
    # The pool keeps the threads that it needed at once, and their connections to the upstream.
    kept = kept and found["threads"][2] <= found["threads"][1] + 2
    kept = kept and found["files"][2] <= found["files"][1] + 2
    if given.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:14} {value}")
        print("ok" if kept else "BAD")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

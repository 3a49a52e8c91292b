"""What freellm's transport costs a request and a streamed chunk, beside bare `http.client`.

    python benchmarks/transport.py [--seconds 1.0] [--rounds 7]

Both speak to the same small server in a process of its own, over one kept connection, in turns; the ratio of
the medians is what counts (bar: 1.15 or less), the microseconds belong to the machine. Also printed: what
importing the transport takes, beside importing `http.client` (bar: no more).
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
QUESTION = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 1000 + b'"}]}'
FIELDS = (
    b"Content-Type: application/json\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: bench\r\n"
    b"x-ratelimit-limit-requests: 1000\r\nx-ratelimit-remaining-requests: 999\r\n"
    b"x-request-id: 0123456789abcdef\r\nvia: 1.1 edge\r\n"
)
BODY = b'{"choices":[{"message":{"content":"' + b"y" * 600 + b'"}}]}'
PLAIN = b"HTTP/1.1 200 OK\r\n" + FIELDS + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
EVENT = b'data: {"choices":[{"delta":{"content":"word "}}]}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
CHUNKS = 200
STREAM = (
    b"HTTP/1.1 200 OK\r\n" + FIELDS + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK * CHUNKS
) + b"0\r\n\r\n"


class Clock:
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


def serve(report: Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        report.send(listener.getsockname()[1])
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with sock:
                answer(sock)


def answer(sock: socket.socket) -> None:
    waiting = b""
    while True:
        head, mark, rest = waiting.partition(b"\r\n\r\n")
        if mark and len(rest) >= len(QUESTION):
            sock.sendall(STREAM if b" /stream " in head else PLAIN)
            waiting = rest[len(QUESTION) :]
            continue
        data = sock.recv(65536)
        if not data:
            return
        waiting += data


def bare(port: int, path: str) -> tuple[Callable[[], None], Callable[[], None]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {**HEADERS, "Authorization": "Bearer bench", "User-Agent": "bench"}

    def once() -> None:
        connection.request("POST", path, QUESTION, headers)
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit("the server failed")
        while response.read1(65536):
            pass
        response.close()

    return once, connection.close


def ours(port: int, path: str) -> tuple[Callable[[], None], Callable[[], None]]:
    from freellm_cli.core.http import HttpRequest, Timeouts
    from freellm_cli.core.secret import Secret
    from freellm_cli.transport.client import HttpTransport

    transport = HttpTransport(clock=Clock(), env={})
    auth = (("Authorization", "Bearer ", Secret("bench")),)
    request = HttpRequest("POST", f"http://127.0.0.1:{port}{path}", HEADERS, auth, QUESTION)
    timeouts = Timeouts()

    def once() -> None:
        response = transport.send(request, timeouts, on_sent=lambda: None)
        if response.status != 200:
            raise SystemExit("the server failed")
        for _ in response.chunks():
            pass
        response.close()

    return once, transport.close


def microseconds(once: Callable[[], None], seconds: float) -> float:
    count = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        once()
        count += 1
    return (time.perf_counter() - started) / count * 1e6


def compare(ports: tuple[int, int], path: str, seconds: float, rounds: int) -> tuple[float, float]:
    """Medians of both, measured in turns; each has a server of its own, with one connection."""
    pair = bare(ports[0], path), ours(ports[1], path)
    for once, _ in pair:
        microseconds(once, seconds / 5)
    rows = [[microseconds(once, seconds) for once, _ in pair] for _ in range(rounds)]
    for _, close in pair:
        close()
    return statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows)


def import_ms(statement: str, times: int = 20) -> float:
    """The fastest of some fresh interpreters, with the bytecode that an installed package has."""
    code = f"import time; s=time.perf_counter(); {statement}; print(time.perf_counter()-s)"
    with tempfile.TemporaryDirectory() as bytecode:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = [
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, cwd=ROOT, env=env, check=True
            ).stdout
            for _ in range(times)
        ]
    return min(map(float, runs)) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    for path, what, per in (("/plain", "request", 1), ("/stream", "streamed chunk", CHUNKS)):
        servers = [
            multiprocessing.Process(target=serve, args=(there,), daemon=True) for _ in range(2)
        ]
        for server in servers:
            server.start()
        ports = here.recv(), here.recv()
        theirs, own = compare(ports, path, options.seconds, options.rounds)
        for server in servers:
            server.kill()
        print(
            f"{what}: http.client {theirs / per:.1f} us, transport {own / per:.1f} us, "
            f"ratio {own / theirs:.2f}x"
        )
    theirs, own = import_ms("import http.client"), import_ms("import freellm_cli.transport.client")
    print(f"import: http.client {theirs:.1f} ms, transport {own:.1f} ms")


if __name__ == "__main__":
    main()

"""What `freellm serve` costs, beside a bare pass-through of the standard library, in one run.

    python benchmarks/serve.py [--seconds 2] [--only rates,streams,chunks,think,start]

Every party is a process of its own: a fast upstream (`python -m freellm_cli.simulator --fast`), a
`ThreadingHTTPServer` that passes requests through with kept `http.client` connections, and the server. The
load comes from a generator with one thread a processor's worth of sockets (selectors, no client library).
What counts is the ratio; the figures belong to the machine. Bars:

    requests/s at 8 and at 32 connections    at least 0.5 of the bare pass-through
    median added at 1 connection             at most 1 ms
    p99 at 32 connections                    at most 5 times the median
    300 ms upstream, 128 connections         at least 400 requests/s (of 415 that are possible)
    first byte of a stream                   at most 2 ms later at 1 stream, 5 ms at 32
    processor time a streamed chunk          at most 0.15 ms, or twice the bare one's: at a single stream each
                                             chunk finds the processor asleep, and how deep is the machine's
    start to first answer                    at most 0.5 s
    memory                                   at most 45 MB idle, 90 MB at 128 streams
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MODEL = "acme/fast"


def question(*, stream: bool) -> bytes:
    text = "Tell me a short story about a robot that learns to paint. " * 4
    body = json.dumps(
        {"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": stream}
    ).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer x\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


# Load


class Load(NamedTuple):
    """`latencies` in seconds: to the end of an answer, or to its first event for streams. `events`: of all
    streams, those of the first fifth of the time too."""

    rate: float
    latencies: list[float]
    errors: int
    events: int

    def at(self, share: float) -> float:
        ordered = sorted(self.latencies) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Talk:
    __slots__ = ("buffer", "first", "left", "sent_at", "sock")

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.buffer = b""
        self.sent_at = 0.0
        self.first = 0.0
        self.left = -1


def run_load(port: int, connections: int, seconds: float, *, stream: bool = False) -> Load:
    """Each connection asks again as soon as it has its answer. The first fifth of the time is not counted."""
    data = question(stream=stream)
    talks = [Talk(port) for _ in range(connections)]
    latencies: list[float] = []
    errors = 0
    counted = 0
    events = 0
    with selectors.DefaultSelector() as selector:
        for talk in talks:
            selector.register(talk.sock, selectors.EVENT_READ, talk)
        begin = time.perf_counter()
        warm, end = begin + seconds * 0.2, begin + seconds
        for talk in talks:
            talk.sent_at = time.perf_counter()
            talk.sock.send(data)
        while (now := time.perf_counter()) < end:
            for key, _ in selector.select(0.1):
                talk = key.data
                try:
                    piece = talk.sock.recv(262_144)
                except BlockingIOError:
                    continue
                if not piece:
                    errors += 1
                    selector.unregister(talk.sock)
                    continue
                events += stream and piece.count(b"data:")
                done, first, ok = _heed(talk, piece, stream)
                if first:
                    talk.first = time.perf_counter()
                if not done:
                    continue
                errors += not ok
                now = time.perf_counter()
                if now >= warm:
                    counted += 1
                    latencies.append((talk.first if stream else now) - talk.sent_at)
                talk.sent_at = now
                talk.sock.send(data)
    for talk in talks:
        talk.sock.close()
    return Load(counted / (end - warm), latencies, errors, events)


def _heed(talk: Talk, piece: bytes, stream: bool) -> tuple[bool, bool, bool]:
    """(the answer is whole, its first event has just come, its status was 200)"""
    before = talk.buffer
    talk.buffer += piece
    if stream:
        first = b"data:" in talk.buffer and b"data:" not in before
        if not talk.buffer.endswith(b"0\r\n\r\n"):
            return False, first, True
    else:
        first = False
        if talk.left < 0:
            at = talk.buffer.find(b"\r\n\r\n")
            if at < 0:
                return False, first, True
            head = talk.buffer[:at].lower()
            talk.left = at + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(talk.buffer) < talk.left:
            return False, first, True
    ok = talk.buffer.startswith(b"HTTP/1.1 200")
    talk.buffer = b""
    talk.left = -1
    return True, first, ok


# Parties


class Bare(BaseHTTPRequestHandler):
    """The least that passes a request through on the standard library, with kept connections."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream = 0
    local = threading.local()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.upstream)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.local.connection = connection
        connection.request(
            "POST",
            self.path,
            body,
            {"Content-Type": "application/json", "Authorization": "Bearer k"},
        )
        answer = connection.getresponse()
        head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {answer.headers['Content-Type']}\r\n"
        if answer.chunked:
            self.wfile.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
            while piece := answer.read1(65536):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            data = answer.read()
            self.wfile.write(head.encode() + b"Content-Length: %d\r\n\r\n%s" % (len(data), data))

    def log_message(self, *_: Any) -> None:
        return


class BareServer(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        return


def be_bare(upstream: int) -> None:
    Bare.upstream = upstream
    with BareServer(("127.0.0.1", 0), Bare) as server:
        sys.stdout.write(json.dumps({"port": server.server_address[1]}) + "\n")
        sys.stdout.flush()
        server.serve_forever()


class Party(NamedTuple):
    process: subprocess.Popen[str]
    port: int
    began: float

    def cpu(self) -> float:
        """Seconds, those of its living children included."""
        return sum(map(_cpu, self._processes()))

    def rss_mb(self) -> float:
        """With its children's."""
        return sum(map(_rss_mb, self._processes()))

    def _processes(self) -> list[int]:
        number = self.process.pid
        tasks = Path(f"/proc/{number}/task").glob("*/children")
        return [number, *(int(child) for task in tasks for child in _read(task).split())]


def _cpu(number: int) -> float:
    """Of the threads that live: to the nanosecond, where `stat` counts in hundredths of a second."""
    threads = Path(f"/proc/{number}/task").glob("*/schedstat")
    return sum(int((_read(thread).split() or ["0"])[0]) for thread in threads) / 1e9


def _rss_mb(number: int) -> float:
    text = _read(Path(f"/proc/{number}/status"))
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024 if text else 0.0


def _read(path: Path) -> str:
    """Empty when its process has just ended."""
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


@contextlib.contextmanager
def party(*command: str, env: dict[str, str] | None = None) -> Iterator[Party]:
    """A process that announces itself with one JSON object that has a port."""
    began = time.perf_counter()
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**clean, **(env or {})},
        text=True,
    ) as process:
        assert process.stdout
        text = ""
        while True:
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{command} did not start")
            text += line
            with contextlib.suppress(ValueError):
                port = json.loads(text)["port"]
                break
        try:
            yield Party(process, port, began)
        finally:
            process.terminate()


def fast_upstream(first_token_s: float = 0.0, per_s: float = 0.0, chunks: int = 20) -> Any:
    return party(
        "-m", "freellm_cli.simulator", "--fast", "--first-token-s", str(first_token_s),
        "--tokens-per-s", str(per_s), "--chunks", str(chunks), "--until-stdin-ends",
    )  # fmt: skip


def bare_server(upstream: int) -> Any:
    return party("benchmarks/serve.py", "--be-bare", str(upstream))


@contextlib.contextmanager
def freellm(upstream: int) -> Iterator[Party]:
    """A server in a folder of its own, whose one provider is the fast upstream."""
    with tempfile.TemporaryDirectory(prefix="freellm-bench-", ignore_cleanup_errors=True) as folder:
        config = Path(folder) / "config"
        config.mkdir()
        (config / "config.toml").write_text(
            f'[providers.acme]\nbase_url = "http://127.0.0.1:{upstream}/v1"\nkey_env = "ACME_KEY"\n'
        )
        env = {
            "HOME": folder,
            "ACME_KEY": "acme-0123456789-abcdef",
            "FREELLM_CONFIG_DIR": str(config),
            "FREELLM_STATE_DIR": f"{folder}/state",
        }
        command = ("-m", "freellm_cli", "--json", "-q", "serve", "--port", "0")
        with party(*command, env=env) as server:
            yield server


# Measures

Report = Callable[[str, str, bool | None], None]


def measure_rates(seconds: float, report: Report) -> None:
    with fast_upstream() as up, bare_server(up.port) as bare, freellm(up.port) as ours:
        run_load(ours.port, 4, 0.5)
        direct = run_load(up.port, 1, seconds)
        for connections in (1, 8, 32, 128):
            before = bare.cpu()
            theirs = run_load(bare.port, connections, seconds)
            bare_spent = (bare.cpu() - before) / max(1, len(theirs.latencies)) * 0.8
            before = ours.cpu()
            mine = run_load(ours.port, connections, seconds)
            spent = (ours.cpu() - before) / max(1, len(mine.latencies)) * 0.8
            ratio = mine.rate / max(1.0, theirs.rate)
            bar = ratio >= 0.5 if connections in (8, 32) else None
            report(
                f"requests/s at {connections}",
                f"{mine.rate:,.0f} of {theirs.rate:,.0f} bare: {ratio:.2f}  "
                f"(cpu {spent * 1000:.2f} of {bare_spent * 1000:.2f} ms, errors {mine.errors})",
                bar,
            )
            p50, p99 = mine.at(0.5) * 1000, mine.at(0.99) * 1000
            if connections == 1:
                added = (mine.at(0.5) - direct.at(0.5)) * 1000
                bare_added = (theirs.at(0.5) - direct.at(0.5)) * 1000
                report("median added at 1", f"{added:.2f} ms (bare {bare_added:.2f})", added <= 1.0)
            if connections == 32:
                report(
                    "p99 to p50 at 32", f"{p99:.1f} / {p50:.1f} ms: {p99 / p50:.1f}", p99 <= 5 * p50
                )
            if connections == 128:
                report(
                    "p50, p99 at 128",
                    f"{p50:.0f}, {p99:.0f} ms (bare {theirs.at(0.5) * 1000:.0f},"
                    f" {theirs.at(0.99) * 1000:.0f})",
                    None,
                )


def measure_think(seconds: float, report: Report) -> None:
    with fast_upstream(0.3) as up, bare_server(up.port) as bare, freellm(up.port) as ours:
        run_load(ours.port, 4, 1)
        theirs = run_load(bare.port, 128, max(4.0, seconds))
        mine = run_load(ours.port, 128, max(4.0, seconds))
        text = f"{mine.rate:.0f} requests/s (bare {theirs.rate:.0f}), p99 {mine.at(0.99) * 1000:.0f} ms"
        report("300 ms upstream at 128", text, mine.rate >= 400)


def measure_streams(seconds: float, report: Report) -> None:
    with fast_upstream(per_s=200.0, chunks=40) as up, bare_server(up.port) as bare:
        with freellm(up.port) as ours:
            run_load(ours.port, 4, 0.6, stream=True)
            idle = ours.rss_mb()
            for connections, bar_ms in ((1, 2.0), (32, 5.0)):
                direct = run_load(up.port, connections, max(2.0, seconds), stream=True)
                theirs = run_load(bare.port, connections, max(2.0, seconds), stream=True)
                mine = run_load(ours.port, connections, max(3.0, seconds), stream=True)
                added = (mine.at(0.5) - direct.at(0.5)) * 1000
                bare_added = (theirs.at(0.5) - direct.at(0.5)) * 1000
                report(
                    f"first byte added at {connections} streams",
                    f"{added:.2f} ms (bare {bare_added:.2f}), p99 {mine.at(0.99) * 1000:.1f} ms",
                    added <= bar_ms,
                )
            sampler = Sampler(ours)
            run_load(ours.port, 128, max(3.0, seconds), stream=True)
            most = sampler.stop()
            text = f"{idle:.0f} MB after a start, {most:.0f} MB at 128 streams"
            report("memory", text, most <= 90)


def measure_chunks(seconds: float, report: Report) -> None:
    """In streams of 400 chunks, 5 ms apart: what a request costs by itself is measured elsewhere. By turns:
    how soundly a processor sleeps changes from one second to the next."""
    with fast_upstream(per_s=200.0, chunks=400) as up, bare_server(up.port) as bare:
        with freellm(up.port) as ours:
            for connections in (1, 32):
                turns = [
                    (_chunk_ms(bare, connections, seconds), _chunk_ms(ours, connections, seconds))
                    for _ in range(5)
                ]
                theirs, mine = map(statistics.median, zip(*turns, strict=True))
                report(
                    f"cpu a chunk at {connections}",
                    f"{mine:.3f} ms (bare {theirs:.3f})",
                    mine <= max(0.15, 2 * theirs),
                )


def _chunk_ms(party: Party, connections: int, seconds: float) -> float:
    before = party.cpu()
    load = run_load(party.port, connections, max(2.2, seconds), stream=True)
    return (party.cpu() - before) / max(1, load.events) * 1000


class Sampler:
    """The most memory that a party takes while this runs."""

    def __init__(self, watched: Party) -> None:
        self._watched = watched
        self._most = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            self._most = max(self._most, self._watched.rss_mb())

    def stop(self) -> float:
        self._stopping.set()
        self._thread.join()
        return self._most


def measure_start(seconds: float, report: Report) -> None:
    times = []
    idle = 0.0
    with fast_upstream() as up:
        for _ in range(5):
            with freellm(up.port) as ours:
                with socket.create_connection(("127.0.0.1", ours.port), 10) as sock:
                    sock.sendall(question(stream=False))
                    sock.recv(1024)
                times.append(time.perf_counter() - ours.began)
                time.sleep(0.3)
                idle = ours.rss_mb()
    took = statistics.median(times)
    report("start to first answer", f"{took:.2f} s", took <= 0.5)
    report("memory when idle", f"{idle:.0f} MB", idle <= 45)


MEASURES = {
    "start": measure_start,
    "rates": measure_rates,
    "streams": measure_streams,
    "chunks": measure_chunks,
    "think": measure_think,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument("--be-bare", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.be_bare:
        be_bare(given.be_bare)
        return 0
    failed = []

    def report(name: str, text: str, good: bool | None) -> None:
        mark = {True: "ok ", False: "BAD", None: "   "}[good]
        sys.stdout.write(f"{mark} {name:32} {text}\n")
        sys.stdout.flush()
        if good is False:
            failed.append(name)

    for name in given.only.split(","):
        MEASURES[name](given.seconds, report)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""What open pages cost the server: a process of its own, whose processor time the system counts."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.page_client import PASS
from tests.support.program import PROGRAM

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/schedstat"), reason="the processor time is read from /proc"
)
ROOT = Path(__file__).parents[2]
PAGES = 10
MODEL = "groq/llama-3.1-8b-instant"
WATCHED_S = float(os.environ.get("PAGE_COST_S", "4"))
SHARE_OF_A_CORE = 0.02


class Server:
    """`freellm serve --simulate`: sixteen providers with three keys each."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def processor_s(self) -> float:
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(path.read_text().split()[0]) for path in threads) / 1e9

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def get(self, path: str, body: object = None) -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        verb = "GET" if body is None else "POST"
        head = f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += f"Content-Length: {len(data)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), 20) as sock:
            sock.sendall(head.encode() + data)
            return b"".join(iter(lambda: sock.recv(65_536), b""))

    def ask(self) -> None:
        messages = [{"role": "user", "content": "Hello"}]
        assert (
            self.get("/v1/chat/completions", {"model": MODEL, "messages": messages})[9:12] == b"200"
        )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    command = [*PROGRAM, "serve", "--port", "0", "--json", "-q"]
    with subprocess.Popen(
        [*command, "--simulate", "generous"],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = ""
        while not told.endswith("}\n"):
            told += process.stdout.readline()
        try:
            yield Server(process, json.loads(told)["port"])
        finally:
            process.terminate()


class Readers:
    """Pages that read everything they are told."""

    def __init__(self, server: Server, count: int) -> None:
        found = PASS.search(server.get("/").decode())
        assert found
        self.counts = [0] * count
        self._socks = []
        for place in range(count):
            sock = socket.create_connection(("127.0.0.1", server.port), 20)
            sock.sendall(
                b"GET /page/events HTTP/1.1\r\nHost: localhost\r\n"
                b"x-freellm-page: %s\r\n\r\n" % found[1].encode()
            )
            self._socks.append(sock)
            threading.Thread(target=self._read, args=(place,), daemon=True).start()

    def _read(self, place: int) -> None:
        sock = self._socks[place]
        sock.settimeout(None)
        with contextlib.suppress(OSError):
            while data := sock.recv(65_536):
                self.counts[place] += data.count(b"\ndata: ")

    def close(self) -> None:
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def cost_of(server: Server, seconds: float, asks: float) -> float:
    """Processor time of the server while it is asked `asks` times a second, as a share of a core."""
    before, began = server.processor_s(), time.monotonic()
    number = 0
    while (now := time.monotonic()) < began + seconds:
        if asks and number < (now - began) * asks:
            server.ask()
            number += 1
        threading.Event().wait(0.02)
    return (server.processor_s() - before) / (time.monotonic() - began)


@pytest.mark.slow
def test_ten_open_pages_cost_less_than_a_fiftieth_of_a_core(server: Server) -> None:
    for _ in range(10):
        server.ask()
    readers = Readers(server, PAGES)
    cost_of(server, 2, 2)  # the first pictures, and what is loaded and remembered for them
    threads = server.threads()
    quiet = cost_of(server, WATCHED_S, 0)
    told_when_quiet = sum(readers.counts)
    busy = cost_of(server, WATCHED_S, 2)
    told = sum(readers.counts) - told_when_quiet
    assert server.threads() <= threads + 1
    readers.close()
    cost_of(server, 1.5, 0)  # they are let go at the next look
    without = cost_of(server, WATCHED_S, 2)
    print(f"quiet {quiet:.4f}, two requests a second {busy:.4f}, without pages {without:.4f}")
    assert told >= PAGES * (WATCHED_S - 2), "the pages were told too little to count"
    assert quiet < SHARE_OF_A_CORE
    assert busy - without < SHARE_OF_A_CORE

"""An upstream in real time for many processes: counts strictly at arrival, over loopback TCP.

A line "ask KEY TOKENS" is answered with "yes" or "no"; "bye KEY" ends the request of that connection.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections import Counter, deque
from typing import NamedTuple


class Gate(NamedTuple):
    """At most `amount` requests of one key in any `seconds`, `at_once` at the same time."""

    amount: int
    seconds: float
    at_once: int = 1 << 30


class StrictGate:
    """Use as a context manager; `address` is what clients connect to."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._lock = threading.Lock()
        self._uses: dict[str, deque[float]] = {}
        self._open: Counter[str] = Counter()
        self.admitted: Counter[str] = Counter()
        self.refused: list[str] = []
        self.times: list[float] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                held = ""
                try:
                    for line in self.rfile:
                        word, key, *_ = line.decode().split()
                        if word == "ask":
                            answer = outer._ask(key)
                            held = key if answer else held
                            self.wfile.write(b"yes\n" if answer else b"no\n")
                        else:
                            held = outer._bye(held)
                            self.wfile.write(b"ok\n")
                except OSError:
                    return
                finally:
                    outer._bye(held)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = self._server.server_address

    def _ask(self, key: str) -> bool:
        with self._lock:
            now = time.monotonic()
            uses = self._uses.setdefault(key, deque())
            while uses and uses[0] + self._gate.seconds <= now:
                uses.popleft()
            if len(uses) >= self._gate.amount or self._open[key] >= self._gate.at_once:
                self.refused.append(f"{key}: {len(uses)} in the window, {self._open[key]} open")
                return False
            uses.append(now)
            self._open[key] += 1
            self.admitted[key] += 1
            self.times.append(now)
            return True

    def _bye(self, key: str) -> str:
        with self._lock:
            if key:
                self._open[key] -= 1
        return ""

    def __enter__(self) -> StrictGate:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Visitor:
    """A client of the gate."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rwb", buffering=0)

    def ask(self, key: str) -> bool:
        self._file.write(f"ask {key} 1\n".encode())
        return self._file.readline() == b"yes\n"

    def bye(self, key: str) -> None:
        self._file.write(f"bye {key}\n".encode())
        self._file.readline()

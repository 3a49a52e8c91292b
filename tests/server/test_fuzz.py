"""Malformed requests by the thousand: never a fault of ours, never anything left behind."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.server.wire import ChunkedBody, parse_head
from tests.support.serving import HELLO, Served, descriptors, served
from tests.support.upstream import simulator

REQUESTS = 20_000
THREADS = 8
PATHS = (
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
    "/v1/messages/count_tokens", "/v1beta/models/m:generateContent", "/v1beta/models/m:countTokens",
    "/v1/models", "/api/chat", "/api/generate", "/", "/v1/limits", "/%ff/%00", "/v1/models/" + "a/" * 50,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 10**30, "", "x", "\ud800", "\x00", [], {}, [[]], [None], [{}],
    {"a": None}, [1, "2", {}], "a" * 2000,
)  # fmt: skip
FIELDS = (
    "model", "messages", "stream", "max_tokens", "stop", "tools", "tool_choice", "n", "input", "prompt",
    "response_format", "thinking", "system", "contents", "generationConfig", "instructions", "text",
    "stream_options", "extra_body", "temperature", "functions", "reasoning", "dimensions", "options",
)  # fmt: skip
MESSAGE_FIELDS = ("role", "content", "tool_calls", "tool_call_id", "name", "type", "parts", "text")


class Monkey:
    """Makes requests that are nearly right, from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def request(self) -> bytes:
        kind = self.rng.random()
        if kind < 0.15:
            return self.noise()
        data = self.head(self.body())
        return self.damaged(data) if kind < 0.55 else data

    def noise(self) -> bytes:
        return self.rng.randbytes(self.rng.randrange(1, 300)) + b"\r\n\r\n"

    def value(self) -> Any:
        return self.rng.choice(VALUES)

    def message(self) -> Any:
        if self.rng.random() < 0.2:
            return self.value()
        given = {name: self.value() for name in self.rng.sample(MESSAGE_FIELDS, 3)}
        return {"role": self.rng.choice(("user", "system", "tool", "assistant", "x")), **given}

    def body(self) -> bytes:
        if self.rng.random() < 0.1:
            return self.rng.choice((b"", b"{", b"[" * 5000, b"null", b'"x"', b"\xff\xfe", b"1e999"))
        data: dict[str, Any] = {"model": "acme/m", "max_tokens": 10, "messages": [self.message()]}
        for name in self.rng.sample(FIELDS, self.rng.randrange(5)):
            data[name] = self.value()
        return json.dumps(data).encode("utf-8", "replace")

    def head(self, body: bytes) -> bytes:
        rng = self.rng
        method = rng.choice(("POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "PUT", "post", "X"))
        version = rng.choice(("1.1", "1.1", "1.1", "1.0"))
        lines = [f"{method} {rng.choice(PATHS)} HTTP/{version}", "Host: localhost"]
        if rng.random() < 0.9:
            lines.append(f"Content-Length: {len(body)}")
        odd = (
            "Transfer-Encoding: chunked", "Expect: 100-continue", "Origin: https://a.example",
            "Connection: close", "Content-Length: 3", "X: \t", "anthropic-version: 2023-06-01",
            "Authorization: Bearer \xff", "Host: evil.example", "Content-Encoding: gzip", " folded",
            "Content-Type: text/\x01plain", "Cookie: " + "c" * 3000,
        )  # fmt: skip
        lines += [rng.choice(odd) for _ in range(rng.randrange(3))]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def damaged(self, data: bytes) -> bytes:
        rng = self.rng
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data) + 1)
            move = rng.randrange(4)
            if move == 0:
                data = data[:at] + rng.randbytes(rng.randrange(1, 6)) + data[at:]
            elif move == 1:
                data = data[:at] + data[at + rng.randrange(1, 20) :]
            elif move == 2:
                data = (
                    data[:at] + rng.choice((b"\r\n", b"\n", b"\r", b"\0", b" ", b":")) + data[at:]
                )
            else:
                data = data[:at]
            data = data or b"x"
        return data


def send(port: int, data: bytes) -> list[int]:
    """The statuses that came back, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := sock.recv(262_144):
                answer += piece
        except (ConnectionResetError, BrokenPipeError):
            return []
    parts = answer.split(b"HTTP/1.1 ")[1:]
    return [int(part[:3]) for part in parts if part[:3].isdigit() and part[3:4] == b" "]


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Served]:
    with simulator() as sim, served(sim, tmp_path, header_timeout=0.5, idle_timeout=2.0) as house:
        yield house


@pytest.mark.slow
def test_twenty_thousand_malformed_requests_find_no_fault(target: Served) -> None:
    assert target.ask(body=HELLO).status == 200
    before = threading.active_count(), descriptors()
    found: Counter[int] = Counter()
    lock = threading.Lock()

    def work(seed: int) -> None:
        monkey = Monkey(seed)
        for _ in range(REQUESTS // THREADS):
            data = monkey.request()
            statuses = send(target.port, data)
            bad = [status for status in statuses if status == 500]
            assert not bad, data
            with lock:
                found.update(statuses)

    with ThreadPoolExecutor(THREADS) as crowd:
        list(crowd.map(work, range(THREADS)))
    assert not target.crashes
    assert sum(found.values()) > REQUESTS * 0.6
    assert len(found) > 6
    assert target.ask(body=HELLO).status == 200
    assert target.wait_for(lambda: target.app.requests_running == 0)
    assert target.wait_for(lambda: not target.runtime.ledger.open_leases())
    assert threading.active_count() <= before[0] + 2
    assert target.wait_for(lambda: descriptors() <= before[1] + 24), "a descriptor was left"


HEADERS = st.lists(
    st.tuples(st.binary(max_size=12), st.binary(max_size=20)).map(lambda pair: b": ".join(pair)),
    max_size=6,
)


@settings(max_examples=300)
@given(line=st.binary(max_size=40), headers=HEADERS)
def test_any_head_is_read_or_refused(line: bytes, headers: list[bytes]) -> None:
    with suppress(HttpRefusal):
        head = parse_head(b"\r\n".join([line, *headers]))
        assert head.path.startswith("/") or head.path == "*"
        assert head.length >= -1


@settings(max_examples=300)
@given(data=st.binary(max_size=60), cut=st.integers(0, 60))
def test_any_chunks_are_read_the_same_however_they_are_cut(data: bytes, cut: int) -> None:
    def read(pieces: list[bytes]) -> object:
        body = ChunkedBody(1000)
        try:
            for piece in pieces:
                body.feed(piece)
        except FreellmError:
            return "refused"
        return body.ended, body.body() if body.ended else b"", body.rest

    once = read([data])
    assert read([data[:cut], data[cut:]]) == once
    if once != "refused":
        assert read([bytes([byte]) for byte in data]) == once

"""A server over a simulator, both real, on loopback."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from freellm_cli.core.secret import Secret
from freellm_cli.server.access_log import AccessLog
from freellm_cli.server.affinity import Affinity
from freellm_cli.server.app import App
from freellm_cli.server.load import Load
from freellm_cli.server.options import Options
from freellm_cli.server.overflow import Overflow
from freellm_cli.server.worker_process import begin_with
from freellm_cli.services.runtime import Runtime
from freellm_cli.simulator.server import Simulator

MODEL = "acme/model-one"
HELLO = {"model": MODEL, "messages": [{"role": "user", "content": "Hello there, how are you?"}]}
PATIENCE = 5.0


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of each event of a stream, parsed where it is JSON."""
        found = []
        for line in self.body.decode().split("\n"):
            if line.startswith("data: "):
                text = line[6:].strip()
                found.append(json.loads(text) if text != "[DONE]" else text)
        return found


class Served:
    """`url`, `port`; `ask` sends one request on a connection of its own. `log` holds the access log,
    `told` what a person is told beside it."""

    def __init__(self, app: App, runtime: Runtime, sim: Simulator, log: list[str]) -> None:
        self.app = app
        self.runtime = runtime
        self.sim = sim
        self.log = log
        self.crashes: list[BaseException] = []
        self.told: list[str] = []

    @property
    def port(self) -> int:
        return self.app.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str = "/v1/chat/completions",
        body: Any = None,
        *,
        method: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(
                method or ("GET" if body is None else "POST"), path, data, dict(headers or {})
            )
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, fields, answer.read())
        finally:
            connection.close()

    def wait_for(self, condition: Any) -> bool:
        """Whether `condition()` comes true in time."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if condition():
                return True
            threading.Event().wait(0.005)
        return bool(condition())


@contextmanager
def served(
    sim: Simulator,
    folder: Path,
    *,
    settings: Mapping[str, object] | None = None,
    providers: Mapping[str, int] | None = None,
    models: Mapping[str, str] | None = None,
    overflow: Mapping[str, Any] | None = None,
    affinity: Affinity | None = None,
    load: Load | None = None,
    **options: Any,
) -> Iterator[Served]:
    """A server on a free port. `providers`: how many keys each has (acme: 1); all are played by `sim`.

    `settings`: dotted names over config.toml; `options`: fields of `Options`. Faults of the server itself
    fail the test at the end. `overflow`: arguments of `Overflow`, for a second process; `load`: how busy
    this one believes to be.
    """
    keys = dict(providers or {"acme": 1})
    overrides: dict[str, object] = dict(settings or {})
    for name in keys:
        overrides[f"providers.{name}.base_url"] = sim.base_url(name)
    env = {"HOME": str(folder), "USERPROFILE": str(folder)}
    runtime = Runtime(
        env=env,
        config_dir=str(folder / "config"),
        state_dir=str(folder / "state"),
        overrides=overrides,
    )
    for name, count in keys.items():
        for number in range(1, count + 1):
            runtime.vault.add(name, Secret(key_text(name, number)))
    runtime.forget_credentials()
    lines: list[str] = []
    crashes: list[BaseException] = []
    notices: list[str] = []
    told = Options(**{"port": 0, "drain": 2.0, **options})
    begin = begin_with(runtime, overrides, told)
    app = App(
        runtime,
        told,
        AccessLog(lines.append),
        notice=notices.append,
        crash=crashes.append,
        overflow=None if overflow is None else Overflow(begin, **overflow),
        affinity=affinity,
        load=load,
    )
    app.start()
    house = Served(app, runtime, sim, lines)
    house.crashes, house.told = crashes, notices
    try:
        yield house
    finally:
        sim.release()
        app.stop()
        runtime.close()
    if crashes:
        raise crashes[0]


def asking(port: int, **body: Any) -> socket.socket:
    """A connection on which a question has just been sent."""
    data = json.dumps({**HELLO, **body}).encode()
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
        % (len(data), data)
    )
    return sock


def key_text(provider: str, number: int) -> str:
    return f"key-{provider}-{number}-throw-away-0123456789"


def descriptors() -> int:
    """How many files and sockets this process has open (Linux; elsewhere 0)."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0

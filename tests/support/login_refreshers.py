"""Users of one login as processes, many at once or killed (`python -m` this module)."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import sys
import threading
import time
from pathlib import Path

from freellm_cli.core.chat import ChatRequest
from freellm_cli.services.chat import ChatService
from freellm_cli.services.oauth_refresh import fresh_login, refresh_now
from freellm_cli.services.runtime import Runtime

MODEL = "gemini_cli/gemini-2.5-flash"


def runtime() -> Runtime:
    return Runtime(env=dict(os.environ))


def ask(threads: str) -> None:
    """`threads` questions at once; prints how many were answered."""
    shared = runtime()
    shared.settings, shared.catalog, shared.ledger, shared.transport  # noqa: B018 - made once
    service = ChatService(shared)
    gate = threading.Barrier(int(threads))
    answers: list[str] = []

    def one() -> None:
        request = ChatRequest(MODEL, [{"role": "user", "content": "hello"}], {})
        gate.wait(60)
        answers.append(service.ask(request).completion().text)

    workers = [threading.Thread(target=one) for _ in range(int(threads))]
    print("ready", flush=True)
    sys.stdin.readline()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    print(json.dumps(answers))
    shared.close()


def kill_refreshers(kills: str, seed: str) -> None:
    """Starts refreshers one after another and kills each at a random moment; after each the login must be
    whole, private, and still good for a refresh."""
    os.umask(0)
    chance = random.Random(int(seed))
    shared = runtime()
    fresh_login(shared, "gemini_cli-1")  # imports what refreshers need
    path = Path(shared.logins.files.path("gemini_cli", 1))
    shared.close()
    span = 0.05
    told = 0
    for number in range(int(kills)):
        refreshed = _killed_refresher(chance.uniform(0, span))
        told += refreshed
        span = min(0.5, span * (0.95 if refreshed else 1.1))
        row = json.loads(path.read_text())
        assert row["refresh_token"], f"kill {number}: the refresh token is gone"
        assert row["access_token"], f"kill {number}: the access token is gone"
        assert not row.get("login_again"), row["login_again"]
        for entry in os.scandir(path.parent):
            mode = stat.S_IMODE(entry.stat().st_mode)
            assert mode == 0o600, f"{entry.name} has mode {mode:o}"
    after = runtime()
    assert refresh_now(after, "gemini_cli-1").access_token
    after.close()
    print(f"{kills} kills, {told} after a refresh or more")


def _killed_refresher(delay: float) -> int:
    """1 when the refresher had finished a refresh before it was killed."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        own = runtime()
        os.write(write_end, b"ready\n")
        while True:
            refresh_now(own, "gemini_cli-1")
            os.write(write_end, b"done\n")
    os.close(write_end)
    with open(read_end, "rb", buffering=0) as pipe:
        assert pipe.read(6) == b"ready\n"
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 1 if b"done" in pipe.read() else 0


if __name__ == "__main__":
    {"ask": ask, "kill_refreshers": kill_refreshers}[sys.argv[1]](*sys.argv[2:])

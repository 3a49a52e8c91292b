"""`python -m freellm_cli.simulator`: a simulator in a process of its own.

Prints one JSON line when it listens: {"url", "port", "profile", "pid", "control_token", "base_urls"}.
Leaves on Ctrl-C, SIGTERM, or when its standard input ends (`--until-stdin-ends`).
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import threading

from freellm_cli.simulator.hosts import HOSTS
from freellm_cli.simulator.profiles import PROFILES


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    stopping = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    if given.until_stdin_ends:
        threading.Thread(target=_watch_stdin, args=(stopping,), daemon=True).start()
    return _serve_fast(given, stopping) if given.fast else _serve(given, stopping)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m freellm_cli.simulator", description=__doc__)
    parser.add_argument("--profile", default="generous", choices=sorted(PROFILES))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="of random faults")
    parser.add_argument("--tokens-per-s", type=float, help="pace of streams; 0 sends at once")
    parser.add_argument("--first-token-s", type=float, help="silence before an answer")
    parser.add_argument("--until-stdin-ends", action="store_true")
    parser.add_argument(
        "--fast",
        action="store_true",
        help="one fixed answer, no limits, no faults: an upstream for benchmarks",
    )
    parser.add_argument("--chunks", type=int, default=20, help="with --fast: events of a stream")
    return parser


def _serve(given: argparse.Namespace, stopping: threading.Event) -> int:
    from freellm_cli.simulator.server import Simulator

    token = secrets.token_hex(16)
    simulator = Simulator(
        given.profile,
        host=given.host,
        port=given.port,
        seed=given.seed,
        tokens_per_s=given.tokens_per_s,
        first_token_s=given.first_token_s,
        control_token=token,
    )
    with simulator:
        bases = {name: simulator.base_url(name) for name in HOSTS}
        _announce(simulator.url, simulator.port, given.profile, token, bases)
        _wait(stopping)
    return 0


def _serve_fast(given: argparse.Namespace, stopping: threading.Event) -> int:
    from freellm_cli.simulator.fast import FastUpstream

    fast = FastUpstream(
        given.host,
        given.port,
        chunks=given.chunks,
        first_token_s=given.first_token_s or 0.0,
        pause_s=1.0 / given.tokens_per_s if given.tokens_per_s else 0.0,
    )
    with fast:
        _announce(fast.url, fast.port, "fast", "", {"openai": fast.url + "/v1"})
        _wait(stopping)
    return 0


def _announce(url: str, port: int, profile: str, token: str, bases: dict[str, str]) -> None:
    line = {
        "url": url,
        "port": port,
        "profile": profile,
        "pid": os.getpid(),
        "control_token": token,
        "base_urls": bases,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _wait(stopping: threading.Event) -> None:
    # In slices, because a wait without end cannot be interrupted on Windows.
    while not stopping.wait(0.5):
        continue


def _watch_stdin(stopping: threading.Event) -> None:
    # Not sys.stdin: an interpreter that ends while a thread reads there ends badly.
    while os.read(0, 4096):
        continue
    stopping.set()


if __name__ == "__main__":
    sys.exit(main())

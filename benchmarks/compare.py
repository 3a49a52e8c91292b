"""freellm beside what a user would pick instead, in one run, before the same upstream.

    python benchmarks/compare.py [--litellm PATH] [--llm PATH]
                                 [--key-proxy FOLDER --key-proxy-python PATH] [--seconds 4] [--json]

`--litellm` and `--llm` are those programs (default: whatever is found beside this Python or on the PATH);
FOLDER is a checkout of LLM-API-Key-Proxy, with a Python that has its requirements. What is not there is left
out and said so. Every party is a process of its own with its own settings for speed (no log of requests); all
ask the simulator's fast upstream. Rounds of all parties take turns, so that a busy moment meets each.

Bars: requests/s at 8 connections at least 20 times LiteLLM's and 12 times LLM-API-Key-Proxy's.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import serve  # noqa: E402
from serve import Party, fast_upstream, freellm  # noqa: E402

CONNECTIONS = 8
PEER_BARS = {"LiteLLM": 20.0, "LLM-API-Key-Proxy": 12.0}
COMMAND_ROUNDS = 7


class Figures(NamedTuple):
    """Of one server. `start_s`: from nothing to the first answer; `added_ms`: the median at one connection,
    less that of the upstream itself; `cpu_ms`: a request's processor time at 8 connections."""

    version: str
    rate: float
    added_ms: float
    cpu_ms: float
    rss_mb: float
    start_s: float


class Peer(NamedTuple):
    """A server to compare with. `model`: what it calls the upstream's model."""

    name: str
    version: str
    model: str
    open: Callable[[int], contextlib.AbstractContextManager[Party]]


# Servers


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def started(command: list[str], port: int, env: dict[str, str], folder: str) -> Iterator[Party]:
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield Party(process, port, began)  # type: ignore[arg-type] - nothing is read from it
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def first_answer(server: Party, model: str, patience_s: float = 90.0) -> float:
    """Asks until there is an answer; the seconds since the start."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]})
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
    while time.perf_counter() - server.began < patience_s:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.request("POST", "/v1/chat/completions", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status == 200:
                return time.perf_counter() - server.began
            if time.perf_counter() - server.began > patience_s / 2:
                raise SystemExit(f"port {server.port} answers {answer.status}: {text[:300]!r}")
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    raise SystemExit(f"nobody answered at port {server.port}")


def environment(folder: str, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": folder, "PYTHONUNBUFFERED": "1", **more}


def litellm(program: str) -> Peer:
    @contextlib.contextmanager
    def opened(upstream: int) -> Iterator[Party]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            config = Path(folder) / "config.yaml"
            config.write_text(
                "model_list:\n  - model_name: fast\n    litellm_params:\n      model: openai/fast\n"
                f"      api_base: http://127.0.0.1:{upstream}/v1\n      api_key: throw-away\n"
                "litellm_settings:\n  telemetry: false\n"
            )
            port = free_port()
            command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
            env = environment(
                folder,
                LITELLM_LOCAL_MODEL_COST_MAP="True",
                LITELLM_LOG="ERROR",
                LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true",
            )
            with started(command, port, env, folder) as server:
                yield server

    return Peer("LiteLLM", version_in(program, "litellm"), "fast", opened)


def key_proxy(checkout: str, python: str) -> Peer:
    @contextlib.contextmanager
    def opened(upstream: int) -> Iterator[Party]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            port = free_port()
            main = str(Path(checkout) / "src/proxy_app/main.py")
            (Path(folder) / ".env").write_text(
                f"PROXY_API_KEY=x\nFASTHOST_API_BASE=http://127.0.0.1:{upstream}/v1\n"
                "FASTHOST_API_KEY_1=throw-away\nSKIP_OAUTH_INIT_CHECK=true\n"
            )
            env = environment(folder, LITELLM_LOCAL_MODEL_COST_MAP="True")
            command = [python, main, "--host", "127.0.0.1", "--port", str(port)]
            with started(command, port, env, folder) as server:
                yield server

    commit = subprocess.run(
        ["git", "-C", checkout, "log", "-1", "--format=%h of %cs"], capture_output=True, text=True
    ).stdout.strip()
    return Peer("LLM-API-Key-Proxy", commit, "fasthost/fast", opened)


def version_in(program: str, package: str) -> str:
    """The version of `package` in the environment that `program` belongs to."""
    python = Path(program).resolve().parent / "python"
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
    return done.stdout.strip() or "?"


def ours() -> Peer:
    from freellm_cli import __version__

    return Peer("freellm", __version__, serve.MODEL, freellm)


def load(server: Party, model: str, connections: int, seconds: float) -> serve.Load:
    serve.MODEL, kept = model, serve.MODEL
    try:
        return serve.run_load(server.port, connections, seconds)
    finally:
        serve.MODEL = kept


def measure_servers(peers: list[Peer], seconds: float) -> dict[str, Figures]:
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(fast_upstream())
        parties = {}
        starts = {}
        for peer in peers:
            server = stack.enter_context(peer.open(upstream.port))
            starts[peer.name] = first_answer(server, peer.model)
            parties[peer.name] = server
            load(server, peer.model, 4, 1.0)
        direct = serve.run_load(upstream.port, 1, seconds).at(0.5)
        rates: dict[str, list[float]] = {peer.name: [] for peer in peers}
        added: dict[str, list[float]] = {peer.name: [] for peer in peers}
        spent: dict[str, list[float]] = {peer.name: [] for peer in peers}
        for _ in range(3):
            for peer in peers:
                server = parties[peer.name]
                added[peer.name].append(load(server, peer.model, 1, seconds / 3).at(0.5) - direct)
                before = server.cpu()
                found = load(server, peer.model, CONNECTIONS, seconds)
                if found.errors:
                    raise SystemExit(f"{peer.name} gave {found.errors} wrong answers")
                rates[peer.name].append(found.rate)
                share = 0.8 / max(1, len(found.latencies))  # a fifth of the time is not counted
                spent[peer.name].append((server.cpu() - before) * share * 1000)
        return {
            peer.name: Figures(
                peer.version,
                statistics.median(rates[peer.name]),
                statistics.median(added[peer.name]) * 1000,
                statistics.median(spent[peer.name]),
                parties[peer.name].rss_mb(),
                starts[peer.name],
            )
            for peer in peers
        }


# Commands


def measure_commands(llm: str) -> dict[str, float]:
    """Milliseconds of one question asked and answered, as a whole process."""
    with fast_upstream() as up, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        config.mkdir()
        (config / "config.toml").write_text(
            f'[providers.acme]\nbase_url = "http://127.0.0.1:{up.port}/v1"\nkey_env = "ACME_KEY"\n'
        )
        (Path(folder) / "extra-openai-models.yaml").write_text(
            "- model_id: fast\n  model_name: fast\n"
            f'  api_base: "http://127.0.0.1:{up.port}/v1"\n  api_key_name: fast\n'
        )
        (Path(folder) / "keys.json").write_text('{"fast": "throw-away"}')
        env = environment(
            folder,
            ACME_KEY="acme-0123456789-abcdef",
            FREELLM_CONFIG_DIR=str(config),
            FREELLM_STATE_DIR=f"{folder}/state",
            LLM_USER_PATH=folder,
            PYTHONPATH=str(serve.ROOT),
            PYTHONPYCACHEPREFIX=f"{folder}/bytecode",
        )
        commands = {
            "freellm chat": [
                sys.executable,
                "-m",
                "freellm_cli",
                "chat",
                "-m",
                serve.MODEL,
                "hello",
            ],
            "freellm --version": [sys.executable, "-m", "freellm_cli", "--version"],
        }
        if llm:
            commands["llm prompt"] = [llm, "-m", "fast", "hello"]
            commands["llm --version"] = [llm, "--version"]
        return timed(commands, env)


def timed(commands: dict[str, list[str]], env: dict[str, str]) -> dict[str, float]:
    took: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(COMMAND_ROUNDS + 1):
        for name, command in commands.items():
            begun = time.perf_counter()
            done = subprocess.run(command, env=env, capture_output=True, stdin=subprocess.DEVNULL)
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr.decode()[-500:]}")
            if number:  # the first writes byte code
                took[name].append((time.perf_counter() - begun) * 1000)
    return {name: statistics.median(times) for name, times in took.items()}


# Report


def found_program(given: str | None, name: str) -> str:
    beside = Path(sys.executable).parent / name
    return given or (str(beside) if beside.exists() else shutil.which(name) or "")


def report(servers: dict[str, Figures], commands: dict[str, float]) -> bool:
    """Prints two tables in Markdown; whether the bars hold."""
    mine = servers["freellm"]
    kept = True
    print(
        f"\n| server | version | requests/s at {CONNECTIONS} | freellm's | added at 1 | cpu a request",
        end="",
    )
    print(" | memory | start to first answer |\n|---|---|---:|---:|---:|---:|---:|---:|")
    for name, each in servers.items():
        times = mine.rate / each.rate
        kept = kept and times >= PEER_BARS.get(name, 0.0)
        print(
            f"| {name} | {each.version} | {each.rate:,.0f} | {times:.1f}x | {each.added_ms:.1f} ms |"
            f" {each.cpu_ms:.2f} ms | {each.rss_mb:.0f} MB | {each.start_s:.2f} s |"
        )
    print("\n| command | ms |\n|---|---:|")
    for command, took in commands.items():
        print(f"| `{command}` | {took:,.0f} |")
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--litellm")
    parser.add_argument("--llm")
    parser.add_argument("--key-proxy")
    parser.add_argument("--key-proxy-python", default=sys.executable)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    peers = [ours()]
    program = found_program(given.litellm, "litellm")
    if program:
        peers.append(litellm(program))
    if given.key_proxy:
        peers.append(key_proxy(given.key_proxy, given.key_proxy_python))
    llm = found_program(given.llm, "llm")
    for name, there in (("litellm", program), ("LLM-API-Key-Proxy", given.key_proxy), ("llm", llm)):
        if not there:
            print(f"{name} is not here and left out", file=sys.stderr)
    servers = measure_servers(peers, given.seconds)
    commands = measure_commands(llm)
    if given.json:
        print(
            json.dumps(
                {"servers": {k: v._asdict() for k, v in servers.items()}, "commands": commands}
            )
        )
        return 0
    return 0 if report(servers, commands) else 1


if __name__ == "__main__":
    sys.exit(main())

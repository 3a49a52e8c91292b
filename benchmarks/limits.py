"""Many processes, one pool, strict limits: nothing foreseeable is refused, everything allowed is used.

    python benchmarks/limits.py               16 processes x 500 calls, a few minutes
    python benchmarks/limits.py --calls 60    shorter
    python benchmarks/limits.py --kill 1 2 3  for each seed: a tenth of the processes is killed (SIGKILL)
                                              at random moments, then everything is counted

Each process is a whole freellm (settings, pool, ledger, transport) that asks a simulator over real sockets.
Limits: requests a minute by key, by account and by address, tokens a minute by account, requests a day by
key. Printed: refusals, failed calls, how much of the tightest minute was used, and the spread over keys.

After a run with kills the ledger's day of each key must hold every request that the simulator saw (no
phantom capacity), and beyond those at most what the killed were sending (it may have been counted). Once
their leases have ended, others use the minute again to the full (no lost capacity).
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from freellm_cli.core.chat import ChatRequest  # noqa: E402
from freellm_cli.core.errors import AllLimited  # noqa: E402
from freellm_cli.core.limits import REQUESTS, TOKENS, Limit, Window  # noqa: E402
from freellm_cli.core.secret import Secret  # noqa: E402
from freellm_cli.services.call_options import CallOptions  # noqa: E402
from freellm_cli.services.chat import ChatService  # noqa: E402
from freellm_cli.services.runtime import Runtime  # noqa: E402
from freellm_cli.simulator.limits import DAY_UTC, MINUTE, LimitRule  # noqa: E402
from freellm_cli.simulator.profiles import Profile  # noqa: E402
from freellm_cli.simulator.server import Simulator  # noqa: E402

MODEL = "groq/openai/gpt-oss-120b"
KEYS, ACCOUNTS = 8, 4


def amounts(processes: int, calls: int) -> dict[str, int]:
    """So that the calls take about two minutes: the first minute is used whole, the second in part."""
    whole = processes * calls
    each_key = max(4, whole * 10 // 16 // KEYS)
    return {
        "key": each_key + 1,
        "account": 2 * each_key,
        "address": KEYS * each_key,
        "tokens": 2 * each_key * 400,
        "day": whole,
    }


def profile(limit: dict[str, int]) -> Profile:
    rules = (
        LimitRule("key", REQUESTS, MINUTE, limit["key"]),
        LimitRule("account", REQUESTS, MINUTE, limit["account"]),
        LimitRule("address", REQUESTS, MINUTE, limit["address"]),
        LimitRule("account", TOKENS, MINUTE, limit["tokens"], tokens="total"),
        LimitRule("key", REQUESTS, DAY_UTC, limit["day"]),
    )
    return Profile("strict", "for the benchmark", rules)


def config(url: str, limit: dict[str, int]) -> str:
    rows = "".join(
        f'[[providers.groq.limits]]\nscope = "{scope}"\n{name} = {limit[key]}\n'
        for scope, name, key in (
            ("credential", "requests_per_minute", "key"),
            ("account", "requests_per_minute", "account"),
            ("address", "requests_per_minute", "address"),
            ("account", "tokens_per_minute", "tokens"),
            ("credential", "requests_per_day", "day"),
        )
    )
    return f'[providers.groq]\nbase_url = "{url}"\ncatalog_limits = false\n{rows}'


def env_of(folder: str) -> dict[str, str]:
    return {
        f"FREELLM_{name.upper()}_DIR": f"{folder}/{name}" for name in ("config", "state", "cache")
    }


def work(folder: str, calls: int) -> None:
    """One process: prints how many calls were answered, then what the others ended with. No `calls`: asks
    until there is nothing left now."""
    runtime = Runtime(env=env_of(folder))
    service = ChatService(runtime)
    messages = [{"role": "user", "content": "hello"}]
    request = ChatRequest(model=MODEL, messages=messages, params={"max_tokens": 40})
    ends: Counter[str] = Counter()
    patience_s = 900.0 if calls else 1.0
    while not calls or ends.total() < calls:
        try:
            service.ask(request, CallOptions(timeout_s=patience_s)).completion()
            ends["ok"] += 1
        except AllLimited as error:
            if not calls:
                break
            ends[f"AllLimited: {error}"[:150]] += 1
        except Exception as error:  # noqa: BLE001 - every kind is counted
            ends[f"{type(error).__name__}: {error}"[:150]] += 1
    print(dict(ends))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--kill", type=int, nargs="*", metavar="SEED")
    parser.add_argument("--worker", default="")
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.calls)
        return 0
    if options.kill is None:
        return one_run(options, None)
    return max(one_run(options, seed) for seed in options.kill or [1])


def one_run(options: argparse.Namespace, seed: int | None) -> int:
    """`seed`: of the kills, None for none."""
    limit = amounts(options.processes, options.calls)
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(profile(limit), tokens_per_s=0, first_token_s=0 if seed is None else 0.02) as sim,
    ):
        (Path(folder) / "config").mkdir()
        text = config(sim.base_url("groq"), limit)
        (Path(folder) / "config/config.toml").write_text(text, encoding="utf-8")
        runtime = Runtime(env=env_of(folder))
        for number in range(KEYS):
            account = f"account-{number % ACCOUNTS}"
            sim.key(f"k{number}").account(account)
            runtime.vault.add("groq", Secret(f"k{number}"), account=account)
        runtime.close()
        workers = start(folder, options.processes, options.calls)
        killed = [] if seed is None else kill(sim, workers, options, random.Random(seed))
        ends = [worker.communicate()[0].strip() for worker in workers]
        failed = report(sim, ends, limit, options, len(killed), Path(folder))
        if seed is not None:
            failed |= account_for(sim, folder, limit, options, killed, seed)
        return failed


def start(folder: str, processes: int, calls: int) -> list[subprocess.Popen[str]]:
    command = [sys.executable, __file__, "--worker", folder, "--calls", str(calls)]
    return [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(processes)
    ]


def kill(
    sim: Simulator,
    workers: list[subprocess.Popen[str]],
    options: argparse.Namespace,
    rng: random.Random,
) -> list[float]:
    """A tenth of them, each after a random share of all calls and a random moment more. When (wall time)."""
    whole = options.processes * options.calls
    victims = rng.sample(workers, max(1, round(options.processes / 10)))
    moments = sorted(rng.uniform(0.02, 0.9) * whole for _ in victims)
    killed = []
    for victim, moment in zip(victims, moments, strict=True):
        while sim.counts.requests < moment and any(each.poll() is None for each in workers):
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.03))
        if victim.poll() is None:
            victim.kill()
            killed.append(time.time())
    return killed


def account_for(
    sim: Simulator,
    folder: str,
    limit: dict[str, int],
    options: argparse.Namespace,
    killed: list[float],
    seed: int,
) -> int:
    """What the ledger holds beside what the simulator saw, and whether all of it comes back."""
    last = max(seen.at for seen in sim.seen)
    rest_of_minute = max(0.0, max(killed, default=0.0) + 61 - time.time())
    time.sleep(rest_of_minute)
    asked = len(sim.seen)
    for worker in start(folder, max(2, options.processes // 2), 0):
        worker.communicate()
    now = max(seen.at for seen in sim.seen)
    minute = sum(seen.at > now - 60 for seen in sim.seen) / limit["address"]
    day = held_by_day(folder, limit)
    today = time.time() // 86_400
    seen_by_key = Counter(seen.key for seen in sim.seen if seen.at // 86_400 == today)
    beyond = [day[key] - seen_by_key[key] for key in sorted(seen_by_key)]
    print(
        f"seed {seed}: {len(killed)} killed, {len(sim.seen) - asked} more asked after "
        f"{now - last:.0f} s; the ledger holds {sum(day.values())}, the simulator saw {len(sim.seen)} "
        f"(by key {beyond}); refused {sim.counts.refused}; last minute used to {minute:.1%}"
    )
    exact = min(beyond) >= 0 and sum(beyond) <= len(killed)
    return 0 if exact and sim.counts.refused == 0 and minute >= 0.98 else 1


def held_by_day(folder: str, limit: dict[str, int]) -> Counter[str]:
    """Requests of the day in the ledger, by key."""
    runtime = Runtime(env=env_of(folder))
    found: Counter[str] = Counter()
    for item in runtime.credentials():
        assert item.secret is not None
        day = Limit(f"credential:{item.id}|*", REQUESTS, Window("day"), limit["day"])
        found[item.secret.reveal()] = runtime.ledger.usage([day])[0].used
    runtime.close()
    return found


def report(
    sim: Simulator,
    ends: list[str],
    limit: dict[str, int],
    options: argparse.Namespace,
    killed: int,
    folder: Path,
) -> int:
    answered = [seen for seen in sim.seen if seen.status == 200]
    begun = min(seen.at for seen in answered)
    first_minute = [seen for seen in answered if seen.at < begun + 60]
    by_key = Counter(seen.key for seen in first_minute)
    used = len(first_minute) / limit["address"]
    apart = max(by_key.values()) - min(by_key.values())
    spread = apart / (len(first_minute) / KEYS)
    took = max(seen.at for seen in answered) - begun
    size = sum(
        path.stat().st_size for path in (folder / "state").glob("ledger.db*") if path.is_file()
    )
    told = Counter(ends)
    print(f"{options.processes} processes x {options.calls} calls in {took:.0f} s; limits {limit}")
    print(f"answered {len(answered)}, refused upstream {sim.counts.refused}")
    print(f"first minute: {used:.1%} of the tightest limit used, spread over keys {spread:.1%}")
    print(f"ledger {size / 1e6:.1f} MB; ends of the processes: {dict(told)}")
    fair = spread <= 0.05 or apart <= 2  # of a few requests, one is more than a twentieth
    good = sim.counts.refused == 0 and used >= 0.98 and fair
    unfinished = sum("ok" not in end or "Error" in end for end in ends)
    return 0 if good and unfinished <= killed else 1


if __name__ == "__main__":
    raise SystemExit(main())

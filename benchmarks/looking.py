"""What looking costs: counting a request for `/metrics`, telling the figures, and a look at the limits.

    python benchmarks/looking.py

Five providers with three keys each, 40 questions answered. Ratios are to answering one question through
the server, measured in the same run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from freellm_cli.server.access_log import Entry
from freellm_cli.server.metrics import Metrics
from freellm_cli.services.limits import show_limits
from freellm_cli.services.pool_picture import PoolPicture
from tests.support.serving import HELLO, MODEL, served
from tests.support.upstream import simulator

PROVIDERS = ("acme", "gemini", "groq", "nvidia_nim", "openrouter")
COUNTS = 50_000


def each(work: Callable[[], object], times: int) -> float:
    """Processor seconds of one `work()`, the median of several rounds."""
    rounds = []
    for _ in range(7):
        began = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - began) / times)
    return median(rounds)


def counting() -> float:
    metrics, entry = Metrics(), Entry("POST", "/v1/chat/completions", "req")
    entry.face, entry.dialect, entry.status, entry.answered = "openai", "openai", 200, MODEL
    entry.first_ms, entry.ms, entry.prompt_tokens, entry.completion_tokens = 340.0, 1200.0, 10, 20
    return each(lambda: metrics.count(entry), COUNTS)


def main() -> None:
    with (
        simulator() as sim,
        tempfile.TemporaryDirectory() as folder,
        served(sim, Path(folder), providers=dict.fromkeys(PROVIDERS, 3)) as house,
    ):
        for _ in range(40):
            house.ask(body=HELLO)
        # The client and the simulator run in this process too: the true ratio is smaller by some.
        request = each(lambda: house.ask(body=HELLO), 20)
        count = counting()
        runtime = house.app.household().runtime
        picture = PoolPicture()
        rows = {
            "a request through the server": request,
            "  counting it": count,
            "telling all figures": each(lambda: house.ask("/metrics"), 10),
            "a look at the limits": each(lambda: show_limits(runtime), 20),
            "a look at the page's picture": each(lambda: picture.rows(runtime), 20),
        }
        for name, seconds in rows.items():
            print(f"{name:30} {seconds * 1e3:8.3f} ms   {seconds / request:7.4f} of a request")


if __name__ == "__main__":
    main()

"""A whole day in simulated time: eight workers, five keys, far more demand than supply.

    .venv/bin/python benchmarks/simulated_day.py [--hours 24]

The upstream counts every minute to the microsecond and every day from midnight in California. Bars, for
each of Gemini's free limits: at least 98 % of what the quotas allow is used, not one request is refused,
and the keys are used alike to within 5 %.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from freellm_cli.core.limits import Limit  # noqa: E402
from freellm_cli.storage.ledger import Ledger  # noqa: E402
from tests.support.strict_world import Habits, Upstream, World, work  # noqa: E402
from tests.support.targets import (  # noqa: E402
    PACIFIC,
    per_day,
    per_minute,
    pool,
    tokens_per_minute,
)

KEYS, WORKERS = 5, 8
HOUR = 3600.0
LIMITS = {
    "10 a minute, 250 a day": (per_minute(10), tokens_per_minute(250_000), per_day(250)),
    "5 a minute, 20 a day": (per_minute(5), tokens_per_minute(250_000), per_day(20)),
    "10 a minute alone": (per_minute(10), tokens_per_minute(250_000)),
}
HABITS = Habits(
    tokens=lambda rng: rng.randint(200, 4000),
    latency=lambda rng: (rng.uniform(0.01, 0.1), rng.uniform(0.1, 0.6), rng.uniform(0.0, 6.0)),
    patience_s=1e7,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=24.0)
    hours = parser.parse_args().hours
    missed = 0
    for name, limits in LIMITS.items():
        by_day = any(limit.window.kind == "day" for limit in limits)
        missed |= day(name, limits, hours if by_day else min(hours, 2.0))
    return missed


def day(name: str, limits: tuple[Limit, ...], hours: float) -> int:
    midnight = datetime(2026, 11, 20, tzinfo=ZoneInfo(PACIFIC)).timestamp()
    world = World(midnight - 0.4 * HOUR)  # the day before is spent when it ends
    upstream = Upstream(world)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ledgers = [
            Ledger(
                f"{folder}/ledger.db",
                clock=world.clock,
                rng=random.Random(number),
                boot="simulated",
            )
            for number in range(WORKERS)
        ]
        for number, ledger in enumerate(ledgers):
            rng = random.Random(1000 + number)
            world.start(work(world, ledger, upstream, pool(KEYS, *limits), HABITS, rng))
        world.run(midnight + hours * HOUR)
        for ledger in ledgers:
            ledger.close()
    used = [each for each in upstream.seen if each.admitted and each.at >= midnight]
    daily = [limit.amount for limit in limits if limit.window.kind == "day"]
    possible = KEYS * (daily[0] if daily else round(limits[0].amount * hours * 60))
    share = len(used) / possible
    by_key = Counter(each.credential for each in used).values()
    spread = (max(by_key) - min(by_key)) / max(by_key)
    held = share >= 0.98 and not upstream.refused and spread <= 0.05
    print(
        f"{name:26}{hours:5.1f} h: {len(used):6,} of {possible:6,} ({share:.1%}), "
        f"{upstream.refused} refused, spread {spread:.1%}, "
        f"{time.perf_counter() - begun:.0f} s{'' if held else '  MISSED'}"
    )
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())

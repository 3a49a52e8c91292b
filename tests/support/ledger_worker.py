"""A process that asks the ledger again and again: `python -m tests.support.ledger_worker JSON`.

Prints what happened as one line of JSON. Keys of the argument: path, keys, limits (as lists), port,
requests (or 0 for ever), patience_s, work_s (how long an answer takes), seed.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

from freellm_cli.core.limits import Limit, Window
from freellm_cli.services.system_clock import SystemClock
from freellm_cli.storage.ledger import Lease, Ledger
from tests.support.strict_gate import Visitor
from tests.support.targets import pool


def main() -> None:
    order: dict[str, Any] = json.loads(sys.argv[1])
    clock = SystemClock()
    rng = random.Random(order["seed"])
    ledger = Ledger(order["path"], clock=clock, rng=rng, notice=print)
    limits = [
        Limit("", unit, Window(kind, seconds), amount)
        for unit, kind, seconds, amount in order["limits"]
    ]
    candidates = pool(order["keys"], *limits)
    visitor = Visitor(order["port"])
    done, refused = 0, 0
    slowest = 0.0
    while not order["requests"] or done + refused < order["requests"]:
        began = clock.monotonic()
        lease = ledger.acquire_or_wait(
            candidates,
            tokens=10,
            request_id=f"{order['seed']}-{done}",
            deadline=clock.now() + order["patience_s"],
        )
        slowest = max(slowest, clock.monotonic() - began)
        if not isinstance(lease, Lease):
            refused += 1
            continue
        ledger.mark_sent(lease)
        admitted = visitor.ask(lease.candidate.credential)
        answered_at = clock.now()
        time.sleep(rng.random() * order["work_s"])
        visitor.bye(lease.candidate.credential)
        ledger.settle(
            lease,
            tokens=10,
            answered_at=answered_at,
            outcome="ok" if admitted else "rate_limited_minute",
        )
        done += 1
    print(json.dumps({"done": done, "refused": refused, "slowest_s": slowest}), flush=True)


if __name__ == "__main__":
    main()

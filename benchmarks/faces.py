"""What a client dialect costs a streamed delta, beside `json.dumps` of the same text alone.

    python benchmarks/faces.py [--rounds 9]

Each line is the median of the rounds: microseconds of ours, of the bare `json` call, and their ratio. The bar
is 15 µs a delta in every dialect, and 300 µs for reading a request of 100 KB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from freellm_cli.core.chat import Delta  # noqa: E402
from freellm_cli.core.faces.base import ReplyHead, ReplyStyle  # noqa: E402
from freellm_cli.core.faces.registry import FACE_NAMES, face  # noqa: E402

TEXT = " word, пламя"
LONG = "Some words, as people write them. " * 3000
TURNS = [{"role": "user", "content": LONG}]
BODIES: dict[str, dict[str, Any]] = {
    "openai": {"messages": TURNS},
    "completions": {"prompt": LONG},
    "responses": {"input": [{"role": "user", "content": [{"type": "input_text", "text": LONG}]}]},
    "anthropic": {"messages": TURNS, "max_tokens": 500, "thinking": {"type": "adaptive"}},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": LONG}]}]},
    "ollama_chat": {"messages": TURNS},
    "ollama_generate": {"prompt": LONG},
}
HEAD = ReplyHead("req_0123456789abcdef0123", 1_700_000_000, "gemini/gemini-2.5-flash", 10)


def microseconds(call: Callable[[], object], times: int, rounds: int) -> float:
    def once() -> float:
        began = time.perf_counter()
        for _ in range(times):
            call()
        return (time.perf_counter() - began) / times * 1e6

    return statistics.median(once() for _ in range(rounds))


def rows_of(name: str, rounds: int) -> list[tuple[str, float, float]]:
    dialect, body = face(name), BODIES[name]
    ask = dialect.parse(body, "m", True)
    delta = Delta(text=TEXT)
    bare = microseconds(lambda: json.dumps(TEXT), 2000, rounds)
    rows = []
    for what, style in (("a delta", ReplyStyle()), ("for a game", ReplyStyle(False, True))):
        writer = dialect.writer(ask, HEAD, style)
        writer.start()
        writer.delta(delta)
        taken = microseconds(lambda writer=writer: writer.delta(delta), 2000, rounds)  # type: ignore[misc]
        rows.append((f"{name}: {what}", taken, bare))
    whole = microseconds(lambda: json.dumps(body), 100, rounds)
    read = microseconds(lambda: dialect.parse(body, "m", True), 100, rounds)
    return [*rows, (f"{name}: a request of 100 KB", read, whole)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(f"{'':40}{'µs':>10}{'json µs':>10}{'ratio':>8}")
    for name in FACE_NAMES:
        for what, ours, bare in rows_of(name, rounds):
            print(f"{what:40}{ours:10.2f}{bare:10.2f}{ours / bare:8.2f}")


if __name__ == "__main__":
    main()

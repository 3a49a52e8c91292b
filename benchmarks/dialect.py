"""What the OpenAI dialect costs a streamed chunk and a request, beside `json` alone.

    python benchmarks/dialect.py [--rounds 9]

Each line is the median of the rounds: microseconds of ours, of the bare `json` call on the same text, and
their ratio. Bars: 40 µs for reading a chunk, 400 µs for building a request of 100 KB, 1 ms for estimating it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from freellm_cli.core.chat import ChatRequest, Target  # noqa: E402
from freellm_cli.core.http import Headers  # noqa: E402
from freellm_cli.core.json_reading import read_body  # noqa: E402
from freellm_cli.core.messages import normalise_body  # noqa: E402
from freellm_cli.core.tokens import estimate_request  # noqa: E402
from freellm_cli.providers.openai_compat import OpenAICompat  # noqa: E402

CHUNK = {
    "id": "chatcmpl-0123456789",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "moonshotai/kimi-k3",
    "choices": [
        {"index": 0, "delta": {"content": " word"}, "logprobs": None, "finish_reason": None}
    ],
}
TEXT = json.dumps(CHUNK)
EVENT = f"data: {TEXT}\n\n".encode()
LONG = ChatRequest(
    "m",
    [{"role": "user", "content": "Some words, as people write them. " * 1000}] * 3,
    {"temperature": 0.7, "max_tokens": 500},
)
TARGET = Target("host", "host/m", "m", "https://host.example/v1", {}, frozenset({"chat", "tools"}))
BUSY = TARGET._replace(
    quirks={
        "rename": {"seed": "random_seed"},
        "drop": ["top_k", "user"],
        "clamp": {"temperature": [0, 1]},
        "message_order": "mistral",
        "tool_call_ids": "mistral9",
        "flatten_text_parts": True,
        "merge_same_role": True,
        "think": "effort",
    }
)


def microseconds(call: Callable[[], object], times: int, rounds: int) -> float:
    def once() -> float:
        began = time.perf_counter()
        for _ in range(times):
            call()
        return (time.perf_counter() - began) / times * 1e6

    return statistics.median(once() for _ in range(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    dialect = OpenAICompat()
    reader = dialect.reader(LONG, TARGET, Headers([]))
    leaking = dialect.reader(LONG, TARGET._replace(name="qwq-32b"), Headers([]))
    body = {"model": "m", "messages": LONG.messages, "stream": True, **LONG.params}
    given = normalise_body(read_body(json.dumps(body)))
    chunk = microseconds(lambda: json.loads(TEXT), 2000, rounds)
    whole = microseconds(lambda: json.dumps(body).encode(), 100, rounds)
    rows = (
        ("read a chunk", microseconds(lambda: reader.feed(EVENT), 2000, rounds), chunk),
        (
            "read a chunk, tags watched",
            microseconds(lambda: leaking.feed(EVENT), 2000, rounds),
            chunk,
        ),
        (
            "build a request of 100 KB",
            microseconds(lambda: dialect.chat(LONG, TARGET, None, stream=True), 100, rounds),
            whole,
        ),
        (
            "build it with many quirks",
            microseconds(lambda: dialect.chat(LONG, BUSY, None, stream=True), 100, rounds),
            whole,
        ),
        (
            "hand it on as it was written",
            microseconds(lambda: dialect.chat(given, TARGET, None, stream=True), 100, rounds),
            whole,
        ),
        ("estimate its tokens", microseconds(lambda: estimate_request(LONG), 100, rounds), whole),
    )
    print(f"{'':32}{'µs':>10}{'json µs':>10}{'ratio':>8}")
    for what, ours, bare in rows:
        print(f"{what:32}{ours:10.1f}{bare:10.1f}{ours / bare:8.2f}")


if __name__ == "__main__":
    main()

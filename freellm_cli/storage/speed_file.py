"""Measured speeds of models, and what measuring them has spent: one JSON file in the cache folder.

Losing it costs only new measurements.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from freellm_cli.storage.files import write_private

_FORMAT = 1
KEPT_S = 86_400.0


class Speed(NamedTuple):
    """`at`: wall time of the measurement. `tokens_per_s`: after the first token; None when the answer came
    in one piece."""

    first_token_s: float
    tokens_per_s: float | None
    tokens: int
    at: float


class SpeedBook(NamedTuple):
    """`spent`: on each meter, the wall times of requests and their tokens, of the last 24 hours."""

    speeds: dict[str, Speed]
    spent: dict[str, list[tuple[float, int]]]


def read_speeds(path: str, now: float) -> SpeedBook:
    """Empty when there is no file, or when it is damaged or of another format."""
    try:
        with open(path, encoding="utf-8") as file:
            data: dict[str, Any] = json.load(file)
        if data["format"] != _FORMAT:
            return SpeedBook({}, {})
        speeds = {name: Speed(**row) for name, row in data["speeds"].items()}
        spent = {
            meter: [(float(at), int(tokens)) for at, tokens in uses if now - at < KEPT_S]
            for meter, uses in data["spent"].items()
        }
        return SpeedBook(speeds, {meter: uses for meter, uses in spent.items() if uses})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return SpeedBook({}, {})


def write_speeds(path: str, book: SpeedBook) -> None:
    """Raises StoreError."""
    speeds = {name: speed._asdict() for name, speed in book.speeds.items()}
    text = json.dumps({"format": _FORMAT, "speeds": speeds, "spent": book.spent})
    write_private(path, text.encode())

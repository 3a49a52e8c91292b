"""A rate that nobody tells is found within minutes, and costs next to no refusals after that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.unknown_rate import find_rate


@pytest.mark.parametrize(
    ("true", "seconds", "workers", "latency_s", "used"),
    [
        (5, 60.0, 4, 2.0, 0.85),
        (40, 60.0, 16, 1.0, 0.85),
        (2, 1.0, 2, 0.3, 0.75),  # an answer's time is part of each second that it takes
    ],
)
def test_the_true_rate_is_found_in_three_minutes(
    tmp_path: Path, true: int, seconds: float, workers: int, latency_s: float, used: float
) -> None:
    found = find_rate(
        str(tmp_path / "l.db"),
        true=true,
        seconds=seconds,
        workers=workers,
        latency_s=latency_s,
        minutes=12,
    )
    assert found.off <= 0.10
    assert found.asked >= used * true * 60 / seconds * 9, "what is allowed is used"
    assert found.refused <= max(1, found.asked // 100)

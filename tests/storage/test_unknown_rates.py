"""A rate that nobody tells is found within minutes, and costs next to no refusals after that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.unknown_rate import find_rate


@pytest.mark.parametrize(("true", "workers", "latency_s"), [(5, 4, 2.0), (40, 16, 1.0)])
def test_the_true_rate_is_found_in_three_minutes(
    tmp_path: Path, true: int, workers: int, latency_s: float
) -> None:
    found = find_rate(
        str(tmp_path / "l.db"), true=true, workers=workers, latency_s=latency_s, minutes=12
    )
    assert found.off <= 0.10
    assert found.asked >= 0.85 * true * 9, "what is allowed is used"
    assert found.refused <= 1

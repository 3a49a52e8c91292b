"""A served pool over the simulator, for clients that we did not write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.serving import MODEL, Served, served
from tests.support.upstream import simulator


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """Every unknown model name goes to MODEL; `gemini-2.5-flash` to the simulated Gemini."""
    with (
        simulator("generous") as sim,
        served(
            sim,
            tmp_path,
            settings={
                "default_model": MODEL,
                'aliases."*"': [MODEL],
                "providers.gemini.catalog_limits": False,
            },
            providers={"acme": 1, "gemini": 1},
        ) as running,
    ):
        yield running

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.serving import Served, served
from tests.support.upstream import simulator


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Served]:
    """A server over a generous simulator: two providers with a model each, one alias over both."""
    with (
        simulator() as sim,
        served(
            sim,
            tmp_path,
            providers={"acme": 2, "other": 1},
            settings={
                "aliases.both": ["acme/model-one", "other/model-two"],
                "default_model": "both",
            },
        ) as house,
    ):
        yield house

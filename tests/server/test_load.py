"""How busy a process is, from the processor time that it has taken."""

from __future__ import annotations

import pytest

from freellm_cli.server.load import LOOK_EVERY_S, Load


class Clocks:
    def __init__(self) -> None:
        self.now, self.spent = 100.0, 7.0
        self.load = Load(lambda: self.spent, lambda: self.now)

    def look(self, share: float, after: float) -> float | None:
        """After so many seconds in which so much of a processor was used."""
        self.now += after
        self.spent += share * after
        return self.load.look()


def test_each_look_tells_of_the_time_since_the_last() -> None:
    clocks = Clocks()
    assert clocks.look(0.9, after=0.3) == pytest.approx(0.9)
    assert clocks.look(0.1, after=0.5) == pytest.approx(0.1)
    assert clocks.look(1.7, after=LOOK_EVERY_S) == pytest.approx(1.7)


def test_a_look_too_early_tells_nothing_and_is_made_up_for_by_the_next() -> None:
    clocks = Clocks()
    assert clocks.look(1.0, after=0.1) is None
    assert clocks.look(1.0, after=0.1) is None
    assert clocks.look(0.4, after=0.2) == pytest.approx(0.7)


def test_after_a_pause_a_process_is_not_busy() -> None:
    clocks = Clocks()
    assert clocks.look(1.0, after=3.0) == 0.0
    assert clocks.look(1.0, after=0.3) == pytest.approx(1.0)

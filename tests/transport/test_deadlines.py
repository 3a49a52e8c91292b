"""What a call that took too long is told to have waited for."""

from __future__ import annotations

import pytest

from freellm_cli.core.http import Timeouts
from freellm_cli.transport.wire import Call


class Steady:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("at", "fault"),
    [(60, "idle_timeout"), (560, "idle_timeout"), (600, "total_timeout"), (601, "total_timeout")],
)
def test_silence_in_the_middle_is_told_from_an_answer_without_end(at: float, fault: str) -> None:
    clock = Steady()
    call = Call("example.org", Timeouts(10, 30, 60, 600), clock)
    call.await_more()
    clock.now = at
    assert call.timeout().fault == fault


@pytest.mark.parametrize(("at", "fault"), [(10, "connect_timeout"), (20, "total_timeout")])
def test_the_nearer_deadline_is_named(at: float, fault: str) -> None:
    clock = Steady()
    call = Call("example.org", Timeouts(10 if at == 10 else 30, 30, 60, 20), clock)
    call.await_connection()
    clock.now = at
    assert call.timeout().fault == fault

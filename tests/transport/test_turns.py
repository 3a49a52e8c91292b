"""One after the other, and nobody held up for long by who forgets to leave."""

from __future__ import annotations

import threading
from time import monotonic

from freellm_cli.transport.turns import Turns


def test_a_turn_is_one_threads_alone() -> None:
    turns = Turns()
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            turns.take()
            inside.append(1)
            most.append(len(inside))
            inside.pop()
            assert turns.leave()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 400
    assert set(most) == {1}


def test_who_has_no_turn_leaves_none() -> None:
    turns = Turns()
    turns.take()
    left: list[bool] = []
    other = threading.Thread(target=lambda: left.append(turns.leave()))
    other.start()
    other.join()
    assert left == [False]
    assert turns.leave()
    assert not turns.leave()


def test_taking_twice_is_taking_once() -> None:
    turns = Turns(patience_s=60.0)
    turns.take()
    turns.take()
    assert turns.leave()
    assert not turns.leave()


def test_who_does_not_leave_holds_nobody_up_for_long() -> None:
    turns = Turns(patience_s=0.05)
    holder = threading.Thread(target=turns.take)
    holder.start()
    holder.join()
    began = monotonic()
    turns.take()
    assert monotonic() - began < 5
    assert not turns.leave()  # it went on without

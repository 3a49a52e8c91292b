"""A busy process stays on one processor, and is let go when it is not busy any more."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from freellm_cli.server.affinity import CHOICE_HOLDS_S, Affinity

if sys.platform != "linux":
    pytest.skip("only Linux lets a program choose", allow_module_level=True)
if len(os.sched_getaffinity(0)) < 2:
    pytest.skip("there is one processor only", allow_module_level=True)

_WAITING = """
import threading
for _ in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("begun", flush=True)
input()
"""
EVERYWHERE = os.sched_getaffinity(0)


@contextmanager
def other_process() -> Iterator[int]:
    """The id of a process with four threads."""
    with subprocess.Popen(
        [sys.executable, "-c", _WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        yield process.pid
        process.communicate(b"\n")


def places_of(process: int) -> list[set[int]]:
    return [os.sched_getaffinity(int(name)) for name in os.listdir(f"/proc/{process}/task")]


class House:
    """This process with two threads that wait, as busy as is said at each look."""

    def __init__(self) -> None:
        self.now = 0.0
        self.affinity = Affinity(lambda: self.now)
        self._may_end = threading.Event()
        self._threads = [threading.Thread(target=self._may_end.wait) for _ in range(2)]

    def __enter__(self) -> House:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.affinity.free()
        self._may_end.set()
        for thread in self._threads:
            thread.join()

    def look(self, share: float, *others: int, after: float = 0.3) -> None:
        self.now += after
        self.affinity.look(share, others)

    @property
    def places(self) -> list[set[int]]:
        """Of the two threads; the one that looks is free always."""
        assert os.sched_getaffinity(0) == EVERYWHERE
        return [os.sched_getaffinity(thread.native_id or 0) for thread in self._threads]


def test_a_busy_process_is_bound_and_an_idle_one_is_free() -> None:
    with House() as house:
        house.look(0.3)
        assert house.places == [EVERYWHERE] * 2
        house.look(0.9)
        (one,) = {frozenset(place) for place in house.places}
        assert len(one) == 1
        house.look(0.4)
        assert house.places == [one] * 2
        house.look(0.1)
        assert house.places == [EVERYWHERE] * 2


def test_two_processes_are_bound_to_different_processors() -> None:
    with House() as house, other_process() as other:
        house.look(0.9, other)
        assert all(len(place) == 1 for place in places_of(other))
        assert len(set.union(*places_of(other))) == 1
        assert not set.union(*places_of(other)) & set.union(*house.places)
        house.look(0.0, other)
        assert places_of(other) == [EVERYWHERE] * 4
        assert house.places == [EVERYWHERE] * 2


def test_both_are_free_while_a_second_one_starts_or_ends() -> None:
    with House() as house, other_process() as other:
        house.look(0.9)
        house.affinity.look(0.9, None)
        assert house.places == [EVERYWHERE] * 2
        house.look(0.9, other)
        assert all(len(place) == 1 for place in house.places + places_of(other))
        house.look(0.9)
        assert house.places == [EVERYWHERE] * 2
        assert places_of(other) == [EVERYWHERE] * 4


def test_the_system_chooses_anew_every_few_seconds() -> None:
    with House() as house:
        house.look(0.9)
        for _ in range(int(CHOICE_HOLDS_S / 0.5) - 1):
            house.look(0.9, after=0.5)
            assert all(len(place) == 1 for place in house.places)
        house.look(0.9, after=0.5)
        assert house.places == [EVERYWHERE] * 2
        house.look(0.9)
        assert all(len(place) == 1 for place in house.places)


def test_threads_that_come_later_are_bound_too() -> None:
    with House() as house, ExitStack() as later:
        house.look(0.9)
        may_end = threading.Event()
        thread = threading.Thread(target=may_end.wait)
        thread.start()  # by the thread that is free
        later.callback(thread.join)
        later.callback(may_end.set)
        house.look(0.9)
        assert os.sched_getaffinity(thread.native_id or 0) == house.places[0]


def test_a_process_that_has_ended_troubles_nobody() -> None:
    with House() as house:
        with other_process() as other:
            house.look(0.9, other)
        house.look(0.9, other)
        house.look(0.9)
        house.look(0.9)
        assert all(len(place) == 1 for place in house.places)

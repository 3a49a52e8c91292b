"""A busy process stays on one processor.

Python's threads work one at a time. Spread over several processors, every change from one to the next wakes
another processor, and a third of a busy server's work is that. So while a process is busy all its threads
stay where the system had most of its work done, and those of a second process elsewhere. Every few seconds
the system may choose anew, for others may have come to work there. Linux only; elsewhere nothing is done.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

CHOICE_HOLDS_S = 5.0
_BUSY, _STILL_BUSY = 0.6, 0.3
_STATE, _USER_TICKS, _SYSTEM_TICKS, _PROCESSOR = 3, 14, 15, 39  # proc_pid_stat(5)


class Affinity:
    """Looked after by one thread, which stays free: what it starts begins free as well."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._allowed = _allowed()
        self._places: dict[int, int] = {}
        """The processor of each process that is bound to one."""
        self._until = 0.0
        self._worked: dict[int, int] = {}

    def look(self, share: float, others: Sequence[int] | None) -> None:
        """Called while requests run. `share`: of one processor, what this process uses (`server.load`).
        `others`: the ids of the processes that share the work with this one; None while one is starting,
        which needs a processor for itself."""
        if len(self._allowed) < 2:
            return
        if others is None or share < (_STILL_BUSY if self._places else _BUSY):
            self.free()
            return
        processes = (os.getpid(), *others)
        if not self._places:
            self._choose(processes)
        elif tuple(self._places) != processes or self._monotonic() >= self._until:
            self.free()
        else:
            self._bind()  # whoever has come since

    def free(self) -> None:
        for process in self._places:
            _set(process, self._allowed)
        self._worked = {}
        for process in self._places:
            self._work_of(process)  # where it is done from now on is the system's choice
        self._places = {}

    def _choose(self, processes: Sequence[int]) -> None:
        left = set(self._allowed)
        for process in processes:
            work = self._work_of(process)
            if left:
                place = max(left, key=lambda processor: work[processor])
                left.remove(place)
                self._places[process] = place
        self._until = self._monotonic() + CHOICE_HOLDS_S
        self._bind()

    def _bind(self) -> None:
        for process, place in self._places.items():
            if not _set(process, {place}):
                self._allowed = set()  # it is forbidden here
                self._places = {}
                return

    def _work_of(self, process: int) -> Counter[int]:
        """What its threads have done since they were last asked, by processor."""
        work: Counter[int] = Counter()
        for thread in _threads(process):
            processor, ticks = _last_work(process, thread)
            work[processor] += ticks - self._worked.get(thread, 0)
            self._worked[thread] = ticks
        return work


def _allowed() -> set[int]:
    if sys.platform != "linux" or not os.path.exists("/proc/self/task"):
        return set()
    return os.sched_getaffinity(0)


def _threads(process: int) -> list[int]:
    with contextlib.suppress(OSError):  # it has ended
        return [int(name) for name in os.listdir(f"/proc/{process}/task")]
    return []


def _last_work(process: int, thread: int) -> tuple[int, int]:
    """The processor that it was on last, and what it has done in all."""
    try:
        with open(f"/proc/{process}/task/{thread}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:  # it has ended
        return 0, 0
    ticks = int(fields[_USER_TICKS - _STATE]) + int(fields[_SYSTEM_TICKS - _STATE])
    return int(fields[_PROCESSOR - _STATE]), ticks


def _set(process: int, processors: set[int]) -> bool:
    """For each thread but the one that asks; False when it is forbidden."""
    if sys.platform != "linux":
        return False
    for thread in _threads(process):
        if thread != threading.get_native_id():
            try:
                os.sched_setaffinity(thread, processors)
            except ProcessLookupError:
                continue
            except OSError:
                return False
    return True

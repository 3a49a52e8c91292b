"""A bounded pool of threads in front of a bounded queue."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Crew:
    """At most `size` jobs run at once, at most `backlog` wait. Threads are made when they are needed.

    `elsewhere()`: how many of `size` are taken by another process.
    """

    def __init__(
        self, size: int, backlog: int, *, elsewhere: Callable[[], int] = lambda: 0
    ) -> None:
        self._size = size
        self._backlog = backlog
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._all_gone = threading.Condition(self._lock)
        self._threads = 0
        self._free = 0
        """Threads that nothing is promised to: they wait for a job."""
        self._waiting = 0
        """Jobs that are promised to no thread."""
        self._closed = False
        self._elsewhere = elsewhere

    def submit(self, job: Job) -> bool:
        """False when there is no room: say so to the client at once."""
        with self._lock:
            is_for_new = not self._free and self._threads < self._most
            if self._closed:
                return False
            if self._free:
                self._free -= 1
            elif is_for_new:
                self._threads += 1
            elif self._waiting < self._backlog:
                self._waiting += 1
            else:
                return False
            self._jobs.put(job)
        if is_for_new:
            self._begin()
        return True

    def fill(self) -> None:
        """One that was elsewhere is no more: somebody who waits may have a thread for it."""
        with self._lock:
            if self._closed or not self._waiting or self._threads >= self._most:
                return
            self._waiting -= 1
            self._threads += 1
        self._begin()

    @property
    def _most(self) -> int:
        return max(1, self._size - self._elsewhere())

    def _begin(self) -> None:
        # Not threading.Thread: its start waits until the new thread has run, which under load takes one
        # switch interval for each.
        _thread.start_new_thread(self._work, ())

    @property
    def is_short(self) -> bool:
        """Whether somebody waits for a thread."""
        return self._waiting > 0

    def _work(self) -> None:
        jobs = self._jobs
        lock = self._lock
        try:
            while True:
                job = jobs.get()
                if job is None:
                    return
                job()
                with lock:
                    if self._threads > self._most and not self._closed:
                        return
                    if self._waiting:
                        self._waiting -= 1
                    else:
                        self._free += 1
        finally:
            with lock:
                self._threads -= 1
                if not self._threads:
                    self._all_gone.notify_all()

    def close(self, timeout_s: float) -> bool:
        """Lets every thread end after its job; whether all have within `timeout_s`."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in range(self._threads):
                    self._jobs.put(None)
            return self._all_gone.wait_for(lambda: not self._threads, timeout_s)

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken."""
        return self._waiting

    @property
    def threads(self) -> int:
        return self._threads

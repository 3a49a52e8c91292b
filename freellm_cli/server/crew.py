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
        """Threads that take the next job, those included that are about to begin."""
        self._closed = False
        self._elsewhere = elsewhere

    def submit(self, job: Job) -> bool:
        """False when there is no room: say so to the client at once."""
        with self._lock:
            waiting = self._jobs.qsize()
            size = max(1, self._size - self._elsewhere())
            if self._closed or waiting - self._free >= self._backlog + size - self._threads:
                return False
            is_short = self._free <= waiting and self._threads < size
            if is_short:
                self._threads += 1
                self._free += 1
            self._jobs.put(job)
        if is_short:
            # Not threading.Thread: its start waits until the new thread has run, which under load takes
            # one switch interval for each.
            _thread.start_new_thread(self._work, ())
        return True

    @property
    def is_short(self) -> bool:
        """Whether somebody waits for a thread."""
        return self._free == 0 and not self._jobs.empty()

    def _work(self) -> None:
        jobs = self._jobs
        lock = self._lock
        try:
            while True:
                job = jobs.get()
                with lock:
                    self._free -= 1
                if job is None:
                    return
                job()
                with lock:
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
        """Jobs that nobody has begun."""
        return self._jobs.qsize()

    @property
    def threads(self) -> int:
        return self._threads

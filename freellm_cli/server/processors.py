"""How much of the machine this process may use."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

CONTROL_GROUPS = Path("/sys/fs/cgroup")
_QUOTAS = ("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")
"""Microseconds and the period for them: in one file (version 2), or in two."""


def processors(control_groups: Path = CONTROL_GROUPS) -> float:
    """Those that it may run on, or less when a container has a quota.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    """
    may_use = getattr(os, "sched_getaffinity", None)
    count = len(may_use(0)) if may_use else os.cpu_count() or 1
    for names in _QUOTAS:
        with suppress(OSError, ValueError):
            told = " ".join((control_groups / name).read_text("ascii") for name in names)
            quota, period = map(int, told.split())
            if quota > 0 and period > 0:
                return min(count, quota / period)
    return count

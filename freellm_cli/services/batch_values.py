"""What a batch is told, and what it tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from freellm_cli.services.batch_file import Defaults


class BatchOptions(NamedTuple):
    """`reserve`: a share (0 to 1) of every limit left for others, `width`: rows at once; None and 0 as the
    settings say. `retry_unknown`: send again what was sent before a crash and not answered."""

    defaults: Defaults = Defaults()
    format: str = "auto"
    out: str | None = None
    ordered: bool = False
    resume: bool = False
    force: bool = False
    retry_unknown: bool = True
    reserve: float | None = None
    width: int = 0
    private: bool = False


class Progress(NamedTuple):
    """`ends_at`: wall time, None when nobody knows. `waiting`: rows that stand in line, for a limit or,
    when `fault` says what failed, for the rest after it. `interrupted`: only what is running is let end."""

    total: int
    done: int
    errors: int
    running: int
    waiting: int
    width: int
    tokens: int
    ends_at: float | None
    interrupted: bool = False
    fault: str = ""


Watch = Callable[[Progress], None]

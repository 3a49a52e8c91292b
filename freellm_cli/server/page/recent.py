"""The last requests that asked a model, as the page shows them."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freellm_cli.server.access_log import Entry

KEPT = 30


class Recent:
    """Bounded, in memory, gone with the server. Holds no prompt and no answer."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lock = threading.Lock()
        self._rows: deque[tuple[int, dict[str, Any]]] = deque(maxlen=kept)
        self._count = 0

    def add(self, entry: Entry, at: float) -> None:
        if not (entry.asked or entry.answered):
            return
        row = {
            "at": round(at, 1),
            "asked": entry.asked[:200],
            "answered": entry.answered[:200],
            "credential": entry.credential,
            "attempts": entry.attempts,
            "status": entry.status,
            "error": entry.error,
            "first_ms": None if entry.first_ms is None else round(entry.first_ms),
            "ms": round(entry.ms),
            "tokens": entry.completion_tokens,
        }
        with self._lock:
            self._count += 1
            self._rows.append((self._count, row))

    def parts(self) -> dict[str, Any]:
        """{"recent/<number>": row}, the highest number the latest."""
        with self._lock:
            return {f"recent/{number}": row for number, row in self._rows}

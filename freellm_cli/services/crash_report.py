"""Where the traceback of a fault of ours goes: a private file, never the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.storage.files import write_private

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime


def write_crash_report(runtime: Runtime, text: str) -> str:
    """Writes `text` (already cleaned of secrets) beside the ledger; returns the path. Raises StoreError."""
    path = f"{runtime.paths.state}/crash.log"
    write_private(path, text.encode("utf-8", "replace"))
    return path

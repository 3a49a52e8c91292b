"""What a person without root's rights meets, in a test that root may run."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def unprivileged_folder() -> Iterator[Path]:
    """An own folder of an ordinary user; root acts as `nobody` until the block ends."""
    folder = Path(tempfile.mkdtemp())
    if sys.platform == "win32" or os.geteuid() != 0:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
        return
    os.chown(folder, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(0)
        shutil.rmtree(folder, ignore_errors=True)

"""Writing a file that the person has named, and never over one that is there."""

from __future__ import annotations

import os
from contextlib import suppress

from freellm_cli.core.errors import StoreError, UsageError


def write_new(path: str, text: str) -> None:
    """Raises UsageError when the file exists, StoreError when it cannot be written; then there is none."""
    made = False
    try:
        with open(path, "x", encoding="utf-8") as file:
            made = True
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already", hint="choose another name") from error
    except (OSError, ValueError) as error:
        if made:
            with suppress(OSError):
                os.unlink(path)
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"{path} cannot be written: {reason}", hint="choose another place"
        ) from error

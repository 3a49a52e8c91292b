"""Shares as people type them."""

from __future__ import annotations

from freellm_cli.core.errors import UsageError


def share_from(flag: str, text: str) -> float:
    """ "20%" or "0.2", at least 0 and below 1. Raises UsageError."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise UsageError(f"{flag} wants a share such as 20%, not {text!r}")
    return share

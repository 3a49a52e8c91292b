"""A template as the text of its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def template_text(table: Mapping[str, Any]) -> str:
    """TOML that people can edit: texts of several lines stay such. Values that are None are left out."""
    import tomli_w

    return tomli_w.dumps(_without_none(table), multiline_strings=True)


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value if item is not None]
    return value

"""What providers' own lists said, one JSON file a provider in the cache folder. Losing it costs nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.errors import StoreError
from freellm_cli.storage.files import write_private

_FORMAT = 1


class CachedList(NamedTuple):
    fetched_at: float
    """Seconds since the epoch."""
    models: tuple[ModelSpec, ...]


class ModelCache:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, provider: str, address: str) -> CachedList | None:
        """None when there is none, when it was had at another address than the provider's of now, or when it
        is damaged or of another format."""
        try:
            with open(self._path(provider), encoding="utf-8") as file:
                data = json.load(file)
            if data["format"] != _FORMAT or data.get("address", address) != address:
                return None
            models = tuple(_model(provider, row) for row in data["models"])
            return CachedList(float(data["fetched_at"]), models)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(
        self, provider: str, address: str, models: Sequence[ModelSpec], fetched_at: float
    ) -> None:
        """`address`: the provider's base_url. Raises StoreError."""
        data = {
            "format": _FORMAT,
            "address": address,
            "fetched_at": fetched_at,
            "models": [_row(model) for model in models],
        }
        write_private(self._path(provider), json.dumps(data).encode())

    def providers(self) -> tuple[str, ...]:
        try:
            names = os.listdir(self._folder)
        except OSError:
            return ()
        return tuple(sorted(name[:-5] for name in names if name.endswith(".json")))

    def _path(self, provider: str) -> str:
        if not provider.replace("_", "").replace("-", "").isalnum():
            raise StoreError(f"{provider!r} cannot name a cache file")
        return os.path.join(self._folder, f"{provider}.json")


def _row(model: ModelSpec) -> dict[str, Any]:
    row = {
        name: value
        for name, value in model._asdict().items()
        if name not in ("id", "provider") and value != ModelSpec._field_defaults.get(name)
    }
    row["capabilities"] = sorted(model.capabilities)
    row.pop("limits", None)
    return row


def _model(provider: str, row: dict[str, Any]) -> ModelSpec:
    fields = {name: value for name, value in row.items() if name in ModelSpec._fields}
    fields["capabilities"] = frozenset(row["capabilities"])
    fields["uses"] = tuple(row.get("uses", ()))
    fields["history"] = tuple(row.get("history", ()))
    return ModelSpec(id=f"{provider}/{row['name']}", provider=provider, **fields)

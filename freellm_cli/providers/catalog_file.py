"""Reads `catalog.jsonl`, the compiled catalog, one line at a time and only those asked for.

Line 1 is a header: where each provider's lines are, and the sources that entries name. Line 2 holds
the families, line 3 the rules for names. Then, for each provider: the provider, its rules, and a line
for every model, whose first key is "name". `catalog_compiler` writes it.
"""

from __future__ import annotations

import json
import os
from typing import Any

from freellm_cli.core.catalog import FamilySpec, ModelSpec, ProviderSpec, PublishedLimit
from freellm_cli.core.errors import StoreError
from freellm_cli.providers.naming import NameRules

FORMAT = 1
FILE_NAME = "catalog.jsonl"
_TUPLES = ("key_env", "key_steps", "needs", "history", "uses")


class CatalogFile:
    """The data that came with the program. Everything it returns is shared: read, never changed."""

    __slots__ = ("_header", "_lines", "_models", "_providers")

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        try:
            self._header: dict[str, Any] = json.loads(self._lines[0])
            known = self._header["format"] == FORMAT
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError("the catalog that came with freellm is damaged") from error
        if not known:
            raise StoreError("the catalog that came with freellm is of another version")
        self._providers: dict[str, ProviderSpec] = {}
        self._models: dict[str, ModelSpec] = {}

    def provider_ids(self) -> tuple[str, ...]:
        return tuple(self._header["providers"])

    def provider(self, provider: str) -> ProviderSpec | None:
        known = self._providers.get(provider)
        place = self._header["providers"].get(provider)
        if known is None and place is not None:
            known = self._provider(json.loads(self._lines[place[0]]))
            self._providers[provider] = known
        return known

    def rules(self, provider: str) -> list[dict[str, Any]]:
        """The provider's own rules for names; none for a provider that is not in the data."""
        place = self._header["providers"].get(provider)
        found: list[dict[str, Any]] = json.loads(self._lines[place[0] + 1]) if place else []
        return found

    def name_rules(self) -> NameRules:
        names = json.loads(self._lines[2])
        return NameRules(names["families"], names["kinds"])

    def families(self) -> dict[str, FamilySpec]:
        return {fields["id"]: family_from(fields) for fields in json.loads(self._lines[1])}

    def model(self, provider: str, name: str) -> ModelSpec | None:
        known = self._models.get(f"{provider}/{name}")
        if known is not None:
            return known
        head = _line_head(name)
        for line in self._model_lines(provider):
            if line.startswith(head):
                return self._model(provider, json.loads(line))
        return None

    def models(self, provider: str) -> tuple[ModelSpec, ...]:
        rows = json.loads(f"[{','.join(self._model_lines(provider))}]")
        return tuple(self._model(provider, fields) for fields in rows)

    def named(self, name: str) -> tuple[ModelSpec, ...]:
        """The models of this wire name at every provider."""
        found = (self.model(provider, name) for provider in self._header["providers"])
        return tuple(model for model in found if model is not None)

    def _model_lines(self, provider: str) -> list[str]:
        first, count = self._header["providers"].get(provider, (0, 0))
        return self._lines[first + 2 : first + 2 + count]

    def _model(self, provider: str, fields: dict[str, Any]) -> ModelSpec:
        key = f"{provider}/{fields['name']}"
        known = self._models.get(key)
        if known is None:
            fields["source"] = self._source(fields)
            known = self._models[key] = model_from(provider, fields)
        return known

    def _provider(self, fields: dict[str, Any]) -> ProviderSpec:
        for key in _TUPLES:
            if key in fields:
                fields[key] = tuple(fields[key])
        if "limits" in fields:
            fields["limits"] = limits_from(fields["limits"])
        fields["source"] = self._source(fields)
        return ProviderSpec(**fields)

    def _source(self, fields: dict[str, Any]) -> str:
        key = fields.get("source", "")
        text: str = self._header["sources"].get(key, key)
        return text


def _line_head(name: str) -> str:
    return '{"name":' + json.dumps(name, ensure_ascii=False) + ","


def limits_from(rows: list[list[Any]]) -> tuple[PublishedLimit, ...]:
    return tuple(PublishedLimit(*row) for row in rows)


def family_from(fields: dict[str, Any]) -> FamilySpec:
    fields["capabilities"] = frozenset(fields.get("capabilities", ("chat",)))
    for key in ("successors", "uses", "members"):
        fields[key] = tuple(fields.get(key, ()))
    return FamilySpec(**fields)


def model_from(provider: str, fields: dict[str, Any]) -> ModelSpec:
    """A `ModelSpec` of plain data; `fields` has "name" and is used up."""
    name = fields.pop("name")
    if "capabilities" in fields:
        fields["capabilities"] = frozenset(fields["capabilities"])
    if "limits" in fields:
        fields["limits"] = limits_from(fields["limits"])
    for key in ("uses", "history"):
        if key in fields:
            fields[key] = tuple(fields[key])
    return ModelSpec(id=f"{provider}/{name}", provider=provider, name=name, **fields)


def read_packaged() -> CatalogFile:
    """The catalog beside this module, also from inside a zip or a frozen program. Raises StoreError."""
    path = os.path.join(os.path.dirname(__file__), FILE_NAME)
    try:
        with open(path, encoding="utf-8") as file:
            return CatalogFile(file.read())
    except OSError as error:
        import pkgutil

        try:
            data = pkgutil.get_data("freellm_cli.providers", FILE_NAME)
        except OSError:
            data = None
        if data is None:
            raise StoreError(f"the catalog that came with freellm is missing: {path}") from error
        return CatalogFile(data.decode("utf-8"))

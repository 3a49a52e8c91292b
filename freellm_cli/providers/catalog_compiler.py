"""Makes `catalog.jsonl` of the TOML files in `catalog/`, and refuses what does not hold together.

    sources.toml      [sources]    key = "address (when it was read)"
    families.toml     [[family]] id, title, match, successors and defaults; [kinds] of names
    <provider>.toml   [provider]; [model_defaults]; [[rules]] match and fields for names; [[models]]

A model takes each field from its own table, else from `[model_defaults]`, else from the first rule
that matches its name, else from its family. The result is the same for the same files, byte for byte;
`catalog_file` reads it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from freellm_cli.core.catalog import ModelSpec, ProviderSpec
from freellm_cli.providers.catalog_checks import (
    USABLE,
    CatalogError,
    Entry,
    check_family,
    check_model,
    check_provider,
    check_rule,
)
from freellm_cli.providers.catalog_file import FILE_NAME, FORMAT
from freellm_cli.providers.naming import NameRules

SOURCE_FOLDER = Path(__file__).parent / "catalog"
COMPILED = Path(__file__).parent / FILE_NAME

_GIVEN = {"id", "provider", "name", "discovered"}
_RULE_KEYS = tuple(key for key in ModelSpec._fields if key not in _GIVEN)
_MODEL_KEYS = ("name", *_RULE_KEYS)
_PROVIDER_KEYS = (*ProviderSpec._fields, "rank")
_RANK = {"active": 0, "expires": 1, "unknown": 2, "restricted": 3, "closed": 4}

Fields = dict[str, Any]


def compile_catalog(folder: Path = SOURCE_FOLDER) -> str:
    """The text of `catalog.jsonl`. Raises CatalogError, which names the file and the entry."""
    sources = _read(folder / "sources.toml")["sources"]
    names = _read(folder / "families.toml")
    families = _families(names)
    rules = NameRules(list(families.values()), names["kinds"])
    hosts = [
        _Host(path, sources, rules)
        for path in sorted(folder.glob("*.toml"))
        if path.name not in ("sources.toml", "families.toml")
    ]
    hosts.sort(key=lambda host: (host.rank, host.id))
    _check_whole(hosts, families)
    return _text(sources, families, names["kinds"], hosts)


def write_compiled() -> bool:
    """Brings `catalog.jsonl` up to date. Returns whether it had to change."""
    text = compile_catalog()
    if is_current(text):
        return False
    COMPILED.write_bytes(text.encode())
    return True


def is_current(text: str | None = None) -> bool:
    """Whether `catalog.jsonl` is what the sources give now."""
    wanted = compile_catalog() if text is None else text
    return COMPILED.exists() and COMPILED.read_bytes() == wanted.encode()


class _Host:
    """A provider's file, checked, its models complete."""

    def __init__(self, path: Path, sources: Mapping[str, str], names: NameRules) -> None:
        data = _read(path)
        file = Entry(path.name, data)
        file.only(("provider", "model_defaults", "rules", "models"))
        if "provider" not in data:
            raise file.refuse("needs [provider]")
        self.path = path
        self.provider = self._provider(data["provider"], sources)
        self.rules = [self._rule(rule) for rule in data.get("rules", ())]
        defaults = data.get("model_defaults", {})
        self.models: list[Fields] = []
        for table in data.get("models", ()):
            self.models.append(self._model(table, defaults, names, sources))
        self._no_twins()

    @property
    def id(self) -> str:
        name: str = self.provider["id"]
        return name

    def _provider(self, table: Fields, sources: Mapping[str, str]) -> Fields:
        entry = Entry(f"{self.path.name}: provider", table)
        entry.only(_PROVIDER_KEYS)
        check_provider(entry, sources)
        if table["id"] != self.path.stem:
            raise entry.refuse(f"id {table['id']!r} in a file of another name")
        self.rank = table.get("rank", 1000)
        own = f"FREELLM_{table['id'].upper()}_API_KEY"
        fields = {**table, "limits": entry.limits(), "key_env": [*table.get("key_env", ()), own]}
        return _in_order(fields, ProviderSpec._fields, ProviderSpec._field_defaults)

    def _rule(self, table: Fields) -> Fields:
        entry = Entry(f"{self.path.name}: rule {table.get('match')!r}", table)
        check_rule(entry, _RULE_KEYS)
        return {**table, "limits": entry.limits()} if "limits" in table else dict(table)

    def _model(
        self, table: Fields, defaults: Fields, names: NameRules, sources: Mapping[str, str]
    ) -> Fields:
        entry = Entry(f"{self.path.name}: model {table.get('name')!r}", {**defaults, **table})
        entry.text("name")
        entry.only(_MODEL_KEYS)
        own = (
            {**entry.fields, "limits": entry.limits()} if "limits" in entry.fields else entry.fields
        )
        told = names.describe(entry.fields["name"], self.rules)
        if "family" in own and own["family"] != told.get("family"):
            told = {**told, **_family_defaults(entry, own["family"], names)}
        fields = {**told, **own}
        fields["quirks"] = {**told.get("quirks", {}), **own.get("quirks", {})}
        check_model(Entry(entry.where, {**fields, "limits": []}), sources)
        if not fields.get("family"):
            raise entry.refuse("belongs to no family: add one to families.toml or name it")
        return _in_order(fields, _MODEL_KEYS, ModelSpec._field_defaults)

    def _no_twins(self) -> None:
        seen: set[str] = set()
        for model in self.models:
            if model["name"] in seen:
                raise CatalogError(f"{self.path.name}: model {model['name']!r} is there twice")
            seen.add(model["name"])


def _family_defaults(entry: Entry, family: str, names: NameRules) -> Fields:
    known = names.by_id(family)
    if known is None:
        raise entry.refuse(f"family {family!r} is not in families.toml")
    return {
        key: known[key] for key in ("context", "max_output", "capabilities", "uses") if key in known
    }


def _families(names: Fields) -> dict[str, Fields]:
    file = Entry("families.toml", names)
    file.only(("family", "kinds"))
    families: dict[str, Fields] = {}
    for table in names["family"]:
        entry = Entry(f"families.toml: family {table.get('id')!r}", table)
        check_family(entry)
        if table["id"] in families:
            raise entry.refuse("is there twice")
        families[table["id"]] = table
    for family in families.values():
        for successor in family.get("successors", ()):
            if successor not in families:
                raise CatalogError(
                    f"families.toml: family {family['id']!r}: successor {successor!r} is unknown"
                )
    return families


def _check_whole(hosts: list[_Host], families: Mapping[str, Fields]) -> None:
    """Every replacement can be used, and every family leads to one that may be."""
    usable, alive = set(), set()
    for host in hosts:
        for model in host.models:
            status = model.get("status", "active")
            if status in USABLE:
                usable |= {f"{host.id}/{model['name']}", model["family"]}
            # Nobody can follow an embedding model: the vectors of two families do not mix.
            vectors = "embeddings" in model.get("capabilities", ())
            if status in (*USABLE, "unknown") or (vectors and status == "restricted"):
                alive.add(model["family"])
    for host in hosts:
        for model in host.models:
            where = f"{host.path.name}: model {model['name']!r}"
            instead = model.get("replacement")
            if instead is not None and instead not in usable:
                raise CatalogError(f"{where}: replacement {instead!r} cannot be used")
            if model["family"] not in families:
                raise CatalogError(f"{where}: family {model['family']!r} is not in families.toml")
            if not _reaches(model["family"], alive, families):
                raise CatalogError(
                    f"{where}: family {model['family']!r} has no member that can be used, and no successor"
                )


def _reaches(family: str, usable: set[str], families: Mapping[str, Fields]) -> bool:
    seen: set[str] = set()
    queue = [family]
    while queue:
        name = queue.pop()
        if name in usable:
            return True
        if name not in seen:
            seen.add(name)
            queue += families[name].get("successors", [])
    return False


def _text(
    sources: Mapping[str, str],
    families: Mapping[str, Fields],
    kinds: Fields,
    hosts: list[_Host],
) -> str:
    lines: list[str] = []
    places: dict[str, list[int]] = {}
    for host in hosts:
        places[host.id] = [len(lines) + 3, len(host.models)]
        lines += [_json(host.provider), _json(host.rules), *map(_json, host.models)]
    header = {"format": FORMAT, "sources": _all_named(sources, hosts), "providers": places}
    known = [_family(family, hosts) for family in families.values()]
    keep = ("id", "match", "context", "max_output", "capabilities", "uses")
    patterns = [{key: f[key] for key in keep if key in f} for f in families.values()]
    names = {"families": patterns, "kinds": kinds}
    return "\n".join([_json(header), _json(known), _json(names), *lines]) + "\n"


def _family(family: Fields, hosts: list[_Host]) -> Fields:
    members = [
        (
            _RANK[model.get("status", "active")],
            not model.get("recommended", False),
            n,
            m,
            host.id,
            model,
        )
        for n, host in enumerate(hosts)
        for m, model in enumerate(host.models)
        if model["family"] == family["id"]
    ]
    members.sort(key=lambda member: member[:4])
    ids = [f"{host}/{model['name']}" for *_, host, model in members]
    return {**{key: value for key, value in family.items() if key != "match"}, "members": ids}


def _all_named(sources: Mapping[str, str], hosts: list[_Host]) -> dict[str, str]:
    named = {fields["source"] for host in hosts for fields in (host.provider, *host.models)}
    for key in sources:
        if key not in named:
            raise CatalogError(f"sources.toml: {key!r} is named by no entry")
    return dict(sorted(sources.items()))


def _in_order(fields: Fields, keys: Iterable[str], defaults: Mapping[str, Any]) -> Fields:
    """`fields` in the order of the record, without those that only repeat its defaults."""
    found = {}
    for key in keys:
        if key in fields and not _is_default(fields[key], defaults.get(key)):
            found[key] = fields[key]
    return found


def _is_default(value: Any, default: Any) -> bool:
    if isinstance(default, frozenset):
        return frozenset(value) == default
    if isinstance(default, tuple):
        return tuple(value) == default
    return bool(value == default)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read(path: Path) -> Fields:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path.name}: {error}") from error
    except OSError as error:
        raise CatalogError(f"{path.name}: cannot be read: {error.strerror}") from error

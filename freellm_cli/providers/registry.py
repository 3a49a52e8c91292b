"""Which providers and models there are: the packaged data, what was discovered, what the user says.

A `Catalog` never changes; `merged_with` and `with_custom_providers` return another one. Asking for one
provider or one model reads the lines of that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from freellm_cli.core.catalog import FamilySpec, ModelSpec, ProviderSpec
from freellm_cli.core.errors import StoreError, UnknownName
from freellm_cli.providers.catalog_file import CatalogFile, model_from, read_packaged
from freellm_cli.providers.naming import NameRules

CUSTOM = "custom"
_RANK = {"active": 0, "expires": 1, "unknown": 2, "restricted": 3, "closed": 4}
_JUST_CHAT = frozenset({"chat"})
_A_SLIP = 0.85  # so alike (difflib) that only a finger slipped

Listed = dict[str, dict[str, ModelSpec]]
"""Provider id -> wire name -> what is said of that model."""


class Catalog:
    """Everything that is known of providers, models and families."""

    __slots__ = ("_added", "_changed", "_families", "_file", "_found", "_names", "_own", "_rules")

    def __init__(
        self,
        file: CatalogFile,
        *,
        changed: Mapping[str, ProviderSpec] | None = None,
        added: Listed | None = None,
        found: Listed | None = None,
    ) -> None:
        self._file = file
        self._changed = dict(changed or {})
        self._own = frozenset(name for name, spec in self._changed.items() if _is_own(spec))
        self._added: Listed = added or {}
        self._found: Listed = found or {}
        self._families: dict[str, FamilySpec] | None = None
        self._names: NameRules | None = None
        self._rules: dict[str, list[dict[str, Any]]] = {}

    # providers

    def provider_ids(self) -> tuple[str, ...]:
        """The packaged ones in their order, then the user's; without the template "custom"."""
        packaged = [name for name in self._file.provider_ids() if name != CUSTOM]
        return (*packaged, *(name for name in self._changed if name not in packaged))

    def providers(self) -> tuple[ProviderSpec, ...]:
        return tuple(self.provider(name) for name in self.provider_ids())

    def provider(self, provider: str) -> ProviderSpec:
        """Raises UnknownName with the nearest ids."""
        known = self._changed.get(provider)
        if known is None and provider != CUSTOM:
            known = self._file.provider(provider)
        if known is None:
            raise self._unknown_provider(provider)
        return known

    def _unknown_provider(self, provider: str) -> UnknownName:
        known: dict[str, str] = {}
        for spec in reversed(self.providers()):
            known |= dict.fromkeys(spec.title.lower().strip("()").split(), spec.id)
        nearest = _nearest(provider, known | {name: name for name in self.provider_ids()}, 3, 0.65)
        return UnknownName(
            f"no provider is called {provider!r}",
            hint=f"did you mean {nearest[0]}?"
            if nearest
            else f"known: {', '.join(p.id for p in self.providers() if p.status != 'closed')}; "
            "a host of your own: `freellm config set providers.NAME.base_url URL`",
            nearest=nearest,
        )

    # models

    def models(self, provider: str | None = None) -> tuple[ModelSpec, ...]:
        """All models, or those of one provider. Raises UnknownName. Of a host of the person's own there
        are those that its list or the settings name: nobody else knows what it serves."""
        if provider is None:
            return tuple(m for name in self.provider_ids() for m in self.models(name))
        self.provider(provider)
        known = () if provider in self._own else self._file.models(provider)
        packaged = tuple(self._as_hosted(model) for model in known)
        others = {**self._found.get(provider, {}), **self._added.get(provider, {})}
        if not others:
            return packaged
        names = dict.fromkeys([*(model.name for model in packaged), *others])
        return tuple(m for name in names if (m := self._model(provider, name)) is not None)

    def model(self, model_id: str) -> ModelSpec | None:
        """The model of this id (`provider/name`), or None when nobody has heard of it."""
        provider, _, name = model_id.partition("/")
        return self._model(provider, name)

    def _model(self, provider: str, name: str) -> ModelSpec | None:
        added = self._added.get(provider, {}).get(name)
        if added is not None:
            return added
        packaged = self._file.model(provider, name)
        if packaged is not None:
            packaged = self._as_hosted(packaged)
        found = self._found.get(provider, {}).get(name)
        if found is None:
            return None if provider in self._own else packaged
        if packaged is not None:
            return _with_facts(packaged, found)
        guess = self.spec_for_unknown(provider, name)
        if not guess.capabilities and found.capabilities == _JUST_CHAT:
            return None
        return _with_facts(guess._replace(discovered=True), found)

    def _as_hosted(self, model: ModelSpec) -> ModelSpec:
        """At an address of the user's own a closed provider's models may well answer."""
        changed = self._changed.get(model.provider)
        if changed is None or changed.status != "unknown" or model.status != "closed":
            return model
        return model._replace(status="unknown")

    def find(self, text: str) -> tuple[ModelSpec, ...]:
        """The models that `text` names, best first: the one of this id, else those of this wire name at
        any provider, else those whose name ends in it after the vendor, in any case, with or without
        a route such as ":free"."""
        exact = self.model(text)
        if exact is not None:
            return (exact,)
        named = [self._model(provider, text) for provider in self.provider_ids()]
        found = [model for model in named if model is not None]
        if not found:
            wanted = text.lower()
            found = [model for model in self.models() if wanted in _endings(model.name.lower())]
        return _best_first(found)

    def spec_for_unknown(self, provider: str, name: str) -> ModelSpec:
        """A model known by its name only: what its family and its provider's rules say of it.

        Its status is "unknown", or "closed" at a provider that has closed; its capabilities are empty
        when the name is that of a model that does not chat (speech, images, moderation).
        """
        if provider not in self._rules:
            packaged = provider in self._file.provider_ids()
            self._rules[provider] = self._file.rules(provider if packaged else CUSTOM)
        fields = self._name_rules().describe(name, self._rules[provider])
        host = self._changed.get(provider) or self._file.provider(provider)
        if host is not None and host.status == "closed":
            fields |= {"status": "closed", "status_date": host.status_date, "source": host.source}
        return model_from(provider, {"name": name, "status": "unknown", **fields})

    def _name_rules(self) -> NameRules:
        if self._names is None:
            self._names = self._file.name_rules()
        return self._names

    def nearest_models(self, name: str, n: int = 3) -> tuple[str, ...]:
        """At most `n` families and model ids that look like `name`, closest first."""
        known: dict[str, str] = {}
        for model in self.models():
            known[model.id] = known[model.name] = model.id
        known |= {family: family for family in self._all_families()}
        close = _nearest(name, known, n, 0.6)
        start = name.lower()
        begins = [family for family in self._all_families() if family.startswith(start)]
        if len(start) < 3 or not begins or _nearest(name, known, 1, _A_SLIP):
            return close
        begins.sort(key=self._standing)
        return tuple(dict.fromkeys((*begins, *close)))[:n]

    def _standing(self, family: str) -> tuple[int, bool]:
        """Families with good models that are served come first."""
        return min((_rank(model) for model in self.family(family)), default=(9, True))

    # families

    def families(self) -> tuple[FamilySpec, ...]:
        return tuple(self._all_families().values())

    def family_spec(self, name: str) -> FamilySpec | None:
        return self._all_families().get(name.lower())

    def family(self, name: str) -> tuple[ModelSpec, ...]:
        """The models of a family at every provider, best first; empty when there is no such family."""
        family = name.lower()
        spec = self._all_families().get(family)
        known = {model_id: self.model(model_id) for model_id in (spec.members if spec else ())}
        for listed in (self._found, self._added):
            for provider, models in listed.items():
                for model in models.values():
                    if model.id not in known and self._may_be(family, model):
                        known[model.id] = self._model(provider, model.name)
        return _best_first(m for m in known.values() if m is not None and m.family == family)

    def _may_be(self, family: str, model: ModelSpec) -> bool:
        """Cheap, so that a long list costs little: a name that passes is described whole later."""
        return model.family == family or self._name_rules().fits(family, model.name)

    def family_of(self, provider: str, name: str) -> str:
        """The family of a wire name, "" when its name tells none."""
        known = self._file.model(provider, name)
        return known.family if known else self.spec_for_unknown(provider, name).family

    def successors(self, name: str) -> tuple[str, ...]:
        """The families that take over from this one, nearest first, theirs after their own."""
        found: list[str] = []
        queue = [name.lower()]
        while queue:
            spec = self._all_families().get(queue.pop(0))
            new = [f for f in (spec.successors if spec else ()) if f not in found and f != name]
            found += new
            queue += new
        return tuple(found)

    def _all_families(self) -> dict[str, FamilySpec]:
        if self._families is None:
            self._families = self._file.families()
        return self._families

    # other catalogs

    def merged_with(self, discovered: Iterable[ModelSpec]) -> Catalog:
        """This catalog with what the providers' own lists say now.

        A listed fact (context, largest answer, capabilities beyond plain chat, an announced end) takes
        the place of the packaged one; curated notes, limits and history stay. A model that the data calls
        closed is active again when it is listed. Listed names that do not chat or embed are left out.
        """
        found: Listed = {provider: dict(models) for provider, models in self._found.items()}
        for model in discovered:
            found.setdefault(model.provider, {})[model.name] = model
        return Catalog(self._file, changed=self._changed, added=self._added, found=found)

    def with_custom_providers(self, tables: Mapping[str, Mapping[str, Any]]) -> Catalog:
        """This catalog with the `[providers.NAME]` tables of config.toml. Raises ConfigError."""
        if not tables:
            return self
        from freellm_cli.providers.custom import models_from_table, provider_from_table

        changed = dict(self._changed)
        added: Listed = {provider: dict(models) for provider, models in self._added.items()}
        defaults = self._file.provider(CUSTOM)
        if defaults is None:
            raise StoreError("the catalog that came with freellm has no template for providers")
        for name, table in tables.items():
            known = changed.get(name) or (self._file.provider(name) if name != CUSTOM else None)
            changed[name] = provider_from_table(name, table, known, defaults)
            for fields in models_from_table(name, table):
                added.setdefault(name, {})[fields["name"]] = self._listed(name, fields)
        return Catalog(self._file, changed=changed, added=added, found=self._found)

    def _listed(self, provider: str, fields: dict[str, Any]) -> ModelSpec:
        known = self._model(provider, fields["name"])
        said = model_from(provider, {"source": "config.toml", **fields})
        if known is None:
            known = self.spec_for_unknown(provider, fields["name"])._replace(status="active")
        return known._replace(**{key: getattr(said, key) for key in fields})


def load_catalog() -> Catalog:
    """The catalog that came with the program. Raises StoreError when it is missing or damaged."""
    return Catalog(read_packaged())


def _is_own(provider: ProviderSpec) -> bool:
    """Ollama's cloud is Ollama too, but at an address that the catalog knows."""
    return provider.local and provider.base_url not in provider.endpoints.values()


def _with_facts(base: ModelSpec, found: ModelSpec) -> ModelSpec:
    changes: dict[str, Any] = {"family": base.family or found.family}
    for key in ("title", "context", "max_output", "expires", "status_date"):
        if getattr(found, key):
            changes[key] = getattr(found, key)
    if found.capabilities != _JUST_CHAT:
        changes["capabilities"] = found.capabilities
    if base.status in ("unknown", "closed"):
        changes |= {"status": found.status, "source": found.source or "the provider's own list"}
    if found.expires:
        changes["status"] = "expires"
    return base._replace(**changes)


def _endings(name: str) -> tuple[str, ...]:
    last = name.rsplit("/", 1)[-1]
    return name, name.removesuffix(":free"), last, last.removesuffix(":free")


def _best_first(models: Iterable[ModelSpec]) -> tuple[ModelSpec, ...]:
    return tuple(sorted(models, key=_rank))


def _rank(model: ModelSpec) -> tuple[int, bool]:
    return _RANK.get(model.status, 2), not model.recommended


def _nearest(name: str, known: Mapping[str, str], n: int, cutoff: float) -> tuple[str, ...]:
    import difflib

    close = difflib.get_close_matches(name.lower(), known, n * 3, cutoff)
    return tuple(dict.fromkeys(known[text] for text in close))[:n]

"""From the name a caller asked for to the ordered models that may answer.

A route is pure data made from the catalog, the aliases and the set of providers that have a usable
credential. Which credential of a model goes first is decided later, with the ledger's numbers.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from freellm_cli.core.catalog import ModelSpec, ProviderSpec
from freellm_cli.core.errors import ConfigError, UnknownName

# Prefixes that other gateways put before a model's name, and where such a model lives here.
FOREIGN_PREFIXES = {"google": "gemini", "models": "gemini", "openai": "", "anthropic": ""}
VIRTUAL_NAMES = ("auto", "fast", "smart")
MAX_AUTO_STEPS = 8
"""Of `auto`; beyond them goes the best model of each provider that has none among them."""
MAX_SUCCESSORS = 4


class KnownModels(Protocol):
    """The part of the catalog that routing asks."""

    def providers(self) -> tuple[ProviderSpec, ...]: ...
    def provider_ids(self) -> tuple[str, ...]: ...
    def provider(self, provider: str) -> ProviderSpec: ...
    def models(self, provider: str | None = None) -> tuple[ModelSpec, ...]: ...
    def model(self, model_id: str) -> ModelSpec | None: ...
    def family(self, name: str) -> tuple[ModelSpec, ...]: ...
    def successors(self, name: str) -> tuple[str, ...]: ...
    def spec_for_unknown(self, provider: str, name: str) -> ModelSpec: ...
    def find(self, text: str) -> tuple[ModelSpec, ...]: ...
    def nearest_models(self, name: str, n: int = 3) -> tuple[str, ...]: ...


class Step(NamedTuple):
    """Models of which any may answer; a later step is for when no earlier one can."""

    models: tuple[ModelSpec, ...]
    why: str
    last_resort: bool = False
    """Members said to be gone and successors: asked only where nothing that is served can be."""
    is_successor: bool = False


class Exclusion(NamedTuple):
    """A model that the name stands for but that cannot be asked, and why."""

    model_id: str
    reason: str


class Route(NamedTuple):
    asked: str
    steps: tuple[Step, ...]
    notices: tuple[str, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    rerouted_from: str = ""
    """What was asked for and cannot answer, when the route leads around it."""
    ended: str = ""
    """Why it cannot."""
    unknown: tuple[str, ...] = ()
    """What is to be said of entries of an alias that stand for nothing; its others answer."""


class Book(NamedTuple):
    """Everything a route is made from."""

    catalog: KnownModels
    aliases: Mapping[str, Sequence[str]]
    usable: frozenset[str]
    """Providers with at least one enabled credential (or that need none)."""
    default_model: str = ""
    reroute_closed: bool = True
    denied: frozenset[str] = frozenset()
    """Model ids that the settings forbid."""


def resolve(asked: str, book: Book) -> Route:
    """The route for `asked`: an alias, `provider/name`, a family, a bare model name, auto|fast|smart or "".

    An alias is unknown only when all its entries are. Raises UnknownName (with the nearest names),
    NoCredential, or ProviderClosed when only closed services have the model and `reroute_closed` is off or
    leads nowhere.
    """
    name = asked or book.default_model or "auto"
    excluded: list[Exclusion] = []
    found = _expand(name, book, (), excluded)
    unknown = tuple(dict.fromkeys(item.reason for item in excluded))
    steps = _usable_steps(found, book, excluded)
    if any(step.why in VIRTUAL_NAMES for step in found):
        excluded += _unlisted(found, book)
    firm = tuple(step for step in steps if not step.last_resort)
    if firm and not _all_closed(found):
        return Route(asked, firm, excluded=tuple(excluded), unknown=unknown)
    around = _around_closed(asked, name, found, steps, tuple(excluded), book)
    return around._replace(unknown=unknown)


def unknown_in(name: str, book: Book) -> UnknownName | None:
    """Why `name` stands for nothing; None for a known name, also for one that no key reaches."""
    try:
        resolve(name, book)
    except UnknownName as error:
        return error
    except ConfigError:
        return None  # known, and out of reach
    return None


def _usable_steps(found: Sequence[Step], book: Book, excluded: list[Exclusion]) -> tuple[Step, ...]:
    steps = []
    for step in found:
        kept = []
        for model in step.models:
            reason = _why_not(model, book)
            if reason:
                excluded.append(Exclusion(model.id, reason))
            else:
                kept.append(model)
        if kept:
            steps.append(step._replace(models=tuple(kept)))
    return tuple(steps)


def _why_not(model: ModelSpec, book: Book) -> str:
    if model.id in book.denied:
        return f"the settings of {model.provider} do not allow it (models.allow, models.deny)"
    if model.provider not in book.usable:
        if book.catalog.provider(model.provider).status == "closed":
            return f"{model.provider} has closed and no usable credential is stored for it"
        return f"no credential for {model.provider}"
    return ""


def _unlisted(found: Sequence[Step], book: Book) -> list[Exclusion]:
    """Hosts that `auto` passes over because nobody has read yet what they serve."""
    chosen = {model.provider for step in found for model in step.models}
    return [
        Exclusion(f"{name}/…", f"its models are not known: `freellm models {name}` reads its list")
        for name in sorted(book.usable - chosen)
        if not book.catalog.models(name)
    ]


def _all_closed(found: Sequence[Step]) -> bool:
    return all(model.status == "closed" for step in found for model in step.models)


def _around_closed(
    asked: str,
    name: str,
    found: Sequence[Step],
    steps: tuple[Step, ...],
    excluded: tuple[Exclusion, ...],
    book: Book,
) -> Route:
    """The same family elsewhere, for a model whose service or deployment has ended."""
    from freellm_cli.core import route_refusals as refusals

    shut = [model for step in found for model in step.models if _is_shut(model, book)]
    own = [model for step in found if not step.is_successor for model in step.models]
    first = next((model for model in shut if model in own), None)
    if first is None and not steps:
        raise refusals.no_credential(name, found, excluded, book)
    if first is None:
        return Route(asked, steps, (), excluded, name, f"no key of yours reaches {name}")
    detour = _detour(first, book) if book.reroute_closed else ()
    tried = {model.id for step in steps for model in step.models}
    detour = tuple(
        step._replace(models=kept)
        for step in detour
        if (kept := tuple(model for model in step.models if model.id not in tried))
    )
    if not detour and not steps:
        raise refusals.closed(name, first, _served_elsewhere(first, book), book)
    ended = refusals.ended_note(first, book)
    notice = ended
    if detour and not steps:
        notice += f": asking {', '.join(_ids(detour)[:3])} instead"
    return Route(asked, steps + detour, (notice,), excluded, first.id, ended)


def _has_ended(model: ModelSpec, book: Book) -> bool:
    return model.status == "closed" or book.catalog.provider(model.provider).status == "closed"


def _is_shut(model: ModelSpec, book: Book) -> bool:
    """Gone for everybody, or open to few and this person is not among them."""
    if _has_ended(model, book):
        return True
    status = book.catalog.provider(model.provider).status
    return status == "restricted" and model.provider not in book.usable


def _detour(model: ModelSpec, book: Book) -> tuple[Step, ...]:
    if not model.family:
        return ()
    steps = _usable_steps(_family_steps(model.family, book), book, [])
    return tuple(step for step in steps if not step.last_resort) or steps


def _served_elsewhere(model: ModelSpec, book: Book) -> tuple[str, ...]:
    steps = _family_steps(model.family, book) if model.family else ()
    return tuple(m.id for step in steps for m in step.models if not _is_shut(m, book))


def _ids(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(model.id for step in steps for model in step.models)


def _expand(
    name: str, book: Book, seen: tuple[str, ...], unknown: list[Exclusion]
) -> tuple[Step, ...]:
    """What `name` stands for, whether usable or not; into `unknown` goes what an alias names in vain."""
    if name in book.aliases and name not in seen:
        return _members(name, book, (*seen, name), unknown)
    direct = _by_provider(name, book, seen) or _by_family(name, book) or _by_bare_name(name, book)
    if direct:
        return direct
    if name in VIRTUAL_NAMES:
        return _virtual(name, book, seen, unknown)
    if "*" in book.aliases and "*" not in seen:
        return _expand("*", book, (*seen, name), unknown)
    raise _unknown(name, book, seen)


def _members(
    alias: str, book: Book, seen: tuple[str, ...], unknown: list[Exclusion]
) -> tuple[Step, ...]:
    """What the entries of `alias` stand for. Raises UnknownName of the first when none is known."""
    steps: list[Step] = []
    faults: dict[str, UnknownName] = {}
    entries = book.aliases[alias]
    for entry in entries:
        try:
            found = _expand(entry, book, seen, unknown)
        except UnknownName as fault:
            faults[entry] = fault
        else:
            steps.extend(step._replace(why=f"alias {alias}") for step in found)
    if faults and len(faults) == len(set(entries)):
        raise next(iter(faults.values()))
    unknown += [Exclusion(entry, fault.message) for entry, fault in faults.items()]
    return tuple(steps)


def _by_provider(name: str, book: Book, seen: tuple[str, ...]) -> tuple[Step, ...]:
    provider, slash, rest = name.partition("/")
    if not slash or not rest or provider not in book.catalog.provider_ids():
        return ()
    model = book.catalog.model(name)
    if model is None:
        model = book.catalog.spec_for_unknown(provider, rest)
        nearest = book.catalog.nearest_models(name, 3)
        if nearest and _is_slip(name, nearest[0]):
            raise _unknown(name, book, seen)
    return (Step((model,), "asked"),)


def _is_slip(name: str, known: str) -> bool:
    """A typing slip of a known name, not a new model: same provider, same length give or take two, letters
    swapped or missing, digits equal (a new version differs in a digit)."""
    if name.partition("/")[0] != known.partition("/")[0]:
        return False
    digits = [char for char in name if char.isdigit()]
    return abs(len(name) - len(known)) <= 2 and digits == [c for c in known if c.isdigit()]


def _by_family(name: str, book: Book) -> tuple[Step, ...]:
    return _family_steps(name, book)


def _family_steps(family: str, book: Book) -> tuple[Step, ...]:
    """Members that are served, then members said to be gone (lists are sometimes wrong), then successors."""
    members = book.catalog.family(family)
    served = tuple(model for model in members if not _has_ended(model, book))
    gone = tuple(
        model
        for model in members
        if _has_ended(model, book) and book.catalog.provider(model.provider).status != "closed"
    )
    closed = tuple(
        model for model in members if book.catalog.provider(model.provider).status == "closed"
    )
    steps = [Step(served, f"family {family}")] if served else []
    steps += [Step((model,), f"family {family}, said to be gone", True) for model in gone]
    for successor in book.catalog.successors(family)[:MAX_SUCCESSORS]:
        later = tuple(m for m in book.catalog.family(successor) if not _has_ended(m, book))
        if later:
            why = f"{successor}, successor of {family}"
            steps.append(Step(later, why, last_resort=True, is_successor=True))
    if closed:
        steps.append(Step(closed, f"family {family}, service closed", True))
    return tuple(steps)


def _by_bare_name(name: str, book: Book) -> tuple[Step, ...]:
    prefix, slash, rest = name.partition("/")
    if slash and prefix in FOREIGN_PREFIXES:
        home = FOREIGN_PREFIXES[prefix]
        if home and (model := book.catalog.model(f"{home}/{rest}")) is not None:
            return (Step((model,), f"{prefix}/… stands for {home}"),)
    matches = book.catalog.find(name)
    if not matches and slash and prefix in FOREIGN_PREFIXES:
        matches = book.catalog.find(rest)
        if not matches and FOREIGN_PREFIXES[prefix]:
            # A dated name that no list has (gemini-2.0-flash-001) means its family and who came after it.
            kin = book.catalog.spec_for_unknown(FOREIGN_PREFIXES[prefix], rest).family
            return _family_steps(kin, book) if kin else ()
    served = tuple(model for model in matches if not _has_ended(model, book))
    return (Step(served or matches, "bare name"),) if matches else ()


def _virtual(
    name: str, book: Book, seen: tuple[str, ...], unknown: list[Exclusion]
) -> tuple[Step, ...]:
    usual = book.default_model
    # A default that comes to `auto` in the end means all there is behind it.
    if name == "auto" and usual and usual != "auto" and not {"auto", usual} & set(seen):
        return _expand(usual, book, (*seen, "auto"), unknown)
    ranked = sorted(
        (
            model
            for model in book.catalog.models()
            if "chat" in model.capabilities
            and model.provider in book.usable
            and not _has_ended(model, book)
            and model.id not in book.denied
        ),
        key=lambda model: _virtual_rank(name, model),
    )
    chosen = ranked[:MAX_AUTO_STEPS]
    served_by = {model.provider for model in chosen}
    for model in ranked[MAX_AUTO_STEPS:]:
        if model.provider not in served_by:
            served_by.add(model.provider)
            chosen.append(model)
    return tuple(Step((model,), name) for model in chosen)


def _virtual_rank(name: str, model: ModelSpec) -> tuple[bool, bool, bool]:
    wanted = {"fast": "fast", "smart": "reasoning"}.get(name)
    return (
        wanted is not None and wanted not in model.uses,
        not model.recommended,
        model.discovered,
    )


def _unknown(name: str, book: Book, seen: tuple[str, ...]) -> UnknownName:
    from freellm_cli.core.route_refusals import unknown

    return unknown(name, book, seen[-1] if seen else "")

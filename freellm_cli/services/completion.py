"""What a shell may complete: names that are known here, without the network. No file is made or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

VIRTUAL_MODELS = ("auto", "fast", "smart")
MOST_CONVERSATIONS = 100


class Name(NamedTuple):
    """`about` says what an opaque name stands for; "" where it speaks for itself."""

    text: str
    about: str = ""


def complete(runtime: Runtime, kind: str, prefix: str) -> tuple[Name, ...]:
    """The names of `kind` (a key of KINDS) that begin with `prefix`, in any case; none for another kind."""
    names = KINDS.get(kind)
    if names is None:
        return ()
    start = prefix.lower()
    found: dict[str, Name] = {}
    for name in names(runtime):
        item = Name(name) if isinstance(name, str) else name
        if item.text.lower().startswith(start):
            found.setdefault(item.text, item)
    return tuple(found.values())


def _providers(runtime: Runtime) -> Iterable[str]:
    return runtime.catalog.provider_ids()


def _models(runtime: Runtime) -> Iterable[str]:
    catalog = runtime.catalog_with_discovered()
    for provider in catalog.providers():
        if provider.status != "closed":
            yield from (m.id for m in catalog.models(provider.id) if m.status != "closed")


def _families(runtime: Runtime) -> Iterable[str]:
    return (family.id for family in runtime.catalog.families())


def _aliases(runtime: Runtime) -> Iterable[str]:
    return (name for name in runtime.settings.aliases if name != "*")


def _names(runtime: Runtime) -> Iterable[str]:
    """Whatever `-m` takes."""
    yield from _aliases(runtime)
    yield from VIRTUAL_MODELS
    yield from _families(runtime)
    yield from _models(runtime)


def _credentials(runtime: Runtime) -> Iterable[str]:
    for item in runtime.credentials():
        yield item.id
        if item.label:
            yield item.label


def _targets(runtime: Runtime) -> Iterable[str]:
    """What can rest: a credential, or a model of a provider that there is a credential for."""
    yield from _credentials(runtime)
    usable = {item.provider for item in runtime.credentials()}
    yield from (name for name in _models(runtime) if name.partition("/")[0] in usable)


def _settings(runtime: Runtime) -> Iterable[str]:
    """Keys of config.toml; those of a provider under every provider that the settings name."""
    from freellm_cli.core.settings_schema import ROWS

    for row in ROWS:
        name = row[0]
        if "<" not in name:
            yield name
        elif name.startswith("providers.<name>."):
            for provider in runtime.settings.providers:
                yield name.replace("<name>", provider)


def _logins(runtime: Runtime) -> Iterable[Name]:
    for item in runtime.credentials():
        if item.source == "oauth":
            yield Name(item.id, item.label or item.account)
            if item.label:
                yield Name(item.label, item.id)


def _conversations(runtime: Runtime) -> Iterable[Name]:
    """The latest, as `history list` shows them."""
    from freellm_cli.storage.history_names import latest_names
    from freellm_cli.storage.paths import history_file

    for name, title in latest_names(history_file(runtime.paths), MOST_CONVERSATIONS):
        yield Name(name, " ".join(title.split()))


def _simulations(runtime: Runtime) -> Iterable[Name]:
    from freellm_cli.simulator.profiles import PROFILES

    return (Name(profile.name, profile.says) for profile in PROFILES.values())


def _templates(runtime: Runtime) -> Iterable[str]:
    from freellm_cli.services.templates import template_names

    return template_names(runtime)


KINDS: dict[str, Callable[[Runtime], Iterable[str | Name]]] = {
    "providers": _providers,
    "models": _models,
    "families": _families,
    "aliases": _aliases,
    "names": _names,
    "credentials": _credentials,
    "logins": _logins,
    "conversations": _conversations,
    "simulations": _simulations,
    "targets": _targets,
    "settings": _settings,
    "templates": _templates,
}

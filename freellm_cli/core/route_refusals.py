"""What a person is told when a name leads to no target: what is missing, and the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freellm_cli.core.errors import NoCredential, ProviderClosed, UnknownName

if TYPE_CHECKING:
    from freellm_cli.core.catalog import ModelSpec, ProviderSpec
    from freellm_cli.core.routing import Book, Exclusion, Step

_OFFERED = 3
_LONGEST_ALIAS = 80


def ended_note(model: ModelSpec, book: Book) -> str:
    """Why this model is not to be had, with a date where there is one."""
    provider = book.catalog.provider(model.provider)
    if provider.status == "closed":
        since = f" on {provider.status_date}" if provider.status_date else ""
        return f"{provider.title} closed{since}"
    if provider.status == "restricted" and model.provider not in book.usable:
        since = f" since {provider.status_date}" if provider.status_date else ""
        return f"{provider.title} is closed to most people{since}"
    since = f" since {model.status_date}" if model.status_date else ""
    return f"{model.id} is listed as no longer served{since}"


def closed(name: str, model: ModelSpec, instead: Sequence[str], book: Book) -> ProviderClosed:
    """`model`: what `name` stands for and has ended; `instead`: ids of its family, served elsewhere."""
    told = f"{ended_note(model, book)}, and no key of yours reaches {name}"
    if name != model.id and instead:
        told = f"no key of yours reaches {name}: {ended_note(model, book)}"
    first: dict[str, str] = {}
    for model_id in instead:
        first.setdefault(model_id.partition("/")[0], model_id)
    ways = [
        f"`{way_in(book.catalog.provider(provider))}` opens {first[provider]}"
        for provider in _with_keys(tuple(first), book)
    ]
    hint = "; ".join(ways[:_OFFERED])
    return ProviderClosed(
        told, hint=hint or "see `freellm models --recommended` for what to use instead"
    )


def no_credential(
    name: str, found: Sequence[Step], excluded: Sequence[Exclusion], book: Book
) -> NoCredential:
    providers = list(dict.fromkeys(model.provider for step in found for model in step.models))
    if not providers:
        unlisted = sorted(book.usable)
        if unlisted:
            return NoCredential(
                f"{name!r} knows no model of {', '.join(unlisted)}, which is all you have",
                hint=f"`freellm models {unlisted[0]}` reads what it serves; or name the model, as "
                f"`-m {unlisted[0]}/MODEL`, or `freellm config set default_model` to it",
                client_hint=f"`freellm models {unlisted[0]}` reads what it serves; or ask for "
                f'"{unlisted[0]}/MODEL"',
            )
        return NoCredential(
            "no key and no login is stored, so there is nothing to ask",
            hint="`freellm setup` leads to a first key in a minute; "
            "`freellm demo` shows it all without one",
        )
    if any("settings" in item.reason for item in excluded):
        return NoCredential(
            f"the settings allow none of the models that {name!r} stands for",
            hint="see `freellm config show` (providers.*.models)",
        )
    ways = [way_in(book.catalog.provider(one)) for one in _with_keys(providers, book)[:_OFFERED]]
    return NoCredential(
        f"no key of yours reaches {name}", hint="run " + " or ".join(f"`{way}`" for way in ways)
    )


def _with_keys(providers: Sequence[str], book: Book) -> Sequence[str]:
    """Without the hosts at home, which want no key but to be running; unless there is nothing else."""
    return [one for one in providers if not book.catalog.provider(one).local] or providers


def way_in(provider: ProviderSpec) -> str:
    """The command that stores a credential for it."""
    if provider.auth == "oauth":
        return f"freellm oauth login {provider.id.replace('_', '-')}"
    if provider.local:
        return f"freellm config set providers.{provider.id}.base_url {provider.base_url}"
    needs = "".join(f" --set {name}=…" for name in provider.needs)
    return f"freellm keys add {provider.id}{needs}"


def unknown(name: str, book: Book, led_by: str = "") -> UnknownName:
    """With the nearest names; a provider's name is answered with models of its own.

    `led_by`: the alias that named it, where the person did not.
    """
    there = _who_leads(name, book, led_by)
    said = f"no model, family or alias is called {name!r}{there}"
    provider, slash, rest = name.partition("/")
    ids = book.catalog.provider_ids()
    if not slash and name.lower() in ids:
        own = _models_of(name.lower(), book)
        return UnknownName(
            f"{name} is a provider, and a model is wanted{there}",
            hint=f"did you mean {own[0]}? All: `freellm models {name.lower()}`" if own else "",
            nearest=own,
        )
    nearest = book.catalog.nearest_models(name, _OFFERED)
    if slash and provider not in ids:
        import difflib

        close = difflib.get_close_matches(provider, ids, 1, 0.6)
        nearest = (f"{close[0]}/{rest}",) if close else nearest
    if nearest:
        hint = f"did you mean {', '.join(nearest)}?"
    elif there:
        hint = "`freellm config check` says where, `freellm config edit` mends"
    else:
        hint = "`-m auto` takes the best that you have; see `freellm models --recommended`"
    return UnknownName(said, hint=hint, nearest=nearest, client_hint=_for_clients(name, nearest))


def _for_clients(name: str, nearest: Sequence[str]) -> str:
    """What those can do whose program has the name written into it."""
    import json

    known = f"did you mean {', '.join(nearest)}? " if nearest else ""
    written = json.dumps(name if len(name) <= _LONGEST_ALIAS else "*", ensure_ascii=False)
    return f'{known}"auto" is the best there is; or say under [aliases] in config.toml: {written} = "auto"'


def _who_leads(name: str, book: Book, led_by: str) -> str:
    if led_by in book.aliases:
        return f"; in config.toml {led_by!r} leads there"
    return "; it is your default_model" if name == book.default_model else ""


def _models_of(provider: str, book: Book) -> tuple[str, ...]:
    served = [model for model in book.catalog.models(provider) if model.status != "closed"]
    served.sort(key=lambda model: not model.recommended)
    return tuple(model.id for model in served if "chat" in model.capabilities)[:_OFFERED]

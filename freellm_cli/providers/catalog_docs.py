"""The catalog as Markdown, for README and docs/providers.md."""

from __future__ import annotations

from freellm_cli.core.catalog import ModelSpec, ProviderSpec, PublishedLimit
from freellm_cli.core.published import parse_window
from freellm_cli.providers.registry import Catalog

_USABLE = ("active", "expires", "unknown")
_TRAINS = {"yes": "yes", "no": "no", "opt-out": "unless you opt out", "unknown": "not known"}
_SCOPE_WORDS = {
    "credential": "key",
    "account": "account",
    "provider": "provider",
    "address": "machine",
}
_SPANS = ((86400.0, "24 hours"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def provider_table_markdown(catalog: Catalog) -> str:
    """A table with a row for every provider: what is free, what is counted together, what becomes of
    prompts, where a key comes from. Ends without a line break."""
    rows = [
        "| provider | id | free today | counted by | trains on prompts | status |",
        "|---" * 6 + "|",
    ]
    for provider in catalog.providers():
        name = f"[{provider.title}]({provider.key_url})" if provider.key_url else provider.title
        cells = (
            name,
            f"`{provider.id}`",
            _cell(_free_words(catalog, provider)),
            _SCOPE_WORDS[provider.limit_scope],
            _TRAINS[provider.trains_on_prompts],
            f"{provider.status} ({provider.status_date})",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


_INTRODUCTION = """\
Free tiers change without notice. Each fact here has a date and a source; what a provider's own headers,
errors and lists say is used at once in its place, and `freellm models --refresh` asks for the lists. This
page is written by `scripts/gen` from `freellm_cli/providers/catalog/`. What each host's dialect does
differently is in [quirks.md](quirks.md)."""


def providers_page_markdown(catalog: Catalog) -> str:
    """The page docs/providers.md: the table, then a section for every provider."""
    sections = [_section(catalog, provider) for provider in catalog.providers()]
    parts = ["# Providers", _INTRODUCTION, provider_table_markdown(catalog), *sections]
    return "\n\n".join(parts) + "\n"


def limit_words(limit: PublishedLimit) -> str:
    """ "5 requests a minute", "20 requests a day (America/Los_Angeles)", "1 at a time"."""
    window = parse_window(limit.window)
    if window.kind == "open":
        return f"{limit.amount:,} at a time"
    count = f"{limit.amount:,} {limit.unit[:-1] if limit.amount == 1 else limit.unit}"
    if window.kind in ("day", "month"):
        return f"{count} a {window.kind} ({window.zone})"
    words = _span(window.seconds)
    if window.kind == "first_use":
        return f"{count} in {words} from the first"
    return f"{count} {'in' if words[0].isdigit() else 'a'} {words}"


def _span(seconds: float) -> str:
    for unit, word in _SPANS:
        if seconds == unit:
            return word
    return f"{seconds:g} seconds"


def _free_words(catalog: Catalog, provider: ProviderSpec) -> str:
    if provider.status == "closed":
        return provider.closed_note
    if provider.local:
        return "as much as the machine can"
    words = [_with_group(limit) for limit in provider.limits]
    for model in catalog.models(provider.id):
        if model.recommended and model.limits:
            own = ", ".join(limit_words(limit) for limit in model.limits)
            words.append(f"by model, such as `{model.name}`: {own}")
            break
    return "; ".join(words) or provider.notes.partition(". ")[0].rstrip(".")


def _with_group(limit: PublishedLimit) -> str:
    kind, _, group = limit.subject.partition(":")
    return f"{limit_words(limit)} ({group})" if kind == "group" else limit_words(limit)


def _section(catalog: Catalog, provider: ProviderSpec) -> str:
    lines = [f"## {provider.title}", ""]
    lines += [
        f"`{provider.id}`, {provider.status} since {provider.status_date}. {provider.closed_note}"
    ]
    lines += ["", provider.notes] if provider.notes else []
    if provider.key_steps:
        lines += ["", "A key:", ""]
        lines += [f"{n}. {step}" for n, step in enumerate(provider.key_steps, 1)]
    lines += ["", f"Variables: {', '.join(f'`{name}`' for name in provider.key_env)}."]
    terms = f" ([terms]({provider.terms_url}))" if provider.terms_url else ""
    lines += ["", f"Your prompts: {provider.terms}{terms}"]
    if provider.limits:
        lines += ["", "Limits:", ""]
        lines += [f"- {limit_words(limit)}, {_subject_words(limit)}" for limit in provider.limits]
    models = [model for model in catalog.models(provider.id) if model.status in _USABLE]
    if models:
        lines += ["", *_models_table(models)]
    if provider.history:
        lines += ["", "What used to hold:", "", *(f"- {text}" for text in provider.history)]
    return "\n".join(line.rstrip() for line in lines)


def _subject_words(limit: PublishedLimit) -> str:
    who = f"for each {_SCOPE_WORDS[limit.scope]}"
    if limit.subject == "model":
        return f"{who} and model"
    if limit.subject == "*":
        return f"{who}, all models together"
    return f"{who}, the models of the group {limit.subject.removeprefix('group:')} together"


def _models_table(models: list[ModelSpec]) -> list[str]:
    rows = ["| model | family | context | can | limits of its own | as of |", "|---" * 6 + "|"]
    for model in models:
        star = " ★" if model.recommended else ""
        ends = f", ends {model.expires}" if model.expires else ""
        cells = (
            f"`{model.name}`{star}",
            model.family,
            f"{model.context:,}" if model.context else "",
            ", ".join(word for word in sorted(model.capabilities) if word != "chat"),
            "; ".join(limit_words(limit) for limit in model.limits),
            f"{model.status_date}{ends}",
        )
        rows.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

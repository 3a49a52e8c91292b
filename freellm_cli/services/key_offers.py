"""The providers to which a key can be added, for a face that lets a person choose among all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime


def key_offers(runtime: Runtime) -> list[dict[str, Any]]:
    """Those with which to begin first, then the others by title:

    {"id", "title", "key_url", "needs": [names of further settings], "trains": as in the catalog, "why": what
    speaks for it, "" for one that is not recommended to begin with}.
    """
    from freellm_cli.services.setup import choices

    best = {choice.provider.id: choice.why for choice in choices(runtime)}
    found = [
        provider
        for provider in runtime.catalog.providers()
        if provider.id not in best and provider.status != "closed" and provider.auth != "oauth"
    ]
    found.sort(key=lambda provider: provider.title.lower())
    first = [runtime.catalog.provider(name) for name in best]
    return [
        {
            "id": provider.id,
            "title": provider.title,
            "key_url": provider.key_url,
            "needs": list(provider.needs),
            "trains": provider.trains_on_prompts,
            "why": best.get(provider.id, ""),
        }
        for provider in (*first, *found)
    ]

"""From what a provider publishes to limits that the ledger can keep."""

from __future__ import annotations

from freellm_cli.core.catalog import ModelSpec, ProviderSpec, PublishedLimit
from freellm_cli.core.limits import Limit, Window

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FIRST_USE = "-first-use"


def parse_window(text: str) -> Window:
    """The window that `text` names.

    "60s", "5m", "24h", "7d" slide; with "-first-use" they start with the first request; "day:ZONE"
    and "month:ZONE" are calendar windows of an IANA zone; "open" lasts as long as a request does.
    Raises ValueError for anything else.
    """
    if text == "open":
        return Window("open")
    kind, colon, zone = text.partition(":")
    if colon:
        if kind in ("day", "month") and zone and zone == zone.strip():
            return Window(kind, 0.0, zone)
        raise ValueError(f"{text!r} is no window: a calendar window is day:ZONE or month:ZONE")
    if text.endswith(_FIRST_USE):
        return Window("first_use", _seconds(text[: -len(_FIRST_USE)], text))
    return Window("sliding", _seconds(text, text))


def _seconds(span: str, whole: str) -> float:
    factor = _SECONDS.get(span[-1:])
    number = span[:-1]
    if factor is None or not number.replace(".", "", 1).isdecimal() or float(number) <= 0:
        raise ValueError(f"{whole!r} is no window: say for example 60s, 24h, day:UTC or open")
    return float(number) * factor


def limits_for(
    provider: ProviderSpec, model: ModelSpec, *, credential: str, account: str = ""
) -> tuple[Limit, ...]:
    """Every published limit that a request for `model` with `credential` touches.

    `credential` is the credential's id. `account` names what the provider counts by (a project, an
    organisation); while that is not known ("") each credential is an account of its own. A model's
    own limit takes the place of its provider's per-model limit of the same unit and window; a
    group's limit holds for the models of that group alone.
    """
    owners = {
        "credential": f"credential:{credential}",
        "account": f"account:{provider.id}/{account or credential}",
        "provider": f"provider:{provider.id}",
        "address": f"address:{provider.id}",
    }
    found = []
    for limit in _that_hold(provider, model):
        subject = model.name if limit.subject == "model" else limit.subject
        meter = f"{owners[limit.scope]}|{subject}"
        found.append(Limit(meter, limit.unit, parse_window(limit.window), limit.amount))
    return tuple(found)


def _that_hold(provider: ProviderSpec, model: ModelSpec) -> list[PublishedLimit]:
    own = {(limit.unit, limit.window) for limit in model.limits}
    held = [
        limit
        for limit in provider.limits
        if limit.subject == "*"
        or limit.subject == f"group:{model.group}"
        or (limit.subject == "model" and (limit.unit, limit.window) not in own)
    ]
    return [*held, *model.limits]

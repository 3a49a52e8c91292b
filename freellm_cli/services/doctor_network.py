"""What `freellm doctor` finds by asking: providers, the clock beside theirs, each credential."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from freellm_cli.core.errors import FreellmError, TransportFault
from freellm_cli.core.http import HttpRequest, Timeouts
from freellm_cli.services.discovery import refresh
from freellm_cli.services.doctor import BAD, GOOD, INFO, WARN, Finding
from freellm_cli.services.key_check import check_credential
from freellm_cli.services.spell import spell_seconds

if TYPE_CHECKING:
    from freellm_cli.core.credentials import Credential
    from freellm_cli.services.runtime import Runtime

REACH_TIMEOUTS = Timeouts(connect=5, first_token=10, idle=10, total=15)
CLOCK_OFF_S = 30.0
"""A day's limit would be counted into the wrong day; signed requests fail at five minutes."""
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_STATES = {"good": GOOD, "bad": BAD, "unknown": WARN}


def proxies(runtime: Runtime) -> Iterator[Finding]:
    """The variables that reroute requests; passwords in them are not shown."""
    for name in _PROXIES:
        value = runtime.env.get(name) or runtime.env.get(name.lower())
        if value:
            yield Finding("network", INFO, f"{name} is {without_user(value)}", f"unset {name}")


def without_user(address: str) -> str:
    """`address` without a name and a password in it."""
    scheme, marks, rest = address.rpartition("://")
    return f"{scheme}{marks}{rest.rpartition('@')[2]}"


def reach(runtime: Runtime) -> Iterator[Finding]:
    """Each provider that a credential is for: does it answer, and what time is it there."""
    usable = runtime.usable_providers()
    if not usable:
        yield Finding("network", INFO, "no provider to try: no key is stored", "freellm setup")
    offsets = []
    for name in usable:
        provider = runtime.catalog.provider(name)
        parts = urlsplit(provider.base_url)
        address = f"{parts.scheme}://{parts.netloc}/"
        try:
            before = runtime.clock.now()
            request = HttpRequest("GET", address, {"accept": "*/*"})
            response = runtime.transport.send(request, REACH_TIMEOUTS)
            try:
                date = response.headers.get("date", "")
            finally:
                response.close()
        except TransportFault as fault:
            text = f"{provider.title} ({parts.hostname}): {fault.message}"
            yield Finding("network", BAD, text, _network_fix(fault), fault.exit_code)
            continue
        yield Finding("network", GOOD, f"{provider.title} answers ({parts.hostname})")
        offset = _offset(date, before, runtime.clock.now())
        if offset is not None:
            offsets.append(offset)
    if offsets:
        yield _clock_finding(sorted(offsets)[len(offsets) // 2])


def _network_fix(fault: TransportFault) -> str:
    if fault.hint:
        return fault.hint
    if fault.fault == "tls":
        return "a proxy or virus scanner may break TLS: set SSL_CERT_FILE to its certificate"
    if fault.fault == "dns":
        return "check the connection, the DNS server, or HTTPS_PROXY"
    return "check the connection, a firewall, or HTTPS_PROXY"


def _offset(date: str, before: float, after: float) -> float | None:
    """How far this clock is ahead of a Date header, which knows whole seconds only."""
    from email.utils import parsedate_to_datetime

    try:
        there = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return None
    if there - 1 <= after and before <= there + 1:
        return 0.0
    return before - there


def _clock_finding(offset: float) -> Finding:
    if abs(offset) <= CLOCK_OFF_S:
        return Finding("clock", GOOD, "right within seconds")
    word = "fast" if offset > 0 else "slow"
    fix = "w32tm /resync" if os.name == "nt" else "timedatectl set-ntp true"
    return Finding("clock", BAD, f"{spell_seconds(abs(offset))} {word}: resets are missed", fix)


def credentials(runtime: Runtime, *, ask: bool) -> Iterator[Finding]:
    """Each credential, checked with its provider when `ask`."""
    found = runtime.credentials()
    if not found:
        yield Finding("keys", WARN, "no key is stored", "freellm setup")
    for item in found:
        yield _credential(runtime, item, ask)


def _credential(runtime: Runtime, item: Credential, ask: bool) -> Finding:
    provider = runtime.catalog.provider(item.provider)
    if not item.enabled:
        fix = f"freellm keys enable {item.id}"
        return Finding("keys", WARN, f"{item.id}: {item.disabled_reason or 'disabled'}", fix)
    if provider.status == "closed" and not runtime.settings.provider(provider.id).base_url:
        text = f"{item.id}: {provider.title} has closed"
        return Finding("keys", WARN, text, f"freellm keys remove {item.id}")
    if item.secret is None and item.kind != "oauth":
        return Finding("keys", GOOD, f"{item.id}: needs no key")
    if not ask or item.kind == "oauth":
        how = "freellm oauth list" if item.kind == "oauth" else f"freellm keys check {item.id}"
        return Finding("keys", INFO, f"{item.id}: not asked", how)
    try:
        outcome = check_credential(runtime, item)
    except FreellmError as error:
        return Finding("keys", BAD, f"{item.id}: {error.message}", error.hint, error.exit_code)
    fix = ""
    if outcome.state == "bad":
        fix = f"a new key from {provider.key_url or provider.title}: freellm keys add {provider.id}"
    elif outcome.state == "unknown":
        fix = "try again later; the first request will tell"
    return Finding("keys", _STATES[outcome.state], f"{item.id}: {outcome.message}", fix, 4)


def models(runtime: Runtime, *, ask: bool) -> Iterator[Finding]:
    """Of each host whose models only its own list tells, how many there are; asked anew when `ask`."""
    usable = runtime.usable_providers()
    for name in usable:
        if not runtime.catalog.models(name):
            yield _models_of(runtime, name, ask, is_all=len(usable) == 1)


def _models_of(runtime: Runtime, name: str, ask: bool, *, is_all: bool) -> Finding:
    """`is_all`: there is nothing else that could answer."""
    fix = f"freellm models {name}"
    problem = ""
    for outcome in refresh(runtime, [name]) if ask else ():
        problem, fix = outcome.problem, outcome.hint or fix
    count = len(runtime.catalog_with_discovered().models(name))
    known = f"{name}: {count} models known" if count else f"{name}: no model is known"
    if problem:
        return Finding("models", BAD if is_all else WARN, f"{known}; {problem}", fix, 6)
    if not count:
        return Finding("models", WARN, f"{known}, so `auto` cannot use it", fix)
    return Finding(
        "models", GOOD if ask else INFO, f"{name} serves {count} models" if ask else known
    )

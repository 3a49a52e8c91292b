"""Candidates for tests."""

from __future__ import annotations

from collections.abc import Iterable

from freellm_cli.core.limits import CONCURRENT, REQUESTS, TOKENS, Limit, Window
from freellm_cli.core.rotation import Candidate

PACIFIC = "America/Los_Angeles"
MODEL = "gemini-2.5-flash"


def per_minute(requests: int, meter: str = "") -> Limit:
    return Limit(meter, REQUESTS, Window("sliding", 60.0), requests)


def per_day(requests: int, zone: str = PACIFIC, meter: str = "") -> Limit:
    return Limit(meter, REQUESTS, Window("day", 0.0, zone), requests)


def tokens_per_minute(tokens: int, meter: str = "") -> Limit:
    return Limit(meter, TOKENS, Window("sliding", 60.0), tokens)


def at_once(requests: int, meter: str = "") -> Limit:
    return Limit(meter, CONCURRENT, Window("open"), requests)


def first_use(requests: int, seconds: float, meter: str = "") -> Limit:
    return Limit(meter, REQUESTS, Window("first_use", seconds), requests)


def target(
    credential: str = "gemini-1",
    *limits: Limit,
    model: str = MODEL,
    provider: str = "gemini",
    account: str = "",
    step: int = 0,
    rotation: str = "balanced",
    first_token_s: float | None = None,
) -> Candidate:
    """A candidate; a limit without a meter is counted for this credential and model."""
    account = account or credential
    key = f"{credential}/{provider}/{model}"
    meter = f"credential:{credential}|{model}"
    return Candidate(
        key=key,
        step=step,
        credential=credential,
        provider=provider,
        account=account,
        model_id=f"{provider}/{model}",
        limits=tuple(limit if limit.meter else limit._replace(meter=meter) for limit in limits),
        rest_keys=(
            f"target:{key}",
            f"model:{provider}/{model}",
            f"credential:{credential}",
            f"account:{provider}/{account}",
            f"provider:{provider}",
            f"address:{provider}",
        ),
        rotation=rotation,
        first_token_s=first_token_s,
    )


def pool(amount: int, *limits: Limit, **more: object) -> tuple[Candidate, ...]:
    """Credentials gemini-1, gemini-2… with the same limits."""
    return tuple(
        target(f"gemini-{number}", *limits, **more)  # type: ignore[arg-type]
        for number in range(1, amount + 1)
    )


def all_of(candidates: Iterable[Candidate]) -> list[Limit]:
    return [limit for candidate in candidates for limit in candidate.limits]

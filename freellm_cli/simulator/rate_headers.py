"""Rate-limit headers in the manner of each host that sends them."""

from __future__ import annotations

from collections.abc import Callable

from freellm_cli.core.limits import REQUESTS, TOKENS
from freellm_cli.simulator.limits import Standing
from freellm_cli.simulator.refusals import duration

Pairs = list[tuple[str, str]]


def rate_headers(style: str, standings: tuple[Standing, ...]) -> Pairs:
    """Headers for an answer; none for a style without them."""
    write = _STYLES.get(style)
    return write(standings) if write else []


def _find(standings: tuple[Standing, ...], unit: str, *, day: bool) -> Standing | None:
    for standing in standings:
        window = standing.rule.window
        long = window.kind != "sliding" or window.seconds >= 3600
        if standing.rule.unit == unit and window.kind != "open" and long == day:
            return standing
    return None


def _trio(name: str, standing: Standing | None, reset: Callable[[float], str] | None) -> Pairs:
    if standing is None:
        return []
    pairs = [
        (f"x-ratelimit-limit-{name}", str(standing.rule.amount)),
        (f"x-ratelimit-remaining-{name}", str(standing.remaining)),
    ]
    if reset:
        pairs.append((f"x-ratelimit-reset-{name}", reset(standing.reset_s)))
    return pairs


def _groq(standings: tuple[Standing, ...]) -> Pairs:
    # console.groq.com/docs/rate-limits: requests are per day, tokens per minute.
    return [
        *_trio("requests", _find(standings, REQUESTS, day=True), duration),
        *_trio("tokens", _find(standings, TOKENS, day=False), duration),
        ("x-groq-region", "simulated"),
    ]


def _seconds(value: float) -> str:
    return f"{value:.6f}"


def _cerebras(standings: tuple[Standing, ...]) -> Pairs:
    return [
        *_trio("requests-day", _find(standings, REQUESTS, day=True), _seconds),
        *_trio("tokens-minute", _find(standings, TOKENS, day=False), _seconds),
    ]


def _mistral(standings: tuple[Standing, ...]) -> Pairs:
    return [
        *_trio("req-minute", _find(standings, REQUESTS, day=False), None),
        *_trio("tokens-minute", _find(standings, TOKENS, day=False), None),
    ]


def _sambanova(standings: tuple[Standing, ...]) -> Pairs:
    return [
        *_trio("requests", _find(standings, REQUESTS, day=False), _seconds),
        *_trio("requests-day", _find(standings, REQUESTS, day=True), _seconds),
    ]


def _huggingface(standings: tuple[Standing, ...]) -> Pairs:
    # draft-ietf-httpapi-ratelimit-headers, as the hub sends it.
    standing = _find(standings, REQUESTS, day=False)
    if standing is None:
        return []
    window = f"{standing.rule.window.seconds:.0f}"
    return [
        ("ratelimit", f'"api";r={standing.remaining};t={standing.reset_s:.0f}'),
        ("ratelimit-policy", f'"fixed window";"api";q={standing.rule.amount};w={window}'),
    ]


_STYLES: dict[str, Callable[[tuple[Standing, ...]], Pairs]] = {
    "groq": _groq,
    "cerebras": _cerebras,
    "mistral": _mistral,
    "sambanova": _sambanova,
    "huggingface": _huggingface,
}

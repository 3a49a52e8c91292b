"""Named sets of limits and manners, as data. Limits are those that providers published or users measured
in 2026 (openrouter.ai/docs/api-reference/limits, console.groq.com/docs/rate-limits,
inference-docs.cerebras.ai/support/rate-limits, the AI Studio rate-limit page); they rot, a simulator's
do not have to be right."""

from __future__ import annotations

from typing import Any, NamedTuple

from freellm_cli.core.limits import CONCURRENT, REQUESTS, TOKENS, Window
from freellm_cli.simulator.limits import DAY_PACIFIC, DAY_UTC, MINUTE, OPEN, LimitRule


class StandingFault(NamedTuple):
    """A fault that a profile plays by itself. `probability`: 1.0 for always."""

    name: str
    provider: str | None = None
    probability: float = 1.0
    options: tuple[tuple[str, Any], ...] = ()


class Profile(NamedTuple):
    """`first_token_s`, `tokens_per_s`: the pace of answers in real time; 0 answers at once. `settings`: with
    which freellm meets what it plays, in a rehearsal."""

    name: str
    says: str
    limits: tuple[LimitRule, ...] = ()
    faults: tuple[StandingFault, ...] = ()
    first_token_s: float = 0.0
    tokens_per_s: float = 0.0
    settings: tuple[tuple[str, Any], ...] = ()


def _gemini(models: str, rpm: int, rpd: int, tpm: int = 250_000) -> tuple[LimitRule, ...]:
    common: dict[str, Any] = {"provider": "gemini", "models": models, "each_model": True}
    return (
        LimitRule("account", REQUESTS, MINUTE, rpm, **common),
        LimitRule("account", TOKENS, MINUTE, tpm, **common),
        LimitRule("account", REQUESTS, DAY_PACIFIC, rpd, **common),
    )


GEMINI_FREE = (
    *_gemini("gemini-2.5-flash", 5, 20),
    *_gemini("gemini-3-flash-preview", 5, 20),
    *_gemini("gemini-3.5-flash", 5, 20),
    *_gemini("gemini-2.5-flash-lite", 10, 20),
    *_gemini("gemini-3.1-flash-lite", 15, 500),
    *_gemini("gemma-3-*", 30, 14_400, 15_000),
    *_gemini("gemini-2.5-pro", 0, 0, 0),
)

OPENROUTER_FREE = (
    LimitRule("account", REQUESTS, MINUTE, 20, "openrouter", models="*:free", count_refused=True),
    LimitRule("account", REQUESTS, DAY_UTC, 50, "openrouter", models="*:free", count_refused=True),
)

_ROLLING_DAY = Window("sliding", 86_400.0)

GROQ_FREE = (
    LimitRule("account", REQUESTS, MINUTE, 30, "groq", each_model=True),
    LimitRule("account", REQUESTS, _ROLLING_DAY, 1_000, "groq", each_model=True),
    LimitRule("account", TOKENS, MINUTE, 8_000, "groq", each_model=True, tokens="reserved"),
    LimitRule(
        "account",
        TOKENS,
        _ROLLING_DAY,
        200_000,
        "groq",
        each_model=True,
        tokens="total",
        published=False,
    ),
)

CEREBRAS_FREE = (
    LimitRule("account", REQUESTS, MINUTE, 30, "cerebras", each_model=True),
    LimitRule("account", REQUESTS, DAY_UTC, 14_400, "cerebras", each_model=True),
    LimitRule("account", TOKENS, MINUTE, 60_000, "cerebras", each_model=True, tokens="reserved"),
    LimitRule("account", TOKENS, DAY_UTC, 1_000_000, "cerebras", each_model=True, tokens="total"),
)

NIM_FREE = (
    LimitRule("account", REQUESTS, MINUTE, 40, "nvidia_nim", each_model=True, published=False),
)

MISTRAL_FREE = (
    LimitRule("account", REQUESTS, Window("sliding", 1.0), 1, "mistral", each_model=True),
    LimitRule("account", TOKENS, MINUTE, 500_000, "mistral", each_model=True, tokens="total"),
)

COHERE_TRIAL = (
    LimitRule("account", REQUESTS, MINUTE, 20, "cohere"),
    LimitRule("account", REQUESTS, Window("month", zone="UTC"), 1_000, "cohere"),
)

OTHERS_FREE = (
    *COHERE_TRIAL,
    LimitRule("account", CONCURRENT, OPEN, 1, "iflow"),
    LimitRule("account", CONCURRENT, OPEN, 2, "zai", each_model=True),
    LimitRule("account", REQUESTS, MINUTE, 20, "sambanova", each_model=True),
)

_MOODS = (
    ("overloaded", 0.06),
    ("html_502", 0.03),
    ("server_error", 0.04),
    ("capacity", 0.04),
    ("cut_midstream", 0.05),
    ("cut_before_headers", 0.03),
    ("error_in_200", 0.03),
    ("first_event_error", 0.03),
    ("missing_done", 0.05),
    ("comments_first", 0.10),
    ("empty_choices", 0.02),
)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("generous", "No limits and no faults: every key is good, every model answers."),
        Profile(
            "tiny",
            "3 requests a minute for each key and model, so that rotation shows at once.",
            (LimitRule("key", REQUESTS, MINUTE, 3, each_model=True),),
        ),
        Profile(
            "free",
            "Every provider with the limits of its free tier.",
            (
                *GEMINI_FREE,
                *OPENROUTER_FREE,
                *GROQ_FREE,
                *CEREBRAS_FREE,
                *NIM_FREE,
                *MISTRAL_FREE,
                *OTHERS_FREE,
            ),
            first_token_s=0.2,
            tokens_per_s=80.0,
        ),
        Profile(
            "gemini-free",
            "Gemini's free tier: per project and model, days of Los Angeles.",
            GEMINI_FREE,
        ),
        Profile(
            "groq-like", "Groq's free tier, with its rate-limit headers on every answer.", GROQ_FREE
        ),
        Profile(
            "openrouter-like",
            "OpenRouter's :free models: one pot an account, refusals count, the reset is in the body.",
            OPENROUTER_FREE,
        ),
        Profile(
            "nim-like", "NVIDIA NIM: a limit that nobody publishes and no header tells.", NIM_FREE
        ),
        Profile("mistral-like", "Mistral's free plan: one request a second.", MISTRAL_FREE),
        Profile(
            "cerebras-like", "Cerebras's free tier: tokens are reserved up front.", CEREBRAS_FREE
        ),
        Profile(
            "moody",
            "Free tiers on a bad day: about half of the answers are refused, cut, odd or late.",
            faults=tuple(StandingFault(name, probability=chance) for name, chance in _MOODS),
            tokens_per_s=80.0,
        ),
        Profile(
            "local-slow",
            "LocalAI takes the request and stays silent; everybody else answers.",
            faults=(StandingFault("stall_before_headers", provider="localai"),),
            settings=(
                ("aliases.home", ["localai/llama3.2", "gemini/gemini-2.5-flash"]),
                ("default_model", "home"),
                ("providers.localai.first_token", 1.0),
            ),
        ),
    )
}

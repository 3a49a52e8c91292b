"""How much a model should think: the many ways to say it, and one scale (`chat.THINK_LEVELS`).

Clients spell it as OpenAI (`reasoning_effort`), OpenRouter (`reasoning: {effort, enabled,
max_tokens}`), Anthropic and z.ai (`thinking: {type, budget_tokens}`), Ollama (`think`), Qwen
hosts (`enable_thinking`, `thinking_budget`) and Google (`google.thinking_config`); sources:
https://platform.openai.com/docs/api-reference/chat/create,
https://openrouter.ai/docs/use-cases/reasoning-tokens,
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking,
https://docs.ollama.com/capabilities/thinking, https://ai.google.dev/gemini-api/docs/openai.
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import THINK_LEVELS

ALIASES = (
    "reasoning_effort",
    "reasoning",
    "thinking",
    "think",
    "enable_thinking",
    "thinking_budget",
)
"""Parameters that say a level; `take_think` removes them."""

_WORDS = {
    "none": "off",
    "disable": "off",
    "disabled": "off",
    "false": "off",
    "no": "off",
    "0": "off",
    "-1": "auto",
    "default": "auto",
    "adaptive": "auto",
    "dynamic": "auto",
    "enable": "medium",
    "enabled": "medium",
    "on": "medium",
    "true": "medium",
    "yes": "medium",
    "xhigh": "high",
    "max": "high",
    "highest": "high",
}

_LEVEL_KEYS = ("type", "effort", "enabled", "budget_tokens", "max_tokens")

# Tokens of thinking up to which a budget counts as the level.
_LOW, _MEDIUM = 2048, 10240
_ENDLESS = 1e9

_BUDGETS = {"off": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "auto": -1}


def level_of(value: Any) -> str | None:
    """The level a value means: a word in any case, a bool, or a budget in tokens (-1: auto, 0:
    off).

    None when it means nothing known: an unknown word is no reason to refuse a question.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "medium" if value else "off"
    if isinstance(value, int | float):
        return level_of_budget(value)
    word = str(value).strip().lower()
    if word in THINK_LEVELS:
        return word
    known = _WORDS.get(word)
    if known is None and word.isdigit():
        return level_of_budget(int(word))
    return known


def level_of_budget(tokens: float) -> str:
    """The level nearest to a thinking budget in tokens; negative means the model decides."""
    if tokens < 0:
        return "auto"
    if tokens == 0:
        return "off"
    return "low" if tokens <= _LOW else "medium" if tokens <= _MEDIUM else "high"


def budget_of(level: str) -> int:
    """Tokens of thinking for a level, for hosts that count: 0 is off, -1 lets the model decide."""
    return _BUDGETS[level]


def take_think(params: dict[str, Any]) -> str | None:
    """Removes the thinking parameters from `params` (in place) and returns the level they mean.

    What a level cannot hold stays under `reasoning`, for the dialects that have a place for it:
    `max_tokens` (an exact budget), `effort` when it is above "high", `exclude`, `summary`…
    The first of ALIASES that means something wins.
    """
    level: str | None = None
    kept: dict[str, Any] = {}
    for name in () if params.keys().isdisjoint(ALIASES) else ALIASES:
        value = params.pop(name, None)
        if value is None:
            continue
        said = _level_in(value, kept)
        level = level or said
    google = params.get("google")
    if level is None and isinstance(google, dict):
        level = _google_level(google.get("thinking_config") or google.get("thinkingConfig"))
    if kept:
        params["reasoning"] = kept
    return level


def _level_in(value: Any, kept: dict[str, Any]) -> str | None:
    if not isinstance(value, dict):
        if isinstance(value, str) and value.strip().lower() in ("xhigh", "max"):
            kept["effort"] = value.strip().lower()
        return level_of(value)
    budget = value.get("budget_tokens", value.get("max_tokens"))
    kept.update((k, v) for k, v in value.items() if v is not None and k not in _LEVEL_KEYS)
    switch = level_of(value.get("type", value.get("enabled")))
    if switch == "off":
        return "off"
    effort = value.get("effort")
    if effort is not None:
        return _level_in(effort, kept) if not isinstance(effort, dict) else None
    if isinstance(budget, int | float) and not isinstance(budget, bool):
        if 0 < budget < _ENDLESS:
            kept["max_tokens"] = int(budget)
        return level_of_budget(budget)
    return switch


def _google_level(config: Any) -> str | None:
    if not isinstance(config, dict):
        return None
    level = config.get("thinking_level", config.get("thinkingLevel"))
    if level is not None:
        return level_of(level)
    return level_of(config.get("thinking_budget", config.get("thinkingBudget")))

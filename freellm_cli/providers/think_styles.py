"""How each host is told to think or not: one style a host or model, named in the catalog.

Styles and where they come from are listed in docs/quirks.md, section "Thinking".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from freellm_cli.core.chat import Message


class Switch(NamedTuple):
    """What a thinking level adds to a request: members of the body, words for the system message."""

    body: dict[str, Any]
    system: str = ""


NOTHING = Switch({})

_ON = ("minimal", "low", "medium", "high")

_EFFORT: dict[str, Any] = {
    "off": "low",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
}


def _both(on: Any, off: Any) -> dict[str, Any]:
    return {"off": off, **dict.fromkeys(_ON, on)}


def _kwargs(**values: Any) -> dict[str, Any]:
    return {"chat_template_kwargs": values}


# style -> (the field that takes the value, or "" when the value is a table to merge; level ->
# value)
_STYLES: dict[str, tuple[str, dict[str, Any]]] = {
    "effort": ("reasoning_effort", _EFFORT),
    "effort_or_none": ("reasoning_effort", {**_EFFORT, "off": "none"}),
    "mistral_effort": ("reasoning_effort", _both("high", "none")),
    "openrouter_reasoning": (
        "reasoning",
        {"off": {"effort": "none"}, **{level: {"effort": level} for level in _ON}},
    ),
    "chat_template_thinking": (
        "",
        _both(_kwargs(thinking=True), _kwargs(thinking=False)),
    ),
    "chat_template_enable_thinking": (
        "",
        _both(_kwargs(enable_thinking=True), _kwargs(enable_thinking=False)),
    ),
    "chat_template_glm": (
        "",
        _both(_kwargs(enable_thinking=True, clear_thinking=False), _kwargs(enable_thinking=False)),
    ),
    "zai": ("thinking", _both({"type": "enabled"}, {"type": "disabled"})),
    "disable_reasoning": ("", {"off": {"disable_reasoning": True}}),
    "reasoning_split": ("reasoning_split", _both(True, False)),
    "enable_thinking": ("enable_thinking", _both(True, False)),
    "nemotron_system": ("system", _both("detailed thinking on", "detailed thinking off")),
    "no_think_system": ("system", {"off": "/no_think"}),
    "levels": ("", {}),
    "none": ("", {}),
}

STYLES = frozenset(_STYLES)


def switch_for(
    style: str | None, level: str | None, levels: dict[str, Any], exact: dict[str, Any]
) -> Switch:
    """What `level` adds in `style`. NOTHING for "auto", for no level, and where the style has no
    word.

    `levels`: the catalog's `think_levels`, level -> value, before the style's own; "" or {} says
    nothing for that level, a table is merged into the body whatever the style.
    `exact`: what the caller said beyond a level (`core.think.take_think`); OpenRouter alone takes
    it. Raises KeyError for an unknown style.
    """
    if not style:
        return NOTHING
    field, known = _STYLES[style]
    if style == "openrouter_reasoning":
        return _openrouter(level, levels, exact)
    if level is None or level == "auto":
        return NOTHING
    value = levels.get(level, known.get(level))
    if value is None or value in ("", {}):
        return NOTHING
    if isinstance(value, dict) and (not field or level in levels):
        return Switch(dict(value))
    if field == "system":
        return Switch({}, str(value))
    return Switch({field: value}) if field else NOTHING


def _openrouter(level: str | None, levels: dict[str, Any], exact: dict[str, Any]) -> Switch:
    """`reasoning` takes an effort or an exact budget, never both, and switches beside them
    (https://openrouter.ai/docs/use-cases/reasoning-tokens)."""
    reasoning = {k: v for k, v in exact.items() if k not in ("effort", "max_tokens")}
    value = levels.get(level, _STYLES["openrouter_reasoning"][1].get(level)) if level else None
    if level not in (None, "off", "auto"):
        if "max_tokens" in exact:
            value = {"max_tokens": exact["max_tokens"]}
        elif "effort" in exact:
            value = {"effort": exact["effort"]}
    if isinstance(value, str) and value:
        value = {"effort": value}
    if isinstance(value, dict):
        reasoning.update(value)
    return Switch({"reasoning": reasoning}) if reasoning else NOTHING


def merge_body(body: dict[str, Any], added: dict[str, Any]) -> None:
    """Adds members to `body`; in a table that both have, the caller's own members stay."""
    for name, value in added.items():
        mine = body.get(name)
        if isinstance(value, dict) and isinstance(mine, dict):
            body[name] = {**value, **mine}
        else:
            body[name] = value


def with_system_words(messages: list[Message], words: str) -> list[Message]:
    """The messages with `words` as the first line of the system message."""
    if messages and messages[0].get("role") == "system":
        first = messages[0]
        content = first.get("content")
        if isinstance(content, list):
            joined: Any = [{"type": "text", "text": words + "\n"}, *content]
        else:
            joined = f"{words}\n{content}" if content else words
        return [{**first, "content": joined}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]

"""The body of a chat request, cut to what one host takes: quirk switches as data, applied here.

Every switch is a key of `Target.quirks` (catalog data merged with config.toml); docs/quirks.md
gives their meaning, their values and an example each. The order is fixed: what the caller asked,
made regular; names; the allow-list; values and ranges; thinking; then what must never be sent.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeGuard

from freellm_cli.core.chat import ChatRequest, Target
from freellm_cli.core.errors import ConfigError, RequestRefused
from freellm_cli.core.needs import ANSWER_LIMITS
from freellm_cli.core.think import ALIASES, take_think
from freellm_cli.providers.message_quirks import media_of, prepare_messages
from freellm_cli.providers.quirk_rules import rules_for
from freellm_cli.providers.think_styles import (
    NOTHING,
    STYLES,
    Switch,
    merge_body,
    switch_for,
    with_system_words,
)

KNOWN = frozenset(
    (
        "always_stream",
        "attribution",
        "cache_control",
        "clamp",
        "drop",
        "embeddings",
        "embeddings_input_type",
        "flatten_text_parts",
        "fold_system",
        "headers",
        "keep_only",
        "list_paid",
        "list_params",
        "max_tokens_default",
        "max_tokens_min",
        "merge_same_role",
        "message_drop",
        "message_order",
        "n_max",
        "parallel_tool_calls",
        "reasoning_fields",
        "reasoning_in_history",
        "rename",
        "response_format_stream",
        "response_format_with_tools",
        "schema_strip",
        "signature",
        "stop_max",
        "stream_options",
        "system_first",
        "think",
        "think_levels",
        "think_tags",
        "tool_call_extra",
        "tool_call_ids",
        "tool_choice_only",
        "tools_strict_close",
        "tools_strict_drop",
        "values",
    )
)
"""Every switch of this dialect; a name outside it in a catalog or config.toml is a mistake."""

_ALWAYS = ("model", "messages")
_ENDLESS = 1e12
_NOT_PARAMS = ("google", "model", "messages", "stream", "stream_options", "extra_body")
_TOOL_FIELDS = ("tools", "tool_choice", "parallel_tool_calls")


class Change(NamedTuple):
    """What was done to a field on its way to a host, in words for a person."""

    field: str
    what: str


class Build:
    """One request on its way: `body` grows, `changes` says what was altered."""

    __slots__ = ("body", "changes", "level", "rules", "stream", "target")

    def __init__(self, request: ChatRequest, target: Target, *, stream: bool) -> None:
        self.target = target
        self.changes: list[Change] = []
        self.rules = rules = rules_for(target.quirks)
        params = {k: v for k, v in request.params.items() if v is not None}
        said = None if params.keys().isdisjoint(ALIASES) else take_think(params)
        self.level = request.think or said
        exact = params.pop("reasoning", None) or {}
        if not params.keys().isdisjoint(_NOT_PARAMS):
            self._take_out(params)
        self.stream = stream or rules.always_stream
        if not params.keys().isdisjoint(_TOOL_FIELDS):
            _tools(params, self)
        _names(params, self)
        _values(params, self)
        _tokens(params, self)
        switch = self._switch(exact)
        messages = request.messages
        if switch.system:
            messages = with_system_words(messages, switch.system)
        messages = prepare_messages(messages, rules, self.note)
        _check_media(messages, target)
        self.body: dict[str, Any] = {"model": target.name, "messages": messages, **params}
        merge_body(self.body, switch.body)
        for path in rules.drop:
            if path[0] in self.body:
                self._without(path)
        self._streaming()

    def _take_out(self, params: dict[str, Any]) -> None:
        if params.pop("google", None) is not None:
            self.note("google", "left out: only Google's own API takes it")
        for name in _NOT_PARAMS:
            params.pop(name, None)

    def note(self, field: str, what: str) -> None:
        self.changes.append(Change(field, what))

    def _switch(self, exact: dict[str, Any]) -> Switch:
        quirks, level = self.target.quirks, self.level
        style = quirks.get("think")
        if style is None and "thinking" in self.target.capabilities and level != "off":
            style = "effort"
        if style is not None and style not in STYLES:
            raise ConfigError(
                f"the quirk think = {style!r} of {self.target.model_id} is no known style",
                hint=f"use one of {', '.join(sorted(STYLES))}",
            )
        switch = switch_for(style, level, quirks.get("think_levels") or {}, exact)
        heard = switch is not NOTHING or level in (None, "auto")
        if not heard and (level != "off" or "thinking" in self.target.capabilities):
            self.note("think", f"{level} left out: {self.target.model_id} has no switch for it")
        return switch

    def _without(self, path: tuple[str, ...]) -> None:
        if path[0] in _ALWAYS:
            return
        if len(path) == 1:
            del self.body[path[0]]
            self.note(path[0], f"left out: {self.target.provider} does not take it")
        else:
            self.body[path[0]] = _pruned(self.body[path[0]], path[1:])

    def _streaming(self) -> None:
        rules, body = self.rules, self.body
        if "response_format" in body and rules.quirks.get("response_format_stream") is False:
            self.stream = False
        if self.stream:
            body["stream"] = True
            if rules.usage_in_stream:
                body["stream_options"] = {"include_usage": True}
        elif not rules.drops_stream:
            body["stream"] = False


def _tools(params: dict[str, Any], build: Build) -> None:
    quirks = build.target.quirks
    choice = params.get("tool_choice")
    allowed = quirks.get("tool_choice_only")
    if choice is not None and allowed is not None and _choice_word(choice) not in allowed:
        del params["tool_choice"]
        if choice == "none":
            params.pop("tools", None)
        build.note("tool_choice", f"{_choice_word(choice)} left out: the host knows {allowed}")
    tools = params.get("tools")
    if not tools or not isinstance(tools, list):
        for name in _TOOL_FIELDS:
            params.pop(name, None)
        return
    strip = frozenset(quirks.get("schema_strip") or ())
    drop, close = bool(quirks.get("tools_strict_drop")), bool(quirks.get("tools_strict_close"))
    if strip or drop or close:
        from freellm_cli.providers.tool_schemas import edited_tools

        params["tools"] = edited_tools(tools, strip=strip, drop_strict=drop, close_strict=close)
    if quirks.get("parallel_tool_calls") is False:
        params["parallel_tool_calls"] = False
    if quirks.get("response_format_with_tools") is False and "response_format" in params:
        del params["response_format"]
        build.note("response_format", "left out: the host takes no answer format beside tools")


def _choice_word(choice: Any) -> str:
    return choice if isinstance(choice, str) else "named"


def _names(params: dict[str, Any], build: Build) -> None:
    for old, new in build.rules.rename:
        if old in params:
            value = params.pop(old)
            params.setdefault(new, value)
    allowed = build.rules.keep_only
    if allowed is not None:
        for name in [name for name in params if name not in allowed]:
            del params[name]
            build.note(name, f"left out: {build.target.provider} takes a fixed set of fields")


def _values(params: dict[str, Any], build: Build) -> None:
    rules = build.rules
    for field, words in rules.values:
        value = params.get(field)
        if isinstance(value, str) and value in words:
            params[field] = words[value]
    for field, (low, high) in rules.clamp:
        value = params.get(field)
        if value is not None and _is_number(value) and not low <= value <= high:
            params[field] = low if value < low else high
            build.note(field, f"{value} changed to {params[field]}, the nearest that is taken")
    if "n" in params:
        _at_most(params, "n", rules.quirks.get("n_max"), build)
    if "stop" in params:
        _few_stops(params, rules.quirks.get("stop_max"), build)
    if "top_k" in params and _is_number(params["top_k"]) and params["top_k"] <= 0:
        del params["top_k"]  # front ends write 0 or -1 for "off"; hosts differ in what they take


def _few_stops(params: dict[str, Any], most: Any, build: Build) -> None:
    stops = params["stop"]
    if isinstance(stops, list) and most and len(stops) > most:
        params["stop"] = stops[:most]
        build.note("stop", f"cut to the first {most} of {len(stops)}")


def _at_most(params: dict[str, Any], field: str, most: Any, build: Build) -> None:
    value = params.get(field)
    if most is None or not _is_number(value):
        return
    if value > most:
        build.note(field, f"{value} changed to {most}, the most that is taken")
        params[field] = most
    if most == 1:
        del params[field]


def _tokens(params: dict[str, Any], build: Build) -> None:
    """Zero and less mean "no limit" to front ends, and are refused by hosts."""
    quirks = build.target.quirks
    most = build.target.max_output
    for name in ANSWER_LIMITS:
        value = params.get(name)
        if value is None or not _is_number(value):
            continue
        if not 0 < value < _ENDLESS:
            del params[name]
            continue
        limit = int(value)
        least = quirks.get("max_tokens_min")
        if least and limit < least:
            limit = least
        if most and limit > most:
            limit = most
        if limit != value:
            build.note(name, f"{value} changed to {limit}, the nearest that is taken")
        params[name] = limit
    default = quirks.get("max_tokens_default")
    if default and not any(name in params for name in ANSWER_LIMITS):
        name = (quirks.get("rename") or {}).get("max_tokens", "max_tokens")
        params[name] = min(default, most) if most else default


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_media(messages: list[dict[str, Any]], target: Target) -> None:
    """Only where the model's abilities are known: a model that a bare list names has just "chat"."""
    if len(target.capabilities) < 2:
        return
    missing = sorted(media_of(messages) - target.capabilities)
    if missing:
        words = {"vision": "images", "audio": "audio", "pdf": "files"}
        raise RequestRefused(
            f"{target.model_id} takes no {' and no '.join(words[kind] for kind in missing)}",
            hint="freellm models --vision lists models with eyes"
            if missing == ["vision"]
            else "Choose another model, or send the content as text.",
        )


def _pruned(value: Any, path: tuple[str, ...]) -> Any:
    """A copy of `value` without the member at `path`, in every element of the lists on the way."""
    if isinstance(value, list):
        return [_pruned(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {k: v for k, v in value.items() if k != path[0]}
    return {**value, path[0]: _pruned(value[path[0]], path[1:])}

"""A prompt with a name: what a template's table may hold, and filling in its words.

system = "You write commit messages."
prompt = "In {language}, for this diff:\\n{input}"
model = "kimi-k3"
think = "low"
extract = true
description = "A commit message out of a diff"
[options]
temperature = 0.2
[defaults]
language = "English"

`{input}` is what was typed or piped; any other `{name}` is a variable. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from freellm_cli.core.chat import THINK_LEVELS
from freellm_cli.core.errors import ConfigError, UsageError

INPUT = "input"
_TEXTS = ("description", "system", "prompt", "model", "think")
KEYS = (*_TEXTS, "extract", "options", "defaults")


class Template(NamedTuple):
    name: str
    description: str = ""
    system: str | None = None
    prompt: str | None = None
    model: str = ""
    think: str | None = None
    extract: bool = False
    options: Mapping[str, Any] = {}
    defaults: Mapping[str, str] = {}

    def variables(self) -> tuple[str, ...]:
        """The names to fill in, `input` not among them, in the order of their first use."""
        found = [*_names(self.system or ""), *_names(self.prompt or "")]
        return tuple(dict.fromkeys(name for name in found if name != INPUT))

    @property
    def wants_input(self) -> bool:
        return INPUT in (*_names(self.prompt or ""), *_names(self.system or ""))


class Filled(NamedTuple):
    system: str | None
    prompt: str


def template_from(name: str, table: Mapping[str, Any], file: str) -> Template:
    """Raises ConfigError that names `file` and the key."""
    for key in table:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, 1)
            raise ConfigError(
                f"{file}: there is no key {key!r} in a template",
                hint=f"did you mean {near[0]}?" if near else f"known are {', '.join(KEYS)}",
            )
    for key in _TEXTS:
        if not isinstance(table.get(key, ""), str):
            raise ConfigError(f"{file}: {key} must be a text")
    if table.get("think", "auto") not in THINK_LEVELS:
        raise ConfigError(f"{file}: think must be one of {', '.join(THINK_LEVELS)}")
    if not isinstance(table.get("extract", False), bool):
        raise ConfigError(f"{file}: extract must be true or false")
    for key in ("options", "defaults"):
        if not isinstance(table.get(key, {}), dict):
            raise ConfigError(f"{file}: {key} must be a table")
    if "prompt" not in table and "system" not in table:
        raise ConfigError(f"{file} holds neither a prompt nor a system prompt")
    defaults = {key: str(value) for key, value in table.get("defaults", {}).items()}
    return Template(**{**table, "name": name, "defaults": defaults})


def fill(template: Template, text: str, given: Mapping[str, str]) -> Filled:
    """The prompts with their words in place. A prompt without `{input}` has the input behind it.

    Raises UsageError for a variable without a value and for a value without a variable.
    """
    known = template.variables()
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            told = f"its variables are {', '.join(known)}" if known else "it has no variables"
            raise UsageError(
                f"the template {template.name} does not use {name!r}",
                hint=f"did you mean {near[0]}?" if near else told,
            )
    values = {**template.defaults, **given}
    missing = [name for name in known if name not in values]
    if missing:
        pairs = " ".join(f"-p {name}=…" for name in missing)
        raise UsageError(
            f"the template {template.name} wants {', '.join(missing)}", hint=f"add {pairs}"
        )
    if template.wants_input and not text.strip():
        raise UsageError(
            f"the template {template.name} wants a text", hint="type it behind, or pipe it in"
        )
    values[INPUT] = text
    system = None if template.system is None else _filled(template.system, values)
    prompt = _filled(template.prompt or "", values)
    if text.strip() and not template.wants_input:
        prompt = f"{prompt}\n\n{text}" if prompt.strip() else text
    return Filled(system, prompt)


def _pattern() -> re.Pattern[str]:
    return re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _names(text: str) -> list[str]:
    return [found[1] for found in _pattern().finditer(text) if found[1]]


def _filled(text: str, values: Mapping[str, str]) -> str:
    """In one pass, so that what a value holds is left as it is."""
    return _pattern().sub(lambda found: values[found[1]] if found[1] else found[0][0], text)

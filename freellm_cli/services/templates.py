"""`freellm templates`: prompts with a name, in the templates folder of the config dir."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import ConfigError, UnknownName, UsageError
from freellm_cli.core.templates import Template, template_from
from freellm_cli.services.results import Cell, Facts, Line, Result, Table
from freellm_cli.services.template_library import LIBRARY, NEW
from freellm_cli.storage.files import read_private, write_private
from freellm_cli.storage.paths import templates_folder

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

_ENDING = ".toml"
_BUILT_IN = "built in"


def load_template(runtime: Runtime, name: str) -> Template:
    """The template of this name. Raises UnknownName with the nearest names, ConfigError for a broken file."""
    text, source = _text(runtime, name)
    return _parsed(name, text, source)


def list_templates(runtime: Runtime) -> Result:
    """Every template, the person's own first; a broken file is listed with what is wrong with it."""
    rows, data = [], []
    for name in template_names(runtime):
        text, source = _text(runtime, name)
        try:
            about, style = _parsed(name, text, source).description, ""
        except ConfigError as error:
            about, style = error.message, "bad"
        rows.append((Cell(name, "strong"), Cell(about, style), Cell(source, "dim")))
        data.append({"name": name, "description": about, "source": source, "ok": not style})
    ending = Line("make or change one: freellm templates edit NAME", "dim")
    return Result({"templates": data}, (Table(("name", "for", "from"), tuple(rows)), ending))


def show_template(runtime: Runtime, name: str) -> Result:
    """The text of a template, and what it wants."""
    text, source = _text(runtime, name)
    template = _parsed(name, text, source)
    data = {
        "name": name,
        "source": source,
        "text": text,
        "variables": list(template.variables()),
        "wants_input": template.wants_input,
    }
    variables = [
        f"{variable} (else {template.defaults[variable]})"
        if variable in template.defaults
        else variable
        for variable in template.variables()
    ]
    facts = Facts((("from", source), ("variables", ", ".join(variables) or "none")))
    return Result(data, (Line(text.rstrip()), facts))


def text_to_edit(runtime: Runtime, name: str) -> str:
    """The template's text; that of an empty one when there is none yet."""
    _check_name(name)
    own = _own_text(runtime, name)
    return own if own is not None else LIBRARY.get(name, NEW)


def save_template(runtime: Runtime, name: str, text: str) -> Result:
    """Puts a template in place; a broken one is refused and the old one stays. Raises ConfigError."""
    path = _path(runtime, name)
    _parsed(name, text, "the template")
    write_private(path, text.encode())
    return Result({"name": name, "file": path}, (Line(f"saved {path}", "good"),))


def new_template(runtime: Runtime, name: str, table: Mapping[str, Any]) -> Result:
    """Makes a template of the values that are not empty (core.templates names the keys).

    Raises UsageError for a name that is taken, ConfigError when there is neither prompt nor system prompt.
    """
    from freellm_cli.storage.templates_file import template_text

    _check_name(name)
    if _own_text(runtime, name) is not None:
        raise UsageError(
            f"there is a template {name} already",
            hint=f"change it with `freellm templates edit {name}`, or take another name",
        )
    result = save_template(runtime, name, template_text({k: v for k, v in table.items() if v}))
    use = Line(f"use it: freellm chat -t {name}", "dim")
    return result._replace(blocks=(*result.blocks, use))


def _text(runtime: Runtime, name: str) -> tuple[str, str]:
    """The text of a template and where it is from."""
    _check_name(name)
    own = _own_text(runtime, name)
    if own is not None:
        return own, _path(runtime, name)
    if name in LIBRARY:
        return LIBRARY[name], _BUILT_IN
    names = template_names(runtime)
    near = tuple(get_close_matches(name, names, 3))
    raise UnknownName(
        f"there is no template {name!r}",
        hint=f"did you mean {near[0]}?" if near else f"make it: freellm templates edit {name}",
        nearest=near,
    )


def _own_text(runtime: Runtime, name: str) -> str | None:
    path = _path(runtime, name)
    data = read_private(path)
    try:
        return None if data is None else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8") from error


def _parsed(name: str, text: str, source: str) -> Template:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{source} is no TOML: {error}", hint=f"mend it: freellm templates edit {name}"
        ) from error
    return template_from(name, table, source)


def template_names(runtime: Runtime) -> list[str]:
    """The person's own first, then those that come with freellm."""
    try:
        files = os.listdir(templates_folder(runtime.paths))
    except OSError:
        files = []
    own = sorted(file.removesuffix(_ENDING) for file in files if file.endswith(_ENDING))
    own = [name for name in own if not name.startswith(".")]
    return own + [name for name in LIBRARY if name not in own]


def _path(runtime: Runtime, name: str) -> str:
    return os.path.join(templates_folder(runtime.paths), name + _ENDING)


def _check_name(name: str) -> None:
    if (
        not name
        or name.startswith((".", "-"))
        or not all(char.isalnum() or char in "-_." for char in name)
    ):
        raise UsageError(
            f"{name!r} cannot be a template's name", hint="letters, digits, - and _ are good"
        )

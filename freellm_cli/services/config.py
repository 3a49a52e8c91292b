"""`freellm config`: the settings, where each value is from, and changing them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import ConfigError, UnknownName
from freellm_cli.core.secret import Secret
from freellm_cli.core.settings import Settings
from freellm_cli.core.settings_docs import ShownSetting, plain, shown_settings
from freellm_cli.core.settings_load import nearest_keys
from freellm_cli.core.settings_schema import Option, is_table, option
from freellm_cli.core.settings_values import BadValue, check, parse
from freellm_cli.core.toml_text import split_key
from freellm_cli.providers.registry import load_catalog
from freellm_cli.services.results import Cell, Facts, Line, Result, Table
from freellm_cli.storage.config_file import ConfigFile, parse_toml
from freellm_cli.storage.paths import (
    config_file,
    credentials_file,
    history_file,
    ledger_file,
    oauth_folder,
    templates_folder,
)

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

_LIST = "`freellm config show --json`"


def show_paths(runtime: Runtime) -> Result:
    """Where every file is, whether it exists or not."""
    paths = runtime.paths
    rows = (
        ("config", config_file(paths)),
        ("credentials", credentials_file(paths)),
        ("logins", oauth_folder(paths)),
        ("templates", templates_folder(paths)),
        ("ledger", ledger_file(paths)),
        ("history", history_file(paths)),
        ("cache", paths.cache),
    )
    return Result(dict(rows), (Facts(rows),))


def show_settings(runtime: Runtime) -> Result:
    """Every setting with its value and source, secrets masked; for people, those not at their default."""
    shown = shown_settings(runtime.settings)
    changed = [row for row in shown if row.source != "default"]
    which = "the rest is at its default" if changed else "every setting is at its default"
    ending = Line(f"{which}; {_LIST} lists them all", "dim")
    return _listed(shown, changed, ending)


def _listed(data: Iterable[ShownSetting], told: Sequence[ShownSetting], *endings: Line) -> Result:
    rows = tuple(
        (Cell(row.key, "strong"), _text(row.value), Cell(row.source, "dim")) for row in told
    )
    table = (Table(("setting", "value", "source"), rows),) if rows else ()
    return Result({"settings": [row._asdict() for row in data]}, (*table, *endings))


def get_setting(runtime: Runtime, key: str) -> Result:
    """One value and its source; of a table (`aliases`, `providers.gemini`) all that stand in it, as
    `show_settings` has them. Raises UnknownName with the nearest keys."""
    path = split_key(key)
    if is_table(path):
        below = [row for row in shown_settings(runtime.settings) if _is_below(row.key, path)]
        return _listed(below, below, *(() if below else (Line(f"nothing is set in {key}"),)))
    known = _known(key)
    settings = runtime.settings
    value = plain(settings.get(split_key(key)))
    data = {"key": key, "value": value, "source": settings.source(key), "about": known.about}
    return Result(data, (Line(_text(value)),))


def _is_below(key: str, table: tuple[str, ...]) -> bool:
    return split_key(key)[: len(table)] == table


def set_setting(runtime: Runtime, key: str, text: str) -> Result:
    """Writes one value, checked before the file is touched; comments and order stay.

    `text`: a list is written with commas or as in TOML. Raises UnknownName, ConfigError.
    """
    known = _known(key)
    value = _value(known, key, text)
    host = _host_with(runtime, split_key(key), value)
    moved = _moved(runtime, key, value)
    _file(runtime).set(key, value)
    if moved is not None:
        return moved
    shown = Secret(value).masked() if known.kind == "secret" else value
    lines = [Line(f"{key} = {_text(shown)}", "good")]
    if host and known.name == "providers.<name>.base_url":
        lines.append(Line(f"what it serves: `freellm models {host}`"))
    if key == "default_model" and value:
        lines += _doubts(runtime, value)
    return Result({"key": key, "value": shown}, tuple(lines))


def _doubts(runtime: Runtime, name: str) -> list[Line]:
    """A name that stands for nothing may become an alias yet; so it is said, not refused."""
    from freellm_cli.core.routing import unknown_in
    from freellm_cli.services.pool import Pool

    error = unknown_in(name, Pool(runtime).book())
    return [Line(f"but {error.message}; {error.hint}", "warn")] if error is not None else []


def _host_with(runtime: Runtime, path: tuple[str, ...], value: Any) -> str:
    """The name of a host of the person's own whose settings these are; "" for any other setting.

    Raises ConfigError for a provider that could not be with this value: then every command would say so.
    """
    if path[0] != "providers":
        return ""
    name = path[1]
    if path[2:] == ("base_url",) and not value and name not in load_catalog().provider_ids():
        raise ConfigError(
            f"{name} is a host of your own, and wants an address",
            hint=f"`freellm config set providers.{name}.base_url http://127.0.0.1:8080/v1`",
        )
    said = innermost = runtime.settings.provider_tables().get(name, {})
    for part in path[2:-1]:
        innermost = innermost.setdefault(part, {})
    innermost[path[-1]] = value
    changed = load_catalog().with_custom_providers({name: said})
    return "" if changed.models(name) else name


def unset_setting(runtime: Runtime, key: str) -> Result:
    """Takes a value out of the file, so that the default holds. Raises ConfigError for the address of a
    host of which more is said: it could not be without."""
    _moved(runtime, key, "file")
    _check_homeless(runtime, split_key(key))
    there = _file(runtime).unset(key)
    line = Line(f"{key} is back at its default", "good") if there else Line(f"{key} was not set")
    return Result({"key": key, "removed": there}, (line,))


def _check_homeless(runtime: Runtime, path: tuple[str, ...]) -> None:
    if path[0] != "providers" or path[2:] != ("base_url",):
        return
    name = path[1]
    rest = [key for key in runtime.settings.provider_tables().get(name, {}) if key != "base_url"]
    if rest and name not in load_catalog().provider_ids():
        raise ConfigError(
            f"{name} is a host of your own, and this is all that says where it is",
            hint=f"`freellm config edit` takes {name} out as a whole; "
            f"`freellm config set providers.{name}.enabled false` lets it rest",
        )


def _moved(runtime: Runtime, key: str, place: str) -> Result | None:
    """The keys go where `secrets` will say before it says so; None for every other setting."""
    if key != "secrets":
        return None
    from freellm_cli.services.secret_place import move_secrets

    return move_secrets(runtime, place)


def text_to_edit(runtime: Runtime) -> str:
    return _file(runtime).text()


def replace_text(runtime: Runtime, text: str) -> Result:
    """Puts an edited file in place; a broken one is refused and the old one stays. Raises ConfigError."""
    file = _file(runtime)
    said, _ = Settings.load(parse_toml(text.encode(), file.path), runtime.env, file=file.path)
    load_catalog().with_custom_providers(said.provider_tables())
    file.replace(text)
    return Result({"file": file.path}, (Line(f"saved {file.path}", "good"),))


def _file(runtime: Runtime) -> ConfigFile:
    return ConfigFile(config_file(runtime.paths), runtime.clock)


def _known(key: str) -> Option:
    found = option(split_key(key))
    if found is None and is_table(split_key(key)):
        raise UnknownName(
            f"{key} holds settings and is none itself",
            hint=f"`freellm config get {key}` shows them; write one like {key}.NAME",
        )
    if found is None:
        nearest = nearest_keys(split_key(key))
        hint = f"did you mean {', '.join(nearest)}?" if nearest else f"{_LIST} lists them all"
        raise UnknownName(f"no setting is called {key!r}", hint=hint, nearest=nearest)
    return found


def _value(known: Option, key: str, text: str) -> Any:
    """What `text` means for the setting. Raises ConfigError with what is allowed."""
    try:
        value = parse(known, text)
        check(known, value)
    except BadValue as fault:
        raise ConfigError(f"{key} {fault.problem}", hint=_help_on(known)) from fault
    return value


def _help_on(known: Option) -> str:
    """What a setting is for; of one that is like another, what that one is for and usually is."""
    like = re.match(r"Like ([\w.]+[\w])", known.about)
    other = option(split_key(like[1])) if like else None
    if other is None:
        return known.about
    usual = _text(other.default).removesuffix(".0")
    return f"{other.about.rstrip('.')}; where it is not set, {other.name} holds ({usual})"


def _text(value: Any) -> str:
    if value is None:
        return "off"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

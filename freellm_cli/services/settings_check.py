"""`freellm config check`: all that is wrong with the settings, each with its place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import EXIT_CONFIG
from freellm_cli.core.routing import Book, unknown_in
from freellm_cli.core.settings_load import Loader, variable_of
from freellm_cli.core.toml_text import join_key
from freellm_cli.providers.registry import load_catalog
from freellm_cli.services.results import Block, Line, Result
from freellm_cli.storage.config_file import ConfigFile
from freellm_cli.storage.paths import config_file

if TYPE_CHECKING:
    from freellm_cli.core.settings_load import KeyPath, Loaded
    from freellm_cli.services.runtime import Runtime


def check_settings(runtime: Runtime) -> Result:
    """Every fault of the file and the environment, as every command reads them.

    Data: {"file", "problems": what keeps commands from working, "warnings": what is ignored or leads
    nowhere}; the exit code is 3 when there are problems. Raises ConfigError for a file that is no TOML
    and for a provider that could not be.
    """
    file = ConfigFile(config_file(runtime.paths), runtime.clock)
    loader = Loader(file.path, file.locate, load_catalog().provider_ids())
    loaded = loader.load(file.table(), runtime.env, {})
    warnings = [str(warning) for warning in loaded.warnings]
    if not loaded.problems:
        warnings += _leading_nowhere(runtime, loaded, file)
    problems = [str(problem) for problem in loaded.problems]
    blocks: list[Block] = [Line(text, "bad") for text in problems]
    blocks += [Line(text, "warn") for text in warnings]
    if any(problem.source == "file" for problem in loaded.problems):
        blocks.append(Line("`freellm config edit` opens the file"))
    elif not problems and not warnings:
        blocks.append(Line(f"{file.path}: nothing to complain of", "good"))
    data = {"file": file.path, "problems": problems, "warnings": warnings}
    return Result(data, tuple(blocks), exit_code=EXIT_CONFIG if problems else 0)


def _leading_nowhere(runtime: Runtime, loaded: Loaded, file: ConfigFile) -> Iterator[str]:
    """The names in the settings that stand for nothing."""
    from freellm_cli.services.runtime import Runtime

    # One of its own: what its settings are warned of is in the list already, and not said beside it.
    paths = runtime.paths
    quiet = Runtime(env=runtime.env, config_dir=paths.config, state_dir=paths.state)
    with contextlib.closing(quiet):
        # Whom a key reaches is no matter here: damaged keys shall not keep the settings from being checked.
        book = Book(quiet.catalog_with_discovered(), quiet.settings.aliases, frozenset())
        for path, shown, name in _names(loaded.values):
            if name in book.aliases:
                continue  # its own row tells
            error = unknown_in(name, book)
            if error is not None:
                near = f" (did you mean {' or '.join(error.nearest[:2])}?)" if error.nearest else ""
                place = _place(path, loaded.sources, file)
                yield f"{place}: {shown}: {error.message}{near}"


def _names(values: Mapping[KeyPath, Any]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """(path, the path as it is shown, name) of each name of a model in the settings."""
    for path, value in values.items():
        if path == ("default_model",) and value:
            yield path, "default_model", value
        elif path[0] == "aliases":
            for position, name in enumerate(value):
                which = f"[{position + 1}]" if len(value) > 1 else ""
                yield (*path, position), join_key(path) + which, name
        elif path == ("routes",):
            for position, rule in enumerate(value):
                for name in rule.use:
                    yield (*path, position, "use"), f"routes[{position + 1}].use", name


def _place(path: tuple[str | int, ...], sources: Mapping[KeyPath, str], file: ConfigFile) -> str:
    if len(path) == 1 and sources.get((str(path[0]),)) == "env":
        return f"the environment variable {variable_of(str(path[0]))}"
    line = file.locate(path)
    return f"{file.path}, line {line}" if line else file.path

"""Reads settings from a file's table, the environment and the command line into typed values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from freellm_cli.core.errors import ConfigError
from freellm_cli.core.settings_schema import ROWS, Option, is_table, option
from freellm_cli.core.settings_values import BadValue, check, parse, shown

KeyPath = tuple[str, ...]
Locate = Callable[[Sequence[str | int]], int | None]

ENV_PREFIX = "FREELLM_"
_ENV_PROVIDERS = "FREELLM_PROVIDERS_"
_ENV_OTHER = ("FREELLM_CONFIG_DIR", "FREELLM_STATE_DIR", "FREELLM_CACHE_DIR")


class SettingWarning(NamedTuple):
    """Something in the settings that is not understood and was left out. `line` is None when
    unknown.
    """

    file: str
    line: int | None
    key: str
    message: str
    nearest: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message


class SettingProblem(NamedTuple):
    """`source` as in `Loaded`: where it must be mended."""

    message: str
    source: str

    def __str__(self) -> str:
        return self.message


class Loaded(NamedTuple):
    """`values` and `sources` ("file", "env", "flag") have the same keys.

    `problems`: what must be mended before the values may be used, a sentence each.
    """

    values: dict[KeyPath, Any]
    sources: dict[KeyPath, str]
    warnings: tuple[SettingWarning, ...]
    problems: tuple[SettingProblem, ...]


_MENDED = {
    "file": "mend it with `freellm config edit`",
    "env": "correct the variable, or unset it",
    "flag": "see the command's --help",
}


def refuse_problems(problems: Sequence[SettingProblem]) -> None:
    """Raises ConfigError when there are any: it tells the first, and how many more."""
    if problems:
        more = len(problems) - 1
        note = f" (and {more} more: run `freellm config check`)" if more else ""
        raise ConfigError(problems[0].message + note, hint=_MENDED[problems[0].source])


class Loader:
    """`locate` gives the line of a key in the file; `known_providers` are those of the catalog."""

    def __init__(self, file: str, locate: Locate, known_providers: Collection[str]) -> None:
        self._file = file
        self._locate = locate
        self._known = known_providers
        self._values: dict[KeyPath, Any] = {}
        self._sources: dict[KeyPath, str] = {}
        self._warnings: list[SettingWarning] = []
        self._problems: list[SettingProblem] = []

    def load(
        self, table: Mapping[str, Any], env: Mapping[str, str], overrides: Mapping[str, Any]
    ) -> Loaded:
        """Everything that is said and everything that is wrong with it. Call it once.

        Raises ConfigError for an override whose name is no setting.
        """
        for name, value in table.items():
            self._walk((name,), value)
        self._read_env(env)
        if overrides:
            self._read_overrides(overrides)
        self._check_aliases()
        self._check_providers()
        return Loaded(self._values, self._sources, tuple(self._warnings), tuple(self._problems))

    def _walk(self, path: KeyPath, value: Any) -> None:
        if path[0] == "providers" and len(path) == 2:
            path = (path[0], self._provider_name(path[1]))
        found = option(path)
        if found is not None:
            self._keep(path, found, value, "file")
        elif len(path) == 3 and path[0] == "providers" and path[2] == "models":
            self._walk_models(path, value)
        elif not is_table(path):
            self._warn_unknown(path)
        elif isinstance(value, dict):
            for name, item in value.items():
                self._walk((*path, name), item)
        else:
            self._problem(path, f"must be a table, not {shown(value)}")

    def _walk_models(self, path: KeyPath, value: Any) -> None:
        """`models` is a list of names, or a table of patterns, of the list and of models by name."""
        if isinstance(value, list):
            self._walk((*path, "list"), value)
            return
        if not isinstance(value, dict):
            self._problem(path, f"must be a table or a list, not {shown(value)}")
            return
        rows = []
        for name, item in value.items():
            if option((*path, name)) is None and isinstance(item, dict):
                rows.append({"name": name, **item})
            else:
                self._walk((*path, name), item)
        if rows:
            key = (*path, "list")
            self._values[key] = (*self._values.get(key, ()), *rows)
            self._sources[key] = "file"

    def _keep(self, path: KeyPath, found: Option, value: Any, source: str, name: str = "") -> None:
        try:
            self._values[_plain(path, found)] = check(found, value)
            self._sources[_plain(path, found)] = source
        except BadValue as bad:
            if source == "file":
                self._problem((*path, *bad.inside), bad.problem)
            else:
                self._problems.append(SettingProblem(f"{name} {bad.problem}", source))

    def _read_env(self, env: Mapping[str, str]) -> None:
        for name in sorted(item for item in env if item.startswith(ENV_PREFIX)):
            path = self._path_of_variable(name)
            found = option(path) if path else None
            if path and found:
                self._keep_text(path, found, env[name], "env", name)
            elif not path:
                self._warn_variable(name)

    def _path_of_variable(self, name: str) -> KeyPath:
        fixed = _fixed_variables().get(name)
        if fixed or not name.startswith(_ENV_PROVIDERS):
            return fixed or ()
        rest = name[len(_ENV_PROVIDERS) :]
        best = ""
        for candidate in _provider_options():
            ending = "_" + _upper(candidate)
            if rest.endswith(ending) and len(rest) > len(ending) and len(candidate) > len(best):
                best = candidate
        if not best:
            return ()
        provider = rest[: -len(best) - 1]
        return ("providers", self._provider_of_variable(provider), *best.split("."))

    def _provider_of_variable(self, upper: str) -> str:
        """Variables cannot hold a hyphen: `MY_HOST` is `my-host` where the file has such a
        provider.
        """
        names = {path[1] for path in self._values if path[0] == "providers"}
        for name in sorted(names):
            if _upper(name) == upper:
                return name
        return upper.lower()

    def _read_overrides(self, overrides: Mapping[str, Any]) -> None:
        from freellm_cli.core.toml_text import split_key

        for key, value in overrides.items():
            if value is None:
                continue
            path = split_key(key)
            found = option(path)
            if found is None:
                near = nearest_keys(path)
                hint = f"did you mean {', '.join(near)}?" if near else "see `freellm config show`"
                raise ConfigError(f"no setting is called {key!r}", hint=hint)
            name = f"{key} (given on the command line)"
            if isinstance(value, str):
                self._keep_text(path, found, value, "flag", name)
            else:
                typed = list(value) if isinstance(value, tuple) else value
                self._keep(path, found, typed, "flag", name)

    def _keep_text(self, path: KeyPath, found: Option, text: str, source: str, name: str) -> None:
        try:
            value = parse(found, text)
        except BadValue as bad:
            self._problems.append(SettingProblem(f"{name} {bad.problem}", source))
        else:
            self._keep(path, found, value, source, name)

    def _check_aliases(self) -> None:
        aliases = {path[1]: value for path, value in self._values.items() if path[0] == "aliases"}
        for name, targets in aliases.items():
            if not targets:
                self._problem(("aliases", name), "must name at least one model")
            elif "*" in targets:
                self._problem(("aliases", name), 'leads to "*", which is no model')
        for loop in _loops(aliases):
            chain = " -> ".join(loop)
            self._problem(("aliases", loop[0]), f"leads back to itself: {chain}")

    def _check_providers(self) -> None:
        names = dict.fromkeys(path[1] for path in self._values if path[0] == "providers")
        for name in names:
            if not name or "/" in name or not name.isprintable() or name != name.strip():
                self._problem(("providers", name), "is no usable name: letters, digits, - and _")
            elif self._known and name not in self._known and not self._has_address(name):
                near = _close(name, self._known)
                message = f"providers.{name} has no base_url, and no known provider is called that"
                self._warn(("providers", name), message, near)

    def _has_address(self, name: str) -> bool:
        return bool(self._values.get(("providers", name, "base_url")))

    def _provider_name(self, name: str) -> str:
        """People write gemini-cli for gemini_cli, as the commands do."""
        usual = name.replace("-", "_")
        return usual if name not in self._known and usual in self._known else name

    def _problem(self, path: Sequence[str | int], words: str) -> None:
        text = f"{self._place(self._locate(path))}: {_dotted(path)} {words}"
        self._problems.append(SettingProblem(text, "file"))

    def _place(self, line: int | None) -> str:
        return f"{self._file}, line {line}" if line else self._file

    def _warn_unknown(self, path: KeyPath) -> None:
        message = f"no setting is called {_dotted(path)}; it is ignored"
        self._warn(path, message, nearest_keys(path))

    def _warn(self, path: KeyPath, message: str, near: tuple[str, ...]) -> None:
        line = self._locate(path)
        text = f"{self._place(line)}: {message}"
        if near:
            text += f" (did you mean {' or '.join(near)}?)"
        self._warnings.append(SettingWarning(self._file, line, _dotted(path), text, near))

    def _warn_variable(self, name: str) -> None:
        """Only for a near miss: other programs may have variables that begin like ours."""
        if name in _ENV_OTHER or "_API_KEY" in name or "_ACCOUNT_ID" in name:
            return
        near = _close(name, [*_fixed_variables(), *_ENV_OTHER], 0.8)
        if near:
            text = f"the environment variable {name} is ignored (did you mean {near[0]}?)"
            self._warnings.append(SettingWarning("", None, name, text, near))


def nearest_keys(path: Sequence[str]) -> tuple[str, ...]:
    """Settings whose name is close to this unknown one, best first, at most two."""
    wanted = _dotted(path)
    known = _known_keys(path)
    close = _close(wanted, known, 0.75)
    if close:
        return close
    last = path[-1]
    by_last = [name for name in known if name.rpartition(".")[2] == last]
    if by_last and len(path) <= 2:
        return tuple(by_last[:2])
    siblings = {name.rpartition(".")[2]: name for name in known if name.count(".") == len(path) - 1}
    return tuple(siblings[name] for name in _close(last, siblings, 0.7))


def _known_keys(path: Sequence[str]) -> list[str]:
    """Names of settings and of the tables that hold them, with the path's own provider filled in."""
    provider = path[1] if len(path) > 1 and path[0] == "providers" else "NAME"
    names: dict[str, None] = {}
    for row in ROWS:
        parts = row[0].replace("<name>", provider).split(".")
        for length in range(1, len(parts) + 1):
            names[".".join(parts[:length])] = None
    return list(names)


def _close(word: str, known: Collection[str], cutoff: float = 0.6) -> tuple[str, ...]:
    from difflib import get_close_matches

    return tuple(get_close_matches(word, list(known), 2, cutoff))


def _loops(aliases: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Each circle of aliases once, beginning and ending with the same name."""
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if name in trail:
            yield (*trail[trail.index(name) :], name)
        elif name in aliases and name not in done:
            for target in aliases[name]:
                yield from visit(target, (*trail, name))
            done.add(name)

    for name in aliases:
        yield from visit(name, ())


def _plain(path: KeyPath, found: Option) -> KeyPath:
    """The path under the setting's own name, where `path` uses a synonym."""
    return (*path[:2], *found.name.split(".")[2:]) if path[0] == "providers" else path


def _dotted(path: Sequence[str | int]) -> str:
    from freellm_cli.core.toml_text import join_key

    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += ("." if text else "") + join_key((part,))
    return text


def _upper(name: str) -> str:
    return name.upper().replace(".", "_").replace("-", "_")


def variable_of(name: str) -> str:
    """The environment variable of a row: `serve.port` is `FREELLM_SERVE_PORT`; "" for an alias."""
    if name.startswith("aliases."):
        return ""
    return ENV_PREFIX + _upper(name.replace("<name>", "NAME"))


def _fixed_variables() -> dict[str, KeyPath]:
    names = [row[0] for row in ROWS if "<" not in row[0]]
    return {variable_of(name): tuple(name.split(".")) for name in names}


def _provider_options() -> list[str]:
    prefix = "providers.<name>."
    return [row[0][len(prefix) :] for row in ROWS if row[0].startswith(prefix)]

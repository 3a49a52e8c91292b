"""config.toml: read on every command, changed by `freellm config` without losing a comment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import ConfigError
from freellm_cli.storage.files import read_private, write_private

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from freellm_cli.core.clock import Clock

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class ConfigFile:
    """One TOML file of settings. Reading a file that does not exist gives an empty table."""

    def __init__(self, path: str, clock: Clock) -> None:
        self.path = path
        self._clock = clock

    def table(self) -> dict[str, Any]:
        """The file's content. Raises ConfigError naming file, line and column, or StoreError."""
        data = read_private(self.path)
        return parse_toml(data, self.path) if data else {}

    def text(self) -> str:
        """The file as a person sees it, "" when there is none. Raises ConfigError, StoreError."""
        return decode_toml(read_private(self.path) or b"", self.path)

    def locate(self, path: Sequence[str | int]) -> int | None:
        """The line on which the key at `path` stands, None when it is not there."""
        from freellm_cli.core.toml_text import line_of

        return line_of(self.text(), path)

    def get(self, key: str) -> Any:
        """The value of a dotted key as it stands in the file. Raises KeyError when it is not there."""
        from freellm_cli.core.toml_text import split_key

        found: Any = self.table()
        for part in split_key(key):
            if not isinstance(found, dict):
                raise KeyError(key)
            found = found[part]
        return found

    def set(self, key: str, value: Any) -> None:
        """Gives a dotted key a value (text, number, truth, list, table), keeping comments and order.

        Raises ConfigError when the file cannot be read or the key leads through something that is no
        table, and StoreError when it cannot be written; the file is then as it was.
        """
        from freellm_cli.core.toml_text import split_key

        self._change(split_key(key), value, remove=False)

    def unset(self, key: str) -> bool:
        """Takes a dotted key away, so that its default holds; False when it was not there."""
        from freellm_cli.core.toml_text import split_key

        return self._change(split_key(key), None, remove=True)

    def replace(self, text: str) -> None:
        """Puts a whole new text in place, for an editor. Raises ConfigError when it is no TOML."""
        data = text.encode()
        parse_toml(data, self.path)
        with self._lock():
            write_private(self.path, data)

    def _change(self, path: tuple[str, ...], value: Any, *, remove: bool) -> bool:
        if isinstance(value, tuple):
            value = list(value)
        with self._lock():
            text = self.text()
            expected = parse_toml(text.encode(), self.path)
            if not _put(expected, path, value, remove=remove, file=self.path):
                return False
            newline = "\r\n" if "\r\n" in text else "\n"
            changed = _edited(text.replace("\r\n", "\n"), path, value, remove, self.path)
            if changed is None or not _says(changed, expected):
                raise _too_tangled(path, self.path)
            write_private(self.path, changed.replace("\n", newline).encode())
            return True

    def _lock(self) -> Any:
        from freellm_cli.storage.locks import FileLock

        return FileLock(os.path.realpath(self.path) + ".lock", self._clock).hold()


def parse_toml(data: bytes, path: str) -> dict[str, Any]:
    """The table that these bytes of the file `path` hold. Raises ConfigError."""
    import tomllib

    text = decode_toml(data, path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise _not_toml(text, path, exc) from exc


def decode_toml(data: bytes, path: str) -> str:
    """The file's text. A byte order mark, which Windows editors write, is not part of it."""
    if data.startswith(_UTF16):
        raise ConfigError(
            f"{path} is written in UTF-16",
            hint="save it as UTF-8 (PowerShell: `Set-Content -Encoding utf8`)",
        )
    try:
        return data.removeprefix(_BOM).decode()
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8", hint="save it as UTF-8") from exc


def _not_toml(text: str, path: str, exc: ValueError) -> ConfigError:
    """`tomllib` says "… (at line 3, column 5)" or "… (at end of document)"."""
    reason, _, place = str(exc).rpartition(" (at ")
    place = place.rstrip(")")
    if place.startswith("line "):
        line, _, column = place.removeprefix("line ").partition(", column ")
    else:
        lines = text.splitlines() or [""]
        line, column = str(len(lines)), str(len(lines[-1]) + 1)
    return ConfigError(
        f"{path}, line {line}, column {column}: {reason or exc}",
        hint="mend it with `freellm config edit`",
    )


def _put(
    table: MutableMapping[str, Any],
    path: tuple[str, ...],
    value: Any,
    *,
    remove: bool,
    file: str,
) -> bool:
    """Changes a nested table in place; False when there was nothing to remove."""
    for position, part in enumerate(path[:-1]):
        if part not in table:
            if remove:
                return False
            table[part] = _new_table(table)
        table = table[part]
        if not hasattr(table, "keys"):
            name = ".".join(path[: position + 1])
            raise ConfigError(f"{file}: {name} is no table, so nothing can be set in it")
    if not remove:
        table[path[-1]] = value
        return True
    return table.pop(path[-1], _MISSING) is not _MISSING


_MISSING = object()


def _new_table(beside: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A table of the kind that its surroundings have: tomlkit's own in a document, else a dict."""
    if type(beside) is dict:
        return {}
    import tomlkit

    return tomlkit.table()


def _edited(text: str, path: tuple[str, ...], value: Any, remove: bool, file: str) -> str | None:
    """The text with the change made; None when tomlkit cannot make it."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        _put(document, path, value, remove=remove, file=file)
        return tomlkit.dumps(document)
    except TOMLKitError:
        return None


def _says(text: str, expected: dict[str, Any]) -> bool:
    """Whether the text means what it should: a comment kept is never worth a wrong setting."""
    import tomllib

    try:
        return tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        return False


def _too_tangled(path: tuple[str, ...], file: str) -> ConfigError:
    from freellm_cli.core.toml_text import join_key

    return ConfigError(
        f"{file}: {join_key(path)} cannot be changed without rewriting what is around it",
        hint="change it with `freellm config edit`",
    )

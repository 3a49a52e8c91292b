"""Settings, keys and lists that follow their files, for whoever stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from freellm_cli.core.errors import FreellmError
from freellm_cli.storage.paths import config_file, credentials_file, oauth_folder

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime


class LiveRuntime:
    """Looks at the files each time that it is asked. One that cannot be understood changes nothing; `notice`
    is told once."""

    def __init__(self, runtime: Runtime, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._now = runtime
        self._marks = file_marks(runtime)

    def now(self) -> Runtime:
        marks = file_marks(self._now)
        if marks != self._marks:
            self._marks = marks
            try:
                renewed = self._now.renewed()
                _ = renewed.settings, renewed.catalog, renewed.credentials()
                self._now = renewed
            except FreellmError as error:
                self._notice(f"the changed settings are not used: {error.message}")
        return self._now


def file_marks(runtime: Runtime) -> tuple[object, ...]:
    """Another value when config.toml, credentials.toml, a model list or the set of logins has changed."""
    paths = runtime.paths
    lists = os.path.join(paths.cache, "models")
    files = (config_file(paths), credentials_file(paths), lists)
    return (*map(_mark, files), _logins_in(oauth_folder(paths)))


def _mark(path: str) -> tuple[int, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _logins_in(folder: str) -> tuple[str, ...]:
    """Which there are; their tokens are read when they are needed."""
    try:
        return tuple(sorted(name for name in os.listdir(folder) if name.endswith(".json")))
    except OSError:
        return ()

"""`freellm serve` as something that the system starts: a systemd user unit, a launchd agent, a Windows task.

Only files in the person's own folders are written; nothing needs an administrator. Starting it is left to the
commands that are shown, so that nobody finds a server running that they did not start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import UsageError
from freellm_cli.core.service_files import (
    LAUNCHD_LABEL,
    NAME,
    ServiceSpec,
    launchd_plist,
    systemd_unit,
    windows_task,
)
from freellm_cli.services.results import Line, Result
from freellm_cli.storage.files import (
    make_private_folder,
    remove_files,
    store_error,
    write_private,
)
from freellm_cli.storage.paths import Paths, find_paths, log_folder

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

Run = Callable[[Sequence[str]], object]
"""Runs a command; gives None when it could not be run or failed."""

_SPLITS = frozenset(" &()[]{}^=;,'@")
"""What ends a word, or means something, in one of Windows' shells."""

_HOME_VARIABLES = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "USERDOMAIN", "USERNAME")


class ServicePlace(NamedTuple):
    """`start`, `stop`: what a person types to begin and to end it for good; `after`: what follows the
    removal; `links`: what `start` leaves behind; `log`: where its complaints go, "" for a journal."""

    kind: str
    path: str
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    after: tuple[tuple[str, ...], ...] = ()
    links: tuple[str, ...] = ()
    log: str = ""
    advice: str = ""


def service_place(
    env: Mapping[str, str], paths: Paths, *, platform: str = sys.platform
) -> ServicePlace:
    """Where this system looks for such a file, and the commands that it understands."""
    make = {"win32": _task, "darwin": _agent}.get(platform, _unit)
    return make(env, paths)


def service_runtime(
    env: Mapping[str, str], paths: Paths, overrides: Mapping[str, object]
) -> Runtime:
    """Settings and keys as the service will see them: it has none of what a shell was told, and its folders
    are named only where it would not find them by itself."""
    from freellm_cli.services.runtime import Runtime

    bare = {name: env[name] for name in _HOME_VARIABLES if name in env}
    usual = find_paths(bare)
    return Runtime(
        env=bare,
        config_dir=paths.config if paths.config != usual.config else None,
        state_dir=paths.state if paths.state != usual.state else None,
        overrides=overrides,
    )


def service_text(
    place: ServicePlace, runtime: Runtime, command: Sequence[str], arguments: Sequence[str]
) -> bytes:
    """The file itself. `runtime`: `service_runtime`'s; `command`: how freellm is started; `arguments`: of
    `serve`. Raises ConfigError for settings that cannot be read and paths that no such file can hold."""
    words = (*command, "serve", *arguments, *_folder_arguments(runtime))
    spec = ServiceSpec(words, _folders(runtime.paths), runtime.settings.serve.drain)
    if place.kind == "systemd":
        return systemd_unit(spec).encode()
    if place.kind == "launchd":
        # There is no journal: a line for each request would fill the disk in the end.
        return launchd_plist(spec._replace(command=(*words, "--quiet")), place.log).encode()
    return windows_task(spec, _person(runtime.env)).encode("utf-16")


def unseen_keys(env: Mapping[str, str], runtime: Runtime) -> str:
    """A warning when keys come from `env` that a service with `runtime`'s environment will not see."""
    from freellm_cli.services.runtime import Runtime

    paths = runtime.paths
    here = Runtime(env=env, config_dir=paths.config, state_dir=paths.state)
    there = {item.id for item in runtime.credentials()}
    unseen = [item.id for item in here.credentials() if item.id not in there]
    if not unseen:
        return ""
    return (
        f"the service will not see {', '.join(unseen)}: their keys are in the environment of this shell;"
        " `freellm keys add PROVIDER --env VARIABLE` stores them"
    )


def show(place: ServicePlace, content: bytes) -> Result:
    """What would be written, and where."""
    text = content.decode("utf-16" if place.kind == "task" else "utf-8")
    return Result(
        {"kind": place.kind, "file": place.path, "written": False, "content": text},
        (Line(text.rstrip("\n")),),
        (f"this would go to {place.path}; nothing was written",),
    )


def install(place: ServicePlace, content: bytes, paths: Paths) -> Result:
    """Writes the file (in place of an older one) and makes the folders that the service needs. Raises
    StoreError."""
    for folder in (*_folders(paths), *filter(None, [os.path.dirname(place.log)])):
        try:
            make_private_folder(folder)
        except OSError as error:
            raise store_error("create", folder, error) from error
    write_private(place.path, content)
    lines = [Line(f"written to {place.path}", "good"), Line("what starts it, now and at sign-in:")]
    lines += [Line(f"  {_typed(words)}", "strong") for words in place.start]
    lines.append(Line(place.advice, "dim"))
    data = {"kind": place.kind, "file": place.path, "written": True, "start": _lists(place.start)}
    return Result(data, tuple(lines))


def uninstall(place: ServicePlace, run: Run) -> Result:
    """Stops the service and removes what `install` and `start` left. Raises StoreError, and UsageError when
    there is nothing to remove."""
    if not os.path.lexists(place.path):
        raise UsageError(
            f"no service is installed: there is no {place.path}",
            hint="`freellm serve --install-service` installs one",
        )
    failed = [words for words in place.stop if run(words) is None]
    remove_files(*place.links, place.path)
    for words in place.after:
        run(words)
    notices = tuple(f"this did not work; was it not running? {_typed(words)}" for words in failed)
    data = {"kind": place.kind, "removed": place.path, "failed": _lists(failed)}
    return Result(data, (Line(f"removed {place.path}", "good"),), notices)


def run_quietly(words: Sequence[str]) -> object:
    """See `Run`."""
    from freellm_cli.services.clipboard import run_command

    return run_command(words)


def _folder_arguments(runtime: Runtime) -> list[str]:
    usual = find_paths(runtime.env)
    given = []
    if runtime.paths.config != usual.config:
        given += ["--config-dir", runtime.paths.config]
    if runtime.paths.state != usual.state:
        given += ["--state-dir", runtime.paths.state]
    return given


def _folders(paths: Paths) -> tuple[str, ...]:
    return tuple(dict.fromkeys((paths.config, paths.state, paths.cache)))


def _unit(env: Mapping[str, str], paths: Paths) -> ServicePlace:
    base = env.get("XDG_CONFIG_HOME") or os.path.join(_home(env), ".config")
    folder = os.path.join(base, "systemd", "user")
    unit = f"{NAME}.service"
    control = ("systemctl", "--user")
    return ServicePlace(
        "systemd",
        os.path.join(folder, unit),
        start=((*control, "daemon-reload"), (*control, "enable", "--now", unit)),
        stop=((*control, "disable", "--now", unit),),
        after=((*control, "daemon-reload"),),
        links=(os.path.join(folder, "default.target.wants", unit),),
        advice="`journalctl --user -u freellm -f` shows its log; `loginctl enable-linger` keeps it running"
        " while you are signed out",
    )


def _agent(env: Mapping[str, str], paths: Paths) -> ServicePlace:
    path = os.path.join(_home(env), "Library", "LaunchAgents", f"{LAUNCHD_LABEL}.plist")
    log = os.path.join(log_folder(paths), "serve.log")
    place = f"gui/{os.getuid() if hasattr(os, 'getuid') else 0}"
    return ServicePlace(
        "launchd",
        path,
        start=(("launchctl", "bootstrap", place, path),),
        stop=(("launchctl", "bootout", f"{place}/{LAUNCHD_LABEL}"),),
        log=log,
        advice=f"what goes wrong is written to {log}",
    )


def _task(env: Mapping[str, str], paths: Paths) -> ServicePlace:
    path = os.path.join(paths.state, "service", f"{NAME}.xml")
    return ServicePlace(
        "task",
        path,
        start=(
            ("schtasks", "/Create", "/TN", NAME, "/XML", path, "/F"),
            ("schtasks", "/Run", "/TN", NAME),
        ),
        stop=(("schtasks", "/End", "/TN", NAME), ("schtasks", "/Delete", "/TN", NAME, "/F")),
        advice="it runs in a console window while you are signed in; closing that window ends it",
    )


def _person(env: Mapping[str, str]) -> str:
    domain, name = env.get("USERDOMAIN", ""), env.get("USERNAME", "")
    return f"{domain}\\{name}" if domain and name else name


def _home(env: Mapping[str, str]) -> str:
    return env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~")


def _lists(commands: Sequence[Sequence[str]]) -> list[list[str]]:
    return [list(words) for words in commands]


def _typed(words: Sequence[str]) -> str:
    """As it is typed into a shell."""
    if words[0] == "schtasks":
        return " ".join(f'"{word}"' if set(word) & _SPLITS else word for word in words)
    import shlex

    return shlex.join(words)

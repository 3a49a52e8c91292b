"""What `freellm doctor` finds on this machine, nothing sent."""

from __future__ import annotations

import os
import platform
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from freellm_cli.core.errors import FreellmError
from freellm_cli.services.build_info import describe_build
from freellm_cli.services.doctor import BAD, GOOD, INFO, WARN, Finding
from freellm_cli.services.settings_check import check_settings
from freellm_cli.services.spell import spell_seconds
from freellm_cli.storage.database_check import database_fault, sqlite_version
from freellm_cli.storage.files import check_private
from freellm_cli.storage.paths import (
    config_file,
    credentials_file,
    history_file,
    ledger_file,
    oauth_folder,
)

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

LEAST_FREE = 100 << 20
RELEASED_AT = 1_767_225_600.0
"""2026-01-01: no clock that is right shows less."""
OLD_LEASE_S = 3600.0


def versions() -> Iterator[Finding]:
    """What a report needs to name."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}".strip()
    yield from (Finding("versions", INFO, line) for line in describe_build())
    yield Finding("versions", INFO, f"{system}, SQLite {sqlite_version()}, {ssl.OPENSSL_VERSION}")
    try:
        from zoneinfo import ZoneInfo

        ZoneInfo("America/Los_Angeles")
    except (ImportError, OSError, KeyError):
        fix = "pip install tzdata"
        yield Finding("versions", BAD, "the time zones of daily resets are not installed", fix)


def configuration(runtime: Runtime) -> Iterator[Finding]:
    try:
        result = check_settings(runtime)
    except FreellmError as error:
        fix = error.hint or "freellm config edit"
        yield Finding("configuration", BAD, error.message, fix, error.exit_code)
        return
    for problem in result.data["problems"]:
        yield Finding("configuration", BAD, problem, "freellm config edit", result.exit_code)
    for warning in result.data["warnings"]:
        yield Finding("configuration", WARN, warning, "freellm config edit")
    if not result.data["problems"] and not result.data["warnings"]:
        there = os.path.exists(config_file(runtime.paths))
        where = config_file(runtime.paths) if there else "no config.toml: everything at its default"
        yield Finding("configuration", GOOD, where)


def files(runtime: Runtime) -> Iterator[Finding]:
    """Who can read what is private, and whether there is room to write."""
    paths = runtime.paths
    private = [config_file(paths), credentials_file(paths), ledger_file(paths), history_file(paths)]
    folder = oauth_folder(paths)
    if os.path.isdir(folder):
        private += [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    exposed = [(path, check_private(path)) for path in private if os.path.exists(path)]
    for path, warning in exposed:
        if warning:
            state = WARN if path == config_file(paths) else BAD
            yield Finding("files", state, warning, _narrowed(path))
    if not any(warning for _, warning in exposed):
        yield Finding("files", GOOD, "keys, logins, ledger and history are yours alone")
    for name, path in (("config", paths.config), ("state", paths.state)):
        existing = _existing(path)
        if not os.access(existing, os.W_OK):
            fix = f"choose another with --{name}-dir"
            yield Finding("files", BAD, f"{existing} cannot be written", fix)
    import shutil

    free = shutil.disk_usage(_existing(paths.state)).free
    if free < LEAST_FREE:
        yield Finding("files", WARN, f"only {free >> 20} MiB of disk are free", "free some space")


def _narrowed(path: str) -> str:
    if os.name == "nt":
        return f'icacls "{path}" /inheritance:r /grant:r "%USERNAME%:F"'
    return f"chmod 600 '{path}'"


def _existing(path: str) -> str:
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def databases(runtime: Runtime) -> Iterator[Finding]:
    """The ledger and the history: sound, and nothing stuck."""
    faults = 0
    for name, path in (
        ("ledger", ledger_file(runtime.paths)),
        ("history", history_file(runtime.paths)),
    ):
        fault = database_fault(path)
        if fault:
            faults += 1
            fix = f"move {path} away; a new one is made"
            yield Finding(name, BAD, f"{path} is damaged: {fault}", fix)
    if faults:
        return
    ledger = runtime.ledger
    now = runtime.clock.now()
    old = [lease for lease in ledger.open_leases() if lease.age_s > OLD_LEASE_S]
    if old:
        text = f"{len(old)} requests are under way for over an hour"
        yield Finding("ledger", WARN, text, "end the freellm that asks them")
    for rest in ledger.rests():
        until = "until you act" if rest.until is None else f"for {spell_seconds(rest.until - now)}"
        text = f"{rest.key.split(':', 1)[1]} rests {until}: {rest.reason}"
        fix = f"freellm limits reset {rest.key.split(':', 1)[1]}"
        yield Finding("ledger", WARN if rest.until is None else INFO, text, fix)
    if not old:
        size = os.path.getsize(ledger_file(runtime.paths)) >> 10
        yield Finding("ledger", GOOD, f"sound, {size:,} KiB")


def clock(runtime: Runtime) -> Iterator[Finding]:
    """As far as this machine alone can tell."""
    if runtime.clock.now() < RELEASED_AT:
        fix = "set the clock (timedatectl set-ntp true)"
        yield Finding("clock", BAD, "the clock shows a time before this program was made", fix)


def ports(runtime: Runtime) -> Iterator[Finding]:
    """Whether `freellm serve` could listen."""
    serve = runtime.settings.serve
    if serve.port == 0:
        return
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((serve.host if serve.host.count(".") == 3 else "127.0.0.1", serve.port))
    except OSError as error:
        text = f"port {serve.port} is taken ({error.strerror}): `freellm serve` runs, or another program"
        fix = f"freellm config set serve.port {serve.port + 1 if serve.port < 65535 else 8000}"
        yield Finding("ports", WARN, text, fix)
        return
    yield Finding("ports", GOOD, f"port {serve.port} is free for `freellm serve`")

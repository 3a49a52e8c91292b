"""The OAuth client of an official Gemini CLI on this machine. It is read and never changed.

Its package holds the constants OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET (google-gemini/gemini-cli
packages/core/src/code_assist/oauth2.ts); the npm package has them in one of the files of its bundle.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from freellm_cli.core.secret import Secret

_PACKAGE = os.path.join("@google", "gemini-cli")
_CORE = os.path.join("@google", "gemini-cli-core")
_MODULE = os.path.join("dist", "src", "code_assist", "oauth2.js")
_LARGEST_FILE = 64 * 1024 * 1024
_ID = re.compile(
    rb"""OAUTH_CLIENT_ID\s*=\s*["']([0-9A-Za-z.-]+\.apps\.googleusercontent\.com)["']"""
)
_SECRET = re.compile(rb"""OAUTH_CLIENT_SECRET\s*=\s*["']([0-9A-Za-z_-]+)["']""")


def gemini_cli_client(env: Mapping[str, str]) -> tuple[str, Secret, str] | None:
    """(client id, client secret, the file they are from) of the first package found; None without one."""
    for folder in _packages(env):
        for path in _files(folder):
            found = _client_in(path)
            if found is not None:
                return (*found, path)
    return None


def package_roots(env: Mapping[str, str]) -> Iterator[str]:
    """Folders called node_modules where a global npm package may be, the likeliest first."""
    home = env.get("HOME") or env.get("USERPROFILE") or ""
    for prefix in (env.get("NPM_CONFIG_PREFIX"), env.get("npm_config_prefix")):
        if prefix:
            yield os.path.join(prefix, "lib", "node_modules")
            yield os.path.join(prefix, "node_modules")
    if env.get("APPDATA"):
        yield os.path.join(env["APPDATA"], "npm", "node_modules")
    if home:
        for place in (".npm-global", ".local", ".npm-packages", ".volta/tools/image"):
            yield os.path.join(home, place, "lib", "node_modules")
        for versions in (".nvm/versions/node", ".local/share/fnm/node-versions"):
            yield from _each(os.path.join(home, versions), ("lib", "node_modules"))
            yield from _each(os.path.join(home, versions), ("installation", "lib", "node_modules"))
        yield from _each(os.path.join(home, ".npm", "_npx"), ("node_modules",))
    for folder in ("/usr/local/lib", "/usr/lib", "/opt/homebrew/lib"):
        yield os.path.join(folder, "node_modules")


def _packages(env: Mapping[str, str]) -> Iterator[str]:
    command = _command(env)
    if command:
        yield command
    for root in package_roots(env):
        yield os.path.join(root, _PACKAGE)


def _command(env: Mapping[str, str]) -> str:
    """The package folder that the command `gemini` on the PATH belongs to, "" without one."""
    for folder in env.get("PATH", "").split(os.pathsep):
        for name in ("gemini", "gemini.cmd"):
            path = os.path.join(folder, name)
            if folder and os.path.isfile(path):
                real = os.path.realpath(path)
                place = real.find(_PACKAGE + os.sep)
                if place >= 0:
                    return real[: place + len(_PACKAGE)]
                beside = os.path.join(folder, "node_modules", _PACKAGE)
                if os.path.isdir(beside):
                    return beside
    return ""


def _files(package: str) -> Iterator[str]:
    parent = os.path.dirname(os.path.dirname(package))
    for modules in (os.path.join(package, "node_modules"), parent):
        yield os.path.join(modules, _CORE, _MODULE)
    bundle = os.path.join(package, "bundle")
    try:
        names = sorted(os.listdir(bundle))
    except OSError:
        return
    for name in names:
        if name.endswith(".js"):
            yield os.path.join(bundle, name)


def _client_in(path: str) -> tuple[str, Secret] | None:
    try:
        if os.path.getsize(path) > _LARGEST_FILE:
            return None
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return None
    client_id, secret = _ID.search(text), _SECRET.search(text)
    if client_id is None or secret is None:
        return None
    return client_id[1].decode(), Secret(secret[1].decode())


def _each(folder: str, tail: tuple[str, ...]) -> Iterator[str]:
    try:
        names = sorted(os.listdir(folder), reverse=True)
    except OSError:
        return
    for name in names:
        yield os.path.join(folder, name, *tail)

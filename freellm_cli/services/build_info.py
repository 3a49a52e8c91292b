"""What this freellm is and where it came from: what a report of a fault needs to name."""

from __future__ import annotations

import json
import os
import sys
from typing import NamedTuple

from freellm_cli import __version__
from freellm_cli.services.own_command import own_file

FILE_NAME = "build.json"


class Build(NamedTuple):
    """Of a one-file program. `commit`: twelve letters, with "+" if files differed from it; "" when it was
    built outside of a clone. `date`: the commit's. `platform`: for example "linux-x86_64"."""

    version: str
    commit: str
    date: str
    platform: str
    python: str


def read_build(folder: str) -> Build | None:
    """What `scripts/binary` has written into the folder that the one file unpacks; None if it is not one."""
    try:
        with open(os.path.join(folder, FILE_NAME), encoding="utf-8") as file:
            told = json.load(file)
    except (OSError, ValueError):
        return None
    return Build(*(str(told.get(name, "")) for name in Build._fields))


def describe_build(file: str | None = None, folder: str = sys.prefix) -> list[str]:
    """Lines for people: the version, then how it was built, then where it lies. `file`: the one file."""
    file = own_file() if file is None else file
    build = read_build(folder) if file else None
    lines = [f"freellm {__version__}"]
    if build is None:
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        return [*lines, f"Python {sys.version.split()[0]}, {package}"]
    commit = f" from {build.commit}" if build.commit else ""
    made = f"one file for {build.platform}, of {build.date}{commit}, Python {build.python}"
    return [*lines, made, f"{file}, unpacked in {folder}"]

"""How this very freellm is started again: what a service, a scheduled task or a child process must run.

The one place that knows the ways in which freellm comes to a machine:

- one file: the file itself, not what it unpacked;
- pip, pipx, uv, a clone set up by scripts/setup, the Debian package: the `freellm` program that was
  typed, or the one beside the interpreter;
- a package folder without a program: the interpreter with `-m freellm_cli`, which finds the package only
  while it is installed.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

PROGRAM = "freellm"


def own_command(
    *,
    executable: str = sys.executable,
    argv: Sequence[str] | None = None,
    one_file: str | None = None,
    platform: str = sys.platform,
    exists: Callable[[str], bool] = os.path.isfile,
) -> tuple[str, ...]:
    """The words that start this freellm, the first an absolute path, to which arguments may be added."""
    one_file = own_file() if one_file is None else one_file
    if one_file:
        return (os.path.abspath(one_file),)
    names = _Names(platform == "win32")
    typed = (sys.argv if argv is None else argv)[:1]
    for path in (*map(names.typed_program, typed), names.beside(executable)):
        if path and exists(path):
            return (path,)
    return (executable, "-m", "freellm_cli")


def own_file() -> str:
    """The path of the one-file program that this process is; "" when it is an ordinary Python's.

    `packaging/binary/boot.py` sets `sys.frozen` and names the file in `sys.executable`, as PyInstaller does
    (https://pyinstaller.org/en/stable/runtime-information.html).
    """
    return sys.executable if getattr(sys, "frozen", False) else ""


class _Names:
    """What programs are called on a system."""

    def __init__(self, windows: bool) -> None:
        self._path: ModuleType = ntpath if windows else posixpath
        self._suffix = ".exe" if windows else ""

    def typed_program(self, typed: str) -> str:
        """`sys.argv[0]` where that is a program of our name, else "". pip's programs on Windows leave out
        their ".exe"."""
        if not typed.lower().endswith(self._suffix):
            typed += self._suffix
        name = self._path.basename(typed)
        return str(self._path.abspath(typed)) if name.lower() == PROGRAM + self._suffix else ""

    def beside(self, executable: str) -> str:
        return str(self._path.join(self._path.dirname(executable), PROGRAM + self._suffix))

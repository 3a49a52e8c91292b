"""`python -m tests.support.like_windows ARGUMENTS`: freellm in a Python that shows it a Windows.

The libraries are imported first and keep the system that they know. What freellm imports afterwards are other
`os`, `sys`, `signal`, `socket`, `select` and `time`: they say that this is Windows and lack what Windows
lacks; and an `msvcrt` that locks as Windows does, a byte of an open file, kept from every other handle.
`icacls` and `whoami` are the programs of that name on the PATH.
"""

from __future__ import annotations

import errno
import fcntl
import importlib
import os
import pkgutil
import select
import signal
import socket
import sys
import time
import types
from collections.abc import Callable, Collection

from tests.test_portability import ELSEWHERE_MISSING, POSIX_MODULES

STILL_THERE = {"kill", "chmod", "rename", "link", "symlink", "O_BINARY"}


def become_windows() -> None:
    import freellm_cli

    for name in ("zoneinfo", "sysconfig", "getpass", "ctypes", "webbrowser", "platformdirs"):
        importlib.import_module(name)  # what is otherwise imported at its first use
    for item in pkgutil.walk_packages(freellm_cli.__path__, "freellm_cli."):
        if not item.name.endswith("__main__"):
            importlib.import_module(item.name)
    for name in [name for name in sys.modules if name.split(".")[0] == "freellm_cli"]:
        del sys.modules[name]
    put(
        os,
        lacks=ELSEWHERE_MISSING["os"] - STILL_THERE,
        name="nt",
        O_BINARY=0,
        replace=at_second_try(os.replace),
    )
    put(sys, platform="win32")
    put(signal, lacks=ELSEWHERE_MISSING["signal"], SIGBREAK=signal.SIGUSR1)
    put(socket, lacks=ELSEWHERE_MISSING["socket"], SO_EXCLUSIVEADDRUSE=socket.SO_REUSEADDR)
    put(select, lacks=ELSEWHERE_MISSING["select"])
    put(time, lacks={name for name in vars(time) if name.startswith("CLOCK_")} | {"clock_gettime"})
    sys.modules["msvcrt"] = msvcrt(fcntl)
    for name in POSIX_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]


def put(real: types.ModuleType, lacks: Collection[str] = (), **new: object) -> None:
    """What `import` finds from now on under the module's name."""
    seen = types.ModuleType(real.__name__)
    seen.__dict__.update({name: it for name, it in vars(real).items() if name not in lacks} | new)
    sys.modules[real.__name__] = seen


def at_second_try(replace: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """A virus scanner has every file open at first."""
    seen = set()

    def replace_later(source: str, target: str) -> None:
        if source not in seen:
            seen.add(source)
            raise PermissionError(errno.EACCES, "Access is denied")
        replace(source, target)

    return replace_later


def msvcrt(fcntl: types.ModuleType) -> types.ModuleType:
    """https://docs.python.org/3/library/msvcrt.html#msvcrt.locking"""
    module = types.ModuleType("msvcrt")

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert count == 1
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0, "locks where the file stands"
        try:
            flag = fcntl.LOCK_UN if mode == 0 else fcntl.LOCK_EX | fcntl.LOCK_NB
            fcntl.flock(descriptor, flag)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    module.__dict__.update(locking=locking, LK_UNLCK=0, LK_LOCK=1, LK_NBLCK=2)
    return module


if __name__ == "__main__":
    become_windows()
    from freellm_cli.__main__ import main

    sys.modules["sys"].argv = ["freellm", *sys.argv[1:]]
    sys.exit(main())

"""How the worker process of a server is started."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket

COMMAND = "_serve"
"""The word, for nobody to type, with which freellm becomes a worker process."""


class Process(Protocol):
    """As subprocess.Popen."""

    pid: int

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


def launch_worker(theirs: socket.socket) -> Process:
    """This very freellm as a worker process, with `theirs` as its standard input: in a process group of its
    own, for a Ctrl-C in the terminal means the server, which tells it. A module that lies in the folder that
    the person is in is none of ours (-P). Raises OSError."""
    import subprocess

    from freellm_cli.services.own_command import own_file

    one_file = own_file()
    command = (
        [one_file, COMMAND] if one_file else [sys.executable, "-P", "-m", "freellm_cli", COMMAND]
    )
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH", ""))))
    return subprocess.Popen(
        command,
        stdin=theirs.fileno(),
        stdout=subprocess.DEVNULL,
        env=dict(os.environ) if one_file else {**os.environ, "PYTHONPATH": found},
        process_group=0,
    )

"""`python -m freellm_cli` and the `freellm` command."""

from __future__ import annotations

import sys

# New objects before Python looks for circles among them (its own: 700). A short command never comes that far;
# while modules are imported a search finds nothing, and all of them together took 4 ms.
_COLLECT_AFTER = 100_000


def main() -> int:
    """Runs the command line of this process; returns its exit code."""
    if sys.argv[1:] == ["--version"] and _told_version():
        return 0
    from freellm_cli.cli.front import run

    return run(sys.argv[1:])


def _told_version() -> bool:
    """False where the output takes nothing: then the command, which comes slowly, tells why. Not through
    `print`, which would leave the line in a buffer that fails again."""
    import os

    from freellm_cli import __version__

    try:
        os.write(sys.stdout.fileno(), f"freellm {__version__}{os.linesep}".encode())
    except (AttributeError, OSError, ValueError):  # no stream at all, a full one, one of a test
        return False
    return True


def program() -> None:
    """`main` as a whole process; does not return."""
    import gc

    gc.set_threshold(_COLLECT_AFTER)
    code = main()
    leave_at_once(code)
    sys.exit(code)


def leave_at_once(code: int) -> None:
    """Ends the process, unless there is something to wait for or to complain about at its end.

    Python would take every object and module apart, 8 ms after a short command, to give back what the
    system takes back anyway. What must happen at the end happens before: functions at exit, and all that was
    written is flushed.
    """
    import atexit
    import os

    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        return
    try:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return  # it will meet the same fault, and tell it as always
    os._exit(code)


if __name__ == "__main__":
    program()

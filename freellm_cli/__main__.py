"""`python -m freellm_cli` and the `freellm` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line of this process; returns its exit code."""
    if sys.argv[1:] == ["--version"]:
        from freellm_cli import __version__

        print("freellm", __version__)
        return 0
    from freellm_cli.cli.front import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""The completion scripts, as `freellm completion SHELL` prints them."""

from __future__ import annotations

from collections.abc import Callable


def completion_files() -> dict[str, Callable[[], str]]:
    from freellm_cli.cli.command_tree import command_tree
    from freellm_cli.cli.shells import SHELLS, SUFFIXES, completion_script

    def maker(shell: str) -> Callable[[], str]:
        return lambda: completion_script(shell, command_tree())

    return {f"completions/freellm.{SUFFIXES[shell]}": maker(shell) for shell in SHELLS}

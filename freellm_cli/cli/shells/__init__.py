"""Completion scripts, one module a shell: each turns the command tree into a script.

The scripts know commands, flags and fixed choices; names that change (models, keys, settings) they ask of
`freellm _complete KIND PREFIX`, which answers one name a line.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from freellm_cli.core.errors import UsageError

if TYPE_CHECKING:
    from freellm_cli.cli.command_tree import Command

SHELLS = ("bash", "zsh", "fish", "powershell")
SUFFIXES = {"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "ps1"}


def completion_script(shell: str, tree: Command) -> str:
    """Raises UsageError for a shell that is none of SHELLS."""
    if shell not in SHELLS:
        from difflib import get_close_matches

        near = get_close_matches(shell, (*SHELLS, "install"), 1)
        told = f"did you mean `freellm completion {near[0]}`?" if near else ""
        raise UsageError(
            f"there is completion for {', '.join(SHELLS)}, not for {shell!r}", hint=told
        )
    script: str = importlib.import_module(f"freellm_cli.cli.shells.{shell}").script(tree)
    return script

"""What is asked before something is done that cannot be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from freellm_cli.core.errors import UsageError

if TYPE_CHECKING:
    from freellm_cli.cli.face import Face


def may_forget(face: Face, what: str, command: str) -> None:
    """Asks whether `what` shall be forgotten for good; typer.Abort is raised for a no.

    Raises UsageError where there is no terminal to ask on: `command` does it without asking.
    """
    if not face.is_terminal(face.stdin):
        raise UsageError(
            f"{what} would be forgotten for good, and there is no terminal to ask",
            hint=f"`{command}` does it without asking",
        )
    typer.confirm(f"Forget {what} for good?", abort=True, err=True)

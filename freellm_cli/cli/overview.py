"""`freellm` alone: a short state of the pool and what to do next."""

from __future__ import annotations

from collections.abc import Callable

from freellm_cli.cli.face import Face


def show_overview(face: Face, help_text: Callable[[], str]) -> None:
    """On a terminal, a few lines about this pool; in a pipe, the help."""
    if not face.is_terminal(face.out) and not face.json:
        face.print(help_text())
        return
    from freellm_cli.cli.render import render
    from freellm_cli.services.overview import overview

    render(face, overview(face.runtime))

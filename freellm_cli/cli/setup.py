"""`freellm setup`: the face of `services.setup`."""

from __future__ import annotations

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def setup(ctx: typer.Context) -> None:
    """From nothing to the first answer in a minute: which key, where to get it, a question.

    Without a terminal it prints the commands instead.

    Example: freellm setup < /dev/null
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.setup import set_up, steps_without_terminal

    face = ctx.obj
    if face.json or not (face.is_terminal(face.stdin) and face.is_terminal(face.err)):
        raise typer.Exit(render(face, steps_without_terminal(face.runtime)))
    from freellm_cli.cli.setup_talk import FaceTalk

    raise typer.Exit(render(face, set_up(face.runtime, FaceTalk(face))))

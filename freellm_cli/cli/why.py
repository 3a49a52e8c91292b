"""`freellm why`: the face of `services.explain.why`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def why(
    ctx: typer.Context,
    request: Annotated[str, typer.Argument(help="A request's id.", metavar="[REQUEST]")] = "",
) -> None:
    """What became of a request (the last one): every target tried, and why.

    Example: freellm why --json
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services import explain

    raise typer.Exit(render(ctx.obj, explain.why(ctx.obj.runtime, request)))

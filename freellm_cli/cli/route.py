"""`freellm route`: the face of `services.explain.route`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def route(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Alias, provider/name or family.")] = "",
) -> None:
    """Where a request for a model would go now; nothing is sent.

    Example: freellm route kimi-k3
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services import explain

    raise typer.Exit(render(ctx.obj, explain.route(ctx.obj.runtime, model)))

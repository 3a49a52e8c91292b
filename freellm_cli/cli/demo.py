"""`freellm demo`: the face of `services.demo`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def demo(
    ctx: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Without pauses.")] = False,
) -> None:
    """See it work on this machine: no key, no network, nothing kept.

    A small, strict provider is started here with throw-away keys: a chat, rotation inside limits, a key
    that fails unseen, a closed service, a silent host.

    Example: freellm demo --fast
    """
    from freellm_cli.cli.render import render
    from freellm_cli.cli.stage import FaceStage
    from freellm_cli.services.demo import run_demo

    stage = FaceStage(ctx.obj)
    result = run_demo(stage, fast=fast)
    stage.end()
    raise typer.Exit(render(ctx.obj, result))

"""`freellm limits …`: the faces of `services.limits`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def limits(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(help="A provider; or: why TARGET; or: reset TARGET.", metavar="[PROVIDER]"),
    ] = None,
) -> None:
    """Used, limit and reset of every key and model; what rests and why.

    `freellm limits why TARGET` tells what keeps a key or a model from being asked; `freellm limits reset
    TARGET` wakes it, `reset` alone wakes everything.

    Example: freellm limits reset
    """
    from freellm_cli.cli.render import render
    from freellm_cli.core.errors import UsageError
    from freellm_cli.services import limits as service

    words, runtime = words or [], ctx.obj.runtime
    if words[:1] == ["reset"] and len(words) <= 2:
        result = service.reset_limits(runtime, words[1] if len(words) == 2 else "")
    elif words[:1] == ["why"] and len(words) == 2:
        result = service.why_limited(runtime, words[1])
    elif len(words) > 1 or words[:1] == ["why"]:
        raise UsageError("say one provider, why TARGET or reset TARGET", hint="see --help")
    else:
        result = service.show_limits(runtime, words[0] if words else "")
    raise typer.Exit(render(ctx.obj, result))

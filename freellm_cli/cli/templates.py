"""`freellm templates …`: the faces of `services.templates`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
Name = Annotated[str, typer.Argument(help="The template's name.", metavar="NAME")]


@app.callback()
def templates(ctx: typer.Context) -> None:
    """Prompts with a name, for `freellm chat -t NAME`. Alone: lists them.

    Example: freellm templates
    """
    if ctx.invoked_subcommand is None:
        list_(ctx)


@app.command(name="list")
def list_(ctx: typer.Context) -> None:
    """Every template: yours, and those that come with freellm.

    Example: freellm templates list
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.templates import list_templates

    raise typer.Exit(render(ctx.obj, list_templates(ctx.obj.runtime)))


@app.command()
def show(ctx: typer.Context, name: Name) -> None:
    """A template's text and its variables.

    Example: freellm templates show commit
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.templates import show_template

    raise typer.Exit(render(ctx.obj, show_template(ctx.obj.runtime, name)))


@app.command()
def edit(ctx: typer.Context, name: Name) -> None:
    """Make or change a template in your editor; a broken one is refused and the old one stays.

    Example: EDITOR=true freellm templates edit commit
    """
    from freellm_cli.cli.editor import edited
    from freellm_cli.cli.render import render
    from freellm_cli.services.templates import save_template, text_to_edit

    text = edited(ctx.obj, text_to_edit(ctx.obj.runtime, name), name=f"{name}.toml")
    raise typer.Exit(render(ctx.obj, save_template(ctx.obj.runtime, name, text)))

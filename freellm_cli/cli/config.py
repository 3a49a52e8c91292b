"""`freellm config …`: the faces of `services.config`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
Key = Annotated[str, typer.Argument(help="Dotted name: serve.port, aliases.smart, …")]


@app.callback()
def config(ctx: typer.Context) -> None:
    """Show, set and check the settings. Alone: shows them.

    Example: freellm config set default_model kimi-k3
    """
    if ctx.invoked_subcommand is None:
        show(ctx)


@app.command()
def path(ctx: typer.Context) -> None:
    """Where the files are.

    Example: freellm config path
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.config import show_paths

    raise typer.Exit(render(ctx.obj, show_paths(ctx.obj.runtime)))


@app.command()
def show(ctx: typer.Context) -> None:
    """Every setting that is not at its default, and where it is from.

    Example: freellm config show --json
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.config import show_settings

    raise typer.Exit(render(ctx.obj, show_settings(ctx.obj.runtime)))


@app.command()
def get(ctx: typer.Context, key: Key) -> None:
    """One value, or all that a table such as aliases holds.

    Example: freellm config get serve.port
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.config import get_setting

    raise typer.Exit(render(ctx.obj, get_setting(ctx.obj.runtime, key)))


@app.command(name="set", context_settings={"ignore_unknown_options": True})
def set_(
    ctx: typer.Context, key: Key, value: Annotated[str, typer.Argument(help="The value.")]
) -> None:
    """Change a value; your comments stay.

    Example: freellm config set aliases.smart '["gemini/gemini-2.5-flash", "kimi-k3"]'
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.config import set_setting

    raise typer.Exit(render(ctx.obj, set_setting(ctx.obj.runtime, key, value)))


@app.command()
def unset(ctx: typer.Context, key: Key) -> None:
    """Back to the default.

    Example: freellm config unset serve.port
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.config import unset_setting

    raise typer.Exit(render(ctx.obj, unset_setting(ctx.obj.runtime, key)))


@app.command()
def edit(ctx: typer.Context) -> None:
    """Open the file in your editor; a broken edit is refused and the old file stays.

    Example: EDITOR=true freellm config edit
    """
    from freellm_cli.cli.editor import edited
    from freellm_cli.cli.render import render
    from freellm_cli.services.config import replace_text, text_to_edit

    text = edited(ctx.obj, text_to_edit(ctx.obj.runtime))
    raise typer.Exit(render(ctx.obj, replace_text(ctx.obj.runtime, text)))


@app.command()
def check(ctx: typer.Context) -> None:
    """Read the file as every command does, and say what is wrong with it.

    Example: freellm config check
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.settings_check import check_settings

    raise typer.Exit(render(ctx.obj, check_settings(ctx.obj.runtime)))

"""`freellm completion`: the script for a shell, printed or put where the shell looks for it."""

from __future__ import annotations

from typing import Annotated

import typer

from freellm_cli.core.errors import UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def completion(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="bash, zsh, fish or powershell; left out: the one you use.",
            metavar="[install] [SHELL]",
        ),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Put it where the shell looks for it.")
    ] = False,
) -> None:
    """Completion of commands, flags, models, keys and settings.

    `freellm completion install` puts it where your shell looks for it.

    Example: freellm completion bash
    """
    from freellm_cli.cli.command_tree import command_tree
    from freellm_cli.cli.render import render
    from freellm_cli.cli.shells import completion_script
    from freellm_cli.services.completion_files import install_script, own_shell, shown_script

    words = words or []
    install = install or words[:1] == ["install"]
    named = [word for word in words if word != "install"]
    if len(named) > 1 or len(words) > 2:
        raise UsageError("say one shell", hint="`freellm completion install zsh`")
    shell = named[0] if named else own_shell(ctx.obj.env)
    text = completion_script(shell, command_tree())
    act = install_script if install else shown_script
    raise typer.Exit(render(ctx.obj, act(shell, text, ctx.obj.env)))

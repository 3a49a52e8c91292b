"""`freellm models …`: the faces of `services.models`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def models(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="A provider, or part of a name; or: show ID; or: test [ID…].",
            metavar="[PROVIDER]",
        ),
    ] = None,
    recommended: Annotated[
        bool, typer.Option("--recommended", help="Only the good picks.")
    ] = False,
    use: Annotated[
        str,
        typer.Option(
            "--for",
            help="fast, long-context, multilingual, vision, reasoning, lightweight or story.",
            metavar="USE",
        ),
    ] = "",
    thinking: Annotated[
        bool | None, typer.Option("--thinking/--no-thinking", help="Models that can reason first.")
    ] = None,
    vision: Annotated[bool, typer.Option("--vision", help="Models that see images.")] = False,
    tools: Annotated[bool, typer.Option("--tools", help="Models that call tools.")] = False,
    min_context: Annotated[int, typer.Option(help="At least this many tokens.")] = 0,
    family: Annotated[str, typer.Option(help="One family, whoever hosts it.")] = "",
    available: Annotated[bool, typer.Option("--available", help="You have a key for it.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Also models that are gone.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the providers first.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Ids only, one a line.")] = False,
    share: Annotated[
        str, typer.Option(help="For test: of a day's quota at most this.", metavar="SHARE")
    ] = "5%",
) -> None:
    """What can be asked: families, contexts, abilities, limits, status.

    `freellm models show ID` tells everything of one model, with dates and sources. `freellm models test`
    measures how soon and how fast the named models (else the recommended ones) answer.

    Example: freellm models --recommended --for fast
    """
    from freellm_cli.cli.render import render
    from freellm_cli.core.errors import UsageError
    from freellm_cli.services import models as service

    words = words or []
    if words[:1] == ["show"] and len(words) == 2:
        raise typer.Exit(render(ctx.obj, service.show_model(ctx.obj.runtime, words[1])))
    if words[:1] == ["test"]:
        from freellm_cli.cli.model_test_run import run_test

        raise typer.Exit(run_test(ctx.obj, words[1:], share))
    if len(words) > 1 or words[:1] == ["show"]:
        raise UsageError(
            "say one provider, show ID, or test [ID…]", hint="see `freellm models --help`"
        )
    wanted = service.Filter(
        provider=words[0] if words else "",
        recommended=recommended,
        use=use,
        thinking=thinking,
        vision=vision,
        tools=tools,
        min_context=min_context,
        family=family,
        available=available,
        all=all_,
    )
    result = service.list_models(ctx.obj.runtime, wanted, names=names, fresh=refresh)
    raise typer.Exit(render(ctx.obj, result))

"""`freellm limits …`: the faces of `services.limits`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from freellm_cli.services.results import Result
    from freellm_cli.services.runtime import Runtime

app = typer.Typer(rich_markup_mode=None, add_completion=False)


_ACTIONS = ("why", "reset", "drift", "forget", "plan")


@app.command()
def limits(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="A provider; or: why TARGET, reset [TARGET], drift, forget [NAME], plan.",
            metavar="[PROVIDER]",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="plan: the model, family or alias to ask."),
    ] = None,
    requests: Annotated[int, typer.Option("--requests", "-n", help="plan: how many requests.")] = 0,
    tokens: Annotated[
        int, typer.Option("--tokens", help="plan: tokens of one request, answer included.")
    ] = 800,
    by: Annotated[
        str, typer.Option("--by", help="plan: when all must be sent: 2h, 18:00, 2026-11-22T08:00.")
    ] = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Stay, and show what changes.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", help="watch: seconds between two looks.")
    ] = 1.0,
) -> None:
    """Used, limit and reset of every key and model; what rests and why.

    `freellm limits why TARGET` tells what keeps a key or a model from being asked; `limits reset TARGET`
    wakes it, `reset` alone wakes everything. `limits drift` prints what servers said otherwise than the
    catalog, as a patch of it; `limits forget NAME` forgets what was learned. `limits plan` tells when a
    number of requests would be done, and what it takes to have them done in time.

    `limits --watch` paints a terminal anew whenever something changes, until q or Ctrl-C; in a pipe it prints
    the limits each time that they have changed, with `--json` on one line each time.

    Example: freellm limits plan --model kimi-k3 --requests 500 --by 18:00
    """
    from freellm_cli.cli.render import render
    from freellm_cli.core.errors import UsageError

    words, runtime = words or [], ctx.obj.runtime
    action = words[0] if words and words[0] in _ACTIONS else ""
    if watch:
        from freellm_cli.cli.limits_watch import watch_limits

        if action or len(words) > 1 or model or requests or by:
            raise UsageError(
                "--watch shows all limits, or those of one provider",
                hint="see `freellm limits --help`",
            )
        raise typer.Exit(watch_limits(ctx.obj, words[0] if words else "", interval))
    if action == "plan" and len(words) == 1:
        from freellm_cli.cli.chat_question import wanted_model
        from freellm_cli.services import limit_plan

        until = limit_plan.parse_by(by, runtime.clock.now()) if by else None
        question = limit_plan.Question(wanted_model(model), requests, tokens, until)
        result = limit_plan.plan_limits(runtime, question)
    else:
        if model or requests or by:
            raise UsageError(
                "--model, --requests and --by belong to a plan", hint="freellm limits plan …"
            )
        result = _looked_up(runtime, action, words)
    raise typer.Exit(render(ctx.obj, result))


def _looked_up(runtime: Runtime, action: str, words: list[str]) -> Result:
    from freellm_cli.core.errors import UsageError
    from freellm_cli.services import limit_lessons
    from freellm_cli.services import limits as service

    name = words[1] if len(words) == 2 else ""
    if action == "reset" and len(words) <= 2:
        return service.reset_limits(runtime, name)
    if action == "forget" and len(words) <= 2:
        return limit_lessons.forget(runtime, name)
    if action == "why" and len(words) == 1:
        raise UsageError(
            "of which key, model or target?",
            hint="`freellm limits` shows them: `freellm limits why gemini-1`",
        )
    if action == "why" and name:
        return service.why_limited(runtime, name)
    if action == "drift" and not name:
        return limit_lessons.drift(runtime)
    if len(words) > 1 or action:
        raise UsageError(
            "say one provider, why TARGET, reset [TARGET], drift, forget [NAME] or plan",
            hint="see `freellm limits --help`",
        )
    return service.show_limits(runtime, words[0] if words else "")

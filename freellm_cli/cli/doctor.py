"""`freellm doctor`: the face of `services.doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def doctor(
    ctx: typer.Context,
    online: Annotated[
        bool, typer.Option("--online", help="Also reach each provider; compare clocks.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Send nothing: no key check.")] = False,
    bundle: Annotated[
        str, typer.Option(help="Also write a report that is safe to publish.", metavar="FILE")
    ] = "",
) -> None:
    """A self-test: configuration, files, ledger, clock, ports, network, each key.

    Every finding comes with what mends it. Keys are checked without generation quota.

    Example: freellm doctor --offline --bundle report.json
    """
    from freellm_cli.cli.new_file import write_new
    from freellm_cli.cli.render import render
    from freellm_cli.core.errors import UsageError
    from freellm_cli.services import doctor as service

    if online and offline:
        raise UsageError("--online and --offline exclude each other")
    findings = service.examine(ctx.obj.runtime, online=online, ask_keys=not offline)
    if bundle:
        from freellm_cli.services.doctor_bundle import bundle as text_of

        write_new(bundle, text_of(ctx.obj.runtime, findings))
        ctx.obj.note(f"{bundle} holds no key, name or address: read it, then publish it")
    raise typer.Exit(render(ctx.obj, service.examined(findings)))

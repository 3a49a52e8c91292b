"""`freellm serve`: the face of the server."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Profile(StrEnum):
    game = "game"


@app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port (8000); 0: any free one.", max=65535, min=0)
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="Key that clients must send.", metavar="KEY", envvar="FREELLM_SERVE_TOKEN"
        ),
    ] = None,
    profile: Annotated[Profile | None, typer.Option(help="Choices for one kind of client.")] = None,
    simulate: Annotated[
        str | None,
        typer.Option(
            help="Rehearse without keys, every provider played here: generous, tiny, free, gemini-free, "
            "groq-like, openrouter-like, nim-like, mistral-like, cerebras-like, moody, local-slow.",
            metavar="PROFILE",
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(help="A web page that may ask; repeatable.", metavar="ORIGIN"),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Most requests answered at once.", min=1)
    ] = None,
    drain: Annotated[
        float | None, typer.Option(help="Seconds that running answers get at the end.", min=0)
    ] = None,
    log_content: Annotated[
        bool, typer.Option("--log-content", help="Write prompts and answers to the log.")
    ] = False,
    open_page: Annotated[
        bool, typer.Option("--open", help="Show the server's page in the browser.")
    ] = False,
    install_service: Annotated[
        bool,
        typer.Option(
            "--install-service", help="Let the system start it (systemd, launchd, Windows)."
        ),
    ] = False,
    uninstall_service: Annotated[
        bool, typer.Option("--uninstall-service", help="Stop and remove that again.")
    ] = False,
    only_print: Annotated[
        bool, typer.Option("--print", help="With --install-service: write nothing, show it.")
    ] = False,
) -> None:
    """Serve OpenAI, Anthropic and Gemini clients on this machine.

    Point them at http://127.0.0.1:8000/v1 (Anthropic and Gemini clients: without /v1), with any API key.
    http://127.0.0.1:8000 in a browser shows the pool and who answers.

    Example: freellm serve --profile game
    """
    overrides = {
        "serve.host": host,
        "serve.port": port,
        "serve.token": token,
        "serve.profile": profile.value if profile else None,
        "serve.cors_origins": cors_origin or None,
        "serve.threads": threads,
        "serve.drain": drain,
        "serve.log_content": log_content or None,
    }
    if only_print and not install_service:
        raise typer.BadParameter("--print goes with --install-service")
    if install_service and uninstall_service:
        raise typer.BadParameter("--install-service or --uninstall-service, not both")
    if uninstall_service:
        from freellm_cli.cli.serve_service import uninstall_service as remove

        raise typer.Exit(remove(ctx.obj))
    if install_service:
        from freellm_cli.cli.serve_service import install_service as write

        raise typer.Exit(write(ctx.obj, overrides, simulate=simulate, only_print=only_print))
    from freellm_cli.cli.serve_face import serve as run

    raise typer.Exit(run(ctx.obj, overrides, simulate=simulate, show_page=open_page))

"""`freellm oauth …`: the faces of `services.oauth` and `services.oauth_login`."""

from __future__ import annotations

from typing import Annotated

import typer

from freellm_cli.cli.oauth_talk import TerminalTalk

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Id, label or account; all when none.", metavar="[LOGIN…]"),
]
Risk = Annotated[
    bool, typer.Option("--accept-risk", help="Yes to the warning that is shown first.")
]


@app.callback()
def oauth(ctx: typer.Context) -> None:
    """Log in to Gemini CLI or iFlow, and look after the logins. Alone: lists them.

    Example: freellm oauth list
    """
    if ctx.invoked_subcommand is None:
        list_(ctx)


@app.command()
def login(
    ctx: typer.Context,
    provider: Annotated[str, typer.Argument(help="gemini-cli or iflow.")],
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address; paste the code.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the redirect; 0: a free one.")
    ] = 0,
    client_secrets: Annotated[
        str, typer.Option(metavar="FILE", help="The OAuth client's JSON.")
    ] = "",
    accept_risk: Risk = False,
    label: Annotated[str, typer.Option(help="A name of your own.")] = "",
) -> None:
    """Log in with a browser. What is known of the service's state and terms is said first.

    The OAuth client is taken from FILE, from the settings (client_id, client_secrets), or from an official
    Gemini CLI on this machine.

    Example: freellm oauth login gemini-cli --client-secrets client.json
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.oauth_login import LoginOptions
    from freellm_cli.services.oauth_login import login as log_in

    options = LoginOptions(no_browser, port, client_secrets, accept_risk, label)
    result = log_in(ctx.obj.runtime, provider, options, TerminalTalk(ctx.obj))
    raise typer.Exit(render(ctx.obj, result))


@app.command(name="list")
def list_(
    ctx: typer.Context,
    quota: Annotated[bool, typer.Option("--quota", help="Ask Google what is left, too.")] = False,
) -> None:
    """Every login: its account, project, tier and state. No token is shown.

    Example: freellm oauth list --quota
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.oauth import list_logins

    raise typer.Exit(render(ctx.obj, list_logins(ctx.obj.runtime, quota=quota)))


@app.command()
def refresh(
    ctx: typer.Context,
    names: Names = None,
    due: Annotated[bool, typer.Option("--due", help="Only those that expire soon.")] = False,
) -> None:
    """Get fresh tokens now.

    Example: freellm oauth refresh gemini_cli-1
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.oauth import refresh_logins

    result = refresh_logins(ctx.obj.runtime, names or [], due_only=due)
    raise typer.Exit(render(ctx.obj, result))


@app.command()
def logout(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Id, label or account.", metavar="LOGIN…")],
    revoke: Annotated[
        bool,
        typer.Option("--revoke", help="End it at Google too, for other programs with it as well."),
    ] = False,
) -> None:
    """Forget logins.

    Example: freellm oauth logout gemini_cli-1 --revoke
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.oauth import logout as log_out

    raise typer.Exit(render(ctx.obj, log_out(ctx.obj.runtime, names, revoke=revoke)))


@app.command(name="import")
def import_(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(help="A file, a folder, or gemini-cli.")] = "gemini-cli",
    provider: Annotated[str, typer.Option(help="gemini-cli or iflow; told by the file.")] = "",
    check: Annotated[bool, typer.Option("--check/--no-check", help="Ask the provider.")] = True,
    accept_risk: Risk = False,
) -> None:
    """Copy logins of Gemini CLI or LLM-API-Key-Proxy; their own files stay as they are.

    Example: freellm oauth import ./oauth_creds/ --accept-risk
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.oauth import import_logins

    talk = TerminalTalk(ctx.obj)
    result = import_logins(
        ctx.obj.runtime, source, provider=provider, accepted=accept_risk, setup=check, talk=talk
    )
    raise typer.Exit(render(ctx.obj, result))


@app.command()
def export(
    ctx: typer.Context,
    names: Names = None,
    env: Annotated[bool, typer.Option("--env", help="As NAME=value lines (the default).")] = True,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the tokens themselves.")] = False,
) -> None:
    """Logins as environment variables, for machines that keep no files; masked unless --reveal.

    Example: freellm oauth export --env --reveal > logins.env
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.oauth import export_logins

    raise typer.Exit(render(ctx.obj, export_logins(ctx.obj.runtime, names or [], reveal=reveal)))

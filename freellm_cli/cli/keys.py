"""`freellm keys …`: the faces of `services.keys`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from freellm_cli.cli.face import Face
from freellm_cli.cli.key_input import asked_keys, keys_from, settings_from
from freellm_cli.core.errors import UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
Names = Annotated[list[str], typer.Argument(help="Id, label or fingerprint.", metavar="KEY…")]


@app.callback()
def keys(ctx: typer.Context) -> None:
    """Add, list, check and remove API keys. Alone: lists them.

    Example: freellm keys add gemini
    """
    if ctx.invoked_subcommand is None:
        list_(ctx)


# Further words are taken so that a key among them can be refused with the reason.
@app.command(context_settings={"allow_extra_args": True})
def add(
    ctx: typer.Context,
    provider: Annotated[str, typer.Argument(help="gemini, groq, openrouter, …")],
    label: Annotated[str, typer.Option(help="A name of your own.")] = "",
    account: Annotated[
        str, typer.Option(help="The project or organisation whose limits the key shares.")
    ] = "",
    stdin: Annotated[bool, typer.Option("--stdin", help="One key a line from a pipe.")] = False,
    env: Annotated[str, typer.Option(help="Take it from this variable.", metavar="VAR")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="What else it needs: account_id=…", metavar="NAME=VALUE"),
    ] = None,
    base_url: Annotated[
        str, typer.Option(help="Where it is: a host of your own, a relay.", metavar="URL")
    ] = "",
    check: Annotated[bool, typer.Option("--check/--no-check", help="Ask the provider.")] = True,
) -> None:
    """Store a key: asked for unseen, checked without spending generation quota.

    A key is never given on the command line, where other programs and the shell's history see it.

    Example: echo "$MY_KEY" | freellm keys add groq --stdin
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.config import set_setting
    from freellm_cli.services.keys import add_keys

    face: Face = ctx.obj
    if base_url:
        set_setting(face.runtime, f"providers.{provider}.base_url", base_url)
        face.renew_runtime()
    spec = face.runtime.catalog.provider(provider)
    texts = keys_from(face, spec, stdin=stdin, variable=env, typed=ctx.args)
    extra = settings_from(settings or [])

    def store(texts: list[str]) -> int:
        result = add_keys(
            face.runtime, provider, texts, label=label, account=account, extra=extra, check=check
        )
        return render(face, result)

    if texts is None:
        raise typer.Exit(_one_by_one(face, asked_keys(face, spec), store))
    raise typer.Exit(store(texts))


def _one_by_one(face: Face, texts: Iterator[str], store: Callable[[list[str]], int]) -> int:
    """Each key is stored, or refused, before the next is asked for. 0 if one was stored."""
    codes = []
    for text in texts:
        try:
            codes.append(store([text]))
        except UsageError as error:
            codes.append(face.show_error(error))
        face.flush()
    return min(codes, default=0)


@app.command(name="list")
def list_(ctx: typer.Context) -> None:
    """Every key, masked: its account, source and state.

    Example: freellm keys list --json
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.keys import list_keys

    raise typer.Exit(render(ctx.obj, list_keys(ctx.obj.runtime)))


@app.command()
def check(ctx: typer.Context, names: Names = []) -> None:  # noqa: B006 - Typer copies it
    """Ask each provider whether its key is good; spends no generation quota.

    Example: freellm keys check gemini-1
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.keys import check_keys

    raise typer.Exit(render(ctx.obj, check_keys(ctx.obj.runtime, names)))


@app.command()
def enable(ctx: typer.Context, names: Names) -> None:
    """Use a key again, and wake it if it rests.

    Example: freellm keys enable gemini-1
    """
    _switch(ctx, names, True)


@app.command()
def disable(ctx: typer.Context, names: Names) -> None:
    """Keep a key, but do not use it.

    Example: freellm keys disable gemini-1
    """
    _switch(ctx, names, False)


def _switch(ctx: typer.Context, names: list[str], enabled: bool) -> None:
    from freellm_cli.cli.render import render
    from freellm_cli.services.keys import set_enabled

    raise typer.Exit(render(ctx.obj, set_enabled(ctx.obj.runtime, names, enabled)))


@app.command()
def label(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Id, label or fingerprint.", metavar="KEY")],
    new: Annotated[str | None, typer.Argument(help="The new label.", metavar="[LABEL]")] = None,
    account: Annotated[str | None, typer.Option(help="Whose limits it shares.")] = None,
) -> None:
    """Name a key, or say which account it belongs to.

    Example: freellm keys label gemini-2 --account my-project
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.keys import set_label

    raise typer.Exit(render(ctx.obj, set_label(ctx.obj.runtime, name, new, account)))


@app.command()
def remove(
    ctx: typer.Context,
    names: Names,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
) -> None:
    """Forget keys for good; asks first, so without a terminal --yes is needed.

    Example: freellm keys remove gemini-2 --yes
    """
    from freellm_cli.cli.asking import may_forget
    from freellm_cli.cli.render import render
    from freellm_cli.services.keys import remove_keys, stored_ids

    face: Face = ctx.obj
    ids = stored_ids(face.runtime, names)
    if not yes:
        may_forget(face, ", ".join(ids), f"freellm keys remove {' '.join(ids)} --yes")
    raise typer.Exit(render(face, remove_keys(face.runtime, ids)))


@app.command(name="import")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A .env file, llm's keys.json, our own export; - for a pipe.")
    ],
    check: Annotated[bool, typer.Option("--check/--no-check", help="Ask the provider.")] = True,
) -> None:
    """Take over keys from a file; known ones are skipped.

    Example: freellm keys import .env --no-check
    """
    from freellm_cli.cli.key_input import file_content
    from freellm_cli.cli.render import render
    from freellm_cli.services.keys import import_keys

    data = file_content(ctx.obj, file)
    raise typer.Exit(render(ctx.obj, import_keys(ctx.obj.runtime, data, check=check)))


@app.command()
def export(
    ctx: typer.Context,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the keys themselves.")] = False,
) -> None:
    """The stored keys as a file for `keys import`; masked unless --reveal.

    Example: freellm keys export --reveal > keys.toml
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.keys import export_keys

    raise typer.Exit(render(ctx.obj, export_keys(ctx.obj.runtime, reveal=reveal)))

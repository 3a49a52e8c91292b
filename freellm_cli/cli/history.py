"""`freellm history …`: the faces of `services.history`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from freellm_cli.cli.face import Face

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
Limit = Annotated[int, typer.Option("-n", "--limit", help="At most so many.", min=1)]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids, or how they begin.", metavar="[ID]...")]
All = Annotated[bool, typer.Option("--all", help="Every conversation.")]
_NAMED = 5


@app.callback()
def history(ctx: typer.Context) -> None:
    """Conversations that were kept. Alone: lists them.

    Example: freellm history
    """
    if ctx.invoked_subcommand is None:
        list_(ctx)


@app.command(name="list")
def list_(ctx: typer.Context, limit: Limit = 20) -> None:
    """The latest conversations, newest first.

    Example: freellm history list -n 5
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.history import list_history

    raise typer.Exit(render(ctx.obj, list_history(ctx.obj.runtime, limit)))


@app.command()
def show(
    ctx: typer.Context,
    conversation: Annotated[
        str, typer.Argument(help="Its id, or how it begins.", metavar="[ID]")
    ] = "",
) -> None:
    """A conversation, whole; without an id the last one.

    Example: freellm history show
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.history import show_history

    raise typer.Exit(render(ctx.obj, show_history(ctx.obj.runtime, conversation)))


@app.command()
def search(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(help="All of them, anywhere.")],
    limit: Limit = 20,
) -> None:
    """Messages that hold all the words, newest first.

    Example: freellm history search rayleigh scattering
    """
    from freellm_cli.cli.render import render
    from freellm_cli.services.history import search_history

    raise typer.Exit(render(ctx.obj, search_history(ctx.obj.runtime, words, limit)))


@app.command()
def delete(
    ctx: typer.Context,
    conversations: Ids = None,
    older_than: Annotated[
        str, typer.Option(help="Not used for so long: 12h, 30d, 2w.", metavar="TIME")
    ] = "",
    all_: All = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
) -> None:
    """Forget conversations for good; asks first, so without a terminal --yes is needed.

    Example: freellm history delete --older-than 30d --yes
    """
    from freellm_cli.cli.asking import may_forget
    from freellm_cli.cli.render import render
    from freellm_cli.services.history import chosen_ids, delete_history

    face: Face = ctx.obj
    ids = chosen_ids(face.runtime, conversations or (), older_than=older_than, everything=all_)
    if ids and not yes:
        which = [*(conversations or ()), *(["--older-than", older_than] if older_than else ())]
        which += ["--all"] if all_ else []
        may_forget(face, _named(ids), f"freellm history delete {' '.join(which)} --yes")
    raise typer.Exit(render(face, delete_history(face.runtime, ids)))


def _named(ids: Sequence[str]) -> str:
    count = "1 conversation" if len(ids) == 1 else f"{len(ids)} conversations"
    return f"{count} ({', '.join(ids[:_NAMED])}{' …' if len(ids) > _NAMED else ''})"


@app.command()
def export(
    ctx: typer.Context,
    conversations: Ids = None,
    all_: All = False,
    form: Annotated[
        str, typer.Option("--format", help="markdown or jsonl.", metavar="FORMAT")
    ] = "markdown",
    out: Annotated[
        str, typer.Option("-o", "--output", help="A new file; else stdout.", metavar="FILE")
    ] = "",
) -> None:
    """Conversations as one text, to keep or to take along.

    Example: freellm history export --all --format jsonl
    """
    from freellm_cli.cli.new_file import write_new
    from freellm_cli.services.history import chosen_ids, export_history

    face: Face = ctx.obj
    ids = chosen_ids(face.runtime, conversations or (), everything=all_)
    form = "jsonl" if face.json else form
    text = export_history(face.runtime, ids, form)
    if out:
        write_new(out, text)
        face.note(f"wrote {out}")
    else:
        shown = face.shown_json(text) if form == "jsonl" else face.shown(text, face.out)
        face.out.write(shown)

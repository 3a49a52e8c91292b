"""`freellm chat`: the command line's words, declared once (see `cli.quick_parse`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from freellm_cli.cli.chat_options import ChatOptions

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Think(StrEnum):
    off = "off"
    minimal = "minimal"
    low = "low"
    medium = "medium"
    high = "high"
    auto = "auto"


@app.command()
def chat(
    ctx: typer.Context,
    prompt: Annotated[list[str] | None, typer.Argument(help="The question.")] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="Alias, provider/name, family, or auto.")
    ] = None,
    system: Annotated[str | None, typer.Option("-s", "--system", help="System prompt.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", help="Any request parameter.", metavar="KEY=VALUE"),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 (dry) to 2 (wild); some take more.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Nucleus sampling.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Sample from the k likeliest.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="Stop at this text; repeatable.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same answer, mostly.")] = None,
    think: Annotated[Think | None, typer.Option(help="How much to reason first.")] = None,
    stream: Annotated[
        bool, typer.Option("--stream/--no-stream", help="Print as it comes, or at the end.")
    ] = True,
    extract: Annotated[
        bool, typer.Option("-x", "--extract", help="Only the first fenced code block.")
    ] = False,
    usage: Annotated[bool, typer.Option("--usage", help="Who answered, tokens, time.")] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds until an answer or an error.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Only providers that do not train on prompts.")
    ] = False,
    attach: Annotated[
        list[str] | None,
        typer.Option(
            "-a",
            "--attach",
            help="File, address, - or clipboard; repeatable.",
            metavar="FILE|URL|-",
        ),
    ] = None,
    json_schema: Annotated[
        str | None, typer.Option(help="The answer is JSON that fits this schema.", metavar="FILE")
    ] = None,
    template: Annotated[
        str | None, typer.Option("-t", "--template", help="A prompt with a name.", metavar="NAME")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("-p", "--param", help="A template's variable.", metavar="NAME=VALUE"),
    ] = None,
    continue_: Annotated[
        bool, typer.Option("-c", "--continue", help="Go on with the last conversation.")
    ] = False,
    conversation: Annotated[
        str | None,
        typer.Option(help="Go on with this one, or begin one of this name.", metavar="ID"),
    ] = None,
    no_log: Annotated[bool, typer.Option("--no-log", help="Keep nothing of this.")] = False,
    save: Annotated[
        str | None,
        typer.Option(help="Ask nothing; keep this as a template for -t.", metavar="NAME"),
    ] = None,
) -> None:
    """Ask a question; the answer comes on stdout, everything else on stderr.

    Text from a pipe is the prompt, or is joined to it. On a terminal without a prompt: a conversation.

    Example: git diff | freellm chat -m kimi-k3 "write the commit message"
    """
    from freellm_cli.cli.chat_face import chat as ask

    raise typer.Exit(ask(ctx.obj, options_from(ctx.params)))


def options_from(params: dict[str, Any]) -> ChatOptions:
    """What Typer parsed, in the form that both parsers give."""
    values = {name: params[name] for name in ChatOptions._fields}
    for name in ("prompt", "option", "stop", "attach", "param"):
        values[name] = tuple(values[name] or ())
    values["think"] = str(values["think"]) if values["think"] else None
    return ChatOptions(**values)

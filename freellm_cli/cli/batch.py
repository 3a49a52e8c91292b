"""`freellm batch`: the face of `services.batch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from freellm_cli.cli.batch_run import BatchWords, run_batch

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def batch(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(help="JSONL or plain lines; - for a pipe.", metavar="IN")
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where answers go; none: stdout.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="For rows that name none.")
    ] = None,
    system: Annotated[
        str | None, typer.Option("-s", "--system", help="For rows without a system message.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("-O", "--option", help="Any request parameter.", metavar="KEY=VALUE"),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="auto, text or jsonl.")] = "auto",
    plan: Annotated[bool, typer.Option("--plan", help="Only say when it would be done.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it stopped.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Answers in the input's order.")
    ] = False,
    retry_unknown: Annotated[
        bool,
        typer.Option(
            "--retry-unknown/--no-retry-unknown",
            help="Send again what was sent before a crash and not answered.",
        ),
    ] = True,
    reserve: Annotated[
        str, typer.Option(help="Share of every limit that is left for others.", metavar="20%")
    ] = "",
    width: Annotated[int, typer.Option(min=0, help="Rows at once; 0: as the limits allow.")] = 0,
    private: Annotated[
        bool, typer.Option("--private", help="Only providers that do not train on prompts.")
    ] = False,
) -> None:
    """Ask many questions from a file, as wide as the limits allow; resumable.

    A row is a line of text, {"prompt": …}, or a line of OpenAI's Batch API (custom_id and body, embeddings
    too). Errors are rows of the output. Ctrl-C lets running rows end; a second one stops at once.

    Example: printf 'Say hello.\\nSay bye.\\n' | freellm batch - -o answers.jsonl -m gemini/gemini-2.5-flash
    """
    words = BatchWords(
        source, str(out) if out else None, model, system, tuple(option or ()), format_, plan,
        resume, force, ordered, retry_unknown, reserve, width, private,
    )  # fmt: skip
    raise typer.Exit(run_batch(ctx.obj, words))

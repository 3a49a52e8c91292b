"""Results on a terminal (tables, colours), in a pipe (plain, aligned) and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freellm_cli.cli.face import Face
from freellm_cli.cli.terminal_table import print_table, rich_text, text_of, width_of
from freellm_cli.services.results import Block, Cell, Facts, Line, Result, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def render(face: Face, result: Result) -> int:
    """Prints `result` the way this face is read; returns the exit code."""
    for notice in result.notices:
        face.note(notice)
    if face.json:
        face.print_json(result.data)
    else:
        render_blocks(face, result.blocks)
    return result.exit_code


def render_blocks(face: Face, blocks: Sequence[Block]) -> None:
    """Prints `blocks` for a person: rich on a terminal that can, else plain."""
    if face.is_terminal(face.out) and face.env.get("TERM") != "dumb":
        _render_rich(face, blocks)
        return
    for block in blocks:
        face.print(face.shown(_plain(block), face.out))


def _render_rich(face: Face, blocks: Sequence[Block]) -> None:
    from rich.console import Console

    console = Console(
        file=face.out, no_color=not face.may_colour(face.out), highlight=False, emoji=False
    )
    for block in blocks:
        if isinstance(block, Table) and block.rows:
            print_table(console, block)
        elif isinstance(block, Facts):
            _print_facts(console, block)
        else:
            line = block if isinstance(block, Line) else Line(_plain(block), "dim")
            console.print(rich_text(Cell(line.text, line.style)))


def _print_facts(console: Console, block: Facts) -> None:
    from rich.table import Table as RichTable

    if block.title:
        console.print(rich_text(Cell(block.title, "strong")))
    names = max((width_of(text_of(name)) for name, _ in block.rows), default=0)
    values = max((width_of(text_of(value)) for _, value in block.rows), default=0)
    if 2 * names > console.width and names + 2 + values > console.width:
        _print_stacked(console, block)
        return
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in block.rows:
        grid.add_row(_fact_name(name), rich_text(value))
    console.print(grid)


def _print_stacked(console: Console, block: Facts) -> None:
    """Where the names take more than half of the width, each value stands below its name."""
    from rich.padding import Padding

    for name, value in block.rows:
        console.print(_fact_name(name))
        if text_of(value):
            console.print(Padding(rich_text(value), (0, 0, 0, 4), expand=False))


def _fact_name(name: str | Cell) -> Text:
    return rich_text(name if isinstance(name, Cell) else Cell(name, "dim"))


def _plain(block: Block) -> str:
    if isinstance(block, Line):
        return block.text
    if isinstance(block, Facts):
        rows = [(text_of(name), text_of(value)) for name, value in block.rows]
        return "\n".join(([block.title] if block.title else []) + _aligned(rows))
    if not block.rows:
        return block.empty
    body = [tuple(text_of(cell) for cell in row) for row in block.rows]
    lines = _aligned([block.columns, *body])
    return "\n".join(([block.title] if block.title else []) + lines)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell + " " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]

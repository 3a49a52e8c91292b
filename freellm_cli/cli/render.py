"""Results on a terminal (tables, colours), in a pipe (plain, aligned) and as JSON.

The only importer of rich.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from freellm_cli.cli.face import Face
from freellm_cli.services.results import Block, Cell, Facts, Line, Result, Table

if TYPE_CHECKING:
    from rich.console import Console

RICH_STYLES = {
    "": "",
    "good": "green",
    "bad": "red",
    "warn": "yellow",
    "dim": "dim",
    "strong": "bold",
}


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
        face.print(_plain(block))


def _render_rich(face: Face, blocks: Sequence[Block]) -> None:
    from rich.console import Console

    console = Console(
        file=face.out, no_color=not face.may_colour(face.out), highlight=False, emoji=False
    )
    for block in blocks:
        if isinstance(block, Table) and block.rows:
            console.print(_rich_table(block))
        elif isinstance(block, Facts):
            _print_facts(console, block)
        else:
            line = block if isinstance(block, Line) else Line(_plain(block), "dim")
            console.print(_rich_text(Cell(line.text, line.style)))


def _rich_text(cell: str | Cell) -> Any:
    from rich.text import Text

    if isinstance(cell, str):
        return Text(cell)
    return Text(cell.text, style=RICH_STYLES.get(cell.style, ""))


def _rich_table(block: Table) -> Any:
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(
        title=block.title or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
        show_edge=False,
    )
    for column in block.columns:
        table.add_column(column, overflow="fold")
    for row in block.rows:
        table.add_row(*[_rich_text(cell) for cell in row])
    return table


def _print_facts(console: Console, block: Facts) -> None:
    from rich.table import Table as RichTable

    if block.title:
        console.print(_rich_text(Cell(block.title, "strong")))
    grid = RichTable.grid(padding=(0, 2))
    for name, value in block.rows:
        grid.add_row(_rich_text(Cell(name, "dim")), _rich_text(value))
    console.print(grid)


def _plain(block: Block) -> str:
    if isinstance(block, Line):
        return block.text
    if isinstance(block, Facts):
        rows = [(name, _text(value)) for name, value in block.rows]
        return "\n".join(([block.title] if block.title else []) + _aligned(rows))
    if not block.rows:
        return block.empty
    body = [tuple(_text(cell) for cell in row) for row in block.rows]
    lines = _aligned([block.columns, *body])
    return "\n".join(([block.title] if block.title else []) + lines)


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )

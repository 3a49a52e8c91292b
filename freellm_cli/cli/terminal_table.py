"""A table on a terminal: columns where they fit, else a card a row, so that no name is cut in two."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from freellm_cli.cli.terminal_text import harmless
from freellm_cli.services.results import Cell, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

RICH_STYLES = {
    "": "",
    "good": "green",
    "bad": "red",
    "warn": "yellow",
    "dim": "dim",
    "strong": "bold",
}
_GAP = 2
_MOST_LINES = 4
_INDENT = 2
_A_MARK = 3

Row = Sequence[str | Cell]


def print_table(console: Console, table: Table) -> None:
    """Whole words in columns, without `table.spare` columns if need be; else cards."""
    for without in range(len(table.spare) + 1):
        narrowed = _without(table, table.spare[:without])
        widths = _widths(narrowed, console.width)
        if widths:
            _print_columns(console, narrowed, widths)
            return
    _print_cards(console, table)


def rich_text(cell: str | Cell) -> Text:
    from rich.text import Text

    if isinstance(cell, str):
        return Text(harmless(cell))
    return Text(harmless(cell.text), style=RICH_STYLES.get(cell.style, ""))


def text_of(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def width_of(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _without(table: Table, names: Sequence[str]) -> Table:
    kept = [place for place, name in enumerate(table.columns) if name not in names]
    return table._replace(
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows),
    )


def _widths(table: Table, room: int) -> list[int]:
    """A width for each column so that words stay whole and rows stay low; empty when there is none."""
    columns = [[text_of(row[place]) for row in table.rows] for place in range(len(table.columns))]
    heads = [width_of(name) for name in table.columns]
    wanted = [max(head, *map(width_of, texts)) for head, texts in zip(heads, columns, strict=True)]
    least = [
        max(head, *(width_of(piece) for text in texts for piece in _pieces(text)))
        for head, texts in zip(heads, columns, strict=True)
    ]
    if wanted[0] <= room * 3 / 4:
        least[0] = wanted[0]
    spare = room - _GAP * (len(columns) - 1) - sum(least)
    if spare < 0:
        return []
    widths = list(least)
    while spare:
        lines = [want / width if width else 0 for want, width in zip(wanted, widths, strict=True)]
        worst = max(range(len(widths)), key=lines.__getitem__)
        if lines[worst] <= 1:
            break
        widths[worst] += 1
        spare -= 1
    tallest = max(want / width if width else 0 for want, width in zip(wanted, widths, strict=True))
    return widths if tallest <= _MOST_LINES else []


def _pieces(text: str) -> list[str]:
    """What stays on one line: words, and a command, which is there to be copied."""
    return [text] if text.startswith("freellm ") else text.split() or [""]


def _print_columns(console: Console, table: Table, widths: Sequence[int]) -> None:
    from rich import box
    from rich.table import Table as RichTable

    drawn = RichTable(
        title=table.title or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for name, width in zip(table.columns, widths, strict=True):
        drawn.add_column(name, overflow="fold", min_width=width, max_width=width)
    for row in table.rows:
        drawn.add_row(*[rich_text(cell) for cell in row])
    console.print(drawn)


def _print_cards(console: Console, table: Table) -> None:
    """Each row's first cell on a line of its own (with the second if it is but a mark or a number), the
    others named below it. A row without a first cell goes on with the card above."""
    from rich.padding import Padding

    if table.title:
        console.print(rich_text(Cell(table.title, "strong")))
    heads = 2 if max(width_of(text_of(row[0])) for row in table.rows) <= _A_MARK else 1
    for row in table.rows:
        if text_of(row[0]):
            console.print(_head(row[:heads]))
        body = _card(table.columns[heads:], row[heads:])
        if body:
            console.print(Padding(body, (0, 0, 0, _INDENT), expand=False))


def _head(cells: Row) -> Text:
    from rich.text import Text

    styled = [
        cell if isinstance(cell, Cell) and cell.style else Cell(text_of(cell), "strong")
        for cell in cells
    ]
    return Text("  ").join(rich_text(cell) for cell in styled)


def _card(columns: Sequence[str], row: Row) -> Text:
    from rich.text import Text

    parts = [
        Text.assemble((f"{name} ", "dim") if name else "", rich_text(cell))
        for name, cell in zip(columns, row, strict=True)
        if text_of(cell)
    ]
    return Text(" · ", style="dim").join(parts)

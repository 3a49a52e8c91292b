"""Tables on terminals of every width: whole words in columns, or a card a row."""

from __future__ import annotations

import io

import pytest

from freellm_cli.cli.terminal_table import print_table
from freellm_cli.services.results import Cell, Table

rich_console = pytest.importorskip("rich.console")

MODEL = "openrouter/meta-llama/llama-3.3-70b-instruct:free"
MODELS = Table(
    ("model", "family", "can", "limits"),
    (
        (Cell(f"★ {MODEL}", "strong"), "llama-3.3-70b", "tools, json", "20 req/min, 50 req/day"),
        (Cell("zai/glm-4.7-flash", "dim"), "glm-4.7-flash", "tools, thinking, json", ""),
    ),
    title="what is free",
    spare=("family",),
)


def drawn(table: Table, columns: int) -> list[str]:
    out = io.StringIO()
    print_table(rich_console.Console(file=out, width=columns, no_color=True, emoji=False), table)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_a_name_stays_in_one_piece_to_be_copied(columns: int) -> None:
    assert any(MODEL in line for line in drawn(MODELS, columns))


def test_all_columns_stand_where_there_is_room() -> None:
    text = drawn(MODELS, 140)
    assert text[1].split() == ["model", "family", "can", "limits"]
    assert len(text) == 5


def test_a_spare_column_goes_before_the_table_does() -> None:
    text = drawn(MODELS, 80)
    assert text[1].split() == ["model", "can", "limits"]
    assert "llama-3.3-70b " not in "\n".join(text[3:])


@pytest.mark.parametrize("columns", [40, 70])
def test_a_narrow_terminal_gets_cards_with_everything_named(columns: int) -> None:
    text = drawn(MODELS, columns)
    assert text[0] == "what is free"
    assert "zai/glm-4.7-flash" in text
    card = " ".join(" ".join(text[text.index("zai/glm-4.7-flash") + 1 :]).split())
    assert card == "family glm-4.7-flash · can tools, thinking, json"


def test_a_row_without_a_first_cell_goes_on_with_the_card_above() -> None:
    meters = Table(("key", "used", "limit"), (("groq-1", "1", "30 requests a minute"),) * 1 + (
        ("", "1", "1,000 requests a day"),
    ))  # fmt: skip
    assert drawn(meters, 20) == [
        "groq-1", "  used 1 · limit 30", "  requests a minute", "  used 1 · limit", "  1,000 requests a",
        "  day",
    ]  # fmt: skip


def test_a_number_stands_beside_what_it_counts() -> None:
    steps = Table(("step", "target", "load"), (("1", MODEL, "0%"), ("2", "a/b", "5%")))
    assert drawn(steps, 52) == [f"1  {MODEL}", "  load 0%", "2  a/b", "  load 5%"]


@pytest.mark.parametrize("columns", [50, 60, 80])
def test_a_command_stays_in_one_piece_to_be_copied(columns: int) -> None:
    fix = "freellm keys check nvidia_nim-1"
    found = Table(
        ("", "what", "finding", "mend it with"),
        (("!", "keys", "this key was refused by its provider", fix), ("✓", "ports", "free", "")),
    )
    assert any(fix in line for line in drawn(found, columns))


def test_wide_letters_count_twice() -> None:
    table = Table(("題名", "模型"), (("こんにちは世界", "a/b"),))
    assert drawn(table, 30)[-1].startswith("こんにちは世界  a/b")

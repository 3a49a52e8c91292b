"""The pool as lines: nothing wider than the terminal, nothing cut that must be read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.cli.limits_board import ASCII, board, fitted, shortened, tally
from freellm_cli.cli.terminal_table import width_of

NOW = 1_800_000_000.0
LONG = "nvidia_nim/moonshotai/kimi-k2-instruct-0905-preview-of-a-long-name"


def limit(used: int, amount: int, unit: str = "requests", window: str = "minute") -> dict[str, Any]:
    row = {"unit": unit, "window": window, "amount": amount, "used": used, "source": "published"}
    return {**row, "resets_at": NOW + 42 if used else None}


def rest(reason: str, left: float | None, *, due: bool = False) -> dict[str, Any]:
    until = None if left is None else NOW + left
    return {"kind": "overloaded", "reason": reason, "until": until, "due": due}


def model(name: str, *limits: dict[str, Any], resting: Any = None) -> dict[str, Any]:
    return {"model": name, "state": "good", "rest": resting, "limits": list(limits)}


def key(name: str = "gemini-1", *models: dict[str, Any], **more: Any) -> dict[str, Any]:
    row = {
        "id": name, "provider": name.rsplit("-", 1)[0], "label": "", "shares": [], "why": "",
        "state": "good", "rest": None, "models": list(models),
    }  # fmt: skip
    return {**row, **more}


def text(*rows: dict[str, Any], width: int = 80, **more: Any) -> list[str]:
    return ["".join(cell.text for cell in line) for line in board(rows, NOW, width, **more)]


def test_a_limit_is_a_bar_figures_and_the_time_until_it_resets() -> None:
    lines = text(
        key("gemini-1", model("gemini/flash", limit(5, 10), limit(12_345, 250_000, "tokens")))
    )
    assert lines == [
        "gemini-1" + " " * 67 + "ready",
        "  flash  █████░░░░░ 5/10 requests a minute    42 s",
        "         █░░░░░░░░░ 12k/250k tokens a minute  42 s",
    ]


def test_a_narrow_terminal_has_the_model_on_a_line_of_its_own() -> None:
    lines = text(key("gemini-1", model("gemini/flash", limit(5, 10))), width=40)
    assert lines[1:] == ["  flash", "    ███░░░ 5/10 req/min  42 s"]


def test_use_shows_as_soon_as_there_is_any_and_never_beyond_the_end() -> None:
    lines = text(key("a-1", model("a/x", limit(1, 1000), limit(999, 1000), limit(30, 20))))
    assert [line.count("█") for line in lines[1:]] == [1, 10, 10]


@pytest.mark.parametrize(
    ("state", "resting", "said"),
    [
        ("good", None, "ready"),
        ("limited", None, "used up"),
        ("resting", rest("why", 33), "rests 33 s"),
        ("resting", rest("why", 0, due=True), "a trial is due"),
        ("refused", rest("why", None), "refused"),
        ("off", None, "off"),
    ],
)
def test_every_state_has_its_word_and_a_rest_its_reason(
    state: str, resting: Any, said: str
) -> None:
    lines = text(key(state=state, rest=resting))
    assert lines[0].endswith(f"  {said}")
    assert ("  why" in lines) == (resting is not None)


def test_a_model_that_rests_says_so_below_its_limits() -> None:
    resting = model("gemini/flash", limit(1, 10), resting=rest("overloaded: come back", 90))
    assert text(key("gemini-1", resting))[-1] == "    rests 90 s: overloaded: come back"


def test_who_shares_a_pot_is_named_on_any_width() -> None:
    row = key(label="mine", shares=["gemini-2"])
    assert text(row)[0].startswith("gemini-1 · mine · shares with gemini-2 ")
    assert text(row, width=40)[1] == "  shares with gemini-2"


def test_a_terminal_without_the_letters_gets_others() -> None:
    lines = text(key("nvidia_nim-1", model(LONG, limit(5, 10))), glyphs=ASCII)
    assert all(line.isascii() for line in lines)
    assert "#####-----" in lines[1]


def test_the_tally_counts_what_is_out_of_order() -> None:
    rows = [key(), key(state="limited"), key(state="resting"), key(state="resting")]
    assert tally(rows) == "4 keys, 1 used up, 2 resting"
    assert tally(rows[:1]) == "1 key"


def test_names_lose_their_middle() -> None:
    assert shortened(LONG, 20) == "nvidia_ni…-long-name"
    assert shortened("short", 20) == "short"


words = st.text(st.characters(codec="utf-8"), max_size=60)


@given(
    width=st.integers(30, 200),
    name=words,
    label=words,
    reason=words,
    used=st.integers(0, 10**9),
    amount=st.integers(0, 10**9),
)
def test_no_line_is_wider_than_the_terminal_and_none_drives_it(
    width: int, name: str, label: str, reason: str, used: int, amount: int
) -> None:
    resting = model(f"gemini/{name}", limit(used, amount, "tokens"), resting=rest(reason, 5))
    row = key("gemini-1", resting, label=label, rest=rest(reason, 5), state="resting")
    for line in text(row, width=width):
        assert width_of(line) <= width
        assert all(char.isprintable() for char in line)


@given(words, st.integers(0, 40))
def test_what_is_cut_fits(said: str, width: int) -> None:
    assert width_of(fitted(said, width)) <= width

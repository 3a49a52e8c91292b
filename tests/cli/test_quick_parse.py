"""The quick parser against Typer: the same values, or none at all."""

from __future__ import annotations

import io
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from freellm_cli.cli.app import build_root
from freellm_cli.cli.chat import options_from
from freellm_cli.cli.chat_options import ChatOptions
from freellm_cli.cli.face import Face
from freellm_cli.cli.quick_parse import chat_call
from freellm_cli.cli.quick_table import CHAT, GLOBALS

ROOT = build_root()
FAULTS = (typer.BadParameter.__mro__[2], typer.Exit)


def by_typer(argv: list[str]) -> tuple[dict[str, Any], ChatOptions] | None:
    """What Typer makes of it, or None when it refuses or prints help."""
    face = Face({}, io.StringIO(), io.StringIO(), io.StringIO())
    try:
        context = ROOT.make_context("freellm", list(argv), obj=face)
        words = [*context._protected_args, *context.args]
        assert words[0] == "chat"
        chat = ROOT.get_command(context, "chat")
        return face.options, options_from(
            chat.make_context("chat", words[1:], parent=context).params
        )
    except FAULTS:
        return None


def assert_alike(argv: list[str]) -> bool:
    """Raises unless the parsers agree; True when the quick one took it."""
    quick = chat_call(argv)
    if quick is None:
        return False
    slow = by_typer(argv)
    assert slow is not None, f"Typer refuses {argv}"
    known = Face({}, io.StringIO(), io.StringIO(), io.StringIO()).with_globals(quick.globals)
    assert (known.options, quick.options) == slow
    return True


TAKEN = [
    ["chat"],
    ["chat", "hello"],
    ["chat", "hello", "there"],
    ["chat", "-m", "kimi-k2", "hi"],
    ["chat", "--model=kimi-k2", "hi"],
    ["chat", "hi", "--model", "kimi-k2"],
    ["chat", "-o", "min_p=0.05", "-o", "n=1", "hi"],
    ["chat", "--stop", "a", "--stop=b", "hi"],
    ["chat", "--temperature", "0.5", "--top-p", "0.9", "--top-k", "40", "--seed", "7", "hi"],
    ["chat", "--temperature", "-1", "hi"],
    ["chat", "--temperature=1e-3", "hi"],
    ["chat", "--think", "off", "hi"],
    ["chat", "--no-stream", "hi"],
    ["chat", "--no-stream", "--stream", "hi"],
    ["chat", "-x", "--usage", "--private", "hi"],
    ["chat", "--timeout", "30", "hi"],
    ["chat", "--json", "hi"],
    ["--json", "chat", "hi"],
    ["-q", "--config-dir", "/x", "chat", "--state-dir", "/y", "hi"],
    ["chat", "--", "-m", "hi"],
    ["chat", "-"],
    ["chat", "a", "--", "--b"],
    ["chat", ""],
    ["chat", "-s", "", "hi"],
    ["chat", "größe", "日本"],
    ["chat", "chat"],
]
DECLINED = [
    ["chat", "--help"],
    ["chat", "-h"],
    ["chat", "--temp", "1", "hi"],
    ["chat", "--modle", "x", "hi"],
    ["chat", "--temperature", "warm", "hi"],
    ["chat", "--max-tokens", "1.5", "hi"],
    ["chat", "--think", "hard", "hi"],
    ["chat", "-mkimi-k2", "hi"],
    ["chat", "-xq", "hi"],
    ["chat", "-m"],
    ["chat", "--usage=yes", "hi"],
    ["chat", "--model", "-x", "hi"],
    ["keys", "add", "chat"],
    ["--version", "chat"],
    ["--nonsense", "chat", "hi"],
]


@pytest.mark.parametrize("argv", TAKEN, ids=" ".join)
def test_plain_command_lines_are_taken_and_mean_what_typer_says(argv: list[str]) -> None:
    assert assert_alike(argv)


@pytest.mark.parametrize("argv", DECLINED, ids=" ".join)
def test_what_is_not_plain_is_left_to_typer(argv: list[str]) -> None:
    assert chat_call(argv) is None


def test_the_table_knows_every_option_that_typer_has() -> None:
    chat = ROOT.get_command(None, "chat")
    flags = {flag for p in chat.params if p.param_type_name == "option" for flag in p.opts}
    flags |= {flag for p in chat.params for flag in p.secondary_opts}
    assert flags - {"--help"} == set(CHAT) | set(GLOBALS)


WORDS = st.sampled_from([
    *CHAT, *GLOBALS, "chat", "--", "-", "--help", "-h", "hello", "", "0", "-1", "0.5", "-0.5", "1e3",
    "nan", "inf", "-inf", "1_0", " 1 ", "１", "0x10", "off", "OFF", "high", "k=v", "=", "--model=",
    "--model=x", "--think=low", "--top-k=3", "--stop=-", "--stop=--x", "--json=1", "-m=x", "-xs", "-",
    "--no-", "--seed=-3", "-5", "--state-dir=", "a b", "\n", "é",
])  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(WORDS, max_size=2), st.lists(WORDS, max_size=7))
def test_any_command_line_is_parsed_alike_or_left_to_typer(
    before: list[str], after: list[str]
) -> None:
    assert_alike([*before, "chat", *after])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=4))
def test_any_words_are_parsed_alike_or_left_to_typer(words: list[str]) -> None:
    assert_alike(["chat", *words])

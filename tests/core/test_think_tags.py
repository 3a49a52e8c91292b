"""Thinking between tags in the text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.think_tags import ThinkTags, tags_for


def split(text: str, tags: ThinkTags, size: int = 0) -> tuple[str, str]:
    """(said, thought) of `text`, given in pieces of `size` characters."""
    step = size or max(1, len(text))
    pairs = [tags.feed(text[at : at + step]) for at in range(0, len(text), step)]
    pairs.append(tags.close())
    return "".join(said for said, _ in pairs), "".join(thought for _, thought in pairs)


@pytest.mark.parametrize("size", [0, 1, 2, 5])
@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        ("<think>\nhm, well\n</think>\n\nYes.", "Yes.", "hm, well\n"),
        ("\n<think>a</think>b", "b", "a"),
        ("<think></think>b", "b", ""),
        ("<think>\n\n</think>\n\nb", "b", ""),
        ("<thinking>a</thinking>b", "b", "a"),
        ("<think>a</think><think>c</think>b", "b", "ac"),
        ("<think>never ends", "", "never ends"),
        ("<think>a </thin", "", "a </thin"),
        ("plain", "plain", ""),
        ("  plain", "  plain", ""),
        ("<thing>", "<thing>", ""),
        ("<thi", "<thi", ""),
        ("Use <think>x</think> so.", "Use <think>x</think> so.", ""),
        ("<think>a</think>b <think>c</think>", "b <think>c</think>", "a"),
        ("", "", ""),
    ],
)
def test_tags_count_at_the_beginning_of_an_answer(
    text: str, said: str, thought: str, size: int
) -> None:
    assert split(text, ThinkTags(), size) == (said, thought)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_tags_count_anywhere_where_a_host_is_known_for_it(size: int) -> None:
    text = "a<think>b</think>c < d <think>e</think>f"

    assert split(text, ThinkTags(anywhere=True), size) == ("ac < d f", "be")


@pytest.mark.parametrize("size", [0, 1, 3])
def test_an_answer_may_begin_inside_a_thought(size: int) -> None:
    tags = ThinkTags(anywhere=True, inside=True)

    assert split("\nhm</think>\nYes.", tags, size) == ("Yes.", "hm")


def test_text_is_not_held_back_longer_than_it_must() -> None:
    tags = ThinkTags(anywhere=True)

    assert tags.feed("a < b") == ("a < b", "")
    assert tags.feed("c <thi") == ("c ", "")
    assert tags.feed("s") == ("<this", "")


def test_a_plain_answer_is_let_alone_after_its_first_piece() -> None:
    tags = ThinkTags()
    tags.feed("Hello")

    assert tags.idle


texts = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "a", "\n", " b", "</thinking>", "<thought>"]),
    max_size=12,
).map("".join)


@given(text=texts, size=st.integers(1, 7), anywhere=st.booleans(), inside=st.booleans())
def test_any_split_gives_the_same_text(text: str, size: int, anywhere: bool, inside: bool) -> None:
    whole = split(text, ThinkTags(anywhere=anywhere, inside=inside))

    assert split(text, ThinkTags(anywhere=anywhere, inside=inside), size) == whole


@pytest.mark.parametrize(
    ("name", "quirk", "watched"),
    [
        ("deepseek-ai/DeepSeek-R1-0528", None, True),
        ("qwen/qwen3-32b", None, True),
        ("llama-3.3-70b-versatile", None, False),
        ("llama-3.3-70b-versatile", True, True),
        ("deepseek-r1", False, False),
        ("x", ["thought"], True),
        ("x", "open", True),
    ],
)
def test_models_known_to_leak_and_quirks_decide_who_is_watched(
    name: str, quirk: Any, watched: bool
) -> None:
    assert (tags_for(name, quirk) is not None) is watched


def test_a_list_names_the_tags() -> None:
    tags = tags_for("x", ["reason"])

    assert tags is not None
    assert split("<think>a</think><reason>b</reason>c", tags) == ("<think>a</think>c", "b")

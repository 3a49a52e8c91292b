"""Answers dressed for games."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.chat import Completion, Delta, ToolCallDelta
from freellm_cli.core.faces.base import ReplyStyle
from freellm_cli.core.faces.registry import FACE_NAMES
from freellm_cli.core.faces.tidy import TidyText, tidy_text
from tests.support.faces import STORY, TOLD, events, stream, writer


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("", ""),
        ("  hello \n", "hello"),
        ("hello  you", "hello  you"),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ("```\nhello\n```\n", "hello"),
        ("\n```lua\nsay()\n```", "say()"),
        ("```hello```", "hello"),
        ("```hello you```", "hello you"),
        ("```", ""),
        ("``", "``"),
        ("`hello`", "`hello`"),
        ("hello `you`", "hello `you`"),
        ("see:\n```\ncode\n```", "see:\n```\ncode\n```"),
        ("```\ncode\n```\nis it", "code\n\nis it"),
        ("```json\n{", "{"),
        ("`````` a", "a"),
    ],
)
def test_white_space_and_a_fence_about_everything_go(text: str, tidy: str) -> None:
    assert tidy_text(text) == tidy


@given(
    st.lists(st.sampled_from(["`", "``", "```", "a", "json", " ", "\n", "\u3000", "b c", "x" * 50]))
)
def test_pieces_say_the_same_as_the_whole(pieces: list[str]) -> None:
    tidy = TidyText()
    said = "".join(map(tidy.feed, pieces)) + tidy.close()
    whole = "".join(pieces)
    assert said == tidy_text(whole) == said.strip()
    if "```" not in whole:
        assert said == whole.strip()


def test_text_before_a_call_is_not_held_back() -> None:
    deltas = [Delta(text="Wait. "), Delta(tool_calls=(ToolCallDelta(0, "c", "f", "{}"),))]
    found = [
        chunk["choices"][0]["delta"]
        for _, chunk in events(stream("openai", deltas, style=ReplyStyle(tidy=True)))[:-1]
    ]
    assert [delta.get("content") for delta in found if "content" in delta] == ["", "Wait."]


@pytest.mark.parametrize("name", FACE_NAMES)
def test_no_thoughts_where_they_are_not_wanted(name: str) -> None:
    style = ReplyStyle(reasoning=False)
    extra = {"reasoning_details": [{"text": "Let me think."}]}
    body = stream(name, [*STORY, Delta(extra=extra)], style=style)
    assert b"think." not in body
    answer: Completion = TOLD._replace(extra=extra)
    assert b"think." not in writer(name, style).whole(answer)
    assert b"think." in stream("openai", STORY)

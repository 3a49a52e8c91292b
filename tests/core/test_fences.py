"""Fenced blocks: found, taken out, and made longer than what they hold."""

from __future__ import annotations

import pytest

from freellm_cli.core.fences import fenced, first_fenced_block


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("before\n```sh\nls\n```\nafter", "ls"),
        ("~~~\na\n```\nb\n~~~", "a\n```\nb"),
        ("````md\n```\ninner\n```\n````", "```\ninner\n```"),
        ("```\nnever closed", "never closed"),
        ("use ```code``` here\n```\nreal\n```", "real"),
        ("  ```\n  indented\n  ```", "  indented"),
        ("no block at all", "no block at all"),
        ("``` inline ``` only", "``` inline ``` only"),
    ],
)
def test_the_first_block_is_taken_out(text: str, inside: str) -> None:
    assert first_fenced_block(text) == inside


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fenced("a ```` b", "x.md") == "x.md\n`````\na ```` b\n`````"
    assert first_fenced_block(fenced("```\n````\n", "x.md")) == "```\n````"

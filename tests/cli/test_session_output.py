"""Which part of an answer is finished, so that it is drawn once and for all."""

from __future__ import annotations

import pytest

from freellm_cli.cli.session_output import finished_length


@pytest.mark.parametrize(
    ("finished", "unfinished"),
    [
        ("", "one paragraph\nstill the same"),
        ("first\n\n", "second"),
        ("", "first\n\n"),
        ("first\n\nsecond\n\n", "third"),
        ("", "```python\na = 1\n\nb = 2"),
        ("```python\na = 1\n\nb = 2\n```\n\n", "after"),
        ("", "- item\n\n  that goes on"),
        ("", "````\n```\n\nx\n```\n"),
    ],
)
def test_a_block_is_finished_when_nothing_can_change_it(finished: str, unfinished: str) -> None:
    assert finished_length(finished + unfinished) == len(finished)

"""Token counts as hosts write them."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.chat import Usage
from freellm_cli.core.usage import read_usage


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}, Usage(5, 7)),
        ({"input_tokens": 5, "output_tokens": 7}, Usage(5, 7)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "completion_tokens_details": {"reasoning_tokens": 4},
                "prompt_tokens_details": {"cached_tokens": 3},
            },
            Usage(5, 7, 4, 3),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 1, "prompt_cache_hit_tokens": 4},
            Usage(5, 1, 0, 4),
        ),
        # Thinking that was counted in the total only.
        ({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 20}, Usage(5, 15)),
        ({"prompt_tokens": 5, "total_tokens": 20}, Usage(5, 15)),
        ({"completion_tokens": 5, "total_tokens": 20}, Usage(15, 5)),
        ({"total_tokens": 20}, Usage(20, 0)),
        ({"prompt_tokens": 5.0, "completion_tokens": None}, Usage(5, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": None}, Usage(5, 0)),
        # A detail is never more than its whole.
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(5, 0, 0, 5)),
        ({}, None),
        (None, None),
        ("12", None),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None),
        ({"prompt_tokens": -1, "completion_tokens": float("inf")}, None),
    ],
)
def test_counts_are_read_from_any_of_their_spellings(raw: Any, read: Usage | None) -> None:
    assert read_usage(raw) == read

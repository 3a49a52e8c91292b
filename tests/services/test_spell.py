"""Amounts as a person reads them, the same in every table."""

from __future__ import annotations

import pytest

from freellm_cli.core.catalog import PublishedLimit
from freellm_cli.providers.registry import load_catalog
from freellm_cli.services.models import limits_text
from freellm_cli.services.spell import short_count, short_limit


@pytest.mark.parametrize(
    ("number", "counted", "limit"),
    [
        (0, "0", "0"),
        (9_999, "9,999", "9,999"),
        (12_345, "12k", "12,345"),
        (14_400, "14k", "14,400"),
        (250_000, "250k", "250k"),
        (1_200_000, "1.2M", "1.2M"),
        (1_250_000, "1.2M", "1,250,000"),
        (999_999_999, "999.9M", "999,999,999"),
        (1_000_000_000, "1B", "1B"),
    ],
)
def test_a_count_may_be_rounded_down_and_a_limit_never(
    number: int, counted: str, limit: str
) -> None:
    assert (short_count(number), short_limit(number)) == (counted, limit)


def test_requests_and_tokens_are_written_alike() -> None:
    limits = (
        PublishedLimit("account", "model", "requests", "24h", 1_000),
        PublishedLimit("account", "model", "tokens", "60s", 8_000),
        PublishedLimit("account", "model", "tokens", "month:UTC", 1_000_000_000),
    )
    assert limits_text(limits) == "1,000 req/24h, 8,000 tok/min, 1B tok/month"


def test_no_limit_of_the_catalog_has_four_digits_in_a_row() -> None:
    for provider in load_catalog().providers():
        assert not any(
            word.isdigit() and len(word) > 3 for word in limits_text(provider.limits).split()
        )

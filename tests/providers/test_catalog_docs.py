"""The provider table says of every provider what a person wants to know first."""

from __future__ import annotations

import pytest

from freellm_cli.core.catalog import PublishedLimit
from freellm_cli.providers.catalog_docs import (
    limit_words,
    provider_table_markdown,
    providers_page_markdown,
)
from freellm_cli.providers.registry import load_catalog

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (("account", "model", "requests", "60s", 5), "5 requests a minute"),
        (("account", "model", "requests", "1s", 1), "1 request a second"),
        (("account", "model", "tokens", "60s", 250_000), "250,000 tokens a minute"),
        (("account", "model", "requests", "24h", 1000), "1,000 requests in 24 hours"),
        (("account", "*", "requests", "day:UTC", 50), "50 requests a day (UTC)"),
        (("account", "*", "requests", "month:UTC", 1000), "1,000 requests a month (UTC)"),
        (
            ("account", "*", "requests", "24h-first-use", 250),
            "250 requests in 24 hours from the first",
        ),
        (("account", "*", "concurrent", "open", 1), "1 at a time"),
        (("account", "*", "requests", "300s", 9), "9 requests in 300 seconds"),
    ],
)
def test_a_limit_reads_as_a_person_would_say_it(
    limit: tuple[str, str, str, str, int], words: str
) -> None:
    assert limit_words(PublishedLimit(*limit)) == words


def test_the_table_has_a_whole_row_for_every_provider() -> None:
    head, rule, *rows = provider_table_markdown(CATALOG).split("\n")
    assert rule.count("|") == head.count("|")
    assert len(rows) == len(CATALOG.provider_ids())
    for row, provider in zip(rows, CATALOG.providers(), strict=True):
        assert row.replace("\\|", "").count("|") == head.count("|")
        assert f"`{provider.id}`" in row
        assert provider.status in row
        assert "|  |" not in row


def test_the_page_has_a_section_with_the_steps_to_a_key_for_every_provider() -> None:
    page = providers_page_markdown(CATALOG)
    for provider in CATALOG.providers():
        assert f"\n## {provider.title}\n" in page
        for step in provider.key_steps:
            assert step in page
    assert page.endswith("\n")


def test_the_page_lists_what_can_be_used_and_not_what_is_gone() -> None:
    page = providers_page_markdown(CATALOG)
    assert "| `gemini-2.5-flash` ★ |" in page
    assert "`deepseek/deepseek-r1:free`" not in page

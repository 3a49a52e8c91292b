"""What Google's model list and the names in it say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.catalog import CAPABILITIES, ProviderSpec
from freellm_cli.providers.base import AnswerFault, ModelPage
from freellm_cli.providers.google import Google
from freellm_cli.providers.google_models import derived_capabilities, derived_quirks

PROVIDER = ProviderSpec("gemini", "Google Gemini", "google", "https://example.test/v1beta")


def entry(name: str, *methods: str, **more: Any) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "displayName": name.title(),
        "inputTokenLimit": 1048576,
        "outputTokenLimit": 65536,
        "supportedGenerationMethods": list(methods) or ["generateContent", "countTokens"],
        **more,
    }


def page(*entries: Any, **more: Any) -> ModelPage:
    return Google().read_models(PROVIDER, json.dumps({"models": list(entries), **more}).encode())


def test_a_model_brings_its_limits_abilities_and_switches() -> None:
    (model,) = page(entry("gemini-3-flash-preview", thinking=True)).models
    assert model.id == "gemini/gemini-3-flash-preview"
    assert (model.context, model.max_output) == (1048576, 65536)
    assert model.capabilities == {"chat", "thinking", "vision", "tools", "json", "audio", "pdf"}
    assert model.quirks["think"] == "gemini_level"
    assert model.title == "Gemini-3-Flash-Preview"
    assert model.discovered


def test_what_is_not_for_conversation_is_left_out() -> None:
    kept = page(
        entry("gemini-2.5-flash"),
        entry("gemini-2.5-flash-lite"),
        entry("gemini-2.5-flash-preview-tts"),
        entry("gemini-2.5-flash-image"),
        entry("gemini-live-2.5-flash", "bidiGenerateContent"),
        entry("gemini-robotics-er-1.5-preview"),
        entry("gemini-2.5-computer-use-preview"),
        entry("imagen-4.0-generate-001", "predict"),
        entry("gemini-embedding-2", "embedContent", thinking=True),
        entry("gemma-4-31b-it"),
        {"name": "models/"},
        "odd",
    ).models
    assert [model.name for model in kept] == [
        "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
        "gemini-embedding-2",
        "gemma-4-31b-it",
    ]
    assert kept[2].capabilities == {"embeddings"}


def test_the_next_page_is_named() -> None:
    assert page(nextPageToken="abc").next_page == "abc"
    assert page().next_page == ""


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b'{"data": []}', b'{"models": 3}', b'{"error": {"code": 400}}']
)
def test_what_is_no_list_is_a_fault(body: bytes) -> None:
    with pytest.raises(AnswerFault):
        Google().read_models(PROVIDER, body)


def test_an_empty_account_has_an_empty_list() -> None:
    assert Google().read_models(PROVIDER, b"{}").models == ()


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("gemini-2.5-flash", "gemini_budget"),
        ("gemini-2.5-pro-preview-06-05", "gemini_budget"),
        ("models/gemini-2.5-flash", "gemini_budget"),
        ("gemini-3-pro-preview", "gemini_level"),
        ("gemini-3.1-flash-lite", "gemini_level"),
        ("gemini-4-argon", "gemini_level"),
        ("gemini-flash-lite-latest", "gemini_level"),
        ("gemini-2.0-flash", "none"),
        ("gemini-1.5-pro", "none"),
        ("gemma-3-27b-it", "none"),
        ("gemma-3n-e4b-it", "none"),
        ("gemma-4-26b-a4b-it", "gemini_level"),
        ("learnlm-2.0-flash", "none"),
        ("anything", "none"),
        ("", "none"),
    ],
)
def test_the_name_says_how_a_model_is_told_to_think(name: str, style: str) -> None:
    assert derived_quirks(name)["think"] == style


@pytest.mark.parametrize(
    ("name", "sees", "calls"),
    [
        ("gemini-2.5-flash", True, True),
        ("gemma-3-27b-it", True, False),
        ("gemma-3-1b-it", False, False),
        ("gemma-4-31b-it", True, True),
        ("learnlm-2.0", False, False),
    ],
)
def test_the_name_says_what_a_model_can_take(name: str, sees: bool, calls: bool) -> None:
    found = derived_capabilities(name, thinks=False)
    assert ("vision" in found, "tools" in found, "thinking" in found) == (sees, calls, False)
    assert found <= set(CAPABILITIES)

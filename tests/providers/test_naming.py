"""What a model's name alone tells."""

from __future__ import annotations

import pytest

from freellm_cli.providers.naming import bare_name
from freellm_cli.providers.registry import load_catalog

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("moonshotai/kimi-k2-instruct", "kimi-k2-instruct"),
        ("@cf/meta/llama-3.3-70b-instruct-fp8-fast", "llama-3.3-70b-instruct-fp8-fast"),
        ("meta-llama/Llama-3_3-70B", "llama-3.3-70b"),
        ("meta-llama/llama-3.3-70b-instruct:free", "llama-3.3-70b-instruct"),
        ("gpt-oss:120b", "gpt-oss-120b"),
        ("llama3.2:latest", "llama3.2"),
    ],
)
def test_vendor_route_and_spelling_fall_away(name: str, bare: str) -> None:
    assert bare_name(name) == bare


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("moonshotai/kimi-k2-instruct-0905", "kimi-k2"),
        ("moonshotai/Kimi-K2.6", "kimi-k2.6"),
        ("kimi-k2-thinking", "kimi-k2-thinking"),
        ("kimi-k2:1t", "kimi-k2"),
        ("deepseek-ai/deepseek-r1-0528", "deepseek-r1"),
        ("deepseek-r1-distill-llama-70b", "deepseek-r1-distill-llama-70b"),
        ("deepseek-ai/deepseek-v3_1", "deepseek-v3.1"),
        ("deepseek/deepseek-chat-v3-0324:free", "deepseek-v3"),
        ("qwen-3-235b-a22b-instruct-2507", "qwen3-235b"),
        ("qwen3-235b-a22b-thinking-2507", "qwen3-235b-thinking"),
        ("Qwen/Qwen3-Coder-Next", "qwen3-coder-next"),
        ("zai-org/GLM-5.2:together", "glm-5.2"),
        ("z-ai/glm4.7", "glm-4.7"),
        ("models/gemini-2.5-flash-lite-001", "gemini-2.5-flash-lite"),
        ("google/gemma3:27b", "gemma-3-27b"),
        ("Meta-Llama-3.3-70B-Instruct", "llama-3.3-70b"),
        ("openai/gpt-oss-20b:free", "gpt-oss-20b"),
        ("a-model-of-tomorrow", ""),
    ],
)
def test_the_family_is_read_from_the_name(name: str, family: str) -> None:
    assert CATALOG.spec_for_unknown("nvidia_nim", name).family == family


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("vendor/plain-7b", {"chat"}),
        ("vendor/new-vl-8b", {"chat", "vision"}),
        ("vendor/deep-thinking-9b", {"chat", "thinking"}),
        ("vendor/nv-embedqa-9", {"embeddings"}),
        ("whisper-large-v9", set()),
        ("vendor/new-tts", set()),
        ("vendor/llama-guard-9", set()),
        ("openai/gpt-oss-safeguard-20b", {"chat", "tools", "thinking", "json"}),
        ("black-forest-labs/flux.9", set()),
    ],
)
def test_words_tell_what_an_unknown_model_can_do(name: str, capabilities: set[str]) -> None:
    assert CATALOG.spec_for_unknown("nvidia_nim", name).capabilities == capabilities


def test_a_name_nobody_lists_has_the_status_unknown() -> None:
    spec = CATALOG.spec_for_unknown("groq", "vendor/new")
    assert (spec.id, spec.status) == ("groq/vendor/new", "unknown")


def test_an_unknown_name_at_a_closed_provider_is_closed() -> None:
    spec = CATALOG.spec_for_unknown("iflow", "kimi-k9")
    assert (spec.status, spec.status_date) == ("closed", "2026-04-17")


def test_a_new_flash_model_has_the_limits_of_its_kind() -> None:
    spec = CATALOG.spec_for_unknown("gemini", "gemini-3.9-flash")
    assert {(limit.window, limit.amount) for limit in spec.limits if limit.unit == "requests"} == {
        ("60s", 5),
        ("day:America/Los_Angeles", 20),
    }
    assert spec.context == 1_048_576
    assert "vision" in spec.capabilities


def test_the_thinking_switch_of_a_new_model_follows_its_kind() -> None:
    spec = CATALOG.spec_for_unknown("nvidia_nim", "deepseek-ai/deepseek-v4-flash-1231")
    assert spec.quirks["think"] == "effort_or_none"
    assert spec.quirks["think_levels"]["off"] == "none"

"""The packaged catalog's quirks, applied: what each host of the OpenAI dialect really gets."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.catalog import ModelSpec, ProviderSpec, merged_quirks
from freellm_cli.core.chat import THINK_LEVELS, Target
from freellm_cli.providers.quirks import KNOWN
from freellm_cli.providers.registry import load_catalog
from tests.providers.test_openai_hosts import LOGS, SAMPLING, demanding
from tests.support.openai_talk import ask, sent, tool, user

CATALOG = load_catalog()
POOL_QUIRKS = {"wire_name", "tokens_counted"}

# What must not reach a host, and what must, of tests.providers.test_openai_hosts.demanding().
GONE: dict[str, tuple[str, ...]] = {
    "nvidia_nim": ("top_a", "max_completion_tokens", "user", "metadata", "store", "service_tier"),
    "mistral": (
        *SAMPLING,
        *LOGS,
        "seed",
        "max_completion_tokens",
        "user",
        "store",
        "service_tier",
        "stream_options",
    ),
    "openrouter": ("store", "service_tier"),
    "groq": (*SAMPLING, *LOGS, "metadata", "store", "n"),
    "cerebras": (*SAMPLING, *LOGS, "frequency_penalty", "presence_penalty", "n", "store"),
    "cohere": (*SAMPLING, *LOGS, "parallel_tool_calls", "user", "store", "max_completion_tokens"),
    "zai": (*SAMPLING, *LOGS, "n", "tool_choice", "max_completion_tokens"),
    "iflow": (*SAMPLING, *LOGS, "user", "metadata", "store", "stream_options"),
}
THERE: dict[str, dict[str, Any]] = {
    "nvidia_nim": {"top_k": 40, "min_p": 0.05, "seed": 7, "max_tokens": 4000},
    "mistral": {"random_seed": 7, "temperature": 1, "max_tokens": 4000, "n": 2},
    "openrouter": {"top_k": 40, "top_a": 0.1, "user": "u", "metadata": {"a": "b"}},
    "groq": {"user": "u", "seed": 7},
    "cerebras": {"user": "u", "seed": 7},
    "cohere": {"frequency_penalty": 0.1, "seed": 7, "max_tokens": 4000},
    "cloudflare": {"max_tokens": 4000},
    "zai": {"temperature": 1, "max_tokens": 4000},
    "iflow": {"stream": True, "max_tokens": 4000, "seed": 7},
}

HOSTS = [p for p in CATALOG.provider_ids() if CATALOG.provider(p).dialect == "openai"]


def where(provider: ProviderSpec, model: ModelSpec | None = None) -> Target:
    return Target(
        provider=provider.id,
        model_id=model.id if model else f"{provider.id}/m",
        name=model.name if model else "m",
        base_url="https://host.example/v1",
        quirks=merged_quirks(provider, model) if model else provider.quirks,
        capabilities=model.capabilities if model else frozenset({"chat", "tools"}),
        max_output=4000,
    )


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_gets_what_its_reference_allows(name: str) -> None:
    body = sent(demanding(), where(CATALOG.provider(name)), stream=True)

    assert [field for field in GONE.get(name, ()) if field in body] == []
    expected = THERE.get(name, {})
    assert {field: body.get(field) for field in expected} == expected


@pytest.mark.parametrize("name", HOSTS)
def test_every_model_of_a_host_can_be_asked_in_every_way(name: str) -> None:
    provider = CATALOG.provider(name)
    request = ask(user("hi"), temperature=1, tools=[tool()])
    for model in CATALOG.models(name):
        if "chat" not in model.capabilities:
            continue
        target = where(provider, model)
        assert set(target.quirks) <= KNOWN | POOL_QUIRKS
        for level in (None, *THINK_LEVELS):
            body = sent(request._replace(think=level), target, stream=True)
            assert body["model"] == model.name


def test_google_s_compatible_address_gets_what_it_allows() -> None:
    provider = CATALOG.provider("gemini")
    quirks = {**provider.quirks, **provider.quirks["openai"]}

    body = sent(demanding(), where(provider)._replace(quirks=quirks))

    gone = (*SAMPLING, *LOGS, "user", "metadata", "store", "service_tier", "response_format")
    assert [field for field in gone if field in body] == []
    parameters = body["tools"][0]["function"]["parameters"]
    assert parameters == {"type": "object", "properties": {"place": {"type": "string"}}}

"""Model lists in every shape that hosts send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.catalog import ModelSpec, ProviderSpec
from freellm_cli.core.errors import ConfigError
from freellm_cli.core.secret import Secret
from freellm_cli.providers.base import AnswerFault, ModelPage
from freellm_cli.providers.openai_compat import OpenAICompat, address


def provider(name: str = "host", **fields: Any) -> ProviderSpec:
    base = "https://api.host.example/v1"
    return ProviderSpec(id=name, title=name, dialect="openai", base_url=base, **fields)


def page(body: Any, name: str = "host", **fields: Any) -> ModelPage:
    return OpenAICompat().read_models(provider(name, **fields), json.dumps(body).encode())


def models(body: Any, name: str = "host", **fields: Any) -> dict[str, ModelSpec]:
    return {model.name: model for model in page(body, name, **fields).models}


def listed(*rows: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(rows)}


def test_a_plain_list_says_names_only() -> None:
    found = models(listed({"id": "vendor/model-1", "object": "model", "owned_by": "vendor"}))

    assert found["vendor/model-1"] == ModelSpec(
        id="host/vendor/model-1",
        provider="host",
        name="vendor/model-1",
        capabilities=frozenset({"chat"}),
        source="the provider's own list",
        discovered=True,
    )


def test_openrouter_s_list_gives_the_free_models_and_what_they_can() -> None:
    free = {
        "id": "vendor/model:free",
        "name": "Vendor: Model (free)",
        "context_length": 131072,
        "architecture": {
            "input_modalities": ["text", "image", "file"],
            "output_modalities": ["text"],
        },
        "pricing": {"prompt": "0", "completion": "0"},
        "top_provider": {"context_length": 65536, "max_completion_tokens": 8192},
        "supported_parameters": ["tools", "reasoning", "response_format", "seed"],
        "expiration_date": "2026-12-31",
    }
    costs_nothing = {**free, "id": "vendor/gratis", "expiration_date": None}
    paid = {**free, "id": "vendor/model", "pricing": {"prompt": "0.000001", "completion": "0"}}
    router = {**free, "id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}}
    draws = {**free, "id": "vendor/draws:free", "architecture": {"output_modalities": ["image"]}}
    body = {"data": [free, costs_nothing, paid, router, draws]}

    found = models(body, "openrouter")

    assert list(found) == ["vendor/model:free", "vendor/gratis"]
    model = found["vendor/model:free"]
    assert model.id == "openrouter/vendor/model:free"
    assert model.title == "Vendor: Model (free)"
    assert (model.context, model.max_output) == (131072, 8192)
    assert model.capabilities == {"chat", "vision", "pdf", "tools", "thinking", "json"}
    assert (model.status, model.expires) == ("expires", "2026-12-31")
    assert (found["vendor/gratis"].status, found["vendor/gratis"].expires) == ("active", "")

    everything = models(body, "openrouter", quirks={"list_paid": True})
    assert everything["vendor/model"].status == "restricted"


def test_nim_s_public_list_mixes_kinds() -> None:
    names = [
        "moonshotai/kimi-k3",
        "nvidia/nv-embedqa-e5-v5",
        "baai/bge-m3",
        "nvidia/llama-3.1-nemoguard-8b-content-safety",
        "nvidia/nv-rerankqa-mistral-4b-v3-reranking",
        "meta/llama-guard-4-12b",
        "openai/whisper-large-v3",
        "nvidia/parakeet-ctc-0.6b-asr",
        "black-forest-labs/flux.1-dev",
        "nvidia/nemotron-3-nano-30b-a3b",
    ]

    found = models(listed(*[{"id": name, "created": 735790403} for name in names]))

    assert {name: set(model.capabilities) for name, model in found.items()} == {
        "moonshotai/kimi-k3": {"chat"},
        "nvidia/nv-embedqa-e5-v5": {"embeddings"},
        "baai/bge-m3": {"embeddings"},
        "nvidia/nemotron-3-nano-30b-a3b": {"chat"},
    }


def mistral_row(name: str, *aliases: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "name": "mistral-small-2506",
        "max_context_length": 131072,
        "aliases": list(aliases),
        "deprecation": None,
        "capabilities": {
            "completion_chat": True,
            "function_calling": True,
            "vision": True,
            "fine_tuning": False,
        },
        **more,
    }


def test_mistral_s_aliases_are_one_model() -> None:
    found = models(
        listed(
            mistral_row("mistral-small-2506", "mistral-small-latest", "mistral-small"),
            mistral_row("mistral-small-latest", "mistral-small-2506", "mistral-small"),
            mistral_row("mistral-small", "mistral-small-2506", "mistral-small-latest"),
            mistral_row("codestral-2508", "codestral-latest"),
            mistral_row("mistral-embed", capabilities={"completion_chat": False}),
            mistral_row("mistral-ocr-latest", capabilities={"completion_chat": False}),
        ),
        "mistral",
    )

    assert list(found) == ["mistral-small-latest", "codestral-2508", "mistral-embed"]
    assert found["mistral-small-latest"].capabilities == {"chat", "tools", "vision"}
    assert found["mistral-small-latest"].context == 131072
    assert "mistral-small-2506" in found["mistral-small-latest"].notes
    assert found["mistral-embed"].capabilities == {"embeddings"}


def test_mistral_announces_ends() -> None:
    row = mistral_row(
        "open-mixtral",
        deprecation="2026-11-30T12:00:00Z",
        deprecation_replacement_model="mistral-small-latest",
    )

    model = models(listed(row), "mistral")["open-mixtral"]

    assert (model.status, model.expires) == ("expires", "2026-11-30")
    assert model.replacement == "mistral/mistral-small-latest"


def test_groq_says_what_is_active_and_how_long() -> None:
    found = models(
        listed(
            {
                "id": "llama-3.1-8b-instant",
                "active": True,
                "context_window": 131072,
                "max_completion_tokens": 32768,
            },
            {"id": "gone", "active": False, "context_window": 1},
            {"id": "whisper-large-v3", "active": True},
            {"id": "playai-tts", "active": True},
            {"id": "meta-llama/llama-prompt-guard-2-86m", "active": True},
        ),
        "groq",
    )

    assert list(found) == ["llama-3.1-8b-instant"]
    assert found["llama-3.1-8b-instant"].context == 131072
    assert found["llama-3.1-8b-instant"].max_output == 32768


def test_cohere_s_pages_are_followed() -> None:
    body = {
        "models": [
            {
                "name": "command-a-03-2025",
                "endpoints": ["chat", "generate"],
                "context_length": 288000,
                "features": ["tools", "json_mode", "vision"],
            },
            {"name": "embed-v4.0", "endpoints": ["embed"], "context_length": 128000},
            {"name": "rerank-v3.5", "endpoints": ["rerank"]},
            {"name": "command-r-03-2024", "endpoints": ["chat"], "is_deprecated": True},
        ],
        "next_page_token": "tok",
    }

    found = page(body, "cohere")

    assert found.next_page == "tok"
    assert {m.name: set(m.capabilities) for m in found.models} == {
        "command-a-03-2025": {"chat", "tools", "json", "vision"},
        "embed-v4.0": {"embeddings"},
        "command-r-03-2024": {"chat"},
    }
    assert found.models[2].notes == "deprecated"


def test_cloudflare_s_pages_are_numbered() -> None:
    def row(name: str, task: str, **properties: str) -> dict[str, Any]:
        return {
            "id": "b0ae8d2e-0000",
            "name": name,
            "task": {"id": "x", "name": task},
            "properties": [{"property_id": k, "value": v} for k, v in properties.items()],
        }

    body = {
        "success": True,
        "errors": [],
        "result": [
            row(
                "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
                "Text Generation",
                context_window="24000",
                function_calling="true",
            ),
            row("@cf/baai/bge-m3", "Text Embeddings"),
            row("@cf/acme/vectors", "Text Embeddings"),
            row("@cf/acme/ears", "Automatic Speech Recognition"),
            row("@cf/black-forest-labs/flux-1-schnell", "Text-to-Image"),
        ],
        "result_info": {"page": 1, "per_page": 5, "count": 5, "total_count": 12},
    }

    found = page(body, "cloudflare")

    assert found.next_page == "2"
    assert {m.name: set(m.capabilities) for m in found.models} == {
        "@cf/meta/llama-3.3-70b-instruct-fp8-fast": {"chat", "tools"},
        "@cf/baai/bge-m3": {"embeddings"},
        "@cf/acme/vectors": {"embeddings"},
    }
    assert found.models[0].context == 24000
    body["result_info"] = {"page": 3, "per_page": 5, "count": 2, "total_count": 12}
    assert page(body, "cloudflare").next_page == ""


def test_hugging_face_says_who_serves_a_model() -> None:
    row = {
        "id": "openai/gpt-oss-120b",
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "providers": [
            {"provider": "a", "status": "live", "pricing": {"input": 0.1, "output": 0.5}},
            {
                "provider": "b",
                "context_length": 131072,
                "supports_tools": True,
                "supports_structured_output": False,
            },
        ],
    }

    model = models(listed(row), "huggingface")["openai/gpt-oss-120b"]

    assert model.context == 131072
    assert model.capabilities == {"chat", "tools"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # z.ai, LocalAI
        (listed({"id": "glm-4.7-flash", "object": "model"}), {"glm-4.7-flash": {"chat"}}),
        (
            listed({"id": "gpt-4"}, {"id": "stablediffusion-tts"}, {"id":
            "text-embedding-ada-002"}), {"gpt-4": {"chat"}, "text-embedding-ada-002":
            {"embeddings"}},
        ),
        # Ollama through /v1, without models, and its own list
        (listed({"id": "qwen3:8b", "owned_by": "library"}), {"qwen3:8b": {"chat"}}),
        ({"object": "list", "data": None}, {}),
        ({"models": [{"name": "qwen3:8b", "model": "qwen3:8b"}]}, {"qwen3:8b": {"chat"}}),
        (
            {"models": [{"name": "gemma4:e4b", "capabilities": ["completion", "vision", "tools"]}]},
            {"gemma4:e4b": {"chat", "vision", "tools"}},
        ),
        # LM Studio, plain and /api/v0
        (listed({"id": "qwen2.5-7b"}), {"qwen2.5-7b": {"chat"}}),
        (
            listed(
                {"id": "a", "type": "llm", "max_context_length": 8192, "capabilities":
                ["tool_use"]}, {"id": "b", "type": "vlm"}, {"id": "c", "type": "embeddings"},
            ),
            {"a": {"chat", "tools"}, "b": {"chat", "vision"}, "c": {"embeddings"}},
        ),
        # vLLM
        (listed({"id": "org/model", "max_model_len": 32768}), {"org/model": {"chat"}}),
        # Google's OpenAI-compatible path
        (listed({"id": "models/gemini-2.5-flash"}), {"gemini-2.5-flash": {"chat"}}),
        # GitHub Models and Together send a bare list
        (
            [{"id": "openai/gpt-4o", "supported_input_modalities": ["text", "image", "audio"],
              "capabilities": ["streaming", "tool-calling"], "limits": {"max_input_tokens": 131072}}],
            {"openai/gpt-4o": {"chat", "vision", "audio", "tools"}},
        ),
        (["a", "b"], {"a": {"chat"}, "b": {"chat"}}),
    ],
)  # fmt: skip
def test_other_hosts_lists_are_read(body: Any, expected: dict[str, set[str]]) -> None:
    assert {name: set(m.capabilities) for name, m in models(body).items()} == expected


def test_sizes_are_found_where_hosts_put_them() -> None:
    assert models(listed({"id": "a", "max_model_len": 32768}))["a"].context == 32768
    limits = {"limits": {"max_input_tokens": 8000, "max_output_tokens": 4000}}
    model = models([{"id": "a", **limits}])["a"]
    assert (model.context, model.max_output) == (8000, 4000)
    assert models(listed({"id": "a", "context_length": "4096"}))["a"].context == 4096
    assert models(listed({"id": "a", "context_length": 0}))["a"].context is None


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"error":{"message":"no"}}', "error"),
        (b'{"success":false,"errors":[{"code":10000}],"result":null}', "error"),
        (b"<html>", "error"),
        (b'{"hello":1}', "malformed"),
        (b"3", "malformed"),
        (b'{"data":[', "cut"),
        (b"", "empty"),
        (b"[" * 100_000, "cut"),
    ],
)
def test_what_is_no_list_is_a_fault(body: bytes, fault: str) -> None:
    with pytest.raises(AnswerFault) as caught:
        OpenAICompat().read_models(provider(), body)

    assert caught.value.fault == fault


@pytest.mark.parametrize(
    "row", [None, 5, {}, {"id": 5}, {"id": ""}, [], {"id": "a", "aliases": [5]}]
)
def test_odd_rows_do_no_harm(row: Any) -> None:
    names = set(models(listed(row, {"id": "good"})))

    assert names - {"a"} == {"good"}


# Requests for lists and key checks.

KEY = Secret("sk-some-secret-key-of-length")
BASE = "https://api.host.example/v1"


def test_a_list_is_asked_for_with_the_key_in_its_header() -> None:
    call = OpenAICompat().list_models(provider(), BASE, KEY)

    assert call is not None
    assert (call.method, call.url) == ("GET", f"{BASE}/models")
    assert call.auth == (("Authorization", "Bearer ", KEY),)
    assert call.headers["User-Agent"].startswith("freellm/")
    public = OpenAICompat().list_models(provider(list_public=True), BASE, None)
    assert public is not None
    assert public.auth == ()


def test_a_provider_without_a_list_is_not_asked() -> None:
    assert OpenAICompat().list_models(provider(list_path=""), BASE, KEY) is None


@pytest.mark.parametrize(
    ("fields", "page", "query"),
    [
        ({}, "tok/1", "page_token=tok%2F1"),
        ({}, "2", "page=2"),
        ({"quirks": {"list_params": {"page_size": 1000}}}, "", "page_size=1000"),
        ({"quirks": {"list_params": {"per_page": 100}}}, "3", "per_page=100&page=3"),
    ],
)
def test_further_pages_are_asked_for(fields: dict[str, Any], page: str, query: str) -> None:
    call = OpenAICompat().list_models(provider(**fields), BASE, KEY, page=page)

    assert call is not None
    assert call.url == f"{BASE}/models?{query}"


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        (BASE, "/models", f"{BASE}/models"),
        (f"{BASE}/", "/models", f"{BASE}/models"),
        (
            "https://api.cohere.ai/compatibility/v1",
            "https://api.cohere.com/v1/models",
            "https://api.cohere.com/v1/models",
        ),
        # A relay never sees its key go elsewhere.
        (
            "http://127.0.0.1:9/compatibility/v1",
            "https://api.cohere.com/v1/models",
            "http://127.0.0.1:9/v1/models",
        ),
        (
            "https://relay.example:8443/x",
            "https://api.cohere.com/v1/models",
            "https://relay.example:8443/v1/models",
        ),
        ("http://localhost:9/v1", "http://127.0.0.1:9/models", "http://localhost:9/models"),
    ],
)
def test_a_list_elsewhere_is_used_unless_the_base_is_a_relay(
    base: str, path: str, url: str
) -> None:
    assert address(base, path) == url


RELAY = "http://127.0.0.1:9/v1"
CLOUD = "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai"


def cloud_list(base_url: str, template: str = f"{CLOUD}/v1") -> str:
    spec = provider("cloudflare", list_path=f"{CLOUD}/models/search")._replace(base_url=template)
    call = OpenAICompat().list_models(spec, base_url, KEY)
    assert call is not None
    return call.url


def test_an_account_in_the_base_url_is_the_list_s_account_too() -> None:
    mine = f"{CLOUD}/v1".replace("{account_id}", "abc")

    assert cloud_list(mine) == f"{CLOUD}/models/search".replace("{account_id}", "abc")
    assert cloud_list(RELAY, RELAY) == f"{RELAY}/models"
    with pytest.raises(ConfigError, match="account_id"):
        cloud_list(f"{CLOUD}/v1")


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"key_check": "list"}, f"{BASE}/models"),
        ({"key_check": "list", "list_public": True}, None),
        ({"key_check": "list", "list_path": ""}, None),
        ({"key_check": "key"}, f"{BASE}/key"),
        ({"key_check": "key", "endpoints": {"key": "/auth/me"}}, f"{BASE}/auth/me"),
        ({"key_check": "none"}, None),
    ],
)
def test_a_key_is_checked_where_it_costs_nothing(fields: dict[str, Any], url: str | None) -> None:
    call = OpenAICompat().check_key(provider(**fields), BASE, KEY)

    assert (call.url if call else None) == url
    if call:
        assert (call.method, call.body) == ("GET", None)
        assert call.auth == (("Authorization", "Bearer ", KEY),)

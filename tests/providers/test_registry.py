"""The catalog as the program asks it: names, families, discovery, providers of the user's own."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.errors import ConfigError, UnknownName
from freellm_cli.providers.custom import clean_base_url, other_base_url
from freellm_cli.providers.registry import load_catalog

CATALOG = load_catalog()


def listed(provider: str, name: str, **facts: Any) -> ModelSpec:
    return ModelSpec(f"{provider}/{name}", provider, name, **facts)


def model(catalog: Any, model_id: str) -> ModelSpec:
    found = catalog.model(model_id)
    assert found is not None, model_id
    return found  # type: ignore[no-any-return]


# names


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("google", "gemini"), ("gogle", "gemini"), ("nvidia", "nvidia_nim"), ("GROQ", "groq")],
)
def test_a_provider_is_known_by_its_companys_name_too(typed: str, meant: str) -> None:
    with pytest.raises(UnknownName, match="no provider is called") as caught:
        CATALOG.provider(typed)
    assert caught.value.nearest[0] == meant


def test_a_provider_like_no_other_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName) as caught:
        CATALOG.provider("anthropic")
    assert "groq" in caught.value.hint
    assert "iflow" not in caught.value.hint


def test_an_unknown_provider_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownName) as caught:
        CATALOG.provider("gemni")
    assert caught.value.nearest[0] == "gemini"
    assert "gemini" in caught.value.hint


def test_the_template_for_own_providers_is_no_provider() -> None:
    assert "custom" not in CATALOG.provider_ids()
    with pytest.raises(UnknownName):
        CATALOG.provider("custom")


def test_a_model_that_nobody_knows_is_none() -> None:
    assert CATALOG.model("groq/nothing-like-it") is None
    assert CATALOG.model("nowhere") is None


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("gemini/gemini-2.5-flash", "gemini/gemini-2.5-flash"),
        (
            "meta-llama/llama-3.2-3b-instruct:free",
            "openrouter/meta-llama/llama-3.2-3b-instruct:free",
        ),
        ("openrouter/cypher-alpha:free", "openrouter/openrouter/cypher-alpha:free"),
        ("GPT-OSS-120B", "groq/openai/gpt-oss-120b"),
        ("kimi-k2-instruct-0905", "huggingface/moonshotai/Kimi-K2-Instruct-0905"),
    ],
)
def test_a_model_is_found_by_id_wire_name_or_the_end_of_its_name(text: str, first: str) -> None:
    assert CATALOG.find(text)[0].id == first


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gemini/gemini-2.5-flsh", "gemini/gemini-2.5-flash"),
        ("nvidia_nim/moonshotai/kimi-k2-instrct", "nvidia_nim/moonshotai/kimi-k2-instruct"),
        ("kimi-k22", "kimi-k2"),
    ],
)
def test_the_nearest_models_are_offered(typed: str, meant: str) -> None:
    assert meant in CATALOG.nearest_models(typed)


def test_nothing_is_offered_for_what_resembles_nothing() -> None:
    assert CATALOG.nearest_models("zzzzzzzzzzzzzzzz") == ()


# discovery


def test_a_listed_fact_takes_the_place_of_the_packaged_one_and_notes_stay() -> None:
    name = "moonshotai/kimi-k3"
    merged = CATALOG.merged_with([listed("nvidia_nim", name, context=500_000)])
    spec = model(merged, f"nvidia_nim/{name}")
    before = model(CATALOG, f"nvidia_nim/{name}")
    assert spec.context == 500_000
    assert (spec.notes, spec.recommended, spec.quirks) == (
        before.notes,
        before.recommended,
        before.quirks,
    )
    assert not spec.discovered


def test_plain_chat_in_a_list_says_nothing_about_abilities() -> None:
    merged = CATALOG.merged_with([listed("nvidia_nim", "moonshotai/kimi-k3")])
    assert "vision" in model(merged, "nvidia_nim/moonshotai/kimi-k3").capabilities


def test_abilities_that_a_list_names_win() -> None:
    said = frozenset({"chat", "tools"})
    merged = CATALOG.merged_with([listed("nvidia_nim", "moonshotai/kimi-k3", capabilities=said)])
    assert model(merged, "nvidia_nim/moonshotai/kimi-k3").capabilities == said


def test_a_closed_model_that_is_listed_again_is_active() -> None:
    model_id = "nvidia_nim/moonshotai/kimi-k2-instruct"
    assert model(CATALOG, model_id).status == "closed"
    merged = CATALOG.merged_with([listed("nvidia_nim", "moonshotai/kimi-k2-instruct")])
    assert model(merged, model_id).status == "active"
    assert merged.family("kimi-k2")[0].status == "active"


def test_an_announced_end_makes_a_listed_model_expire() -> None:
    merged = CATALOG.merged_with([listed("mistral", "mistral-large-latest", expires="2027-03-31")])
    spec = model(merged, "mistral/mistral-large-latest")
    assert (spec.status, spec.expires) == ("expires", "2027-03-31")


def test_a_new_name_is_described_by_its_kind_and_joins_its_family() -> None:
    merged = CATALOG.merged_with([listed("groq", "moonshotai/kimi-k2-instruct-1231")])
    spec = model(merged, "groq/moonshotai/kimi-k2-instruct-1231")
    assert spec.discovered
    assert spec.status == "active"
    assert spec.family == "kimi-k2"
    assert "tools" in spec.capabilities
    assert spec in merged.family("kimi-k2")
    assert spec in merged.models("groq")


def test_listed_names_that_do_not_chat_are_left_out() -> None:
    merged = CATALOG.merged_with([listed("groq", "whisper-large-v9")])
    assert merged.model("groq/whisper-large-v9") is None


def test_a_list_that_says_what_an_odd_name_can_do_is_believed() -> None:
    odd = listed("openrouter", "vendor/safety-talker", capabilities=frozenset({"chat", "vision"}))
    merged = CATALOG.merged_with([odd])
    assert model(merged, "openrouter/vendor/safety-talker").capabilities == {"chat", "vision"}


def test_merging_leaves_the_catalog_it_began_with_alone() -> None:
    CATALOG.merged_with([listed("groq", "brand-new-1")])
    assert CATALOG.model("groq/brand-new-1") is None


def test_two_lists_add_up() -> None:
    merged = CATALOG.merged_with([listed("groq", "new-1")]).merged_with([listed("groq", "new-2")])
    names = {spec.name for spec in merged.models("groq")}
    assert {"new-1", "new-2", "openai/gpt-oss-120b"} <= names


# the user's own providers


def test_a_host_of_ones_own_needs_an_address_only() -> None:
    catalog = CATALOG.with_custom_providers(
        {"attic": {"base_url": "http://127.0.0.1:8000/v1/chat/completions"}}
    )
    provider = catalog.provider("attic")
    assert provider.base_url == "http://127.0.0.1:8000/v1"
    assert provider.dialect == "openai"
    assert provider.local
    assert provider.key_env == ("FREELLM_ATTIC_API_KEY",)
    assert provider.quirks["rename"] == {"max_completion_tokens": "max_tokens"}
    assert catalog.provider_ids()[-1] == "attic"


def test_a_host_elsewhere_is_not_local() -> None:
    catalog = CATALOG.with_custom_providers({"far": {"base_url": "https://far.example/v1"}})
    assert not catalog.provider("far").local


def test_listed_models_of_an_own_host_are_known_by_name_and_table() -> None:
    table = {
        "base_url": "http://127.0.0.1:8000/v1",
        "models": {
            "list": ["gpt-oss-20b", {"name": "house", "context": 9000, "family": "qwq-32b"}]
        },
    }
    catalog = CATALOG.with_custom_providers({"attic": table})
    assert model(catalog, "attic/gpt-oss-20b").family == "gpt-oss-20b"
    house = model(catalog, "attic/house")
    assert (house.context, house.family, house.status) == (9000, "qwq-32b", "active")
    assert house in catalog.family("qwq-32b")
    assert {spec.name for spec in catalog.models("attic")} == {"gpt-oss-20b", "house"}


def test_models_of_an_own_host_get_the_switches_of_their_kind() -> None:
    catalog = CATALOG.with_custom_providers({"attic": {"base_url": "http://127.0.0.1:8000/v1"}})
    spec = catalog.spec_for_unknown("attic", "Qwen/Qwen3-8B")
    assert spec.quirks["think"] == "chat_template_enable_thinking"


def test_a_packaged_provider_keeps_its_facts_at_another_address() -> None:
    catalog = CATALOG.with_custom_providers({"groq": {"base_url": "http://127.0.0.1:9/v1/"}})
    provider = catalog.provider("groq")
    assert provider.base_url == "http://127.0.0.1:9/v1"
    assert provider.limits == CATALOG.provider("groq").limits
    assert not provider.local
    assert CATALOG.provider("groq").base_url == "https://api.groq.com/openai/v1"


def test_a_relay_is_asked_for_its_list_and_not_the_host_behind_it() -> None:
    catalog = CATALOG.with_custom_providers({"cohere": {"base_url": "http://127.0.0.1:9/v1"}})
    assert catalog.provider("cohere").list_path == "/models"
    relay = {"cloudflare": {"base_url": "http://127.0.0.1:9/v1"}}
    assert CATALOG.with_custom_providers(relay).provider("cloudflare").needs == ()


def test_a_closed_provider_at_an_own_address_may_be_asked() -> None:
    catalog = CATALOG.with_custom_providers({"iflow": {"base_url": "http://127.0.0.1:9/v1"}})
    assert catalog.provider("iflow").status == "unknown"
    assert model(catalog, "iflow/kimi-k2").status == "unknown"
    assert {spec.status for spec in catalog.models("iflow")} == {"unknown"}
    assert model(CATALOG, "iflow/kimi-k2").status == "closed"


def test_a_models_end_is_believed_at_a_relay_of_an_open_provider() -> None:
    relay = {"groq": {"base_url": "http://127.0.0.1:9/v1"}}
    spec = model(CATALOG.with_custom_providers(relay), "groq/llama-3.1-8b-instant")
    assert spec.status == "closed"


def test_switches_are_overridden_one_by_one() -> None:
    catalog = CATALOG.with_custom_providers({"groq": {"quirks": {"n_max": 4}}})
    quirks = catalog.provider("groq").quirks
    assert quirks["n_max"] == 4
    assert quirks["message_drop"] == CATALOG.provider("groq").quirks["message_drop"]


def test_gemini_by_its_openai_address_brings_that_addresss_switches() -> None:
    provider = CATALOG.with_custom_providers({"gemini": {"dialect": "openai"}}).provider("gemini")
    assert provider.base_url.endswith("/v1beta/openai")
    assert provider.auth == "bearer"
    assert "top_k" in provider.quirks["drop"]


def test_further_variables_come_before_the_usual_ones() -> None:
    catalog = CATALOG.with_custom_providers({"groq": {"key_env": "MY_GROQ"}})
    assert catalog.provider("groq").key_env[:2] == ("MY_GROQ", "GROQ_API_KEY")


@pytest.mark.parametrize(
    ("name", "table", "says"),
    [
        ("attic", {}, "has no base_url"),
        ("Attic", {"base_url": "http://h/v1"}, "no usable name"),
        ("a/b", {"base_url": "http://h/v1"}, "no usable name"),
        ("attic", {"base_url": "h/v1"}, "providers.attic.base_url 'h/v1' is not an address"),
        ("attic", {"base_url": "ftp://h/v1"}, "is not an address"),
        (
            "attic",
            {"base_url": "http://user:pw@h/v1"},
            "providers.attic.base_url holds a user name",
        ),
        ("attic", {"base_url": "http://h/v1?key=x"}, "query"),
        ("attic", {"base_url": 5}, "must be a text"),
        ("attic", {"base_url": "http://h/v1", "dialect": "smoke"}, "is none of"),
        ("attic", {"base_url": "http://h/v1", "models": {"list": [{}]}}, "without a name"),
        (
            "attic",
            {"base_url": "http://h", "models": {"list": [{"name": "a", "size": 1}]}},
            "'size'",
        ),
        (
            "attic",
            {"base_url": "http://h", "models": [{"name": "a", "capabilities": ["fly"]}]},
            "fly",
        ),
    ],
)
def test_a_wrong_table_is_refused(name: str, table: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        CATALOG.with_custom_providers({name: table})


def test_no_secret_of_an_address_is_repeated_in_the_refusal() -> None:
    with pytest.raises(ConfigError) as caught:
        clean_base_url("http://user:hunter2@h/v1?key=hunter3")
    assert "hunter" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("pasted", "base"),
    [
        (" http://h:1/v1/ ", "http://h:1/v1"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/v1/chat/completions/", "https://h/v1"),
        ("https://h/v1/models", "https://h/v1"),
        ("http://h", "http://h"),
    ],
)
def test_a_pasted_address_is_cleaned(pasted: str, base: str) -> None:
    assert clean_base_url(pasted) == base


def test_the_other_spelling_of_an_address_adds_or_takes_v1() -> None:
    assert other_base_url("http://h/v1") == "http://h"
    assert other_base_url("http://h") == "http://h/v1"

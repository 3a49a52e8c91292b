"""The catalog's data: complete, dated, and fit to be acted on."""

from __future__ import annotations

import json
import re
import time
from datetime import date
from pathlib import Path

import pytest

from freellm_cli.core.catalog import (
    CAPABILITIES,
    SCOPES,
    STATUSES,
    UNITS,
    USES,
    ModelSpec,
    ProviderSpec,
    PublishedLimit,
    filled_in,
    merged_quirks,
)
from freellm_cli.core.published import limits_for, parse_window
from freellm_cli.providers.catalog_compiler import compile_catalog, is_current
from freellm_cli.providers.registry import load_catalog

FIXTURES = Path(__file__).parents[1] / "fixtures"
CATALOG = load_catalog()
PROVIDERS = [pytest.param(provider, id=provider.id) for provider in CATALOG.providers()]
USABLE = ("active", "expires")


def seed_ids() -> list[tuple[str, str]]:
    lines = (FIXTURES / "seed_model_ids.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(model_id, guide) for model_id, guide in pairs]


def model(model_id: str) -> ModelSpec:
    found = CATALOG.model(model_id)
    assert found is not None, model_id
    return found


def amounts(limits: tuple[PublishedLimit, ...]) -> set[tuple[str, str, int]]:
    return {(limit.unit, limit.window, limit.amount) for limit in limits}


def test_compiled_catalog_is_what_its_sources_give() -> None:
    assert is_current(), "run scripts/gen"


def test_compiling_twice_gives_the_same_bytes() -> None:
    assert compile_catalog() == compile_catalog()


def test_every_provider_of_the_field_is_there() -> None:
    assert set(CATALOG.provider_ids()) == {
        "gemini", "nvidia_nim", "mistral", "openrouter", "groq", "cerebras", "github_models", "cohere",
        "cloudflare", "huggingface", "sambanova", "zai", "iflow", "gemini_cli", "ollama", "lmstudio",
        "localai",
    }  # fmt: skip


def test_every_id_that_a_guide_names_is_known_with_a_status_and_a_source() -> None:
    for model_id, guide in seed_ids():
        found = CATALOG.find(model_id)
        assert found, f"{model_id} of {guide}"
        for spec in found:
            assert spec.status in STATUSES
            assert spec.source
            assert spec.status_date


def test_what_a_guide_said_of_its_models_is_kept_as_history() -> None:
    without = [
        spec.id
        for model_id, guide in seed_ids()
        for spec in CATALOG.find(model_id)[:1]
        if model_id in (spec.id, spec.name) and not spec.history
    ]
    assert without == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_says_since_when_and_by_whom(provider: ProviderSpec) -> None:
    assert provider.status in STATUSES
    date.fromisoformat(provider.status_date)
    assert "://" in provider.source
    assert provider.terms
    assert f"FREELLM_{provider.id.upper()}_API_KEY" == provider.key_env[-1]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_takes_keys_says_how_to_get_one(provider: ProviderSpec) -> None:
    if provider.status == "closed":
        assert provider.closed_note
    else:
        assert provider.key_url.startswith("https://")
        assert provider.key_steps
    if provider.auth == "bearer" and provider.status != "closed":
        assert re.compile(provider.key_shape)


def test_every_model_is_complete() -> None:
    for spec in CATALOG.models():
        assert spec.id == f"{spec.provider}/{spec.name}"
        assert spec.title, spec.id
        assert spec.status in STATUSES, spec.id
        assert "://" in spec.source, spec.id
        assert date.fromisoformat(spec.status_date), spec.id
        assert spec.capabilities <= set(CAPABILITIES), spec.id
        assert set(spec.uses) <= set(USES), spec.id
        assert CATALOG.family_spec(spec.family) is not None, spec.id
        assert all(re.match(r"\d{4}-\d{2}", text) for text in spec.history), spec.id


def test_every_limit_has_a_scope_and_a_window() -> None:
    for spec in CATALOG.models():
        for limit in (*CATALOG.provider(spec.provider).limits, *spec.limits):
            assert limit.scope in SCOPES, spec.id
            assert limit.unit in UNITS, spec.id
            assert limit.amount >= 0, spec.id
            assert parse_window(limit.window), spec.id


def test_what_is_closed_names_something_usable_instead() -> None:
    for spec in CATALOG.models():
        if spec.status == "closed":
            instead = CATALOG.model(spec.replacement)
            members = CATALOG.family(spec.replacement) if instead is None else (instead,)
            assert any(member.status in USABLE for member in members), spec.id


def test_models_of_a_closed_provider_are_closed() -> None:
    for provider in CATALOG.providers():
        if provider.status == "closed":
            assert {spec.status for spec in CATALOG.models(provider.id)} == {"closed"}


def test_every_chat_family_leads_to_a_model_that_answers() -> None:
    for family in CATALOG.families():
        chain = (family.id, *CATALOG.successors(family.id))
        members = [spec for name in chain for spec in CATALOG.family(name)]
        if any("chat" in spec.capabilities for spec in CATALOG.family(family.id)):
            assert any(spec.status in (*USABLE, "unknown") for spec in members), family.id


def test_each_use_has_a_recommended_model_to_offer() -> None:
    for use in USES:
        assert any(spec.recommended and use in spec.uses for spec in CATALOG.models()), use


def test_todays_number_is_the_value_and_the_guides_is_history() -> None:
    flash = model("gemini/gemini-2.5-flash")
    assert amounts(flash.limits) == {
        ("requests", "60s", 5),
        ("tokens", "60s", 250_000),
        ("requests", "day:America/Los_Angeles", 20),
    }
    assert any("250 requests a day" in text for text in flash.history)
    assert model("gemini/gemini-2.5-pro").status == "restricted"
    assert amounts(model("gemini/gemini-2.5-pro").limits) == {
        ("requests", "day:America/Los_Angeles", 0)
    }


@pytest.mark.parametrize(
    ("model_id", "numbers"),
    [
        ("gemini/gemini-2.5-flash-lite", (10, 250_000, 20)),
        ("gemini/gemini-3.1-flash-lite", (15, 250_000, 500)),
        ("gemini/gemini-3.5-flash", (5, 250_000, 20)),
        ("gemini/gemma-3-27b-it", (30, 15_000, 14_400)),
    ],
)
def test_geminis_free_numbers(model_id: str, numbers: tuple[int, int, int]) -> None:
    minute, tokens, day = numbers
    assert amounts(model(model_id).limits) == {
        ("requests", "60s", minute),
        ("tokens", "60s", tokens),
        ("requests", "day:America/Los_Angeles", day),
    }


def test_geminis_keys_of_one_project_share_each_models_limit() -> None:
    provider, flash = CATALOG.provider("gemini"), model("gemini/gemini-2.5-flash")
    one = limits_for(provider, flash, credential="gemini-1", account="project-a")
    two = limits_for(provider, flash, credential="gemini-2", account="project-a")
    assert one == two
    assert {limit.meter for limit in one} == {"account:gemini/project-a|gemini-2.5-flash"}


def test_openrouters_free_models_share_one_counter_an_account() -> None:
    provider = CATALOG.provider("openrouter")
    meters = {
        limit.meter
        for name in ("meta-llama/llama-3.3-70b-instruct:free", "google/gemma-4-31b-it:free")
        for limit in limits_for(
            provider, model(f"openrouter/{name}"), credential="openrouter-1", account="main"
        )
    }
    assert meters == {"account:openrouter/main|group:free"}


def test_a_paid_model_of_openrouter_is_outside_the_free_counter() -> None:
    paid = CATALOG.spec_for_unknown("openrouter", "vendor/paid-model")
    assert limits_for(CATALOG.provider("openrouter"), paid, credential="openrouter-1") == ()


def test_only_ids_still_listed_at_openrouter_are_active_of_those_the_guides_named() -> None:
    active = {
        spec.name
        for model_id, _ in seed_ids()
        for spec in CATALOG.find(model_id)
        if spec.provider == "openrouter" and spec.status == "active" and model_id.endswith(":free")
    }
    assert active == {
        "meta-llama/llama-3.3-70b-instruct:free",
        "meta-llama/llama-3.2-3b-instruct:free",
        "nousresearch/hermes-3-llama-3.1-405b:free",
    }


def test_kimi_k2_is_one_family_wherever_it_is_hosted() -> None:
    ids = {spec.id for spec in CATALOG.family("kimi-k2")}
    assert {
        "nvidia_nim/moonshotai/kimi-k2-instruct",
        "nvidia_nim/moonshotai/kimi-k2-instruct-0905",
        "iflow/kimi-k2",
        "iflow/kimi-k2-0905",
    } <= ids
    assert CATALOG.successors("kimi-k2")[0] == "kimi-k3"
    assert CATALOG.family("kimi-k3")[0].id == "nvidia_nim/moonshotai/kimi-k3"


def test_a_models_switches_override_its_providers_one_by_one() -> None:
    groq = CATALOG.provider("groq")
    quirks = merged_quirks(groq, model("groq/openai/gpt-oss-120b"))
    assert quirks["think"] == "effort"
    assert quirks["n_max"] == 1


def test_an_account_id_goes_into_every_address_of_its_provider() -> None:
    filled = filled_in(CATALOG.provider("cloudflare"), {"account_id": "abc"})
    assert filled.base_url == "https://api.cloudflare.com/client/v4/accounts/abc/ai/v1"
    assert filled.list_path.endswith("/accounts/abc/ai/models/search")


def test_loading_everything_costs_little_more_than_parsing_its_bytes() -> None:
    text = (Path(__file__).parents[2] / "freellm_cli/providers/catalog.jsonl").read_text("utf-8")
    lines = text.split("\n")

    def parse() -> None:
        for line in lines[:-1]:
            json.loads(line)

    def load() -> None:
        load_catalog().models()

    def one() -> None:
        load_catalog().model("openrouter/upstage/solar-pro-3:free")

    bare, everything, single = (best_of(work) for work in (parse, load, one))
    assert everything < 4 * bare
    assert single < everything / 2


def best_of(work: object) -> float:
    times = []
    for _ in range(7):
        start = time.thread_time()
        work()  # type: ignore[operator]
        times.append(time.thread_time() - start)
    return min(times)


def test_asking_for_one_provider_builds_no_model() -> None:
    catalog = load_catalog()
    assert catalog.provider("mistral").title == "Mistral AI"
    assert catalog._file._models == {}

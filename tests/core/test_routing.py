"""From a name to the models that may answer."""

from __future__ import annotations

import pytest

from freellm_cli.core.errors import NoCredential, ProviderClosed, UnknownName
from freellm_cli.core.routing import MAX_AUTO_STEPS, Book, resolve
from freellm_cli.providers.registry import load_catalog

CATALOG = load_catalog()


def book(*usable: str, **more: object) -> Book:
    return Book(CATALOG, more.pop("aliases", {}), frozenset(usable), **more)  # type: ignore[arg-type]


def ids(route: object) -> list[str]:
    return [model.id for step in route.steps for model in step.models]  # type: ignore[attr-defined]


def test_a_model_id_stands_for_itself_alone() -> None:
    route = resolve("gemini/gemini-2.5-flash", book("gemini", "groq"))
    assert ids(route) == ["gemini/gemini-2.5-flash"]
    assert route.notices == ()


def test_an_alias_is_a_chain_in_its_order() -> None:
    aliases = {
        "smart": ["gemini/gemini-2.5-flash", "openrouter/meta-llama/llama-3.3-70b-instruct:free"]
    }
    route = resolve("smart", book("gemini", "openrouter", aliases=aliases))
    assert [len(step.models) for step in route.steps] == [1, 1]
    assert ids(route) == aliases["smart"]


def test_an_alias_skips_what_has_no_key_and_says_so() -> None:
    aliases = {"smart": ["groq/openai/gpt-oss-120b", "gemini/gemini-2.5-flash"]}
    route = resolve("smart", book("gemini", aliases=aliases))
    assert ids(route) == ["gemini/gemini-2.5-flash"]
    assert route.excluded[0].model_id == "groq/openai/gpt-oss-120b"
    assert "no credential" in route.excluded[0].reason


def test_an_alias_may_name_an_alias() -> None:
    aliases = {"gpt-4o-mini": ["smart"], "smart": ["gemini/gemini-2.5-flash"]}
    assert ids(resolve("gpt-4o-mini", book("gemini", aliases=aliases))) == [
        "gemini/gemini-2.5-flash"
    ]


def test_a_default_that_ends_in_auto_means_all_there_is_behind_it() -> None:
    own = "groq/openai/gpt-oss-120b"
    room = book("groq", "gemini", aliases={"home": [own, "auto"]}, default_model="home")
    for asked in ("", "auto", "home"):
        found = ids(resolve(asked, room))
        assert found[0] == own
        assert {name.partition("/")[0] for name in found} == {"groq", "gemini"}


def test_the_star_alias_catches_every_other_unknown_name() -> None:
    aliases = {"*": ["gemini/gemini-2.5-flash"]}
    route = resolve("gpt-9-ultra", book("gemini", aliases=aliases))
    assert ids(route) == ["gemini/gemini-2.5-flash"]


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        resolve("gemini/gemini-2.5-flahs", book("gemini"))
    assert "gemini/gemini-2.5-flash" in caught.value.nearest
    assert caught.value.exit_code == 2


def test_an_unknown_provider_offers_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        resolve("gemni/gemini-2.5-flash", book("gemini"))
    assert caught.value.nearest[0] == "gemini/gemini-2.5-flash"


def test_a_new_model_of_a_known_provider_is_asked_all_the_same() -> None:
    assert ids(resolve("gemini/gemini-9-flash", book("gemini"))) == ["gemini/gemini-9-flash"]


def test_a_bare_name_finds_its_provider() -> None:
    assert ids(resolve("gemini-2.5-flash", book("gemini"))) == ["gemini/gemini-2.5-flash"]


def test_names_of_other_gateways_are_understood() -> None:
    assert ids(resolve("google/gemini-2.5-flash", book("gemini"))) == ["gemini/gemini-2.5-flash"]


def test_a_dated_name_that_no_list_has_leads_to_the_successors_of_its_family() -> None:
    route = resolve("google/gemini-2.0-flash-001", book("gemini"))
    assert "gemini/gemini-2.5-flash" in ids(route)
    assert route.rerouted_from == "gemini/gemini-2.0-flash"
    with pytest.raises(UnknownName):
        resolve("google/palm-9", book("gemini"))


def test_a_closed_provider_is_rerouted_to_its_family_elsewhere() -> None:
    route = resolve("iflow/kimi-k2", book("nvidia_nim"))
    assert route.rerouted_from == "iflow/kimi-k2"
    assert route.steps
    assert all(name.startswith("nvidia_nim/") for name in ids(route))
    assert "closed on 2026-04-17" in route.notices[0]


def test_a_closed_provider_with_a_credential_is_asked_first() -> None:
    route = resolve("iflow/kimi-k2", book("iflow", "nvidia_nim"))
    assert ids(route)[0] == "iflow/kimi-k2"


def test_rerouting_can_be_turned_off_and_then_says_what_to_use() -> None:
    with pytest.raises(ProviderClosed) as caught:
        resolve("iflow/kimi-k2", book("nvidia_nim", reroute_closed=False))
    assert caught.value.exit_code == 3
    assert "keys add" in caught.value.hint


def test_no_key_at_all_says_where_to_begin() -> None:
    with pytest.raises(NoCredential) as caught:
        resolve("", book())
    assert "freellm setup" in caught.value.hint


def test_a_key_of_a_host_without_known_models_is_not_called_no_key() -> None:
    own = Book(CATALOG, {}, frozenset({"localai"}))
    with pytest.raises(NoCredential, match="'auto' knows no model of localai") as caught:
        resolve("auto", own)
    assert "-m localai/MODEL" in caught.value.hint


def test_a_model_without_a_key_names_the_command() -> None:
    with pytest.raises(NoCredential) as caught:
        resolve("groq/openai/gpt-oss-120b", book("gemini"))
    assert caught.value.message == "no key of yours reaches groq/openai/gpt-oss-120b"
    assert "freellm keys add groq" in caught.value.hint


def test_a_host_at_home_is_not_offered_as_if_it_sold_keys() -> None:
    with pytest.raises(NoCredential) as caught:
        resolve("kimi-k3", book("groq"))
    assert "nvidia_nim" in caught.value.hint
    assert "ollama" not in caught.value.hint


def test_a_family_that_has_gone_names_what_opens_it_elsewhere() -> None:
    with pytest.raises(ProviderClosed) as caught:
        resolve("kimi-k2", book("groq"))
    assert "no key of yours reaches kimi-k2" in caught.value.message
    assert "`freellm keys add huggingface` opens huggingface/" in caught.value.hint


def test_who_says_a_providers_name_is_told_its_models() -> None:
    with pytest.raises(UnknownName) as caught:
        resolve("groq", book("groq"))
    assert caught.value.nearest[0] == "groq/openai/gpt-oss-120b"


def test_the_beginning_of_a_familys_name_offers_the_good_ones_that_are_served() -> None:
    with pytest.raises(UnknownName) as caught:
        resolve("qwen", book("groq"))
    assert ids(resolve(caught.value.nearest[0], book("groq")))


def test_a_family_whose_successor_answers_says_why() -> None:
    route = resolve("gpt-4o", book("groq"))
    assert ids(route)
    assert route.rerouted_from
    assert "GitHub Models closed" in route.ended


def test_auto_takes_recommended_models_of_usable_providers_only() -> None:
    route = resolve("auto", book("gemini"))
    assert route.steps
    assert all(name.startswith("gemini/") for name in ids(route))


def test_every_catalog_family_with_a_served_member_resolves() -> None:
    everywhere = book(*CATALOG.provider_ids())
    for family in CATALOG.families():
        if CATALOG.family(family.id):
            assert ids(resolve(family.id, everywhere))


def test_auto_ends_with_the_best_of_each_provider_that_the_first_few_leave_out() -> None:
    everyone = ("gemini", "groq", "mistral", "openrouter", "cerebras")
    route = resolve("auto", book(*everyone))
    asked = [name.partition("/")[0] for name in ids(route)]
    assert set(asked) == set(everyone)
    later = asked[MAX_AUTO_STEPS:]
    assert len(later) == len(set(later))
    assert not set(later) & set(asked[:MAX_AUTO_STEPS])


def test_auto_says_which_hosts_nobody_has_asked_yet() -> None:
    route = resolve("auto", book("groq", "localai"))
    assert [item.model_id for item in route.excluded] == ["localai/…"]
    assert "`freellm models localai`" in route.excluded[0].reason
    assert not resolve("groq/openai/gpt-oss-20b", book("groq", "localai")).excluded


def test_an_alias_that_leads_to_nothing_is_named() -> None:
    aliases = {"gpt": ["first"], "first": ["smrt"], "host": ["groq"]}
    with pytest.raises(UnknownName, match=r"'smrt'; in config.toml 'first' leads there") as caught:
        resolve("gpt", book("groq", aliases=aliases))
    assert "`freellm config check`" in caught.value.hint
    with pytest.raises(UnknownName, match=r"groq is a provider.*'host' leads there"):
        resolve("host", book("groq", aliases=aliases))


def test_an_alias_serves_with_the_entries_that_are_known() -> None:
    flash = "gemini/gemini-2.5-flash"
    aliases = {"smart": ["gemini/gemini-2.5-flahs", "lost", flash], "lost": ["smrt", "smrtr"]}
    route = resolve("smart", book("gemini", aliases=aliases))
    assert ids(route) == [flash]
    slip, lost = route.unknown
    assert "'gemini/gemini-2.5-flahs'; in config.toml 'smart' leads there" in slip
    assert "'smrt'; in config.toml 'lost' leads there" in lost
    told = [("gemini/gemini-2.5-flahs", slip), ("lost", lost)]
    assert list(route.excluded) == told


def test_an_unknown_entry_is_told_once_however_often_it_is_met() -> None:
    flash = "gemini/gemini-2.5-flash"
    aliases = {"smart": ["other", "other", flash], "other": ["smrt", flash]}
    (slip,) = resolve("smart", book("gemini", aliases=aliases)).unknown
    assert "'smrt'; in config.toml 'other' leads there" in slip


def test_what_is_known_in_an_alias_and_out_of_reach_is_told_before_what_is_unknown() -> None:
    aliases = {"smart": ["smrt", "groq/openai/gpt-oss-120b"]}
    with pytest.raises(NoCredential, match="no key of yours reaches smart"):
        resolve("smart", book("gemini", aliases=aliases))


def test_a_way_around_a_closed_service_tells_what_is_unknown_too() -> None:
    aliases = {"smart": ["smrt", "iflow/kimi-k2"]}
    route = resolve("smart", book("nvidia_nim", aliases=aliases))
    assert route.rerouted_from == "iflow/kimi-k2"
    assert [text.partition(";")[0] for text in route.unknown] == [
        "no model, family or alias is called 'smrt'"
    ]


def test_a_default_model_that_nobody_knows_is_named_as_what_it_is() -> None:
    for asked in ("", "auto"):
        with pytest.raises(UnknownName, match="'smrt'; it is your default_model"):
            resolve(asked, book("groq", default_model="smrt"))
    with pytest.raises(UnknownName, match=r"'smrt'$"):
        resolve("smrt", book("groq", default_model="auto"))

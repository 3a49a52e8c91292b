"""What providers publish becomes limits with the meters that the ledger counts on."""

from __future__ import annotations

import pytest

from freellm_cli.core.catalog import ModelSpec, ProviderSpec, PublishedLimit
from freellm_cli.core.limits import Limit, Window
from freellm_cli.core.published import limits_for, parse_window


def provider(*limits: PublishedLimit) -> ProviderSpec:
    return ProviderSpec("host", "Host", "openai", "https://host.example/v1", limits=limits)


def model(*limits: PublishedLimit, group: str = "") -> ModelSpec:
    return ModelSpec("host/big/one", "host", "big/one", limits=limits, group=group)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("60s", Window("sliding", 60.0)),
        ("1.5s", Window("sliding", 1.5)),
        ("5m", Window("sliding", 300.0)),
        ("24h", Window("sliding", 86400.0)),
        ("7d", Window("sliding", 604800.0)),
        ("24h-first-use", Window("first_use", 86400.0)),
        ("day:America/Los_Angeles", Window("day", 0.0, "America/Los_Angeles")),
        ("month:UTC", Window("month", 0.0, "UTC")),
        ("open", Window("open")),
    ],
)
def test_windows_are_read(text: str, window: Window) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize(
    "text", ["", "60", "s", "-5s", "0s", "day", "day:", "week:UTC", "day: UTC", "60s-first", "1e3s"]
)
def test_a_window_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no window"):
        parse_window(text)


def test_an_account_limit_on_one_model_is_metered_by_account_and_model_name() -> None:
    limits = limits_for(
        provider(),
        model(PublishedLimit("account", "model", "requests", "60s", 5)),
        credential="host-1",
        account="main",
    )
    assert limits == (
        Limit("account:host/main|big/one", "requests", Window("sliding", 60.0), 5, "published"),
    )


def test_a_credential_of_no_known_account_is_its_own_account() -> None:
    published = PublishedLimit("account", "*", "requests", "day:UTC", 50)
    (limit,) = limits_for(provider(published), model(), credential="host-2")
    assert limit.meter == "account:host/host-2|*"


@pytest.mark.parametrize(
    ("scope", "meter"),
    [
        ("credential", "credential:host-1|*"),
        ("account", "account:host/main|*"),
        ("provider", "provider:host|*"),
        ("address", "address:host|*"),
    ],
)
def test_each_scope_has_its_meter(scope: str, meter: str) -> None:
    published = PublishedLimit(scope, "*", "requests", "60s", 1)
    (limit,) = limits_for(provider(published), model(), credential="host-1", account="main")
    assert limit.meter == meter


def test_a_group_limit_holds_for_the_models_of_that_group_alone() -> None:
    host = provider(PublishedLimit("account", "group:free", "requests", "60s", 20))
    assert limits_for(host, model(), credential="host-1") == ()
    (limit,) = limits_for(host, model(group="free"), credential="host-1")
    assert limit.meter == "account:host/host-1|group:free"


def test_a_models_own_number_replaces_the_providers_for_the_same_window_only() -> None:
    host = provider(
        PublishedLimit("account", "model", "requests", "60s", 30),
        PublishedLimit("account", "model", "tokens", "60s", 8000),
    )
    limits = limits_for(
        host, model(PublishedLimit("account", "model", "requests", "60s", 5)), credential="c"
    )
    assert [(limit.unit, limit.amount) for limit in limits] == [("tokens", 8000), ("requests", 5)]


def test_a_limit_over_all_models_is_not_replaced_by_a_models_own() -> None:
    host = provider(PublishedLimit("account", "*", "requests", "60s", 30))
    own = PublishedLimit("account", "model", "requests", "60s", 5)
    assert len(limits_for(host, model(own), credential="c")) == 2

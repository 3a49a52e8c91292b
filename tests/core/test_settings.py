"""Settings: typed, with a source, and mistakes told in words."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from freellm_cli.core import settings as settings_module
from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.errors import ConfigError
from freellm_cli.core.http import Timeouts
from freellm_cli.core.limits import Limit, Window
from freellm_cli.core.secret import Secret
from freellm_cli.core.settings import ProviderSettings, Settings
from freellm_cli.core.settings_docs import configuration_page, describe_settings, shown_settings
from freellm_cli.core.settings_load import Loader, SettingWarning, variable_of
from freellm_cli.core.settings_schema import ROWS
from freellm_cli.core.settings_values import CHECKS
from freellm_cli.core.toml_text import line_of

EXAMPLE = """\
default_model = "smart"
[aliases]
smart = ["gemini/gemini-2.5-flash", "nvidia_nim/moonshotai/kimi-k2-instruct"]
"gpt-4o-mini" = "smart"
"*" = "smart"
[timeouts]
connect = 10
first_token = 30.5
[providers.localai]
base_url = "http://127.0.0.1:8080/v1"
first_token = 5
[providers.gemini]
rotation = "sequential"
models.allow = ["*"]
models.deny = ["*-preview*"]
[[providers.gemini.limits]]
model = "gemini-2.5-flash"
requests_per_minute = 10
tokens_per_minute = 250_000
requests_per_day = 250
[serve]
port = 8001
think = "off"
token = "a-client-token"
"""


def load(
    text: str = "",
    env: dict[str, str] | None = None,
    overrides: dict[str, Any] | None = None,
    known: tuple[str, ...] = (),
) -> tuple[Settings, tuple[SettingWarning, ...]]:
    return Settings.load(
        tomllib.loads(text),
        env or {},
        overrides,
        file="/c/config.toml",
        locate=lambda path: line_of(text, path),
        known_providers=known,
    )


def settings(text: str = "", **more: Any) -> Settings:
    found, warnings = load(text, **more)
    assert warnings == ()
    return found


def problem(text: str = "", **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, **more)
    assert caught.value.hint
    return caught.value.message


def warning(text: str = "", **more: Any) -> SettingWarning:
    _, warnings = load(text, **more)
    (only,) = warnings
    return only


def test_the_example_of_the_design_is_understood() -> None:
    found = settings(EXAMPLE)
    assert found.default_model == "smart"
    assert found.aliases == {
        "smart": ("gemini/gemini-2.5-flash", "nvidia_nim/moonshotai/kimi-k2-instruct"),
        "gpt-4o-mini": ("smart",),
        "*": ("smart",),
    }
    assert found.timeouts == Timeouts(10.0, 30.5, 60.0, 600.0)
    assert (found.serve.port, found.serve.think) == (8001, "off")
    assert found.serve.token == Secret("a-client-token")
    assert found.providers == ("localai", "gemini")
    gemini = found.provider("gemini")
    assert (gemini.rotation, gemini.allow, gemini.deny) == ("sequential", ("*",), ("*-preview*",))
    assert [(row.unit, row.amount) for row in gemini.limits] == [
        ("requests", 10), ("requests", 250), ("tokens", 250_000),
    ]  # fmt: skip


def test_nothing_said_means_the_defaults() -> None:
    found = settings()
    assert (found.default_model, found.rotation, found.wait, found.reroute_closed) == (
        "", "balanced", "any", True,
    )  # fmt: skip
    assert (found.hedge, found.max_wait, found.think, found.history) == (None, None, None, True)
    assert found.timeouts == Timeouts()
    assert (found.serve.host, found.serve.port, found.serve.token) == ("127.0.0.1", 8000, None)
    assert (found.batch.reserve, found.oauth.refresh_interval) == (0.0, 600.0)
    assert (found.discovery.enabled, found.retry.attempts > 0) == (True, True)
    assert (found.aliases, found.routes, found.providers) == ({}, (), ())


def test_a_flag_wins_over_the_environment_and_that_over_the_file() -> None:
    file = "[serve]\nport = 1001\nhost = '127.0.0.2'\ndrain = 5\n"
    env = {"FREELLM_SERVE_PORT": "1002", "FREELLM_SERVE_HOST": "127.0.0.3"}
    found = settings(file, env=env, overrides={"serve.port": 1003, "serve.host": None})
    assert (found.serve.port, found.source("serve.port")) == (1003, "flag")
    assert (found.serve.host, found.source("serve.host")) == ("127.0.0.3", "env")
    assert (found.serve.drain, found.source("serve.drain")) == (5.0, "file")
    assert (found.serve.threads, found.source("serve.threads")) == (256, "default")


def test_overrides_may_be_text() -> None:
    found = settings(overrides={"serve.port": "9000", "history": "off", "hedge": "2.5"})
    assert (found.serve.port, found.history, found.hedge) == (9000, False, 2.5)


def test_an_override_of_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        load(overrides={"serve.prot": 1})
    assert "serve.port" in caught.value.hint


@pytest.mark.parametrize(
    ("variable", "text", "read"),
    [
        ("FREELLM_DEFAULT_MODEL", "gemini/x", lambda s: s.default_model == "gemini/x"),
        ("FREELLM_TIMEOUTS_CONNECT", "2.5", lambda s: s.timeouts.connect == 2.5),
        ("FREELLM_HISTORY", "No", lambda s: s.history is False),
        ("FREELLM_HEDGE", "off", lambda s: s.hedge is None),
        ("FREELLM_BATCH_RESERVE", "20%", lambda s: s.batch.reserve == pytest.approx(0.2)),
        ("FREELLM_SERVE_CORS_ORIGINS", "https://a.example, https://b.example",
         lambda s: s.serve.cors_origins == ("https://a.example", "https://b.example")),
        ("FREELLM_SERVE_CORS_ORIGINS", '["https://a.example"]',
         lambda s: s.serve.cors_origins == ("https://a.example",)),
        ("FREELLM_SERVE_TOKEN", "t0ken-of-a-client", lambda s: s.serve.token.reveal()[:5] == "t0ken"),
        ("FREELLM_PROVIDERS_NVIDIA_NIM_BASE_URL", "http://x",
         lambda s: s.provider("nvidia_nim").base_url == "http://x"),
        ("FREELLM_PROVIDERS_GEMINI_MODELS_DENY", "*-preview",
         lambda s: s.provider("gemini").deny == ("*-preview",)),
        ("FREELLM_PROVIDERS_GEMINI_FIRST_TOKEN", "5",
         lambda s: s.timeouts_for("gemini").first_token == 5.0),
        ("FREELLM_PROVIDERS_IFLOW_TOKEN_URL", "http://t",
         lambda s: s.provider("iflow").token_url == "http://t"),
        ("FREELLM_PROVIDERS_X_QUIRKS", "{ drop = ['seed'] }",
         lambda s: s.provider("x").quirks == {"drop": ["seed"]}),
    ],
)  # fmt: skip
def test_every_kind_of_setting_can_come_from_the_environment(
    variable: str, text: str, read: Any
) -> None:
    found = settings(env={variable: text})
    assert read(found)


def test_a_variable_finds_a_provider_whose_name_has_a_hyphen() -> None:
    file = "[providers.my-host]\nbase_url = 'http://a'\n"
    found = settings(file, env={"FREELLM_PROVIDERS_MY_HOST_BASE_URL": "http://b"})
    assert found.provider("my-host").base_url == "http://b"
    assert found.source("providers.my-host.base_url") == "env"


def test_a_wrong_variable_is_named() -> None:
    message = problem(env={"FREELLM_SERVE_PORT": "eighty"})
    assert message == ("FREELLM_SERVE_PORT must be a whole number from 0 to 65535, not 'eighty'")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[serve]\nport = '80a'", "line 2: serve.port must be a whole number from 0 to 65535, not '80a'"),
        ("[serve]\nport = 70000", "from 0 to 65535, not 70000"),
        ("[serve]\nport = true", "not true"),
        ("history = 'yes'", "line 1: history must be true or false, not 'yes'"),
        ("rotation = 'random'", "must be one of balanced, sequential, fastest, not 'random'"),
        ("rotation = 5", "must be one of balanced"),
        ("timeouts = 5", "line 1: timeouts must be a table, not 5"),
        ("[timeouts]\nidle = -1", "timeouts.idle must be a number of seconds from 0.01"),
        ("[timeouts]\nidle = nan", "timeouts.idle must be"),
        ("[timeouts]\nidle = inf", "timeouts.idle must be"),
        ("hedge = 'soon'", 'hedge must be a number of seconds'),
        ("[batch]\nreserve = '120%'", 'batch.reserve must be a share such as "20%"'),
        ("default_model = ['a']", "default_model must be a text"),
        ("default_model = \"a\\u0007b\"", "default_model must be a text"),
        ("[aliases]\na = 5", "aliases.a must be a text or a list of texts, not 5"),
        ("[aliases]\na = []", "aliases.a must name at least one model"),
        ("[aliases]\na = ['x', 3]", "aliases.a[2] must be a text, not 3"),
        ("[aliases]\na = '*'", '"*", which is no model'),
        ("[providers.gemini]\nmodels.deny = 'x'", "line 2: providers.gemini.models.deny must be a list"),
        ("[providers.gemini]\nmodels = 'x'", "providers.gemini.models must be a table or a list"),
        ("[providers]\ngemini = 3", "providers.gemini must be a table, not 3"),
        ("[providers.'a/b']\nbase_url = 'x'", 'providers."a/b" is no usable name'),
        ("[providers.gemini]\nheaders = { X-Title = 3 }", "providers.gemini.headers.X-Title must be a text"),
        ("[[providers.gemini.limits]]\nrequests_per_day = 'many'",
         "line 2: providers.gemini.limits[1].requests_per_day must be a whole number"),
        ("[[providers.g.limits]]\nmodel='a'\nconcurrent=1\n[[providers.g.limits]]\nmodel='b'",
         "line 4: providers.g.limits[2] must be a table with at least one of requests_per_second"),
        ("[[providers.g.limits]]\nrequest_per_day = 1",
         "line 2: providers.g.limits[1].request_per_day is not known: did you mean requests_per_day?"),
        ("[[providers.g.limits]]\nconcurrent = 1\nscope = 'world'",
         "must be one of credential, account, provider, address, not 'world'"),
        ("[providers.g]\nlimits = 5", "providers.g.limits must be a list of tables"),
        ("[[routes]]\nmax_tokens = 5", "line 1: routes[1] must be a table that says which model to use"),
        ("[[routes]]\nuse = 'a'\nneeds = ['wings']", "line 3: routes[1].needs must be one of chat"),
        ("[[routes]]\nuse = 'a'\nabove = 3", "line 3: routes[1].above is not known"),
        ("routes = [3]", "routes[1] must be a table"),
        ("[[routes]]\nuse = []", "routes[1].use must be a text or a list of texts"),
        ("[[routes]]\nuse = 'a'\nmin_tokens = -1", "routes[1].min_tokens must be a whole number"),
        ("[providers.x]\nmodels.list = [{ context = 3 }]", "x.models.list[1] must be a model's name"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_its_place_and_what_is_allowed(text: str, words: str) -> None:
    message = problem(text)
    assert message.startswith("/c/config.toml, line ")
    assert words in message


def test_a_wrong_token_is_not_quoted() -> None:
    assert "123456789" not in problem("[serve]\ntoken = 123456789")


def test_several_mistakes_are_counted() -> None:
    assert problem("history = 1\nprivate = 2\nwait = 3").endswith(
        "(and 2 more: run `freellm config check`)"
    )


@pytest.mark.parametrize(
    ("text", "key", "line", "nearest"),
    [
        ("[serve]\nprot = 1", "serve.prot", 2, ("serve.port",)),
        ("defualt_model = 'x'", "defualt_model", 1, ("default_model",)),
        ("[server]\nport = 1", "server", 1, ("serve",)),
        ("[provider.gemini]\nx = 1", "provider", 1, ("providers",)),
        ("[timeout]\nidle = 1", "timeout", 1, ("timeouts",)),
        ("[providers.gemini]\nbase_ulr = 'x'", "providers.gemini.base_ulr", 2,
         ("providers.gemini.base_url",)),
        ("[providers.gemini]\nmodels.denny = []", "providers.gemini.models.denny", 2,
         ("providers.gemini.models.deny",)),
        ("port = 1", "port", 1, ("serve.port",)),
        ("zzzzqqqq = 1", "zzzzqqqq", 1, ()),
    ],
)  # fmt: skip
def test_an_unknown_key_is_a_warning_with_its_line_and_the_nearest(
    text: str, key: str, line: int, nearest: tuple[str, ...]
) -> None:
    said = warning(text)
    assert (said.file, said.key, said.line) == ("/c/config.toml", key, line)
    assert said.nearest[: len(nearest)] == nearest
    assert str(said).startswith(f"/c/config.toml, line {line}: no setting is called {key}")
    if nearest:
        assert f"did you mean {nearest[0]}" in str(said)
    else:
        assert said.nearest == ()


def test_an_unknown_key_does_not_spoil_the_known_ones() -> None:
    found, _ = load("[serve]\nprot = 1\nport = 2\n")
    assert found.serve.port == 2


def test_quirks_and_headers_are_free_to_choose() -> None:
    found = settings(
        "[providers.x]\nbase_url='u'\nquirks.drop = ['seed']\nheaders = { X-Title = 'mine' }"
    ).provider("x")
    assert (found.quirks, found.headers) == ({"drop": ["seed"]}, {"X-Title": "mine"})


def test_a_mistyped_variable_is_warned_about_and_a_strange_one_is_not() -> None:
    said = warning(env={"FREELLM_SERVE_PROT": "1"})
    assert said.nearest[0] == "FREELLM_SERVE_PORT"
    for name in ("FREELLM_UNRELATED_THING", "FREELLM_GEMINI_API_KEY", "FREELLM_GEMINI_API_KEY_2",
                 "FREELLM_CLOUDFLARE_ACCOUNT_ID", "FREELLM_CONFIG_DIR", "FREELLM_CACHE_DIR"):  # fmt: skip
        assert load(env={name: "x"})[1] == ()


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("[aliases]\na = 'b'\nb = ['x', 'a']", "a -> b -> a"),
        ("[aliases]\na = 'a'", "a -> a"),
        ("[aliases]\nz = 'a'\na = 'b'\nb = 'c'\nc = 'a'", "a -> b -> c -> a"),
        ("[aliases]\n'*' = 'b'\nb = ['x', 'b']", "b -> b"),
    ],
)
def test_aliases_in_a_circle_are_an_error(text: str, loop: str) -> None:
    assert f"leads back to itself: {loop}" in problem(text)


def test_an_alias_may_be_reached_in_two_ways() -> None:
    found = settings("[aliases]\na = ['b', 'c']\nb = 'd'\nc = 'd'\nd = 'gemini/x'")
    assert found.aliases["d"] == ("gemini/x",)


def test_a_hyphen_in_a_known_providers_name_is_forgiven() -> None:
    found = settings("[providers.gemini-cli]\nidle = 3", known=("gemini_cli",))
    assert found.provider("gemini_cli").idle == 3.0
    assert found.provider_tables() == {"gemini_cli": {"idle": 3.0}}


def test_a_table_of_an_unknown_provider_without_an_address_is_warned_about() -> None:
    said = warning("[providers.gemnii]\nidle = 3", known=("gemini", "groq"))
    assert said.nearest == ("gemini",)
    assert "base_url" in str(said)
    settings("[providers.own]\nbase_url = 'http://h'", known=("gemini",))


def test_models_can_be_listed_in_three_ways() -> None:
    as_list = settings("[providers.x]\nbase_url='u'\nmodels = ['a', { name = 'b', context = 5 }]")
    as_key = settings("[providers.x]\nbase_url='u'\nmodels.list = ['a', {name = 'b', context = 5}]")
    as_tables = settings(
        "[providers.x]\nbase_url='u'\n[providers.x.models.a]\n[providers.x.models.b]\ncontext = 5"
    )
    expected = ({"name": "a"}, {"name": "b", "context": 5})
    for found in (as_list, as_key, as_tables):
        assert found.provider("x").models == expected
        assert found.provider_tables()["x"]["models"]["list"] == expected


def test_what_the_catalog_merges_holds_everything_but_secrets() -> None:
    text = (
        "[providers.x]\nbase_url = 'http://h'\napi_key_env = 'X_KEY'\nclient_secret = 'hidden-secret'\n"
        "models.deny = ['y']\nquirks = { a = 1 }\n"
    )
    assert settings(text).provider_tables() == {
        "x": {
            "base_url": "http://h",
            "key_env": ("X_KEY",),
            "models": {"deny": ("y",)},
            "quirks": {"a": 1},
        }
    }


@pytest.mark.parametrize(
    ("value", "word"), [("true", "yes"), ("false", "no"), ("'opt-out'", "opt-out")]
)
def test_training_on_prompts_may_be_said_as_a_truth(value: str, word: str) -> None:
    found = settings(f"[providers.x]\nbase_url = 'u'\ntrains_on_prompts = {value}")
    assert found.provider("x").trains_on_prompts == word


def test_timeouts_come_from_the_nearest_that_spoke() -> None:
    found = settings("[timeouts]\nidle = 20\n[providers.x]\nbase_url='u'\nfirst_token = 5")
    usual = {"first_token": 120.0, "idle": 90.0, "connect": 3.0}
    assert found.timeouts_for("x", usual) == Timeouts(3.0, 5.0, 20.0, 600.0)
    assert found.timeouts_for("other", usual) == Timeouts(3.0, 120.0, 20.0, 600.0)


def test_sections_are_read_only() -> None:
    found = settings()
    with pytest.raises(AttributeError, match="read-only"):
        found.serve.port = 1


LIMITS = """\
[[providers.gemini.limits]]
model = "gemini-*-flash"
requests_per_day = 20
[[providers.gemini.limits]]
requests_per_minute = 5
scope = "provider"
[[providers.gemini.limits]]
model = "gemma-*"
group = "gemma"
tokens_per_month = 9
zone = "UTC"
account = "work"
[[providers.gemini.limits]]
model = "gemini-2.5-pro"
concurrent = 0
"""


def limits(model: str, account: str = "") -> set[Limit]:
    spec = ModelSpec(f"gemini/{model}", "gemini", model)
    return set(
        settings(LIMITS).limits_for(
            spec,
            credential="gemini-1",
            account=account,
            scope="account",
            zone="America/Los_Angeles",
        )
    )


def test_a_limit_of_a_pattern_holds_for_each_model_and_counts_the_providers_way() -> None:
    per_minute = Limit("provider:gemini|*", "requests", Window("sliding", 60.0), 5, "set")
    assert limits("gemini-2.5-flash") == {
        Limit(
            "account:gemini/gemini-1|gemini-2.5-flash", "requests",
            Window("day", 0.0, "America/Los_Angeles"), 20, "set",
        ),
        per_minute,
    }  # fmt: skip
    assert limits("gemini-2.5-pro") == {
        per_minute,
        Limit("account:gemini/gemini-1|gemini-2.5-pro", "concurrent", Window("open"), 0, "set"),
    }


def test_a_limit_of_a_group_and_an_account_holds_there_alone() -> None:
    shared = Limit(
        "account:gemini/work|group:gemma", "tokens", Window("month", 0.0, "UTC"), 9, "set"
    )
    assert shared in limits("gemma-3", "work")
    assert shared in limits("gemma-4", "work")
    assert shared not in limits("gemma-3", "home")


def test_route_rules_fit_by_name_size_and_need() -> None:
    rules = settings(
        "[[routes]]\nfor = 'smart'\nmax_tokens = 100\nuse = 'small'\n"
        "[[routes]]\nneeds = ['vision']\nmin_tokens = 50\nuse = ['eye', 'other']\n"
    ).routes
    small, eye = rules
    assert (small.use, eye.use) == (("small",), ("eye", "other"))
    assert small.fits("smart", 100, {"chat"})
    assert not small.fits("smart", 101, {"chat"})
    assert not small.fits("other", 1, {"chat"})
    assert eye.fits("anything", 50, {"chat", "vision"})
    assert not eye.fits("anything", 49, {"chat", "vision"})
    assert not eye.fits("anything", 50, {"chat"})


def test_shown_settings_tell_values_and_sources_and_hide_secrets() -> None:
    rows = {row.key: row for row in shown_settings(settings(EXAMPLE))}
    assert (rows["serve.port"].value, rows["serve.port"].source) == (8001, "file")
    assert (rows["hedge"].value, rows["hedge"].source) == ("off", "default")
    assert rows["aliases.gpt-4o-mini"].value == ["smart"]
    assert rows["providers.gemini.limits"].value[0]["amount"] == 10
    assert "a-client-token" not in repr(rows)


def test_every_row_of_the_schema_makes_sense() -> None:
    names = [row[0] for row in ROWS]
    assert len(names) == len(set(names))
    for name, kind, default, allowed, about in ROWS:
        assert kind in CHECKS, name
        assert about.endswith((".", "…")), name
        if kind == "choice":
            assert default in allowed, name
        elif allowed and default is not None:
            assert allowed[0] <= default <= allowed[1], name


@pytest.mark.parametrize(
    ("section", "prefix"),
    [
        ("ServeSettings", "serve."),
        ("RetrySettings", "retry."),
        ("DiscoverySettings", "discovery."),
        ("OauthSettings", "oauth."),
        ("BatchSettings", "batch."),
    ],
)
def test_a_typed_section_has_exactly_the_rows_of_its_table(section: str, prefix: str) -> None:
    declared = getattr(settings_module, section).__annotations__
    assert set(declared) == {row[0][len(prefix) :] for row in ROWS if row[0].startswith(prefix)}


def test_a_providers_settings_are_exactly_the_rows_of_its_table() -> None:
    found = settings().provider("any")
    assert set(vars(found)) == set(ProviderSettings.__annotations__)


def test_every_general_setting_can_be_had_by_attribute() -> None:
    general = [row[0] for row in ROWS if "." not in row[0]]
    for name in general:
        assert hasattr(settings(), name), name
    tables = {row[0].partition(".")[0] for row in ROWS if "." in row[0]}
    for name in tables:
        assert hasattr(Settings, name), name


def test_timeouts_have_the_fields_of_the_transport() -> None:
    rows = {row[0].partition(".")[2]: row[2] for row in ROWS if row[0].startswith("timeouts.")}
    assert rows == Timeouts()._asdict()
    assert list(get_type_hints(Timeouts)) == list(rows)


def test_the_page_names_every_setting_and_its_sample_is_understood() -> None:
    page = configuration_page()
    for row in describe_settings():
        assert f"| `{row.name}` |" in page
    sample = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert sample is not None
    settings(sample[1])


def test_each_fixed_setting_has_its_variable() -> None:
    assert variable_of("serve.cors_origins") == "FREELLM_SERVE_CORS_ORIGINS"
    assert variable_of("aliases.<name>") == ""
    variables = [row.variable for row in describe_settings() if row.variable]
    assert len(variables) == len(set(variables))


def test_loading_nothing_imports_next_to_nothing() -> None:
    code = (
        "import sys\nfrom freellm_cli.core.settings import Settings\n"
        "before = set(sys.modules)\nfound, _ = Settings.load({}, {'PATH': '/'})\n"
        "found.timeouts, found.aliases, found.provider('gemini'), found.rotation\n"
        "heavy = {'dataclasses', 'pathlib', 'difflib', 'tomllib', 'inspect', 'fnmatch'}\n"
        "new = set(sys.modules) - before\n"
        "sys.exit(repr(heavy & set(sys.modules) or new) if heavy & set(sys.modules) or new else 0)\n"
    )
    subprocess.run([sys.executable, "-S", "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("file", "variable", "overrides", "hint"),
    [
        ({"history": 1}, {}, {}, "`freellm config edit`"),
        ({}, {"FREELLM_HISTORY": "5"}, {}, "correct the variable, or unset it"),
        ({}, {}, {"serve.threads": 10**9}, "see the command's --help"),
    ],
)
def test_a_wrong_value_is_mended_where_it_was_said(
    file: dict[str, Any], variable: dict[str, str], overrides: dict[str, Any], hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load(file, variable, overrides)
    assert hint in caught.value.hint


def test_a_check_tells_every_problem_and_every_warning() -> None:
    text = "history = 1\nprivate = 2\n[serve]\nprot = 3\n"
    loader = Loader("/c/config.toml", lambda path: line_of(text, path), ())
    loaded = loader.load(tomllib.loads(text), {"FREELLM_WAIT": "never"}, {})
    assert [problem.message.partition(" must")[0] for problem in loaded.problems] == [
        "/c/config.toml, line 1: history",
        "/c/config.toml, line 2: private",
        "FREELLM_WAIT",
    ]
    assert [said.key for said in loaded.warnings] == ["serve.prot"]

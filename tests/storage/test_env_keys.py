"""Keys of the environment: used, never stored, never doubled."""

from __future__ import annotations

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.credentials import Credential
from freellm_cli.core.secret import Secret
from freellm_cli.storage.env_keys import environment_keys

GEMINI = ProviderSpec(
    "gemini", "Gemini", "google", "https://g.example", key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY")
)
NIM = ProviderSpec("nvidia_nim", "NIM", "openai", "https://n.example", key_env=("NVIDIA_API_KEY",))
CLOUDFLARE = ProviderSpec(
    "cloudflare", "Cloudflare", "openai", "https://c.example",
    key_env=("CLOUDFLARE_API_TOKEN",), needs=("account_id",),
)  # fmt: skip
ALL = (GEMINI, NIM, CLOUDFLARE)


def found(env: dict[str, str], stored: tuple[Credential, ...] = ()) -> dict[str, tuple[str, str]]:
    """id -> (variable, key)"""
    keys = environment_keys(env, ALL, stored).credentials
    return {key.id: (key.env_var, key.secret.reveal() if key.secret else "") for key in keys}


def test_usual_names_and_numbered_ones_are_found() -> None:
    env = {
        "GEMINI_API_KEY": "k0",
        "GEMINI_API_KEY_1": "k1",
        "GEMINI_API_KEY_12": "k12",
        "PATH": "/",
    }
    assert found(env) == {
        "gemini-env": ("GEMINI_API_KEY", "k0"),
        "gemini-env-1": ("GEMINI_API_KEY_1", "k1"),
        "gemini-env-12": ("GEMINI_API_KEY_12", "k12"),
    }


def test_our_own_names_are_found_for_every_provider() -> None:
    assert found({"FREELLM_NVIDIA_NIM_API_KEY": "a", "FREELLM_NVIDIA_NIM_API_KEY_2": "b"}) == {
        "nvidia_nim-env": ("FREELLM_NVIDIA_NIM_API_KEY", "a"),
        "nvidia_nim-env-2": ("FREELLM_NVIDIA_NIM_API_KEY_2", "b"),
    }


def test_a_provider_of_the_users_own_with_a_hyphen_has_a_name_too() -> None:
    own = ProviderSpec("my-host", "Mine", "openai", "http://127.0.0.1")
    keys = environment_keys({"FREELLM_MY_HOST_API_KEY": "k"}, (own,)).credentials
    assert [key.id for key in keys] == ["my-host-env"]


def test_names_that_only_look_numbered_are_left_alone() -> None:
    env = {
        "GEMINI_API_KEY_0": "a", "GEMINI_API_KEY_100": "b", "GEMINI_API_KEY_01": "c",
        "GEMINI_API_KEY_OLD": "d", "GEMINI_API_KEY_٣": "e", "MY_GEMINI_API_KEY": "f",
    }  # fmt: skip
    assert found(env) == {}


def test_the_order_of_the_environment_does_not_matter() -> None:
    env = {"GOOGLE_API_KEY": "g", "GEMINI_API_KEY_2": "2", "GEMINI_API_KEY": "0"}
    assert list(found(env)) == list(found(dict(reversed(env.items()))))


def test_a_second_name_for_the_same_id_tells_itself_apart() -> None:
    env = {"GOOGLE_API_KEY": "g", "GEMINI_API_KEY": "m"}
    assert found(env) == {
        "gemini-env": ("GEMINI_API_KEY", "m"),
        "gemini-env-google_api_key": ("GOOGLE_API_KEY", "g"),
    }


def test_a_key_that_is_stored_already_is_not_doubled() -> None:
    stored = (Credential("gemini-1", "gemini", secret=Secret("k")),)
    assert found({"GEMINI_API_KEY": "k", "NVIDIA_API_KEY": "k"}, stored) == {
        "nvidia_nim-env": ("NVIDIA_API_KEY", "k")
    }


def test_a_key_that_comes_twice_is_not_doubled() -> None:
    env = {"GEMINI_API_KEY": "k", "GOOGLE_API_KEY": '"k"', "GEMINI_API_KEY_1": " k "}
    assert found(env) == {"gemini-env": ("GEMINI_API_KEY", "k")}


def test_an_empty_variable_is_no_key() -> None:
    assert found({"GEMINI_API_KEY": "", "NVIDIA_API_KEY": "   "}) == {}


def test_an_impossible_key_is_warned_about_without_being_shown() -> None:
    result = environment_keys({"GEMINI_API_KEY": "secret\x07part"}, ALL)
    assert result.credentials == ()
    assert "GEMINI_API_KEY" in result.warnings[0]
    assert "secret" not in result.warnings[0]


def test_what_a_key_needs_besides_is_found_beside_it() -> None:
    env = {
        "CLOUDFLARE_API_TOKEN": "a", "CLOUDFLARE_ACCOUNT_ID": "acc",
        "CLOUDFLARE_API_TOKEN_2": "b", "CLOUDFLARE_ACCOUNT_ID_2": "acc2",
        "CLOUDFLARE_API_TOKEN_3": "c",
    }  # fmt: skip
    keys = environment_keys(env, ALL).credentials
    assert [key.extra["account_id"] for key in keys] == ["acc", "acc2", "acc"]


def test_further_names_come_from_the_settings() -> None:
    keys = environment_keys({"MY_KEY": "k"}, ALL, further={"gemini": ("MY_KEY",)}).credentials
    assert [(key.id, key.env_var) for key in keys] == [("gemini-env", "MY_KEY")]


def test_one_name_may_serve_two_providers() -> None:
    twins = tuple(
        ProviderSpec(name, name, "openai", "https://x.example", key_env=("SHARED_KEY",))
        for name in ("one", "two")
    )
    keys = environment_keys({"SHARED_KEY": "k"}, twins).credentials
    assert [key.id for key in keys] == ["one-env", "two-env"]


def test_a_credential_of_the_environment_says_so() -> None:
    key = environment_keys({"GEMINI_API_KEY": "k"}, ALL).credentials[0]
    assert (key.source, key.kind, key.enabled, key.fingerprint) == (
        "env", "key", True, Secret("k").fingerprint(),
    )  # fmt: skip

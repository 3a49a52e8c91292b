"""Key files of other programs, and our own."""

from __future__ import annotations

import json

import pytest

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.credentials import Credential
from freellm_cli.core.errors import UsageError
from freellm_cli.core.key_files import KeyFile, export_toml, parse_key_file
from freellm_cli.core.secret import Secret


def spec(provider: str, *names: str, needs: tuple[str, ...] = ()) -> ProviderSpec:
    return ProviderSpec(
        provider, provider, "openai", "https://x.example", key_env=names, needs=needs
    )


PROVIDERS = (
    spec("gemini", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
    spec("nvidia_nim", "NVIDIA_API_KEY"),
    spec("groq", "GROQ_API_KEY"),
    spec("huggingface", "HF_TOKEN"),
    spec("cloudflare", "CLOUDFLARE_API_TOKEN", needs=("account_id",)),
)


def parsed(data: str | bytes) -> KeyFile:
    return parse_key_file(data, PROVIDERS)


def keys(data: str | bytes) -> list[tuple[str, str]]:
    return [(key.provider, key.text) for key in parsed(data).keys]


ENV = """\
# my keys
PROXY_API_KEY="for-the-proxy-itself"

GEMINI_API_KEY_1="gemini-one"
  export GEMINI_API_KEY_2='gemini-two'   # the second
GEMINI_API_KEY_3=gemini-three # a comment
GOOGLE_API_KEY = gemini-four
NVIDIA_NIM_API_KEY_1=nim-one
NVIDIA_API_KEY=nim#two
HF_TOKEN="hf-\\"one\\""
OPENAI_API_KEY_1="somebody-elses"
GROQ_API_KEY_1="YOUR_GROQ_API_KEY"
GROQ_API_KEY_2=""
GROQ_API_KEY_3=
GEMINI_API_KEY_9=gemini-one
ROTATION_MODE_GEMINI=sequential
not a line
"""


def test_an_env_file_gives_its_keys_in_order() -> None:
    assert keys(ENV) == [
        ("gemini", "gemini-one"),
        ("gemini", "gemini-two"),
        ("gemini", "gemini-three"),
        ("gemini", "gemini-four"),
        ("nvidia_nim", "nim-one"),
        ("nvidia_nim", "nim#two"),
        ("huggingface", 'hf-"one"'),
    ]


def test_each_key_knows_its_name_and_line() -> None:
    first = parsed(ENV).keys[0]
    assert (first.name, first.line, first.label) == ("GEMINI_API_KEY_1", 4, "")


def test_what_is_left_out_is_named_with_its_reason() -> None:
    assert parsed(ENV).skipped == (
        "PROXY_API_KEY: no provider of freellm uses this name",
        "OPENAI_API_KEY_1: no provider of freellm uses this name",
        "GROQ_API_KEY_1: a placeholder, not a key",
        "GEMINI_API_KEY_9: the same key as GEMINI_API_KEY_1",
    )


@pytest.mark.parametrize(
    "data",
    [
        "GROQ_API_KEY=g-key\r\nGEMINI_API_KEY=m-key\r\n",
        "\ufeffGROQ_API_KEY=g-key\nGEMINI_API_KEY=m-key",
        b"\xef\xbb\xbfGROQ_API_KEY=g-key\nGEMINI_API_KEY=m-key\n",
        "GROQ_API_KEY=g-key\nGEMINI_API_KEY=m-key\n".encode("utf-16"),
        "set GROQ_API_KEY=g-key\nexport GEMINI_API_KEY=m-key",
        "GROQ_API_KEY=Bearer g-key\nGEMINI_API_KEY=\u200bm-key",
        "groq_api_key=g-key\nGEMINI_API_KEY=m-key",
    ],
)
def test_editors_and_shells_do_not_matter(data: str | bytes) -> None:
    assert keys(data) == [("groq", "g-key"), ("gemini", "m-key")]


def test_an_account_id_goes_with_its_key() -> None:
    text = (
        "CLOUDFLARE_ACCOUNT_ID=first\nCLOUDFLARE_API_TOKEN=t0\n"
        "CLOUDFLARE_ACCOUNT_ID_2=second\nCLOUDFLARE_API_TOKEN_2=t2\n"
    )
    assert [key.extra for key in parsed(text).keys] == [
        {"account_id": "first"},
        {"account_id": "second"},
    ]


def test_a_host_of_ones_own_is_told_how_to_come_in() -> None:
    text = "CUSTOM_API_BASE=http://127.0.0.1:8001/v1\nCUSTOM_API_KEY_1=dummy\n"
    (reason,) = parsed(text).skipped
    assert "freellm config set providers.custom.base_url" in reason


@pytest.mark.parametrize(
    "value",
    ["YOUR_API_KEY", "your-key-here", "<key>", "changeme", "CHANGE_ME", "xxxxxxxx", "sk-xxxxxxxx",
     "...", "${OTHER}", "replace_me", "paste_here"],
)  # fmt: skip
def test_a_placeholder_is_no_key(value: str) -> None:
    found = parsed(f"GROQ_API_KEY='{value}'")
    assert found.keys == ()
    assert found.skipped == ("GROQ_API_KEY: a placeholder, not a key",)


def test_an_impossible_key_is_left_out_without_being_shown() -> None:
    (reason,) = parsed("GROQ_API_KEY=geheim\u0442").skipped
    assert "U+0442" in reason
    assert "geheim" not in reason


LLM = json.dumps(
    {
        "// Note": "This file stores secret API credentials. Do not share!",
        "gemini": "m-key",
        "nvidia": "n-key",
        "gemini-work": "w-key",
        "HF": "h-key",
        "openai": "o-key",
        "odd": 5,
    }
)


def test_the_keys_file_of_llm_is_read() -> None:
    found = parsed(LLM)
    assert [(key.provider, key.text, key.label) for key in found.keys] == [
        ("gemini", "m-key", ""),
        ("nvidia_nim", "n-key", ""),
        ("gemini", "w-key", "work"),
        ("huggingface", "h-key", ""),
    ]
    assert found.skipped == ("openai: no provider is called that", "odd: its value is no text")


def stored(name: str, key: str, **more: object) -> Credential:
    return Credential(name, name.rpartition("-")[0], secret=Secret(key), **more)  # type: ignore[arg-type]


OURS = (
    stored("gemini-1", "m-key", label='with "quotes" \\ and ü', account="me@x"),
    stored("cloudflare-1", "c-key", extra={"account_id": "ab"}),
    stored("groq-2", "delete\x7f"[:-1]),
    Credential("gemini_cli-1", "gemini_cli", kind="oauth"),
)


def test_our_own_export_comes_back_whole() -> None:
    found = parsed(export_toml(OURS, reveal=True))
    assert found.skipped == ()
    assert [(key.provider, key.text, key.label, key.account, key.extra) for key in found.keys] == [
        ("gemini", "m-key", 'with "quotes" \\ and ü', "me@x", {}),
        ("cloudflare", "c-key", "", "", {"account_id": "ab"}),
        ("groq", "delete", "", "", {}),
    ]


def test_a_masked_export_holds_no_key_and_gives_none() -> None:
    text = export_toml((stored("groq-1", "a-long-key-of-the-tests-123456"),), reveal=False)
    assert "a-long-key-of-the-tests-123456" not in text
    assert parsed(text) == KeyFile((), ("entry 1: its key is masked or missing",))


def test_an_export_names_unknown_providers() -> None:
    text = '[[credentials]]\nprovider = "elsewhere"\nlabel = "x"\nsecret = "k"\n'
    assert parsed(text).skipped == ("x: no provider is called 'elsewhere'",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"gemini": "m-key', "no valid JSON (line 1)"),
        ('[[credentials]]\nprovider = "gemini"\nsecret = "m-key', "no valid TOML"),
        (b"\x7fELF\x00\x01", "not a text file"),
    ],
)
def test_a_broken_file_is_refused_without_quoting_it(data: str | bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(data)
    assert words in caught.value.message
    assert "m-key" not in caught.value.message
    assert caught.value.__cause__ is None


def test_a_file_without_keys_gives_none() -> None:
    assert parsed("just text\n") == KeyFile((), ())
    assert parsed("") == KeyFile((), ())
    assert parsed("{}") == KeyFile((), ())


def test_no_key_shows_in_a_repr() -> None:
    assert "gemini-one" not in repr(parsed(ENV))

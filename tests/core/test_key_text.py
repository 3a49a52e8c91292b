"""What people paste, and what becomes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.errors import UsageError
from freellm_cli.core.key_text import clean_key, key_owner, shape_warning

KEY = "AQ.Ab8RN6LxTestTestTestTestTest-_0123456789"


@pytest.mark.parametrize(
    "pasted",
    [
        KEY,
        f"  {KEY}\n",
        f"{KEY}\r\n",
        f'"{KEY}"',
        f"'{KEY}'",
        f"`{KEY}`",
        f"“{KEY}”",
        f"<{KEY}>",
        f"Bearer {KEY}",
        f"bearer   {KEY}",
        f"Authorization: Bearer {KEY}",
        f"x-goog-api-key: {KEY}",
        f"GEMINI_API_KEY={KEY}",
        f"GEMINI_API_KEY_1 = '{KEY}'",
        f"export GEMINI_API_KEY={KEY}",
        f"export MYTHING={KEY}",
        f'set GEMINI_API_KEY="{KEY}"',
        f'$env:GEMINI_API_KEY = "{KEY}"',
        f'"gemini_api_key": "{KEY}",',
        f"apiKey: {KEY};",
        f"\ufeff{KEY}",
        f"\u200b{KEY[:10]}\u200d{KEY[10:]}\u2060",
        f"\u00a0{KEY}\u00a0",
        f"{KEY},",
    ],
)
def test_everything_around_a_key_is_taken_off(pasted: str) -> None:
    assert clean_key(pasted).text == KEY


def test_a_clean_key_needs_no_note() -> None:
    assert clean_key(KEY).notes == ()
    assert clean_key(f" {KEY} ").notes == ()


def test_notes_say_what_was_taken_off_and_never_hold_the_key() -> None:
    notes = clean_key(f'export GEMINI_API_KEY="\u200b{KEY}";').notes
    assert len(notes) == 4
    assert KEY not in " ".join(notes)


@pytest.mark.parametrize(
    "key",
    [
        "dGhpcyBpcyBhIGtleQ==",
        "keyABCDEFGH==",
        "user:password",
        "0123456789abcdef0123456789abcdef.ABCDEFGHabcdefgh",
        "sk-or-v1-0123456789abcdef",
        "a=b",
        "x",
    ],
)
def test_signs_inside_a_key_stay(key: str) -> None:
    assert clean_key(key).text == key


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "no key was given"),
        (" \t\n", "no key was given"),
        ("\u200b\ufeff", "no key was given"),
        ("abc\ndef", "line break"),
        ("abc\x07def", "control character (U+0007, character 4)"),
        ("abc def ghi", "the key holds a blank (character 4)"),
        ("abc\u00a0def", "the key holds a blank (character 4)"),
        ("abc\x7f", "control character (U+007F, character 4)"),
        ("abcключ", "a character that no key has (U+043A, character 4)"),
        ("ab…cd", "U+2026"),
    ],
)
def test_only_the_impossible_is_refused(pasted: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        clean_key(pasted)
    assert words in caught.value.message
    assert "abc" not in caught.value.message.replace("abc.", "")
    assert caught.value.hint


def test_the_odd_is_noted_and_kept() -> None:
    cleaned = clean_key("schlüssel-abc")
    assert cleaned.text == "schlüssel-abc"
    assert "the key holds a letter" in cleaned.notes[0]


@given(st.text(max_size=60))
def test_cleaning_ends_in_a_sendable_key_or_a_refusal(pasted: str) -> None:
    try:
        cleaned = clean_key(pasted).text
    except UsageError:
        return
    assert cleaned
    cleaned.encode("latin-1")
    assert not any(ord(char) <= 32 or ord(char) == 127 for char in cleaned)
    assert clean_key(cleaned).text == cleaned


OWNERS = {
    "AIzaSyA-0123456789_0123456789_012345678": "gemini",
    KEY: "gemini",
    "nvapi-" + "aB3_-" * 12: "nvidia_nim",
    "sk-or-v1-" + "0a" * 32: "openrouter",
    "gsk_" + "aB3" * 17: "groq",
    "csk-" + "a3b" * 16: "cerebras",
    "ghp_" + "aB3" * 12: "github_models",
    "github_pat_" + "aB3_" * 20: "github_models",
    "hf_" + "aBc" * 11: "huggingface",
    "0123456789abcdef0123456789abcdef.ABCDEFGHabcdefgh": "zai",
    "sk-ant-api03-" + "aB3_" * 20: "anthropic",
    "sk-proj-" + "aB3_" * 20: "openai",
    "0123456789abcdef0123456789abcdef": "",
    "aVeryOrdinaryFortyCharacterKeyOfCohere00": "",
}


@pytest.mark.parametrize("key", OWNERS)
def test_a_shape_tells_whose_key_it_is(key: str) -> None:
    assert key_owner(key) == OWNERS[key]


def spec(provider: str, shape: str = "") -> ProviderSpec:
    return ProviderSpec(provider, provider, "openai", "https://x.example", key_shape=shape)


def test_a_key_of_another_provider_is_recognised() -> None:
    warned = shape_warning(spec("gemini", r"AQ\..+"), "gsk_" + "a" * 52)
    assert warned == "this looks like a key of groq, not of gemini"


def test_a_key_that_fits_its_own_provider_is_not_questioned() -> None:
    assert shape_warning(spec("gemini", r"AQ\.[\w-]+|AIza[\w-]+"), KEY) is None
    # A relay may hand out keys that look like somebody else's.
    assert shape_warning(spec("relay", r"gsk_\w+"), "gsk_" + "a" * 52) is None


def test_an_odd_shape_is_said_without_the_key() -> None:
    warned = shape_warning(spec("mistral", r"[A-Za-z0-9]{32}"), "short")
    assert warned is not None
    assert "mistral" in warned
    assert "short" not in warned


def test_without_a_known_shape_nothing_is_odd() -> None:
    assert shape_warning(spec("custom"), "anything") is None

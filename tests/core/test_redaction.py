"""No key leaves in a text: not as it is, not as others write it."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.redaction import MASK, Redactor, mask_identities, mask_secrets
from freellm_cli.core.secret import Secret

OPAQUE = 'opaque/+key"with\\signs&0123456789=='
REDACTOR = Redactor((Secret(OPAQUE), Secret("short"), Secret("abcdefghijklmnop")))

KEYS = [
    "AIzaSyA-0123456789_0123456789_012345678",
    "AQ.Ab8RN6LxTestTestTestTestTest-_0123456789",
    "nvapi-" + "aB3_-" * 12,
    "sk-or-v1-" + "0a" * 32,
    "sk-proj-" + "aB3_" * 20,
    "gsk_" + "aB3" * 17,
    "csk-" + "a3b" * 16,
    "ghp_" + "aB3" * 12,
    "github_pat_" + "aB3_" * 20,
    "hf_" + "aBc" * 11,
    "xai-" + "aB3" * 20,
    "0123456789abcdef0123456789abcdef.ABCDEFGHabcdefgh",
    "ya29.a0AbCdEf-gHiJkLmNoPqRsTuVwXyZ",
    "1//0gAbCdEfGhIjKlMnOpQrStUv",
    "GOCSPX-abcdefghijklmnopqrstuv",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("frame", ["{}", "key {} refused", '"{}"', "({})", "a={},", "x/{}\n"])
def test_every_known_shape_is_masked(key: str, frame: str) -> None:
    assert mask_secrets(frame.format(key)) == frame.format(MASK)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /v1beta/models?key=abc123&x=1", "GET /v1beta/models?key=…&x=1"),
        ("https://h/p?a=1&KEY=secret", "https://h/p?a=1&KEY=…"),
        ("getUserInfo?accessToken=t0k3n-0123", "getUserInfo?accessToken=…"),
        ("refresh_token=abcdefghij&client_secret=klmnopqrst", "refresh_token=…&client_secret=…"),
        ("?api_key=abcdefgh1", "?api_key=…"),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer …"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic …"),
        ("Incorrect API key provided: sk-proj-****abcd.", "Incorrect API key provided: …."),
    ],
)
def test_keys_in_addresses_and_headers_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a task-scheduling-and-rate-limiting-library is fine",
        "gemini/gemini-2.5-flash answered in 1.2 s",
        "openrouter/meta-llama/llama-3.3-70b-instruct:free",
        "monkey=banana",
        "the token=brief one",
        "0123456789abcdef0123456789abcdef",
        "version 1.2.3 of user_preferences in org",
        "see https://aistudio.google.com/apikey",
        "hf_hub and gsk_ are prefixes",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert mask_identities(text) == text
    assert REDACTOR.clean(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("in organization `org_01hxyzabcdef` on", "in organization `…` on"),
        ("user_2abcDEF012345678901234567 has", "… has"),
        ("consumer 'projects/123456789012'", "consumer 'projects/…'"),
        ("Not found for account 'aBcDeF'", "Not found for account '…'"),
    ],
)
def test_account_ids_are_masked_where_identities_matter(text: str, masked: str) -> None:
    assert mask_identities(text) == masked
    assert REDACTOR.clean(text) == masked
    assert mask_secrets(text) == text


def basic(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    "written",
    [
        OPAQUE,
        quote(OPAQUE, safe=""),
        quote(OPAQUE),
        re.sub("%..", lambda escape: escape[0].lower(), quote(OPAQUE, safe="")),
        json.dumps(OPAQUE),
        json.dumps(OPAQUE).replace("/", "\\/"),
    ],
)
def test_a_stored_secret_is_found_however_it_is_written(written: str) -> None:
    cleaned = REDACTOR.clean(f"before {written} after")
    assert "0123456789" not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@given(st.text(max_size=7), st.text(max_size=7))
def test_a_stored_secret_is_found_inside_basic_authentication(before: str, after: str) -> None:
    secret = "abcdefghijklmnop"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(f"{before}{secret}{after}".encode("utf-8", "surrogatepass")).decode()
        assert MASK in REDACTOR.clean(f"credentials {text} sent")


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    assert REDACTOR.clean("key 'short' refused, shortly after") == "key '…' refused, shortly after"


def test_a_secret_that_begins_another_does_not_shorten_its_mask() -> None:
    both = Redactor((Secret("abcdefgh"), Secret("abcdefghijkl")))
    assert both.clean("x abcdefghijkl y abcdefgh z") == "x … y … z"


def test_bytes_are_cleaned_and_foreign_bytes_stay() -> None:
    data = b"\xff\xfe key abcdefghijklmnop \xff"
    assert REDACTOR.clean_bytes(data) == b"\xff\xfe key " + MASK.encode() + b" \xff"
    untouched = b"\xff nothing here"
    assert REDACTOR.clean_bytes(untouched) is untouched


def test_a_redactor_shows_none_of_its_secrets() -> None:
    assert "abcdefgh" not in repr(REDACTOR)


@given(st.sampled_from(KEYS), st.text(max_size=30), st.text(max_size=30))
def test_a_stored_key_never_survives(key: str, before: str, after: str) -> None:
    assert key not in Redactor((Secret(key),)).clean(before + key + after)

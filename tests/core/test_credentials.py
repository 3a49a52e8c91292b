"""Finding a credential by what a person calls it."""

from __future__ import annotations

import pytest

from freellm_cli.core.credentials import (
    Credential,
    DuplicateCredential,
    as_json,
    find_credential,
    keyless_credential,
)
from freellm_cli.core.errors import UnknownName, UsageError
from freellm_cli.core.secret import Secret

HOME = Credential("gemini-1", "gemini", label="home", mark="aabbccdd")
WORK = Credential("gemini-2", "gemini", label="work", mark="aabb0000")
ENV = Credential("groq-env", "groq", source="env", env_var="GROQ_API_KEY", mark="12345678")
ALL = (HOME, WORK, ENV)


@pytest.mark.parametrize(
    ("name", "found"),
    [("gemini-1", HOME), ("work", WORK), ("aabbccdd", HOME), ("aabbc", HOME), ("groq-env", ENV)],
)
def test_id_label_and_fingerprint_lead_to_it(name: str, found: Credential) -> None:
    assert find_credential(ALL, name) is found


def test_a_fingerprint_that_fits_two_is_refused() -> None:
    with pytest.raises(UsageError, match="gemini-1, gemini-2"):
        find_credential(ALL, "aabb")


def test_too_short_a_fingerprint_is_no_name() -> None:
    with pytest.raises(UnknownName):
        find_credential(ALL, "123")


def test_the_nearest_names_are_offered() -> None:
    with pytest.raises(UnknownName) as caught:
        find_credential(ALL, "gemini-3")
    assert set(caught.value.nearest) == {"gemini-1", "gemini-2"}
    with pytest.raises(UnknownName) as caught:
        find_credential((), "anything")
    assert "keys list" in caught.value.hint


def test_a_local_host_has_a_credential_without_a_secret() -> None:
    local = keyless_credential("ollama")
    assert (local.id, local.source, local.secret, local.enabled) == (
        "ollama-local", "none", None, True,
    )  # fmt: skip


def test_json_shows_the_masked_key_only() -> None:
    key = "AQ.a-long-key-of-the-tests-123456"
    row = as_json(HOME._replace(secret=Secret(key), extra={"account_id": "x"}))
    assert row["key"] == "AQ.a…3456"
    assert row["extra"] == {"account_id": "x"}
    assert "secret" not in row
    assert key not in repr(row)


def test_a_duplicate_names_its_owner() -> None:
    error = DuplicateCredential(WORK)
    assert error.message == "this key is already stored as gemini-2 (work)"
    assert error.existing is WORK

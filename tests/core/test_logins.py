"""When a login's tokens must be had anew, and what its file holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.logins import (
    ADVISORY,
    MANDATORY,
    NONE,
    Login,
    Tokens,
    after_failure,
    from_json,
    is_hopeless,
    masked_phone,
    may_force,
    refresh_need,
    to_json,
    with_tokens,
)
from freellm_cli.core.secret import Secret

NOW = 1_800_000_000.0
DAY = 86_400.0


def google(left: float, **fields: object) -> Login:
    made = Login(
        "gemini_cli",
        1,
        access_token=Secret("ya29.x"),
        refresh_token=Secret("1//r"),
        expires_at=NOW + left,
        issued_at=NOW + left - 3600,
    )
    return made._replace(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "need"),
    [(3600, NONE), (601, NONE), (600, ADVISORY), (61, ADVISORY), (60, MANDATORY), (-9, MANDATORY)],
)
def test_a_google_token_has_an_advisory_and_a_mandatory_window(left: float, need: str) -> None:
    assert refresh_need(google(left), NOW) == need


def test_what_cannot_be_refreshed_is_never_due() -> None:
    assert refresh_need(google(-5, refresh_token=None), NOW) == NONE
    assert refresh_need(google(-5, login_again="revoked"), NOW) == NONE


def test_a_login_without_a_token_yet_must_be_refreshed() -> None:
    assert refresh_need(google(9999, access_token=Secret("")), NOW) == MANDATORY


def test_a_token_from_the_future_is_refreshed_when_convenient() -> None:
    assert refresh_need(google(9000, issued_at=NOW + 5400), NOW) == ADVISORY


def test_after_a_failure_the_advisory_window_waits() -> None:
    failed = after_failure(google(300), NOW)
    assert refresh_need(failed, NOW + 29) == NONE
    assert refresh_need(failed, NOW + 31) == ADVISORY


def test_failures_in_a_row_wait_longer_and_never_beyond_five_minutes() -> None:
    login, waits = google(300), []
    for _ in range(7):
        login = after_failure(login, NOW)
        waits.append(login.retry_at - NOW)
    assert waits == [30, 60, 120, 240, 300, 300, 300]


def test_a_stated_wait_is_kept() -> None:
    assert after_failure(google(300), NOW, retry_after_s=77).retry_at == NOW + 77


def test_only_failures_over_an_hour_are_hopeless() -> None:
    login = google(300)
    for _ in range(5):
        login = after_failure(login, NOW)
    assert not is_hopeless(login, NOW + 3599)
    assert is_hopeless(login, NOW + 3600)


def test_a_refused_token_is_refreshed_unless_it_is_brand_new() -> None:
    assert may_force(google(3000), NOW)
    assert not may_force(google(3590), NOW)
    assert not may_force(google(3000, refresh_token=None), NOW)


def test_new_tokens_end_every_trouble_and_keep_the_refresh_token() -> None:
    troubled = after_failure(google(-5, login_again="x"), NOW)
    fresh = with_tokens(troubled, Tokens(Secret("ya29.new"), None, 3599.0), NOW)
    assert fresh.refresh_token == Secret("1//r")
    assert (fresh.failures, fresh.retry_at, fresh.login_again) == (0, 0.0, "")
    assert fresh.expires_at == NOW + 3599


@pytest.mark.parametrize("lifetime", [60.0, 3600.0, 172_800.0, None])
def test_an_iflow_token_is_never_due_within_ten_minutes_of_its_birth(
    lifetime: float | None,
) -> None:
    login = Login("iflow", 1, refresh_token=Secret("r"), api_key=Secret("k"))
    fresh = with_tokens(login, Tokens(Secret("a"), None, lifetime), NOW)
    ends = lifetime if lifetime is not None else 3600.0
    for later in (0, 300, 599):
        if later < ends:
            assert refresh_need(fresh, NOW + later) == NONE


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


@given(secrets, secrets, st.integers(0, 4_000_000_000), st.integers(0, 9), st.booleans())
def test_a_login_comes_back_from_its_file_as_it_was(
    access: str, refresh: str, expires: int, failures: int, enabled: bool
) -> None:
    login = Login(
        "gemini_cli",
        3,
        access_token=Secret(access),
        refresh_token=Secret(refresh),
        expires_at=float(expires),
        issued_at=float(expires) / 2,
        email="a@example.com",
        failures=failures,
        enabled=enabled,
    )
    assert from_json(to_json(login), "gemini_cli", 3) == login


@pytest.mark.parametrize("row", [{}, {"access_token": 5}, {"access_token": "", "email": "x"}])
def test_what_is_no_login_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(row, "gemini_cli", 1)


def test_no_text_of_a_login_shows_a_token() -> None:
    assert "ya29" not in repr(google(5))
    assert "1//r" not in repr(google(5))


def test_a_telephone_number_keeps_only_its_ends() -> None:
    assert masked_phone("13812345678") == "138****5678"
    assert masked_phone("123") == "****"

"""Headers that tell limits: how much, what is left, and until when."""

from __future__ import annotations

import pytest

from freellm_cli.core.http import Headers
from freellm_cli.core.rate_headers import limits_in_headers, readings

GROQ = Headers(
    [
        ("x-ratelimit-limit-requests", "14400"),
        ("x-ratelimit-limit-tokens", "18000"),
        ("x-ratelimit-remaining-requests", "14370"),
        ("x-ratelimit-remaining-tokens", "17997"),
        ("x-ratelimit-reset-requests", "2m59.56s"),
        ("x-ratelimit-reset-tokens", "7.66s"),
    ]
)


def test_what_remains_and_when_it_is_whole_again_is_read() -> None:
    requests, tokens = readings("groq", GROQ)
    assert (requests.limit.window, requests.limit.amount, requests.remaining) == (
        "day",
        14400,
        14370,
    )
    assert requests.reset_s == pytest.approx(179.56)
    assert (tokens.limit.unit, tokens.remaining, tokens.reset_s) == ("tokens", 17997, 7.66)


def test_a_bare_requests_header_is_a_minute_elsewhere() -> None:
    assert limits_in_headers("sambanova", GROQ)[0].window == "minute"


@pytest.mark.parametrize("left", ["", "-1", "many", "99999"])
def test_a_remainder_that_cannot_be_true_is_left_out(left: str) -> None:
    headers = Headers(
        [("x-ratelimit-limit-requests", "30"), ("x-ratelimit-remaining-requests", left)]
    )
    assert readings("openai", headers)[0].remaining is None


def test_an_instant_is_no_number_of_seconds() -> None:
    headers = Headers(
        [("x-ratelimit-limit-requests", "30"), ("x-ratelimit-reset-requests", "1790000000")]
    )
    assert readings("openai", headers)[0].reset_s is None

"""What logins of all providers share: forms to send, and faults to tell apart. Nothing here sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from freellm_cli.core.http import Headers
from freellm_cli.core.redaction import mask_identities
from freellm_cli.core.retry_hints import parse_http_date

MESSAGE_CHARS = 300


class OAuthFault(Exception):
    """A token or user-info endpoint gave no tokens. `message` holds no secret.

    `kind`: "login_again" (the tokens are dead: only a new login helps), "client" (the OAuth client is
    refused), "busy" (later; `retry_after_s` where it is told), "server" (a fault of theirs), "closed" (the
    service does not exist any more), "refused" (the account may not).
    """

    def __init__(self, kind: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after_s = retry_after_s


def form(fields: Mapping[str, str]) -> bytes:
    """`application/x-www-form-urlencoded`; empty values are left out."""
    from urllib.parse import urlencode

    return urlencode({name: value for name, value in fields.items() if value}).encode()


def parse(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`, None when there is none."""
    try:
        tree = json.loads(body)
    except ValueError:
        return None
    return tree if isinstance(tree, dict) else None


def text_of(tree: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that holds a text, on one line and without secrets."""
    for name in names:
        value = tree.get(name)
        if isinstance(value, dict):
            value = value.get("message") or value.get("status")
        if isinstance(value, str) and value.strip():
            line = " ".join(value.split())
            return mask_identities("".join(c for c in line if c.isprintable()))[:MESSAGE_CHARS]
    return ""


def lifetime_of(tree: Mapping[str, Any]) -> float | None:
    """Seconds in `expires_in`, None when it is not said."""
    value = tree.get("expires_in")
    if isinstance(value, str) and value.strip().isdecimal():
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    return None


def retry_after(headers: Headers, usual: float = 60.0) -> float:
    """Seconds in `Retry-After`, else `usual`."""
    value = headers.get("retry-after", "").strip()
    return float(value) if value.isdecimal() else usual


def clock_difference(headers: Headers, now: float) -> float:
    """How far ahead of the server's clock `now` is, in seconds; 0 when the answer has no date."""
    sent = parse_http_date(headers.get("date", ""))
    return now - sent.timestamp() if sent is not None else 0.0

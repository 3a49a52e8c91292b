"""Logins that other programs wrote, as ours; and ours as environment variables.

Shapes: google-gemini/gemini-cli `~/.gemini/oauth_creds.json`; Mirrowel/LLM-API-Key-Proxy
`src/rotator_library/providers/google_oauth_base.py` and `_retired/iflow_auth_base.py`;
router-for-me/CLIProxyAPI `internal/auth/gemini` and `internal/auth/iflow`; cacaview/iflow2api.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from freellm_cli.core.errors import UsageError
from freellm_cli.core.logins import Login, masked_phone
from freellm_cli.core.secret import Secret

_ENV_FIELDS = {
    "ACCESS_TOKEN": "access_token",
    "REFRESH_TOKEN": "refresh_token",
    "EXPIRY_DATE": "expiry_date",
    "API_KEY": "api_key",
    "PROJECT_ID": "project_id",
    "TIER": "tier",
    "EMAIL": "email",
    "CLIENT_ID": "client_id",
    "CLIENT_SECRET": "client_secret",
}
_TOKEN_FIELDS = ("access_token", "refresh_token")


def read_login(data: bytes, provider: str = "") -> Login:
    """The login in a file of any known shape; `provider`: "" to tell it by the shape.

    Raises UsageError in words that quote nothing of the file.
    """
    try:
        tree = json.loads(data)
    except ValueError:
        raise UsageError("that file is no JSON, so it holds no login") from None
    if not isinstance(tree, dict):
        raise UsageError("that file holds no login: it is no JSON object")
    row = _flat(tree)
    if not any(_text(row, name) for name in _TOKEN_FIELDS):
        if "selectedAuthType" in tree or "apiKey" in tree:
            raise UsageError(
                "that file holds an API key, not a login",
                hint="store it with `freellm keys add iflow`",
            )
        raise UsageError(
            "that file holds neither an access nor a refresh token",
            hint="Gemini CLI may keep its tokens in the system's keyring; then log in here instead",
        )
    return _login(row, provider or _provider_of(tree, row))


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    """All known places of fields on one level, the outermost first."""
    row: dict[str, Any] = {}
    for holder in ("_proxy_metadata", "token", "credential"):
        inner = tree.get(holder)
        if isinstance(inner, dict):
            row |= inner
    row |= {key: value for key, value in tree.items() if not isinstance(value, dict)}
    for ours, theirs in (
        ("access_token", "oauth_access_token"),
        ("refresh_token", "oauth_refresh_token"),
        ("expiry_date", "oauth_expires_at"),
        ("api_key", "apiKey"),
    ):
        if theirs in row:
            row.setdefault(ours, row[theirs])
    return row


def _provider_of(tree: dict[str, Any], row: dict[str, Any]) -> str:
    named = str(row.get("provider") or row.get("type") or "")
    if named == "iflow" or "api_key" in row or "selectedAuthType" in tree:
        return "iflow"
    return "gemini_cli"


def _login(row: Mapping[str, Any], provider: str) -> Login:
    expiry = next(
        (
            row[name]
            for name in ("expiry_date", "expired", "token_expiry", "expiry")
            if row.get(name)
        ),
        0,
    )
    email = _text(row, "email")
    if provider == "iflow" and "@" not in email:
        email = masked_phone(email or _text(row, "phone"))
    return Login(
        provider=provider,
        access_token=Secret(_text(row, "access_token")),
        refresh_token=_secret(row, "refresh_token"),
        expires_at=epoch_seconds(expiry),
        issued_at=epoch_seconds(row.get("issued_date") or 0),
        api_key=_secret(row, "api_key") if provider == "iflow" else None,
        client_id=_text(row, "client_id"),
        client_secret=_secret(row, "client_secret"),
        email=email,
        project_id=_text(row, "project_id"),
        tier=_text(row, "tier"),
        label=_text(row, "label"),
        scope=_text(row, "scope"),
    )


def epoch_seconds(value: object) -> float:
    """Seconds since the epoch from milliseconds, seconds or an ISO date; 0 for what is none of them."""
    if isinstance(value, str):
        text = value.strip()
        try:
            return epoch_seconds(float(text))
        except ValueError:
            pass
        from datetime import datetime, timezone

        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return 0.0
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()  # noqa: UP017
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return 0.0
    return value / 1000 if value > 1e11 else float(value)


def logins_in(env: Mapping[str, str]) -> tuple[Login, ...]:
    """Logins of `GEMINI_CLI_ACCESS_TOKEN`, `GEMINI_CLI_1_ACCESS_TOKEN`…, `IFLOW_1_REFRESH_TOKEN`…"""
    return tuple(_env_logins(env))


def _env_logins(env: Mapping[str, str]) -> Iterator[Login]:
    for prefix, provider in (("GEMINI_CLI_", "gemini_cli"), ("IFLOW_", "iflow")):
        rows: dict[int, dict[str, str]] = {}
        for name, value in env.items():
            place = _env_place(name, prefix)
            if place is not None and value.strip():
                rows.setdefault(place[0], {})[place[1]] = value.strip()
        for number, row in sorted(rows.items()):
            if any(row.get(name) for name in _TOKEN_FIELDS):
                yield _login(row, provider)._replace(number=number, source="env")


def _env_place(name: str, prefix: str) -> tuple[int, str] | None:
    if not name.startswith(prefix):
        return None
    rest = name[len(prefix) :]
    head, _, tail = rest.partition("_")
    number = int(head) if head.isdecimal() and tail else 0
    field = _ENV_FIELDS.get(tail if number else rest)
    return (number, field) if field else None


def env_lines(logins: Iterable[Login], *, reveal: bool) -> list[str]:
    """`NAME=value` lines that `logins_in` reads; secrets masked unless `reveal`."""
    lines = []
    for login in logins:
        prefix = f"{login.provider.upper()}_{login.number}_" if login.number else ""
        prefix = prefix or f"{login.provider.upper()}_"
        for name, field in _ENV_FIELDS.items():
            if field == "expiry_date":
                lines.append(f"{prefix}{name}={round(login.expires_at * 1000)}")
                continue
            value = getattr(login, field)
            if isinstance(value, Secret):
                value = value.reveal() if reveal else value.masked() if value else ""
            if value:
                lines.append(f"{prefix}{name}={value}")
    return lines


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def _secret(row: Mapping[str, Any], name: str) -> Secret | None:
    text = _text(row, name)
    return Secret(text) if text else None

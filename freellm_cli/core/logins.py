"""A login: the tokens of one account at a provider, and when they must be had anew. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from freellm_cli.core.secret import Secret

VERSION = 1
PROVIDERS = ("gemini_cli", "iflow")

NONE, ADVISORY, MANDATORY = "none", "advisory", "mandatory"

GOOGLE_ADVISORY_S = 600.0
GOOGLE_MANDATORY_S = 60.0
IFLOW_ADVISORY_S = 86_400.0
IFLOW_ADVISORY_SHARE = 0.2
IFLOW_SHORTEST_PAUSE_S = 600.0
FORCED_PAUSE_S = 30.0
"""A token that is younger and refused all the same is not mended by the next one."""
UNKNOWN_LIFETIME_S = 3600.0
CLOCK_SLACK_S = 300.0
BUSY_TRIES = 5
BUSY_SPAN_S = 3600.0
LONGEST_BACKOFF_S = 300.0


class Login(NamedTuple):
    """Times are seconds since the epoch, 0 for "not known". `number` is the one in its file's name.

    `login_again`: why only a new login can help, "" while the tokens are good for all that is known.
    `failures` and `retry_at`: refreshes that failed in a row, and when the next may be tried.
    """

    provider: str
    number: int = 0
    access_token: Secret = Secret("")
    refresh_token: Secret | None = None
    expires_at: float = 0.0
    issued_at: float = 0.0
    api_key: Secret | None = None
    """iFlow: the key that its API takes; the access token only gets it."""
    client_id: str = ""
    client_secret: Secret | None = None
    email: str = ""
    """Whose login it is; a masked telephone number where there is no address."""
    project_id: str = ""
    tier: str = ""
    label: str = ""
    scope: str = ""
    enabled: bool = True
    login_again: str = ""
    failures: int = 0
    failing_since: float = 0.0
    retry_at: float = 0.0
    added: str = ""
    source: str = "file"
    """"file" or "env"."""

    @property
    def id(self) -> str:
        middle = "-env" if self.source == "env" else ""
        return (
            f"{self.provider}{middle}-{self.number}" if self.number else f"{self.provider}{middle}"
        )

    @property
    def secret(self) -> Secret:
        """What the provider's API takes."""
        return self.api_key if self.provider == "iflow" and self.api_key else self.access_token

    @property
    def account(self) -> str:
        """What the provider counts by: logins of one account share its limits."""
        return self.email or self.id

    def secrets(self) -> tuple[Secret, ...]:
        found = (self.access_token, self.refresh_token, self.api_key, self.client_secret)
        return tuple(secret for secret in found if secret)


class Tokens(NamedTuple):
    """What a token endpoint gave. `lifetime_s`: None when it does not say."""

    access_token: Secret
    refresh_token: Secret | None = None
    lifetime_s: float | None = None
    scope: str = ""


def with_tokens(login: Login, tokens: Tokens, now: float) -> Login:
    """`login` with fresh tokens; a provider that sends no new refresh token means the old one."""
    lifetime = UNKNOWN_LIFETIME_S if tokens.lifetime_s is None else tokens.lifetime_s
    return login._replace(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token or login.refresh_token,
        expires_at=now + lifetime,
        issued_at=now,
        scope=tokens.scope or login.scope,
        login_again="",
        failures=0,
        failing_since=0.0,
        retry_at=0.0,
    )


def refresh_need(login: Login, now: float) -> str:
    """NONE, ADVISORY (soon: refresh if nobody else does) or MANDATORY (not to be used as it is).

    A token from the future tells that a clock was set back meanwhile: its expiry means nothing.
    """
    if not login.refresh_token or login.login_again:
        return NONE
    if not login.secret:
        return MANDATORY
    left = login.expires_at - now
    if left <= (GOOGLE_MANDATORY_S if login.provider == "gemini_cli" else 0):
        return MANDATORY
    if login.issued_at > now + CLOCK_SLACK_S:
        return ADVISORY
    return ADVISORY if left <= _lead(login) and _pause_is_over(login, now) else NONE


def _lead(login: Login) -> float:
    if login.provider == "gemini_cli":
        return GOOGLE_ADVISORY_S
    if not login.issued_at:
        return IFLOW_ADVISORY_S
    lifetime = max(0.0, login.expires_at - login.issued_at)
    return min(IFLOW_ADVISORY_S, IFLOW_ADVISORY_SHARE * lifetime)


def _pause_is_over(login: Login, now: float) -> bool:
    """Against refresh storms: a lifetime that a provider states too short would mean one at each call."""
    if now < login.retry_at:
        return False
    return login.provider == "gemini_cli" or now - login.issued_at >= IFLOW_SHORTEST_PAUSE_S


def may_force(login: Login, now: float) -> bool:
    """Whether a 401 is worth a refresh: not for a token that was had a moment ago."""
    if not login.refresh_token or login.login_again or now < login.retry_at:
        return False
    return not 0 <= now - login.issued_at < FORCED_PAUSE_S


def after_failure(login: Login, now: float, *, retry_after_s: float | None = None) -> Login:
    """`login` after a refresh that failed for the moment: later, and later each time."""
    failures = login.failures + 1
    pause = min(LONGEST_BACKOFF_S, 30.0 * 2.0 ** min(failures - 1, 10))
    if retry_after_s is not None:
        pause = min(max(1.0, retry_after_s), 3600.0)
    since = login.failing_since or now
    return login._replace(failures=failures, failing_since=since, retry_at=now + pause)


def is_hopeless(login: Login, now: float) -> bool:
    """iFlow says "too many people" also to a session that is dead: five times over an hour mean that."""
    return login.failures >= BUSY_TRIES and now - login.failing_since >= BUSY_SPAN_S


def login_command(provider: str) -> str:
    return f"freellm oauth login {provider.replace('_', '-')}"


def masked_phone(phone: str) -> str:
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 7 else "****" if phone else ""


def to_json(login: Login) -> dict[str, Any]:
    """What a login's file holds. `expiry_date` and `issued_date` are milliseconds, as Google's programs
    write them (google-gemini/gemini-cli packages/core/src/code_assist/oauth2.ts)."""
    row: dict[str, Any] = {"version": VERSION, "provider": login.provider, "token_type": "Bearer"}
    for name in ("access_token", "refresh_token", "api_key", "client_secret"):
        secret = getattr(login, name)
        if secret:
            row[name] = secret.reveal()
    for name in (
        "client_id",
        "email",
        "project_id",
        "tier",
        "label",
        "scope",
        "login_again",
        "added",
    ):
        if getattr(login, name):
            row[name] = getattr(login, name)
    row["expiry_date"] = round(login.expires_at * 1000)
    row["issued_date"] = round(login.issued_at * 1000)
    if not login.enabled:
        row["enabled"] = False
    if login.failures:
        row["refresh_failures"] = login.failures
        row["failing_since"] = round(login.failing_since * 1000)
        row["retry_date"] = round(login.retry_at * 1000)
    return row


def from_json(row: Mapping[str, Any], provider: str, number: int) -> Login:
    """Raises ValueError for what is no login; unknown fields are left out."""
    texts = {name: row.get(name, "") for name in _TEXTS}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise ValueError(f"{name} is no text")
    if not texts["access_token"] and not texts["refresh_token"]:
        raise ValueError("it holds neither an access nor a refresh token")
    return Login(
        provider=provider,
        number=number,
        access_token=Secret(texts["access_token"]),
        refresh_token=_secret(texts["refresh_token"]),
        expires_at=_seconds(row.get("expiry_date")),
        issued_at=_seconds(row.get("issued_date")),
        api_key=_secret(texts["api_key"]),
        client_id=texts["client_id"],
        client_secret=_secret(texts["client_secret"]),
        email=texts["email"],
        project_id=texts["project_id"],
        tier=texts["tier"],
        label=texts["label"],
        scope=texts["scope"],
        enabled=row.get("enabled") is not False,
        login_again=texts["login_again"],
        failures=int(_number(row.get("refresh_failures"))),
        failing_since=_seconds(row.get("failing_since")),
        retry_at=_seconds(row.get("retry_date")),
        added=texts["added"],
    )


_TEXTS = (
    "access_token refresh_token api_key client_id client_secret email project_id tier label scope "
    "login_again added"
).split()


def _secret(text: str) -> Secret | None:
    return Secret(text) if text else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _seconds(value: object) -> float:
    return _number(value) / 1000

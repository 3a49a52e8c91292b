"""iFlow's login: requests and replies as values; nothing is sent here.

Its page takes `redirect` in place of `redirect_uri` and knows neither scope nor PKCE; the client goes
into Basic authentication and into the form; user info takes the token in its query and gives the API key
that all model calls use (router-for-me/CLIProxyAPI internal/auth/iflow/iflow_auth.go,
Mirrowel/LLM-API-Key-Proxy src/rotator_library/providers/_retired/iflow_auth_base.py).
The service closed on 2026-04-17: a page, a 404 or a 410 in place of JSON means that, not a bad key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from freellm_cli.core.http import Headers, HttpRequest
from freellm_cli.core.logins import Tokens, masked_phone
from freellm_cli.core.secret import Secret
from freellm_cli.providers.oauth_reply import (
    OAuthFault,
    form,
    lifetime_of,
    parse,
    retry_after,
    text_of,
)

CALLBACK_PATH = "/oauth2callback"
PORT = 11451
CLOSED = "iFlow does not answer any more: the service closed on 2026-04-17"
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class Identity(NamedTuple):
    api_key: Secret
    name: str
    """An address, or a telephone number with its middle masked."""


def login_url(auth_url: str, *, client_id: str, redirect_uri: str, state: str) -> str:
    from urllib.parse import urlencode

    fields = {
        "loginMethod": "phone",
        "type": "phone",
        "redirect": redirect_uri,
        "state": state,
        "client_id": client_id,
    }
    return f"{auth_url}?{urlencode(fields)}"


def exchange_request(
    token_url: str, *, code: str, client_id: str, client_secret: Secret | None, redirect_uri: str
) -> HttpRequest:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return _post(token_url, fields, client_id, client_secret)


def refresh_request(
    token_url: str, *, refresh_token: Secret, client_id: str, client_secret: Secret | None
) -> HttpRequest:
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    return _post(token_url, fields, client_id, client_secret)


def _post(
    url: str, fields: Mapping[str, str], client_id: str, client_secret: Secret | None
) -> HttpRequest:
    from base64 import b64encode

    secret = client_secret.reveal() if client_secret else ""
    basic = Secret(b64encode(f"{client_id}:{secret}".encode()).decode())
    body = form({**fields, "client_id": client_id, "client_secret": secret})
    return HttpRequest("POST", url, dict(_FORM), (("Authorization", "Basic ", basic),), body)


def read_tokens(status: int, headers: Headers, body: bytes) -> Tokens:
    """The tokens, flat or wrapped in `data`. Raises OAuthFault."""
    tree = parse(body)
    if tree is None or status in (404, 410):
        raise _no_json(status, body)
    inner = tree["data"] if isinstance(tree.get("data"), dict) else tree
    token = inner.get("access_token")
    if status == 200 and isinstance(token, str) and token:
        fresh = inner.get("refresh_token")
        return Tokens(
            Secret(token),
            Secret(fresh) if isinstance(fresh, str) and fresh else None,
            lifetime_of(inner),
            text_of(inner, "scope"),
        )
    raise _fault(status, headers, tree)


def _no_json(status: int, body: bytes) -> OAuthFault:
    if status >= 500:
        return OAuthFault("server", f"iFlow failed with HTTP {status}")
    return OAuthFault("closed", CLOSED)


def _fault(status: int, headers: Headers, tree: Mapping[str, Any]) -> OAuthFault:
    words = text_of(tree, "error_description", "message", "msg", "error")
    error = tree.get("error")
    if status == 429:
        return OAuthFault("busy", words or "too many logins", retry_after_s=retry_after(headers))
    if error in ("invalid_client", "unauthorized_client"):
        return OAuthFault("client", f"iFlow refuses the OAuth client: {words}")
    if status in (401, 403) or (
        status == 400
        and (error in ("invalid_request", "invalid_grant") or "invalid" in words.lower())
    ):
        return OAuthFault("login_again", f"the login has expired or was revoked ({words})")
    if status == 200:
        # The same words come under load and for a session that is dead (CLIProxyAPI issues 239, 1007).
        return OAuthFault("busy", words or "iFlow's answer holds no access token")
    return OAuthFault("server" if status >= 500 else "refused", words or f"HTTP {status}")


def userinfo_request(userinfo_url: str, token: Secret) -> HttpRequest:
    """Never print or log its URL: iFlow takes the token in the query and nowhere else."""
    from urllib.parse import quote

    url = f"{userinfo_url}?accessToken={quote(token.reveal(), safe='')}"
    return HttpRequest("GET", url, {"accept": "application/json"})


def read_identity(status: int, body: bytes) -> Identity:
    """Raises OAuthFault when there is no API key in it: without one the login is worth nothing."""
    tree = parse(body)
    if tree is None or status in (404, 410):
        raise _no_json(status, body)
    data = tree.get("data")
    data = data if isinstance(data, dict) else {}
    key = data.get("apiKey")
    if status >= 500:
        raise OAuthFault("server", f"iFlow failed with HTTP {status}")
    if tree.get("success") is False or not isinstance(key, str) or not key.strip():
        words = text_of(tree, "message", "msg") or "its answer holds no API key"
        raise OAuthFault("refused", f"iFlow gives this account no API key: {words}")
    email, phone = data.get("email"), data.get("phone")
    name = email if isinstance(email, str) and email else masked_phone(str(phone or ""))
    return Identity(Secret(key.strip()), name)

"""Google's OAuth 2.0 for installed programs: requests and replies as values; nothing is sent here.

https://developers.google.com/identity/protocols/oauth2/native-app. The scopes are those of
google-gemini/gemini-cli packages/core/src/code_assist/oauth2.ts.
"""

from __future__ import annotations

from freellm_cli.core.http import Headers, HttpRequest
from freellm_cli.core.logins import Tokens
from freellm_cli.core.secret import Secret
from freellm_cli.providers.oauth_reply import (
    OAuthFault,
    form,
    lifetime_of,
    parse,
    retry_after,
    text_of,
)

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
)
CALLBACK_PATH = "/oauth2callback"
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


def exchange_request(
    token_url: str,
    *,
    code: str,
    client_id: str,
    client_secret: Secret | None,
    redirect_uri: str,
    verifier: str,
) -> HttpRequest:
    """Trades the code of the redirect for tokens; `redirect_uri` exactly as it was in the login's URL."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": client_id,
        "client_secret": client_secret.reveal() if client_secret else "",
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    return HttpRequest("POST", token_url, dict(_FORM), (), form(fields))


def refresh_request(
    token_url: str, *, refresh_token: Secret, client_id: str, client_secret: Secret | None
) -> HttpRequest:
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token.reveal(),
        "client_id": client_id,
        "client_secret": client_secret.reveal() if client_secret else "",
    }
    return HttpRequest("POST", token_url, dict(_FORM), (), form(fields))


def revoke_request(token_url: str, token: Secret) -> HttpRequest:
    """Ends a grant; the endpoint is the neighbour of the token endpoint."""
    url = token_url.rpartition("/")[0] + "/revoke"
    return HttpRequest("POST", url, dict(_FORM), (), form({"token": token.reveal()}))


def read_tokens(status: int, headers: Headers, body: bytes) -> Tokens:
    """The tokens in an answer of the token endpoint. Raises OAuthFault."""
    tree = parse(body)
    if status == 200 and tree is not None:
        token = tree.get("access_token")
        if isinstance(token, str) and token:
            fresh = tree.get("refresh_token")
            return Tokens(
                Secret(token),
                Secret(fresh) if isinstance(fresh, str) and fresh else None,
                lifetime_of(tree),
                text_of(tree, "scope"),
            )
        raise OAuthFault("server", "Google's answer holds no access token")
    raise _fault(status, headers, tree or {})


def _fault(status: int, headers: Headers, tree: dict[str, object]) -> OAuthFault:
    error = tree.get("error")
    words = text_of(tree, "error_description", "error")
    if status == 429:
        wait = retry_after(headers)
        return OAuthFault("busy", f"too many logins: {words or 'later'}", retry_after_s=wait)
    if error in ("invalid_client", "unauthorized_client", "deleted_client"):
        return OAuthFault("client", f"Google refuses the OAuth client: {words}")
    if error == "invalid_grant":
        if tree.get("error_subtype") == "invalid_rapt":
            return OAuthFault(
                "login_again", "the session policy of the organisation ended this login"
            )
        return OAuthFault("login_again", f"the login has expired or was revoked ({words})")
    if status >= 500:
        return OAuthFault("server", f"Google's token endpoint failed with HTTP {status}")
    return OAuthFault("refused", words or f"Google's token endpoint answered HTTP {status}")


def userinfo_request(userinfo_url: str, token: Secret) -> HttpRequest:
    return HttpRequest("GET", userinfo_url, {}, (("Authorization", "Bearer ", token),))


def read_email(status: int, body: bytes) -> str:
    """The account's address, "" when the answer does not tell."""
    tree = parse(body) if status == 200 else None
    email = (tree or {}).get("email")
    return email if isinstance(email, str) else ""

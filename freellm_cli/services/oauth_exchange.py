"""The two ends of a login: the page that is opened, and the code that is traded for tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import (
    ConfigError,
    CredentialRefused,
    FreellmError,
    Overloaded,
    ProviderClosed,
    TransportFault,
    UpstreamError,
)
from freellm_cli.core.logins import Tokens, login_command
from freellm_cli.providers import google_oauth, iflow_oauth
from freellm_cli.providers.oauth_reply import OAuthFault
from freellm_cli.services.oauth_refresh import call

if TYPE_CHECKING:
    from freellm_cli.core.http import Headers, HttpRequest
    from freellm_cli.services.oauth_clients import OAuthClient
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.transport.loopback import Redirect


class Page(NamedTuple):
    """A login page: its address, and what the code of the redirect is traded with."""

    url: str
    verifier: str = ""


def google_page(auth_url: str, client: OAuthClient, redirect_uri: str, state: str) -> Page:
    """Google's login page, with PKCE (S256). The library makes the query; the address may be another."""
    from google_auth_oauthlib.flow import Flow

    flow = Flow.from_client_config(
        {
            "installed": {
                "client_id": client.client_id,
                "client_secret": "",
                "auth_uri": "https://accounts.google.com/o/oauth2/v2/auth",
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        },
        scopes=list(google_oauth.SCOPES),
        redirect_uri=redirect_uri,
        autogenerate_code_verifier=True,
    )
    url, _ = flow.authorization_url(access_type="offline", prompt="consent", state=state)
    query = str(url).partition("?")[2]
    return Page(f"{auth_url}?{query}", str(flow.code_verifier))


def read_pasted(text: str, state: str) -> Redirect | None:
    """A bare code, or an address with one; the address must carry this login's state."""
    from freellm_cli.transport.loopback import Redirect, read_redirect

    text = text.strip().strip("'\"")
    if "://" in text or "code=" in text or "error=" in text:
        from urllib.parse import urlsplit

        query = urlsplit(text).query if "://" in text else text.lstrip("?")
        return read_redirect(query, state)
    return Redirect(code=text) if text and text.isprintable() and " " not in text else None


def asked(
    runtime: Runtime, provider_id: str, request: HttpRequest, read: Callable[..., Tokens]
) -> tuple[Headers, Tokens]:
    """Sends a token request. Raises what its fault means for a person who logs in."""
    try:
        status, headers, body = call(runtime, request)
        return headers, read(status, headers, body)
    except TransportFault as fault:
        raise unreachable(provider_id, fault) from fault
    except OAuthFault as fault:
        raise login_error(provider_id, fault) from fault


def unreachable(provider_id: str, fault: TransportFault) -> FreellmError:
    if provider_id == "iflow" and fault.fault == "dns":
        return ProviderClosed(iflow_oauth.CLOSED, hint="see `freellm models --recommended`")
    return TransportFault(
        f"the login cannot be finished: {fault.message}",
        fault=fault.fault,
        sent=fault.sent,
        hint=fault.hint or "check the network and proxies, then log in again",
    )


def login_error(provider_id: str, fault: OAuthFault) -> FreellmError:
    again = f"`{login_command(provider_id)}` begins anew"
    if fault.kind == "closed":
        return ProviderClosed(fault.message, hint="see `freellm models --recommended`")
    if fault.kind == "client":
        return ConfigError(fault.message, hint="check --client-secrets, or the configured client")
    if fault.kind == "busy":
        return Overloaded(fault.message, hint="log in again in a minute")
    if fault.kind == "server":
        return UpstreamError(fault.message, hint="log in again in a minute")
    if fault.kind == "login_again":
        return CredentialRefused(
            f"the code was refused: it is spent, too old, or not for this login ({fault.message})",
            hint=again,
        )
    return CredentialRefused(f"the login was refused: {fault.message}", hint=again)

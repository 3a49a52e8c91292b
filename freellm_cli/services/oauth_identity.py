"""Whose a login is, what its API calls need besides the token, and where it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.logins import Login
from freellm_cli.providers import google_oauth, iflow_oauth
from freellm_cli.providers.oauth_reply import OAuthFault
from freellm_cli.services.oauth_clients import endpoints
from freellm_cli.services.oauth_exchange import login_error, unreachable
from freellm_cli.services.oauth_refresh import call

if TYPE_CHECKING:
    from freellm_cli.services.oauth_login import Talk
    from freellm_cli.services.runtime import Runtime


def identify(runtime: Runtime, fresh: Login, talk: Talk) -> Login:
    """Whose login it is, and what its API calls need: a project and tier, or a key."""
    places = endpoints(runtime, fresh.provider)
    if fresh.provider == "iflow":
        request = iflow_oauth.userinfo_request(places.userinfo, fresh.access_token)
        try:
            status, _, body = call(runtime, request)
            identity = iflow_oauth.read_identity(status, body)
        except TransportFault as fault:
            raise unreachable("iflow", fault) from fault
        except OAuthFault as fault:
            raise login_error("iflow", fault) from fault
        runtime.keep_secret(identity.api_key)
        return fresh._replace(api_key=identity.api_key, email=identity.name)
    from freellm_cli.services.code_assist_setup import discover

    email = _google_email(runtime, places.userinfo, fresh) or fresh.email
    try:
        setup = discover(
            runtime,
            fresh.access_token,
            verify=lambda message, url: _verified(talk, message, url),
            progress=talk.say,
        )
    except TransportFault as fault:
        raise unreachable("gemini_cli", fault) from fault
    return fresh._replace(email=email, project_id=setup.project_id, tier=setup.tier)


def _verified(talk: Talk, message: str, url: str) -> bool:
    if not talk.interactive or not url:
        return False
    talk.say(f"Google wants this account verified first: {message}\n{url}")
    return talk.confirm("Verified?")


def _google_email(runtime: Runtime, url: str, fresh: Login) -> str:
    """Who it is, is good to know, and no reason to fail."""
    try:
        status, _, body = call(runtime, google_oauth.userinfo_request(url, fresh.access_token))
    except TransportFault:
        return ""
    return google_oauth.read_email(status, body)


def store(runtime: Runtime, login: Login) -> Login:
    """Puts a login in its file: over the one of the same account, else under a new number."""
    files = runtime.logins.files
    same = [
        item
        for item in files.list()
        if item.provider == login.provider and login.email and item.email == login.email
    ]
    if same:
        with files.lock(same[0], 100.0):
            label = login.label or same[0].label
            stored = login._replace(number=same[0].number, label=label)
            files.put(stored)
    else:
        stored = files.add(login)
    runtime.ledger.wake(f"credential:{stored.id}")
    runtime.keep_secret(*stored.secrets())
    runtime.forget_credentials()
    return stored


def today(runtime: Runtime) -> str:
    import time

    return time.strftime("%Y-%m-%d", time.gmtime(runtime.clock.now()))

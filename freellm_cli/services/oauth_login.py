"""`freellm oauth login`: what is known first, then the browser, the tokens, and whose they are."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from freellm_cli.core.errors import (
    CredentialRefused,
    FreellmError,
    UpstreamTimeout,
    UsageError,
)
from freellm_cli.core.logins import Login, Tokens, login_command, with_tokens
from freellm_cli.core.secret import Secret
from freellm_cli.providers import google_oauth, iflow_oauth
from freellm_cli.providers.oauth_reply import clock_difference
from freellm_cli.services.oauth_clients import OAuthClient, endpoints, find_client
from freellm_cli.services.oauth_exchange import Page, asked, google_page, read_pasted
from freellm_cli.services.oauth_identity import identify, store, today
from freellm_cli.services.results import Facts, Line, Result

if TYPE_CHECKING:
    from freellm_cli.core.http import Headers, HttpRequest
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.transport.loopback import Redirect

LOGIN_S = 300.0
PASTE_TRIES = 2
CLOCK_WRONG_S = 300.0


class Talk(Protocol):
    """How the login speaks with the person. Without a terminal `confirm` is never called."""

    interactive: bool

    def say(self, text: str) -> None: ...
    def confirm(self, question: str) -> bool: ...
    def ask(self, question: str) -> str:
        """A line of the person's or of the pipe; "" at its end."""

    def open_browser(self, url: str) -> bool: ...


class LoginOptions(NamedTuple):
    no_browser: bool = False
    port: int = 0
    client_secrets: str = ""
    accept_risk: bool = False
    label: str = ""
    timeout_s: float = LOGIN_S


def provider_of(name: str) -> str:
    """ "gemini-cli" or "iflow" as a person types it → the provider's id. Raises UsageError."""
    provider = name.strip().lower().replace("-", "_")
    if provider in ("gemini_cli", "iflow"):
        return provider
    raise UsageError(
        f"{name!r} has no login; API keys are added with `freellm keys add {name}`",
        hint="logins: gemini-cli, iflow",
    )


def warn_and_ask(runtime: Runtime, provider_id: str, talk: Talk, *, accepted: bool) -> None:
    """Says what is known of this login before anything is done. Raises UsageError unless accepted."""
    from freellm_cli.providers.registry import load_catalog

    # The packaged words: an address of one's own changes what is asked, not what is known.
    packaged = load_catalog().provider(provider_id)
    talk.say(f"{packaged.title}: {packaged.closed_note}")
    talk.say(packaged.terms)
    if provider_id == "gemini_cli":
        talk.say(
            "The safe way is a key: `freellm keys add gemini`. This login is for holders of a paid "
            "Code Assist licence, at their own risk."
        )
    if accepted:
        return
    if not talk.interactive:
        raise UsageError(
            "this login has risks that a person must accept (they are named above)",
            hint=f"`{login_command(provider_id)} --accept-risk`",
        )
    if not talk.confirm("Go on, knowing this?"):
        raise UsageError("not accepted; nothing was done")


def login(runtime: Runtime, name: str, options: LoginOptions, talk: Talk) -> Result:
    """Logs in and stores the tokens. Raises FreellmError of all kinds, each saying the next step."""
    provider_id = provider_of(name)
    warn_and_ask(runtime, provider_id, talk, accepted=options.accept_risk)
    client = find_client(runtime, provider_id, options.client_secrets)
    if client.client_secret:
        runtime.keep_secret(client.client_secret)
    talk.say(f"OAuth client: {client.source}")
    session = _Session(runtime, provider_id, client, options, talk)
    return session.run()


class _Session:
    def __init__(
        self,
        runtime: Runtime,
        provider_id: str,
        client: OAuthClient,
        options: LoginOptions,
        talk: Talk,
    ) -> None:
        self._runtime = runtime
        self._provider = provider_id
        self._client = client
        self._options = options
        self._talk = talk
        self._places = endpoints(runtime, provider_id)
        self._state = secrets.token_urlsafe(32)
        self._notices: list[str] = []

    def run(self) -> Result:
        settings = self._runtime.settings.provider(self._provider)
        port = self._options.port or settings.redirect_port
        if self._provider == "iflow":
            port = port or iflow_oauth.PORT
        host = "localhost" if self._provider == "iflow" else "127.0.0.1"
        if self._options.no_browser:
            return self._pasted(f"http://{host}:{port or 8085}{google_oauth.CALLBACK_PATH}")
        from freellm_cli.transport.loopback import RedirectListener

        with RedirectListener(
            google_oauth.CALLBACK_PATH, self._state, port=port, host=host
        ) as listener:
            page = self._page(listener.redirect_uri)
            self._talk.say(f"Opening the login page. If no browser comes up, open:\n{page.url}")
            self._talk.open_browser(page.url)
            redirect = listener.wait(self._options.timeout_s)
            try:
                result = self._finish(redirect, page, listener.redirect_uri)
            except FreellmError as error:
                listener.finish("The login failed", self._clean(error), good=False)
                raise
            listener.finish(
                "You are logged in", "Close this page and go back to the terminal.", good=True
            )
            return result

    def _clean(self, error: FreellmError) -> str:
        return self._runtime.redactor.clean(f"{error.message}. {error.hint}")

    def _pasted(self, redirect_uri: str) -> Result:
        """Without a browser on this machine: its address bar ends up with the code."""
        page = self._page(redirect_uri)
        self._talk.say(f"Open this page in any browser and log in:\n{page.url}")
        self._talk.say(
            "In the end that browser shows an address it cannot open. Paste that address here, or only "
            "the code in it."
        )
        for _ in range(PASTE_TRIES):
            redirect = read_pasted(self._talk.ask("Address or code: "), self._state)
            if redirect is not None:
                return self._finish(redirect, page, redirect_uri)
            self._talk.say("that holds no code")
        raise UsageError(
            "no code was given", hint=f"`{login_command(self._provider)} --no-browser` begins anew"
        )

    def _page(self, redirect_uri: str) -> Page:
        if self._provider == "iflow":
            url = iflow_oauth.login_url(
                self._places.authorize,
                client_id=self._client.client_id,
                redirect_uri=redirect_uri,
                state=self._state,
            )
            return Page(url)
        return google_page(self._places.authorize, self._client, redirect_uri, self._state)

    def _finish(self, redirect: Redirect | None, page: Page, redirect_uri: str) -> Result:
        code = self._code_of(redirect)
        self._runtime.keep_secret(Secret(code))
        tokens = self._exchange(code, page, redirect_uri)
        self._runtime.keep_secret(
            *(secret for secret in (tokens.access_token, tokens.refresh_token) if secret)
        )
        fresh = with_tokens(
            Login(
                self._provider,
                client_id=self._client.client_id,
                client_secret=self._client.client_secret,
                label=self._options.label,
                added=today(self._runtime),
            ),
            tokens,
            self._runtime.clock.now(),
        )
        known = identify(self._runtime, fresh, self._talk)
        stored = store(self._runtime, known)
        return _result(self._runtime, stored, tuple(self._notices))

    def _code_of(self, redirect: Redirect | None) -> str:
        again = f"`{login_command(self._provider)}` begins anew"
        if redirect is None:
            minutes = self._options.timeout_s / 60
            raise UpstreamTimeout(f"nobody logged in within {minutes:.0f} minutes", hint=again)
        if redirect.forged:
            raise CredentialRefused(
                "the answer that came does not belong to this login (its state is another one); it was "
                "not used",
                hint=f"close old login pages; {again}",
            )
        if redirect.error:
            if redirect.error == "access_denied":
                raise CredentialRefused("the login was denied in the browser", hint=again)
            words = redirect.description or redirect.error
            raise CredentialRefused(f"the login page reports an error: {words[:200]}", hint=again)
        return redirect.code

    def _exchange(self, code: str, page: Page, redirect_uri: str) -> Tokens:
        client = self._client
        request: HttpRequest
        if self._provider == "iflow":
            request = iflow_oauth.exchange_request(
                self._places.token,
                code=code,
                client_id=client.client_id,
                client_secret=client.client_secret,
                redirect_uri=redirect_uri,
            )
        else:
            request = google_oauth.exchange_request(
                self._places.token,
                code=code,
                client_id=client.client_id,
                client_secret=client.client_secret,
                redirect_uri=redirect_uri,
                verifier=page.verifier,
            )
        read = iflow_oauth.read_tokens if self._provider == "iflow" else google_oauth.read_tokens
        headers, tokens = asked(self._runtime, self._provider, request, read)
        self._look_at_clock(headers)
        if tokens.refresh_token is None:
            self._notices.append(
                "no refresh token came, so this login ends with its first token; remove freellm's access "
                "in the account's settings and log in again to get one"
            )
        return tokens

    def _look_at_clock(self, headers: Headers) -> None:
        ahead = clock_difference(headers, self._runtime.clock.now())
        if abs(ahead) > CLOCK_WRONG_S:
            words = "ahead of" if ahead > 0 else "behind"
            self._notices.append(
                f"the clock of this machine is {abs(ahead) / 60:.0f} minutes {words} the provider's: set it, "
                "or tokens are refreshed too often or too late"
            )


def _result(runtime: Runtime, login: Login, notices: tuple[str, ...]) -> Result:
    from freellm_cli.services.code_assist_setup import mixed_tiers_warning

    same = [item for item in runtime.logins.list() if item.provider == login.provider]
    warning = mixed_tiers_warning({item.id: item.tier for item in same})
    data: dict[str, Any] = {
        "id": login.id,
        "provider": login.provider,
        "account": login.email,
        "project_id": login.project_id,
        "tier": login.tier,
        "file": runtime.logins.files.path(login.provider, login.number),
    }
    names = (("account", login.email), ("project", login.project_id), ("tier", login.tier))
    rows = [(name, value) for name, value in names if value]
    rows.append(("try it", f'freellm chat -m {login.provider}/… "hello"'))
    blocks = (Line(f"logged in: {login.id}", "good"), Facts(tuple(rows)))
    return Result(data, blocks, (*notices, warning) if warning else notices)

"""Project and tier of a new Code Assist login, every outcome in words with its next step.

The order is Gemini CLI's own (google-gemini/gemini-cli packages/core/src/code_assist/setup.ts). What that
program never does is not done here either: no project is guessed from a list, since it could be billed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.errors import (
    ConfigError,
    CredentialRefused,
    FreellmError,
    Overloaded,
    ProviderClosed,
    UpstreamError,
    UpstreamTimeout,
)
from freellm_cli.providers import code_assist_setup as api
from freellm_cli.services.oauth_clients import endpoints
from freellm_cli.services.oauth_refresh import call

if TYPE_CHECKING:
    from freellm_cli.core.http import HttpRequest
    from freellm_cli.core.secret import Secret
    from freellm_cli.services.runtime import Runtime

POLL_S = 5.0
MOST_POLLS = 60
USE_A_KEY = "a key from AI Studio serves the same models: `freellm keys add gemini`"
SET_PROJECT = (
    "name one: `freellm config set providers.gemini_cli.project_id MY-PROJECT` (or GOOGLE_CLOUD_PROJECT), "
    "then log in again"
)

# What each reason of an ineligible account means, and what may be done (types.ts of Gemini CLI).
_INELIGIBLE = {
    "UNSUPPORTED_CLIENT": ("Google does not serve this login any more", USE_A_KEY),
    "DASHER_USER": (
        "an account of an organisation gets no free tier",
        "ask its administrator for a Code Assist licence, and " + SET_PROJECT,
    ),
    "INELIGIBLE_ACCOUNT": ("this account is not eligible for Code Assist", USE_A_KEY),
    "NON_USER_ACCOUNT": ("a service account cannot log in here", "log in as a person"),
    "RESTRICTED_AGE": (
        "Google wants the owner of this account to be of age, and to have said so",
        "https://support.google.com/accounts/answer/10071085",
    ),
    "RESTRICTED_NETWORK": (
        "Code Assist is not allowed on this network",
        "try another network, or ask who runs this one",
    ),
    "UNKNOWN_LOCATION": ("Google cannot tell which country this is", USE_A_KEY),
    "UNSUPPORTED_LOCATION": ("Code Assist is not offered in this country", USE_A_KEY),
}


class Setup(NamedTuple):
    project_id: str
    tier: str
    tier_name: str = ""


def discover(
    runtime: Runtime,
    token: Secret,
    *,
    verify: Callable[[str, str], bool],
    progress: Callable[[str], None],
) -> Setup:
    """Finds or makes the project of a login.

    `verify(message, url)`: shows the page on which Google wants the account verified, and returns whether
    the person has done so. Raises ProviderClosed, CredentialRefused, ConfigError, UpstreamError.
    """
    return _Discovery(runtime, token, verify, progress).run()


def project_hint(runtime: Runtime) -> str:
    """The project that the user names, "" for none. Raises ConfigError for a project number."""
    env = runtime.env
    hint = (
        runtime.settings.provider("gemini_cli").project_id
        or env.get("GOOGLE_CLOUD_PROJECT", "")
        or env.get("GOOGLE_CLOUD_PROJECT_ID", "")
    ).strip()
    if hint.isdecimal():
        raise ConfigError(
            "the Google Cloud project is given by its number, but Code Assist wants its id",
            hint="the id is text such as my-project-123; see https://console.cloud.google.com/",
        )
    return hint


class _Discovery:
    def __init__(
        self,
        runtime: Runtime,
        token: Secret,
        verify: Callable[[str, str], bool],
        progress: Callable[[str], None],
    ) -> None:
        self._runtime = runtime
        self._token = token
        self._verify = verify
        self._progress = progress
        self._base = endpoints(runtime, "gemini_cli").api
        self._hint = project_hint(runtime)

    def run(self) -> Setup:
        loaded = self._load()
        if loaded is None:
            return Setup(self._hint, api.STANDARD_TIER)
        if loaded.tier:
            project = loaded.project or self._hint
            if not project:
                raise self._no_project(loaded)
            return Setup(project, loaded.tier, loaded.tier_name)
        tier = _tier_to_take(loaded)
        if tier is None:
            raise _ineligible_error(loaded.ineligible)
        if tier != api.FREE_TIER and not self._hint and not loaded.project:
            raise self._no_project(loaded)
        return Setup(self._onboard(tier), tier)

    def _load(self) -> api.Loaded | None:
        """None for a project behind VPC Service Controls: that is a licence holder's."""
        while True:
            tree = self._call(
                api.load_request(self._base, self._token, self._hint),
                tolerated="SECURITY_POLICY_VIOLATED",
            )
            if tree is None:
                return None
            loaded = api.read_loaded(tree)
            unverified = next(
                (it for it in loaded.ineligible if it.reason == "VALIDATION_REQUIRED"), None
            )
            if loaded.tier or unverified is None:
                return loaded
            message = unverified.message or "Google wants this account verified"
            if not self._verify(message, unverified.url):
                raise _validation_error(message, unverified.url)

    def _onboard(self, tier: str) -> str:
        self._progress("preparing the account (this can take a minute)")
        request = api.onboard_request(self._base, self._token, tier, self._hint)
        operation = api.read_operation(self._call(request) or {})
        for _ in range(MOST_POLLS):
            if operation.done or not operation.name:
                break
            self._runtime.clock.sleep(POLL_S)
            request = api.operation_request(self._base, self._token, operation.name)
            operation = api.read_operation(self._call(request) or {})
        if operation.error:
            raise UpstreamError(
                f"Google could not prepare the account: {operation.error}", hint=USE_A_KEY
            )
        if not operation.done:
            raise UpstreamTimeout(
                f"Google has not prepared the account within {MOST_POLLS * POLL_S / 60:.0f} minutes",
                hint="log in again later: what was begun goes on",
            )
        project = operation.project or self._hint
        if not project:
            raise ConfigError("Google names no project for this account", hint=SET_PROJECT)
        return project

    def _call(self, request: HttpRequest, tolerated: str = "") -> dict[str, Any] | None:
        """The answer's object; None for an error whose reason is `tolerated`."""
        status, _, body = call(self._runtime, request)
        if status == 200:
            try:
                tree = json.loads(body)
            except ValueError:
                tree = None
            if not isinstance(tree, dict):
                raise UpstreamError(
                    "Code Assist answered with something that is no JSON",
                    hint="check providers.gemini_cli.base_url, or a proxy between",
                )
            return tree
        fault = api.read_fault(status, body)
        if tolerated and fault.reason == tolerated:
            return None
        raise _api_error(fault, self._hint)

    def _no_project(self, loaded: api.Loaded) -> FreellmError:
        if loaded.ineligible:
            return _ineligible_error(loaded.ineligible)
        return ConfigError(
            "this account's tier needs a Google Cloud project of yours, and none is named",
            hint=SET_PROJECT,
        )


def _tier_to_take(loaded: api.Loaded) -> str | None:
    """The default tier, else the legacy one; None for an account that may have none."""
    default = next((tier for tier, is_default in loaded.allowed if is_default), None)
    if default is None and loaded.ineligible:
        return None
    return default or api.LEGACY_TIER


def _ineligible_error(reasons: tuple[api.Ineligible, ...]) -> FreellmError:
    first = reasons[0]
    words, step = _INELIGIBLE.get(
        first.reason, ("Google gives this account no tier of Code Assist", USE_A_KEY)
    )
    message = f"{words}: {first.message}" if first.message else words
    if first.url:
        step = f"see {first.url}; {step}"
    if first.reason == "UNSUPPORTED_CLIENT":
        return ProviderClosed(message, hint=step)
    return CredentialRefused(message, hint=step)


def _validation_error(message: str, url: str) -> CredentialRefused:
    where = f"open {url}, then" if url else "verify it in a browser, then"
    return CredentialRefused(
        f"Google wants this account verified first: {message}",
        hint=f"{where} run `freellm oauth login gemini-cli` again",
    )


def _api_error(fault: api.ApiFault, project: str) -> FreellmError:
    at = f" (see {fault.url})" if fault.url else ""
    if fault.status == 401:
        return CredentialRefused(
            f"Google refuses the new token: {fault.message}",
            hint="log in again; if the clock of this machine is wrong, set it first",
        )
    if fault.reason == "VALIDATION_REQUIRED":
        return _validation_error(fault.message, fault.url)
    if fault.reason == "TOS_VIOLATION":
        appeal = f"appeal at {fault.url}; " if fault.url else ""
        return CredentialRefused(
            f"Google has blocked this account: {fault.message}", hint=appeal + USE_A_KEY
        )
    if fault.reason == "SUBSCRIPTION_REQUIRED":
        return CredentialRefused(
            f"this account has no Code Assist licence: {fault.message}", hint=USE_A_KEY
        )
    if fault.reason == "SERVICE_DISABLED":
        return ConfigError(
            f"the project has the Gemini for Google Cloud API switched off: {fault.message}",
            hint=f"switch it on{at}, wait a minute, log in again",
        )
    if fault.reason == "CONSUMER_INVALID" or (fault.status in (403, 404) and project):
        return ConfigError(
            f"the project {project or 'of this account'} cannot be used: {fault.message}",
            hint="another one: `freellm config set providers.gemini_cli.project_id MY-PROJECT`",
        )
    if fault.status == 412:
        return UpstreamError(
            f"Google refuses this project for this tier: {fault.message}",
            hint="unset providers.gemini_cli.project_id and GOOGLE_CLOUD_PROJECT, then log in again",
        )
    if fault.status == 403:
        return CredentialRefused(
            f"Google refuses this account: {fault.message}{at}", hint=USE_A_KEY
        )
    if fault.status in (429, 503):
        return Overloaded(f"Code Assist is busy: {fault.message}", hint="log in again in a minute")
    return UpstreamError(f"Code Assist failed with HTTP {fault.status}: {fault.message}{at}")


def mixed_tiers_warning(tiers: dict[str, str]) -> str:
    """A warning when some logins are paid and others not; `tiers`: login id → tier."""
    known = {name: tier for name, tier in tiers.items() if tier}
    paid = sorted(name for name, tier in known.items() if tier in api.PAID_TIERS)
    free = sorted(name for name in known if name not in paid)
    if not paid or not free:
        return ""
    return (
        f"{', '.join(free)} and {', '.join(paid)} are of different tiers: they have other models and "
        "limits, so answers may differ by which one is asked"
    )

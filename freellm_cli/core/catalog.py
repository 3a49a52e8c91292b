"""What the catalog says of providers and models: dated facts, discovery and settings merged."""

# Without `from __future__ import annotations`: a NamedTuple compiles each annotation that is a text, which
# made this module three times as slow to import (2.5 ms for 0.8 ms), and every command imports it.
from collections.abc import Mapping
from typing import Any, NamedTuple

STATUSES = ("active", "restricted", "closed", "expires", "unknown")
SCOPES = ("credential", "account", "provider", "address")
UNITS = ("requests", "tokens", "concurrent")
CAPABILITIES = ("chat", "vision", "tools", "thinking", "json", "audio", "pdf", "embeddings")
USES = ("fast", "long-context", "multilingual", "vision", "reasoning", "lightweight", "story")


class PublishedLimit(NamedTuple):
    """A limit as its provider states it.

    `scope`: credential|account|provider|address, who is counted together. `subject`: "model" (each
    model by itself), "*" (all models together) or "group:<name>" (the models of a quota group).
    `unit`: requests|tokens|concurrent. An `amount` of 0 means that the free tier does not include
    the model.
    """

    scope: str
    subject: str
    unit: str
    window: str
    """"60s", "1s", "24h" sliding; "day:America/Los_Angeles"; "month:UTC"; "24h-first-use"; "open".
    Read by `core.published.parse_window`."""
    amount: int


class ModelSpec(NamedTuple):
    id: str
    """`provider/name`; the name may hold slashes and colons."""
    provider: str
    name: str
    family: str = ""
    title: str = ""
    context: int | None = None
    max_output: int | None = None
    capabilities: frozenset[str] = frozenset({"chat"})
    status: str = "active"
    status_date: str = ""
    source: str = ""
    expires: str = ""
    """ISO date of an announced end."""
    replacement: str = ""
    speed: str = ""
    quality: str = ""
    notes: str = ""
    recommended: bool = False
    uses: tuple[str, ...] = ()
    group: str = ""
    """Quota group: models that share one counter."""
    limits: tuple[PublishedLimit, ...] = ()
    quirks: dict[str, Any] = {}  # noqa: RUF012 - read-only by contract
    history: tuple[str, ...] = ()
    """What earlier documents said, dated."""
    discovered: bool = False
    """True when it is known from the provider's own list only."""


class ProviderSpec(NamedTuple):
    id: str
    title: str
    dialect: str
    """"openai", "google" or "code_assist"."""
    base_url: str
    list_path: str = "/models"
    """Relative to base_url, or an absolute URL; empty when there is no list."""
    list_public: bool = False
    auth: str = "bearer"
    """"bearer", "x-goog-api-key", "none" (local hosts: a key is optional), "oauth"."""
    key_env: tuple[str, ...] = ()
    """Environment variables, most usual first; each also with _1, _2…"""
    key_url: str = ""
    key_steps: tuple[str, ...] = ()
    key_shape: str = ""
    """A regular expression of the usual shape: a hint, never a reason to refuse."""
    status: str = "active"
    status_date: str = ""
    source: str = ""
    closed_note: str = ""
    terms: str = ""
    terms_url: str = ""
    trains_on_prompts: str = "unknown"
    """"yes", "no", "opt-out", "unknown"."""
    limit_scope: str = "credential"
    limits: tuple[PublishedLimit, ...] = ()
    reset_zone: str = "UTC"
    local: bool = False
    needs: tuple[str, ...] = ()
    """Further settings a credential needs, such as "account_id"."""
    key_check: str = "list"
    """How a key is checked without spending generation quota: "list", "key" (a key endpoint),
    "none" (only the first call can tell)."""
    quirks: dict[str, Any] = {}  # noqa: RUF012 - read-only by contract
    notes: str = ""
    endpoints: dict[str, str] = {}  # noqa: RUF012 - read-only by contract
    """Further addresses by purpose: "key" (what is left on this key; relative to base_url),
    "openai" (the OpenAI-compatible base of a provider whose own dialect differs), "mainland",
    "cloud", and for logins "authorize", "token", "userinfo"."""
    timeouts: dict[str, float] = {}  # noqa: RUF012 - read-only by contract
    """Seconds that differ from `core.http.Timeouts`: "first_token", "idle"."""
    history: tuple[str, ...] = ()
    """What used to hold, dated."""


class FamilySpec(NamedTuple):
    """A model whoever hosts it. The defaults hold for a host that says nothing else."""

    id: str
    title: str = ""
    successors: tuple[str, ...] = ()
    """Families that take over where no host serves this one any more, nearest first."""
    context: int | None = None
    max_output: int | None = None
    capabilities: frozenset[str] = frozenset({"chat"})
    uses: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    """Model ids of the catalog's own data, best first."""


def filled_in(provider: ProviderSpec, extra: Mapping[str, str]) -> ProviderSpec:
    """`provider` with what a credential brings put into its addresses: `extra["account_id"]` for
    "{ACCOUNT_ID}" in `base_url` and `list_path`."""
    base_url, list_path = provider.base_url, provider.list_path
    for name, value in extra.items():
        place = f"{{{name.upper()}}}"
        base_url, list_path = base_url.replace(place, value), list_path.replace(place, value)
    return provider._replace(base_url=base_url, list_path=list_path)


def merged_quirks(provider: ProviderSpec, model: ModelSpec) -> dict[str, Any]:
    """The switches for one target: the provider's, overridden one by one by the model's."""
    if not model.quirks:
        return provider.quirks
    return {**provider.quirks, **model.quirks}

"""A credential: an API key, a login, or the right to ask a host that wants neither."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from freellm_cli.core.errors import UnknownName, UsageError
from freellm_cli.core.secret import Secret

KINDS = ("key", "oauth")
SOURCES = ("file", "env", "oauth", "none")


class Credential(NamedTuple):
    """`source`: where it comes from: "file" (stored by freellm), "env" (`env_var` names the variable),
    "oauth" (a login) or "none" (a local host that needs no key)."""

    id: str
    """`provider-number`; `gemini-env`, `gemini-env-2` from the environment; `ollama-local`."""
    provider: str
    kind: str = "key"
    label: str = ""
    account: str = ""
    """What the provider counts by, when it is known; credentials of one account share its limits."""
    enabled: bool = True
    added: str = ""
    """ISO date."""
    source: str = "file"
    secret: Secret | None = None
    mark: str = ""
    """The fingerprint of a login's lasting token; a key has its own."""
    env_var: str = ""
    extra: Mapping[str, str] = {}
    """What else the provider needs with the key, such as "account_id"."""
    disabled_reason: str = ""
    unchecked: bool = False
    """Stored without a word from its provider whether it is good."""

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that tell it from others, "" for what has no secret."""
        return self.mark or (self.secret.fingerprint() if self.secret else "")


class DuplicateCredential(UsageError):
    """The same key is stored already, as `existing`."""

    def __init__(self, existing: Credential) -> None:
        name = f"{existing.id} ({existing.label})" if existing.label else existing.id
        super().__init__(
            f"this key is already stored as {name}",
            hint=f"`freellm keys label {existing.id} …` renames it",
        )
        self.existing = existing


def keyless_credential(provider: str) -> Credential:
    """The credential of a local host that needs no key."""
    return Credential(id=f"{provider}-local", provider=provider, source="none")


def find_credential(credentials: Sequence[Credential], name: str) -> Credential:
    """The one that a person means by an id, a label or a fingerprint (its first four digits suffice).

    Raises UnknownName with the nearest ids, and UsageError when the name fits several.
    """
    for matches in (
        [item for item in credentials if item.id == name],
        [item for item in credentials if item.label and item.label == name],
        [item for item in credentials if len(name) >= 4 and item.fingerprint.startswith(name)],
    ):
        if len(matches) > 1:
            ids = ", ".join(item.id for item in matches)
            raise UsageError(f"{name!r} fits {ids}", hint="name one of them by its id")
        if matches:
            return matches[0]
    raise _unknown(credentials, name)


def _unknown(credentials: Sequence[Credential], name: str) -> UnknownName:
    from difflib import get_close_matches

    names = [item.id for item in credentials] + [item.label for item in credentials if item.label]
    nearest = tuple(get_close_matches(name, names, 3, 0.5))
    hint = f"did you mean {', '.join(nearest)}?" if nearest else "see `freellm keys list`"
    return UnknownName(f"no credential is called {name!r}", hint=hint, nearest=nearest)


def as_json(credential: Credential) -> dict[str, Any]:
    """The credential for `--json`: everything but the secret, of which the masked form is `key`."""
    row: dict[str, Any] = credential._asdict()
    secret = row.pop("secret")
    return {**row, "extra": dict(credential.extra), "key": secret.masked() if secret else ""}

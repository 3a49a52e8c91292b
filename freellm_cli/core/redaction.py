"""Takes keys and account ids out of text that people or clients will read.

Shapes are the ones providers document or users posted; a key without a shape of its own (Mistral,
Cohere, Cloudflare) is only found by comparing with the stored keys: give those to `Redactor`.
"""

from __future__ import annotations

from collections.abc import Iterable

from freellm_cli.core.secret import Secret

MASK = "…"

# Longest prefixes first: "sk-or-v1-" must not be eaten as "sk-".
KEY_SHAPES = (
    r"AIza[0-9A-Za-z_-]{20,}"
    r"|AQ\.[A-Za-z0-9_-]{20,}"
    r"|ya29\.[A-Za-z0-9._-]{20,}"
    r"|nvapi-[A-Za-z0-9_-]{20,}"
    r"|sk-or-v1-[0-9a-f]{16,}"
    r"|sk-[A-Za-z0-9_-]{20,}"
    r"|gsk_[A-Za-z0-9]{16,}"
    r"|csk-[a-z0-9]{16,}"
    r"|xai-[A-Za-z0-9]{20,}"
    r"|github_pat_[A-Za-z0-9_]{20,}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|hf_[A-Za-z0-9]{20,}"
    r"|\b[0-9a-f]{32}\.[A-Za-z0-9]{16}\b"
    r"|(?<=[?&]key=)[^&\s\"']+"
    r"|(?i:(?<=accesstoken=)[^&\s\"']+)"
    r"|(?i:(?<=bearer )[A-Za-z0-9._~+/=-]{16,})"
    # OpenAI echoes the ends of a wrong key: "sk-proj-****abcd".
    r"|\b[A-Za-z]{2,4}[-_][A-Za-z0-9_-]*\*{3,}[A-Za-z0-9*]*"
)
ACCOUNT_SHAPES = (
    r"\borg[-_][A-Za-z0-9]{4,}"
    r"|\bproj_[A-Za-z0-9]{4,}"
    r"|\buser_[A-Za-z0-9]{8,}"
    r"|(?<=project_number:)\d+"
    r"|(?<=projects/)[0-9]{6,}"
    r"|(?<=in project )[0-9]{6,}"
    r"|(?<=for account ')[^']+"
)


def mask_secrets(text: str) -> str:
    """`text` with everything of a key's shape replaced by "…"."""
    import re

    return re.sub(KEY_SHAPES, MASK, text)


def mask_identities(text: str) -> str:
    """`mask_secrets`, and the ids of organisations, projects, users and accounts as well."""
    import re

    return re.sub(ACCOUNT_SHAPES, MASK, mask_secrets(text))


class Redactor:
    """Cleans texts of the secrets it was given, letter by letter, and of everything of a key's shape."""

    __slots__ = ("_known",)

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        texts = {secret.reveal() for secret in known}
        # Longest first: a key may be the beginning of another.
        self._known = tuple(sorted((t for t in texts if len(t) >= 6), key=len, reverse=True))

    def clean(self, text: str) -> str:
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, MASK)
        return mask_secrets(text)

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} secrets)"

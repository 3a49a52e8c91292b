"""Takes keys and account ids out of text that people or clients will read.

Shapes are the ones providers document or users posted; a key without a shape of its own (Mistral,
Cohere, Cloudflare) is only found by comparing with the stored keys: give those to `Redactor`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freellm_cli.core.secret import Secret

MASK = "…"

# A shape begins where a word begins: "task-scheduling-…" holds no key. Longest prefixes first:
# "sk-or-v1-" must not be eaten as "sk-".
KEY_SHAPES = (
    r"(?<![A-Za-z0-9])(?:"
    r"AIza[0-9A-Za-z_-]{20,}"
    r"|AQ\.[A-Za-z0-9_-]{20,}"
    r"|ya29\.[A-Za-z0-9._-]{20,}"
    r"|1//[A-Za-z0-9_-]{20,}"
    r"|GOCSPX-[A-Za-z0-9_-]{16,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"
    r"|nvapi-[A-Za-z0-9_-]{20,}"
    r"|sk-or-v1-[0-9a-f]{16,}"
    r"|sk-[A-Za-z0-9_-]{20,}"
    r"|gsk_[A-Za-z0-9]{16,}"
    r"|csk-[a-z0-9]{16,}"
    r"|xai-[A-Za-z0-9]{20,}"
    r"|github_pat_[A-Za-z0-9_]{20,}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|hf_[A-Za-z0-9]{20,}"
    # OpenAI echoes the ends of a wrong key: "sk-proj-****abcd".
    r"|[A-Za-z]{2,4}[-_][A-Za-z0-9_-]*\*{3,}[A-Za-z0-9*]*"
    r")"
    r"|(?i:(?<=[?&]key=)[^&\s\"'<>]+)"
    r"|(?i:(?<=token=)[^&\s\"'<>]{8,})"
    r"|(?i:(?<=secret=)[^&\s\"'<>]{8,})"
    r"|(?i:(?<=api_key=|api-key=)[^&\s\"'<>]{8,})"
    r"|(?i:(?<=apikey=)[^&\s\"'<>]{8,})"
    r"|(?i:(?<=bearer )[A-Za-z0-9._~+/=-]{16,})"
    r"|(?i:(?<=authorization: basic )[A-Za-z0-9+/=_-]{8,})"
)
# Z.ai's keys have no prefix to look for first, but a middle that few texts have.
ZAI_MIDDLE = r"\.[A-Za-z0-9]{16}"
ZAI_SHAPE = r"(?<![0-9A-Za-z])[0-9a-f]{32}\.[A-Za-z0-9]{16}(?![0-9A-Za-z])"
ACCOUNT_SHAPES = (
    r"\borg[-_][A-Za-z0-9]{4,}"
    r"|\bproj_[A-Za-z0-9]{4,}"
    r"|\buser_(?=[A-Za-z]*[0-9])[A-Za-z0-9]{8,}"
    r"|(?<=project_number:)\d+"
    r"|(?<=projects/)[0-9]{6,}"
    r"|(?<=in project )[0-9]{6,}"
    r"|(?<=for account ')[^']+"
)
# One of these is in every text that a shape fits; looking for them is quick.
_MARKS = (
    "AIza", "AQ.", "ya29.", "1//", "GOCSPX-", "eyJ", "nvapi-", "sk-", "gsk_", "xai-", "github_pat_",
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hf_", "***",
)  # fmt: skip
_MARKS_ANY_CASE = ("key=", "token=", "secret=", "bearer ", "basic ")
_ACCOUNT_MARKS = ("org", "proj", "user_", "for account '")
# What RFC 3986 leaves as it is.
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_SHORTEST_KNOWN = 4
_WORD_LENGTH = 8
"""A shorter secret (a local host's "dummy") is masked as a whole word only."""


def mask_secrets(text: str) -> str:
    """`text` with everything of a key's shape replaced by "…"."""
    import re

    if re.search(ZAI_MIDDLE, text):
        text = re.sub(ZAI_SHAPE, MASK, text)
    return re.sub(KEY_SHAPES, MASK, text) if _may_hold_a_key(text) else text


def mask_identities(text: str) -> str:
    """`mask_secrets`, and the ids of organisations, projects, users and accounts as well."""
    text = mask_secrets(text)
    if not any(mark in text for mark in _ACCOUNT_MARKS):
        return text
    import re

    return re.sub(ACCOUNT_SHAPES, MASK, text)


class Redactor:
    """Cleans texts of the secrets it was given, of everything of a key's shape and of account ids.

    A secret is found as it is and as URLs, JSON, and Basic authentication write it.
    """

    __slots__ = ("_known", "_words")

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        texts = {secret.reveal() for secret in known}
        forms = {form for text in texts if len(text) >= _WORD_LENGTH for form in _forms(text)}
        # Longest first: a key may be the beginning of another.
        self._known = tuple(sorted(forms, key=len, reverse=True))
        self._words = tuple(t for t in texts if _SHORTEST_KNOWN <= len(t) < _WORD_LENGTH)

    def clean(self, text: str) -> str:
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, MASK)
        for word in self._words:
            if word in text:
                text = _without_word(text, word)
        return mask_identities(text)

    def clean_bytes(self, data: bytes) -> bytes:
        """The same for bytes, of which those that are no UTF-8 stay as they are."""
        text = data.decode("utf-8", "surrogateescape")
        cleaned = self.clean(text)
        return data if cleaned == text else cleaned.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return f"Redactor({len(self._known) + len(self._words)} secrets)"


def _may_hold_a_key(text: str) -> bool:
    if any(mark in text for mark in _MARKS):
        return True
    lowered = text.lower()
    return any(mark in lowered for mark in _MARKS_ANY_CASE)


def _without_word(text: str, word: str) -> str:
    import re

    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", MASK, text)


def _forms(text: str) -> Iterator[str]:
    """The secret as different writers put it."""
    import json

    yield text
    for safe in (_UNRESERVED, _UNRESERVED + b"/"):
        yield _percent_encoded(text, safe, "%{:02X}")
        yield _percent_encoded(text, safe, "%{:02x}")
    yield json.dumps(text)[1:-1]
    yield json.dumps(text)[1:-1].replace("/", "\\/")
    yield from _base64_forms(text.encode("utf-8", "surrogateescape"))


def _percent_encoded(text: str, safe: bytes, escape: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if byte in safe else escape.format(byte) for byte in data)


def _base64_forms(data: bytes) -> Iterator[str]:
    """What any base64 text with the secret inside has in common, as in `Basic base64(id:secret)`.

    Three bytes make four letters, so the secret may begin at three offsets; letters that also depend
    on what stands before or after it are left out.
    """
    from base64 import b64encode, urlsafe_b64encode

    for offset in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            whole = encode(b"\0" * offset + data).decode()
            first = (0, 2, 3)[offset]
            last = (offset + len(data)) * 8 // 6
            yield whole[first:last]

"""What people paste when they are asked for a key, and what a key's shape tells."""

from __future__ import annotations

import re
from typing import NamedTuple

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.errors import UsageError

# Characters that show nothing: soft hyphen, zero-width and direction marks, word joiner, byte order mark.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_NAME = re.compile(
    r"""(?:export\s+|set\s+|\$env:)?      # a shell's words
    ["']?[A-Za-z_][A-Za-z0-9_-]*["']?     # a variable, a JSON or YAML name
    \s*[=:]\s*(?=\S)""",
    re.VERBOSE | re.IGNORECASE,
)
_NAMES_A_KEY = re.compile(r"""(?:key|token|secret|pat)(?:_?\d+)?["']?\s*[=:]\s*$""", re.IGNORECASE)
_SHELL_WORD = re.compile(r"(?:export|set)\s|\$env:", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"(?:Authorization\s*:\s*)?Bearer\s+", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "<": ">"}
# fmt: off
_SHAPES = (
    ("gemini", r"AIza[0-9A-Za-z_-]{30,}|AQ\.[A-Za-z0-9_-]{20,}"),
    ("nvidia_nim", r"nvapi-[A-Za-z0-9_-]{20,}"),
    ("openrouter", r"sk-or-v1-[0-9a-f]{16,}"),
    ("groq", r"gsk_[A-Za-z0-9]{16,}"),
    ("cerebras", r"csk-[a-z0-9]{16,}"),
    ("github_models", r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"),
    ("huggingface", r"hf_[A-Za-z0-9]{20,}"),
    ("zai", r"[0-9a-f]{32}\.[A-Za-z0-9]{16}"),
    ("anthropic", r"sk-ant-[A-Za-z0-9_-]{20,}"),
    ("openai", r"sk-(?:proj|svcacct)-[A-Za-z0-9_-]{20,}"),
    ("xai", r"xai-[A-Za-z0-9]{20,}"),
)
# fmt: on


class CleanKey(NamedTuple):
    """`notes` say in words what was taken off or looks odd; they never hold the key."""

    text: str
    notes: tuple[str, ...]


def clean_key(pasted: str) -> CleanKey:
    """The key in what was pasted: without blanks, quotes, `Bearer `, `export NAME=`, a final comma.

    Refuses only what cannot be a key in a header: nothing at all, blanks (a bearer token has none, RFC 6750
    section 2.1), line breaks and other control characters, characters beyond Latin-1. Raises UsageError,
    whose text never holds the key.
    """
    notes: list[str] = []
    text = _INVISIBLE.sub("", pasted)
    if text != pasted:
        notes.append("invisible characters were taken out")
    text = _without_wrapping(text.replace("\u00a0", " ").strip(), notes)
    _refuse_impossible(text)
    if not text.isascii():
        notes.append("the key holds a letter that keys do not usually have")
    return CleanKey(text, tuple(dict.fromkeys(notes)))


def shape_warning(provider: ProviderSpec, text: str) -> str | None:
    """What is odd about a key for this provider, None when nothing is. A hint, never a reason to refuse."""
    looks_like = key_owner(text)
    if looks_like and looks_like != provider.id:
        fits = provider.key_shape and re.fullmatch(provider.key_shape, text)
        if not fits:
            return f"this looks like a key of {looks_like}, not of {provider.id}"
    if provider.key_shape and not re.fullmatch(provider.key_shape, text):
        return f"keys of {provider.id} usually look different: was it copied whole?"
    return None


def key_owner(text: str) -> str:
    """The service whose keys have this shape, "" when no shape tells (Mistral, Cohere, Cloudflare…)."""
    return next((owner for owner, shape in _SHAPES if re.fullmatch(shape, text)), "")


def _without_wrapping(text: str, notes: list[str]) -> str:
    before = ""
    while before != text:
        before = text
        text = _without_ending(text, notes)
        text = _without_quotes(text, notes)
        match = _AUTHORIZATION.match(text)
        if match:
            text = text[match.end() :].strip()
            notes.append("the word Bearer was taken off")
        text = _without_name(text, notes)
    return text


def _without_ending(text: str, notes: list[str]) -> str:
    stripped = text.rstrip(",;").rstrip()
    if stripped and stripped != text:
        notes.append("a final comma or semicolon was taken off")
        return stripped
    return text


def _without_quotes(text: str, notes: list[str]) -> str:
    closing = _QUOTES.get(text[:1])
    if len(text) > 2 and closing == text[-1] and closing not in text[1:-1]:
        notes.append("quotes were taken off")
        return text[1:-1].strip()
    return text


def _without_name(text: str, notes: list[str]) -> str:
    match = _NAME.match(text)
    # The name must speak of a key, and a key must follow: a key itself may hold "=" or ":".
    if match is None or not text[match.end() :].strip("="):
        return text
    if not (_NAMES_A_KEY.search(match[0]) or _SHELL_WORD.match(match[0])):
        return text
    notes.append("the name before it was taken off")
    return text[match.end() :].strip()


def _refuse_impossible(text: str) -> None:
    if not text:
        raise UsageError("no key was given", hint="paste the key alone, on one line")
    if "\n" in text or "\r" in text:
        raise UsageError("the key holds a line break", hint="paste one key at a time, on one line")
    for position, char in enumerate(text, 1):
        if char == " ":
            raise UsageError(
                f"the key holds a blank (character {position}), and no key has one",
                hint="paste one key alone, as it stands on the provider's page",
            )
        if ord(char) < 32 or 127 <= ord(char) < 160:
            raise UsageError(
                f"the key holds a control character (U+{ord(char):04X}, character {position})",
                hint="copy the key again from the provider's page",
            )
        if ord(char) > 255:
            raise UsageError(
                f"the key holds a character that no key has (U+{ord(char):04X}, character {position})",
                hint="copy the key again from the provider's page",
            )

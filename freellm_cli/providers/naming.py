"""What a model's name alone tells: its family, what it can do, whether it is a chat model at all.

The rules are data (`catalog/families.toml` and the `[[rules]]` of each provider's file). The compiler
and the running program read names with the same functions, so that a model that was discovered a
minute ago is described as the catalog would describe it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

# Parts after a colon that choose a route to the same weights (OpenRouter's variants, Hugging Face's
# policies). Every other part names a size, as in Ollama's "gpt-oss:120b".
_ROUTES = frozenset(
    {"free", "nitro", "floor", "online", "extended", "exacto", "fastest", "cheapest", "latest"}
)


def bare_name(name: str) -> str:
    """`name` without its vendor, its route and the spellings that differ from host to host.

    "@cf/meta/Llama-3_3-70B" and "meta-llama/llama-3.3-70b:free" both begin with "llama-3.3-70b".
    """
    text = name.rsplit("/", 1)[-1].lower()
    head, _, tag = text.partition(":")
    text = head if not tag or tag in _ROUTES else f"{head}-{tag}"
    return re.sub(r"(?<=\d)_(?=\d)", ".", text)


class NameRules:
    """The rules of `families.toml`, in their order."""

    __slots__ = ("_by_id", "_by_letter", "_embeds", "_other", "_words")

    def __init__(self, families: Sequence[dict[str, Any]], kinds: dict[str, Any]) -> None:
        """`families`: dicts with "id", "match" (patterns) and the defaults of a `FamilySpec`.
        `kinds`: "embeddings" and "other" (patterns of names that do not chat), "words" (pairs of a
        pattern and the capabilities that it means)."""
        self._by_id = {family["id"]: family for family in families}
        self._by_letter: dict[str, list[dict[str, Any]]] = {}
        for family in families:
            for letter in {letter for p in family["match"] for letter in first_letters(p)}:
                self._by_letter.setdefault(letter, []).append(family)
        self._other = "|".join(kinds["other"])
        self._embeds = "|".join(kinds["embeddings"])
        self._words: list[tuple[str, list[str]]] = [(p, c) for p, c in kinds["words"]]

    def by_id(self, family: str) -> dict[str, Any] | None:
        return self._by_id.get(family)

    def fits(self, family: str, name: str) -> bool:
        """Whether a pattern of `family` fits; an earlier family's may fit too."""
        known = self._by_id.get(family)
        return known is not None and _begins(bare_name(name), known["match"])

    def family(self, name: str) -> dict[str, Any] | None:
        """The first family with a pattern that the bare name begins with."""
        bare = bare_name(name)
        for family in self._by_letter.get(bare[:1], ()):
            if _begins(bare, family["match"]):
                return family
        return None

    def capabilities(self, name: str) -> list[str]:
        """By the words in it; empty for a name that neither chats nor embeds."""
        bare = bare_name(name)
        if self._other and re.search(self._other, bare):
            return []
        if self._embeds and re.search(self._embeds, bare):
            return ["embeddings"]
        found = ["chat"]
        for pattern, means in self._words:
            if re.search(pattern, bare):
                found += [capability for capability in means if capability not in found]
        return found

    def describe(self, name: str, rules: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Fields of a `ModelSpec`, as plain data, for a model known by its name only.

        `rules` are its provider's: of those that match, the first to name a field has its say
        ("quirks" are merged switch by switch).
        """
        fields: dict[str, Any] = {}
        for rule in rules:
            if re.search(rule["match"], name, re.IGNORECASE):
                _add(fields, rule)
        capabilities = self.capabilities(name)
        family = self.family(name) if capabilities else None
        if family is not None:
            fields.setdefault("family", family["id"])
            for key in ("context", "max_output", "capabilities", "uses"):
                if family.get(key):
                    fields.setdefault(key, family[key])
        fields.setdefault("capabilities", capabilities)
        return fields


def first_letters(pattern: str) -> set[str]:
    """The letters that a family's pattern can begin with. It begins with a letter, or with a group of
    words in round brackets that may be optional; anything else raises ValueError."""
    if pattern[:1].isalnum():
        return {pattern[0]}
    group, closed, rest = pattern[1:].partition(")")
    words = group.split("|")
    if pattern[:1] != "(" or not closed or not all(word[:1].isalnum() for word in words):
        raise ValueError(
            f"pattern {pattern!r} begins neither with a letter nor with a group of words"
        )
    letters = {word[0] for word in words}
    return letters | first_letters(rest[1:]) if rest.startswith("?") else letters


def _begins(bare: str, patterns: Sequence[str]) -> bool:
    return any(re.match(pattern, bare) for pattern in patterns)


def _add(fields: dict[str, Any], rule: dict[str, Any]) -> None:
    for key, value in rule.items():
        if key == "quirks":
            fields["quirks"] = {**value, **fields.get("quirks", {})}
        elif key != "match":
            fields.setdefault(key, value)

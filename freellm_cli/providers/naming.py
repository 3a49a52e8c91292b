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

    __slots__ = ("_families", "_kinds", "_words")

    def __init__(self, families: Sequence[dict[str, Any]], kinds: dict[str, Any]) -> None:
        """`families`: dicts with "id", "match" (patterns) and the defaults of a `FamilySpec`.
        `kinds`: "embeddings" and "other" (patterns of names that do not chat), "words" (pairs of a
        pattern and the capabilities that it means)."""
        self._families = families
        self._kinds = kinds
        self._words: list[tuple[str, list[str]]] = [(p, c) for p, c in kinds["words"]]

    def by_id(self, family: str) -> dict[str, Any] | None:
        return next((known for known in self._families if known["id"] == family), None)

    def family(self, name: str) -> dict[str, Any] | None:
        """The first family with a pattern that the bare name begins with."""
        bare = bare_name(name)
        for family in self._families:
            if any(re.match(pattern, bare) for pattern in family["match"]):
                return family
        return None

    def capabilities(self, name: str) -> list[str]:
        """By the words in it; empty for a name that neither chats nor embeds."""
        bare = bare_name(name)
        if any(re.search(pattern, bare) for pattern in self._kinds["other"]):
            return []
        if any(re.search(pattern, bare) for pattern in self._kinds["embeddings"]):
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


def _add(fields: dict[str, Any], rule: dict[str, Any]) -> None:
    for key, value in rule.items():
        if key == "quirks":
            fields["quirks"] = {**value, **fields.get("quirks", {})}
        elif key != "match":
            fields.setdefault(key, value)

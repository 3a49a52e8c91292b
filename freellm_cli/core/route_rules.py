"""Rules of `[[routes]]`: other models for a small or a large prompt, or for a special need.

    [[routes]]
    for = ["smart"]          # names asked for; patterns; all when left out
    max_tokens = 2000        # of the prompt, estimated
    use = "groq/openai/gpt-oss-20b"

The first rule that fits wins; what it `use`s is looked up like any name that is asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from freellm_cli.core.catalog import CAPABILITIES
from freellm_cli.core.settings_values import BadValue

_FIELDS = ("for", "use", "min_tokens", "max_tokens", "needs")


class RouteRule(NamedTuple):
    """`needs`: capabilities of which the request must demand every one."""

    use: tuple[str, ...]
    asked: tuple[str, ...] = ("*",)
    min_tokens: int = 0
    max_tokens: int | None = None
    needs: frozenset[str] = frozenset()

    def fits(self, asked: str, prompt_tokens: int, capabilities: Collection[str]) -> bool:
        """Whether it is about this request: `asked` is the name as the caller gave it."""
        return (
            any(fnmatchcase(asked, pattern) for pattern in self.asked)
            and self.min_tokens <= prompt_tokens
            and (self.max_tokens is None or prompt_tokens <= self.max_tokens)
            and self.needs.issubset(capabilities)
        )


def rules_from_rows(rows: Any) -> tuple[RouteRule, ...]:
    """The rules of `[[routes]]`, in order. Raises BadValue."""
    if not isinstance(rows, list):
        raise BadValue("a list of tables ([[routes]])", value=rows)
    return tuple(_rule(row, position) for position, row in enumerate(rows))


def _rule(row: Any, position: int) -> RouteRule:
    if not isinstance(row, dict):
        raise BadValue("a table", (position,), row)
    unknown = [name for name in row if name not in _FIELDS]
    if unknown:
        problem = f"is not known: use {', '.join(_FIELDS)}"
        raise BadValue("", (position, unknown[0]), problem=problem)
    if "use" not in row:
        raise BadValue("a table that says which model to use", (position,), row)
    needs = _names(row, "needs", position) if "needs" in row else ()
    odd = [word for word in needs if word not in CAPABILITIES]
    if odd:
        raise BadValue(f"one of {', '.join(CAPABILITIES)}", (position, "needs"), odd[0])
    return RouteRule(
        use=_names(row, "use", position),
        asked=_names(row, "for", position) if "for" in row else ("*",),
        min_tokens=_tokens(row, "min_tokens", position) or 0,
        max_tokens=_tokens(row, "max_tokens", position),
        needs=frozenset(needs),
    )


def _names(row: dict[str, Any], field: str, position: int) -> tuple[str, ...]:
    value = row[field]
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
        raise BadValue("a text or a list of texts", (position, field), value)
    return tuple(names)


def _tokens(row: dict[str, Any], field: str, position: int) -> int | None:
    value = row.get(field)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise BadValue("a whole number of tokens", (position, field), value)
    return value

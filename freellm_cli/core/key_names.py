"""Which provider an environment variable's key is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from freellm_cli.core.catalog import ProviderSpec

MOST_NUMBERED = 99


class NamedFor(NamedTuple):
    """`number` is 0 for a name without one: `GEMINI_API_KEY` 0, `GEMINI_API_KEY_2` 2."""

    providers: tuple[str, ...]
    base: str
    number: int


def key_variables(
    providers: Iterable[ProviderSpec], further: Mapping[str, Iterable[str]] | None = None
) -> dict[str, tuple[str, ...]]:
    """Each variable that may hold a key, without its number, with the providers it is for.

    For every provider `FREELLM_<PROVIDER>_API_KEY`, then its usual names (`ProviderSpec.key_env`), then
    `further` ones that the settings give by provider id.
    """
    found: dict[str, tuple[str, ...]] = {}
    for spec in providers:
        names = (own_variable(spec.id), *spec.key_env, *(further or {}).get(spec.id, ()))
        for name in names:
            if spec.id not in found.get(name, ()):
                found[name] = (*found.get(name, ()), spec.id)
    return found


def own_variable(provider: str, what: str = "API_KEY") -> str:
    """`FREELLM_NVIDIA_NIM_API_KEY` and the like."""
    return f"FREELLM_{provider.upper().replace('-', '_')}_{what}"


def match_variable(name: str, variables: Mapping[str, tuple[str, ...]]) -> NamedFor | None:
    """What a variable is for: an exact name, or one with `_1` to `_99` after it."""
    if name in variables:
        return NamedFor(variables[name], name, 0)
    base, _, digits = name.rpartition("_")
    if base in variables and digits.isdecimal() and digits.isascii():
        number = int(digits)
        if 1 <= number <= MOST_NUMBERED and digits == str(number):
            return NamedFor(variables[base], base, number)
    return None

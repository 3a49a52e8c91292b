"""Dialect name -> translator. Each is imported when a target first needs it."""

from __future__ import annotations

from freellm_cli.core.errors import ConfigError
from freellm_cli.providers.base import Dialect

DIALECTS = ("openai", "google", "code_assist")


def make_dialect(name: str) -> Dialect:
    """Raises ConfigError for a name that is none of DIALECTS."""
    if name == "openai":
        from freellm_cli.providers.openai_compat import OpenAICompat

        return OpenAICompat()
    if name == "google":
        from freellm_cli.providers.google import Google

        return Google()
    if name == "code_assist":
        from freellm_cli.providers.code_assist import CodeAssist

        return CodeAssist()
    raise ConfigError(
        f"no dialect is called {name!r}",
        hint=f"a provider's `dialect` is one of {', '.join(DIALECTS)}",
    )

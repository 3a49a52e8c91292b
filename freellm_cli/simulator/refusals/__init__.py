"""How each provider says no: statuses, headers and bodies in the shapes that people have recorded.

`refuse(style, kind, facts)` writes one. Kinds:
    limits       rate_minute, tokens_minute, rate_day, tokens_day, concurrent, capacity
    credential   no_key, bad_key, wrong_token_type, suspended, out_of_credit, forbidden
    model        no_model, retired, no_access
    request      bad_field, bad_request, too_long, filtered, too_large, wrong_url, method
    provider     server_error, bad_gateway, overloaded, timeout

A style that has no words of its own for a kind uses OpenAI's. Sources stand in the modules.
"""

from __future__ import annotations

import json
import math
from typing import Any

from freellm_cli.simulator.refusals.google import GEMINI
from freellm_cli.simulator.refusals.hosted import CEREBRAS, GROQ, MISTRAL, NVIDIA, OPENROUTER
from freellm_cli.simulator.refusals.others import (
    CLOUDFLARE,
    COHERE,
    HUGGINGFACE,
    IFLOW,
    LMSTUDIO,
    LOCALAI,
    OLLAMA,
    ZAI,
)
from freellm_cli.simulator.refusals.words import (
    LIMIT_KINDS,
    OPENAI,
    STATUS,
    Facts,
    Refused,
    Rejected,
    Words,
    duration,
)

__all__ = ["LIMIT_KINDS", "STATUS", "STYLES", "Facts", "Refused", "Rejected", "duration", "refuse"]

STYLES: dict[str, dict[str, Words]] = {
    "openai": OPENAI,
    "gemini": GEMINI,
    "openrouter": OPENROUTER,
    "groq": GROQ,
    "cerebras": CEREBRAS,
    "mistral": MISTRAL,
    "nvidia": NVIDIA,
    "zai": ZAI,
    "cohere": COHERE,
    "cloudflare": CLOUDFLARE,
    "huggingface": HUGGINGFACE,
    "ollama": OLLAMA,
    "lmstudio": LMSTUDIO,
    "localai": LOCALAI,
    "iflow": IFLOW,
}


def refuse(style: str, kind: str, facts: Facts) -> Refused:
    """The refusal of `kind` in the words of `style`."""
    words = STYLES.get(style, {}).get(kind) or OPENAI[kind]
    said = words(facts)
    if isinstance(said, Refused):
        return said
    status, value = said if isinstance(said, tuple) else (STATUS[kind], said)
    return _as_json(status, value, _retry_headers(style, kind, facts))


def _as_json(status: int, value: Any, headers: tuple[tuple[str, str], ...] = ()) -> Refused:
    return Refused(status, headers, json.dumps(value, ensure_ascii=False).encode())


# Who sends retry-after, and how exactly: Groq fractions, Cerebras whole seconds, others nothing.
_RETRY_AFTER = {"groq": "{:.3f}", "cerebras": "{:.0f}", "openai": "{:.0f}", "sambanova": "{:.0f}"}


def _retry_headers(style: str, kind: str, facts: Facts) -> tuple[tuple[str, str], ...]:
    form = _RETRY_AFTER.get(style)
    if form is None or kind not in LIMIT_KINDS - {"capacity"} or facts.wait_s is None:
        return ()
    wait = facts.wait_s if "3f" in form else math.ceil(facts.wait_s)
    return (("retry-after", form.format(wait)),)

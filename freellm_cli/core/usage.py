"""Token counts as the OpenAI dialect and its relatives write them."""

from typing import Any

from freellm_cli.core.chat import Usage


def read_usage(raw: Any) -> Usage | None:
    """A `usage` object as Usage; None when it holds no count (`{}` ends some streams and says
    nothing).

    `total_tokens` above prompt + completion is thinking that the host left out of
    `completion_tokens` (Google's OpenAI-compatible path does:
    https://ai.google.dev/gemini-api/docs/openai).
    """
    if not isinstance(raw, dict):
        return None
    prompt = _count(raw.get("prompt_tokens", raw.get("input_tokens")))
    completion = _count(raw.get("completion_tokens", raw.get("output_tokens")))
    total = _count(raw.get("total_tokens"))
    if not (prompt or completion or total):
        return None
    if total > prompt + completion:
        prompt, completion = (
            (prompt, total - prompt) if prompt else (total - completion, completion)
        )
    spent = raw.get("completion_tokens_details") or raw.get("output_tokens_details")
    reasoning = _count(spent.get("reasoning_tokens")) if isinstance(spent, dict) else 0
    given = raw.get("prompt_tokens_details") or raw.get("input_tokens_details")
    cached = _count(given.get("cached_tokens")) if isinstance(given, dict) else 0
    cached = cached or _count(raw.get("prompt_cache_hit_tokens"))
    return Usage(prompt, completion, min(reasoning, completion), min(cached, prompt))


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < 1e15 else 0

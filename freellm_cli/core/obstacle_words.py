"""Obstacles in words, for `why`, `route` and refusals."""

from __future__ import annotations

from freellm_cli.core.forecast import Obstacle
from freellm_cli.core.limits import COUNT_ONLY, TOKENS, spell_limit


def tell(obstacle: Obstacle, tokens: int) -> str:
    """One plain phrase; `tokens` is what the request would reserve."""
    limit = obstacle.limit
    if limit is not None and limit.amount != COUNT_ONLY:
        source = "" if limit.source == "published" else f", {limit.source}"
        told = f"{spell_limit(limit)} ({obstacle.used:,} used{source})"
        if limit.amount == 0:
            return f"{spell_limit(limit)}: not offered{source}"
        if obstacle.why == "too_large":
            return f"{tokens:,} tokens do not fit into {spell_limit(limit)}"
        if obstacle.why == "window":
            return f"the window of {spell_limit(limit)} is about to end"
        if limit.unit == TOKENS and obstacle.used < limit.amount:
            return f"{told}, {tokens:,} more do not fit"
        return told
    rest = obstacle.rest
    if rest is not None:
        what = rest.key.partition(":")[0]
        if obstacle.why == "trial":
            return f"the {what} rested ({rest.reason}) and another request tries it now"
        return f"the {what} rests: {rest.reason}"
    return "spread after a reset"

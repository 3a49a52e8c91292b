"""A request whose prompt a limit would hold, but not together with the longest answer that it allows.

Clients ask for answers of 20,000 tokens that come out at 200. Some hosts count what was allowed against the
tokens of a minute (Groq: https://console.groq.com/docs/rate-limits), and would never take it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.limits import COUNT_ONLY, TOKENS, less_reserve
from freellm_cli.core.needs import ANSWER_LIMITS, Needs
from freellm_cli.services.pool import PoolTarget
from freellm_cli.storage.ledger_values import Refused

LEAST = 256
"""Tokens; who is given less has hardly got an answer."""
_SPARE = 1.1
"""Prompts are counted by estimate."""


class Shorter(NamedTuple):
    """`notice`: what the caller is to be told."""

    request: ChatRequest
    needs: Needs
    notice: str


def shorter_answer(
    request: ChatRequest,
    needs: Needs,
    targets: Iterable[PoolTarget],
    refused: Refused,
    *,
    reserve: float = 0.0,
) -> Shorter | None:
    """`request` with as long an answer as one of `targets` can hold, of those that are `refused` for good;
    None where that would not help."""
    name = next((name for name in ANSWER_LIMITS if isinstance(request.params.get(name), int)), "")
    too_large = {reason.target for reason in refused.reasons if reason.why == "too_large"}
    rooms = [_room(target, reserve) for target in targets if target.candidate.key in too_large]
    room = int(max(rooms, default=0) - needs.prompt_tokens * _SPARE)
    if not name or not LEAST <= room < request.params[name]:
        return None
    return Shorter(
        request._replace(params={**request.params, name: room}),
        needs._replace(answer_tokens=room),
        f"the limits hold no answer of {request.params[name]:,} tokens: asked for {room:,}",
    )


def _room(target: PoolTarget, reserve: float) -> int:
    """Tokens of a request that all limits of a target hold when nothing else is under way."""
    amounts = [
        less_reserve(limit.amount, reserve)
        for limit in target.candidate.limits
        if limit.unit == TOKENS and limit.amount != COUNT_ONLY
    ]
    return min(amounts, default=0)

"""When a batch will be done, as far as limits tell: before the first call, and while it runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.limits import less_reserve
from freellm_cli.core.needs import Needs, needs_of
from freellm_cli.services.batch_file import Group, Survey, tokens_of
from freellm_cli.services.chat import ChatService
from freellm_cli.services.embeddings import embedding_plan
from freellm_cli.services.pool import Plan, PoolTarget, tokens_to_reserve

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

PLAYED_ROWS = 10_000
"""So many are played through the limits one by one; the pace of the last half holds for the rest."""
GUESSED_S = 2.0
"""How long a row is taken to last before the first has ended."""


class GroupPlan(NamedTuple):
    """The rows that ask for `model`, and where they could go. `problem`: why nowhere."""

    model: str
    rows: int
    tokens: int
    first_tokens: int
    targets: tuple[PoolTarget, ...]
    problem: FreellmError | None = None
    needs: Needs = Needs(0, 0)
    """Of the first row."""

    def tokens_each(self) -> int:
        """What a row is counted on average, its answer included."""
        first = tokens_to_reserve(self.targets, self.needs)
        return max(1, first + self.tokens // max(1, self.rows) - self.first_tokens)


class Forecast(NamedTuple):
    """`starts_at`, `ends_at`: wall times at which the first row is sent and the last answered, None when
    some rows can never be asked. `by_target`: rows that each target would answer."""

    rows: int
    tokens: int
    starts_at: float | None
    ends_at: float | None
    by_target: dict[str, int]


def plan_groups(runtime: Runtime, survey: Survey, *, private: bool) -> list[GroupPlan]:
    """Where the rows of each model could go. Raises the first problem when none can go anywhere."""
    service = ChatService(runtime)
    plans = [
        _plan_group(runtime, service, group, private=private) for group in survey.groups.values()
    ]
    problems = [plan.problem for plan in plans if plan.problem is not None]
    if plans and len(problems) == len(plans):
        raise problems[0]
    return plans


def _plan_group(
    runtime: Runtime, service: ChatService, group: Group, *, private: bool
) -> GroupPlan:
    example = group.example
    size = tokens_of(example)
    needs = Needs(size, 0)
    try:
        if isinstance(example, ChatRequest):
            needs = needs_of(example, prompt_tokens=size, private=private)
            plan: Plan = service.plan(example, private=private)
        else:
            plan = embedding_plan(runtime, example.model, example.inputs, private=private)
    except FreellmError as error:
        return GroupPlan(example.model, group.rows, group.tokens, size, (), error)
    return GroupPlan(example.model, group.rows, group.tokens, size, plan.targets, needs=needs)


def forecast(
    runtime: Runtime,
    plans: list[GroupPlan],
    *,
    share_left: float = 1.0,
    reserve: float = 0.0,
    seconds_each: float = GUESSED_S,
    width: int = 1,
) -> Forecast:
    """What the limits allow if nobody else asked, and no faster than `width` rows at once can be.

    `share_left`: of the rows that are still to be asked. Models are taken to be asked side by side.
    """
    starts: list[float] = []
    ends: list[float] = []
    by_target: Counter[str] = Counter()
    endless = False
    rows = tokens = 0
    for plan in plans:
        left = round(plan.rows * share_left)
        rows, tokens = rows + plan.rows, tokens + plan.tokens
        if not left or plan.problem is not None:
            continue
        turns = _turns(runtime, plan, min(left, PLAYED_ROWS), reserve, seconds_each)
        endless = endless or len(turns) < min(left, PLAYED_ROWS)
        if not turns:
            continue
        starts.append(turns[0][0])
        ends.append(_extended([at for at, _ in turns], left))
        by_target.update(target for _, target in turns)
    if not ends or endless:
        return Forecast(rows, tokens, min(starts, default=None), None, dict(by_target))
    busy = runtime.clock.now() + rows * share_left * seconds_each / max(1, width)
    return Forecast(rows, tokens, min(starts), max(max(ends) + seconds_each, busy), dict(by_target))


def _turns(
    runtime: Runtime, plan: GroupPlan, rows: int, reserve: float, seconds_each: float
) -> list[tuple[float, str]]:
    candidates = [
        item.candidate._replace(
            limits=tuple(
                limit._replace(amount=less_reserve(limit.amount, reserve))
                if limit.amount > 0
                else limit
                for limit in item.candidate.limits
            )
        )
        for item in plan.targets
    ]
    found = runtime.ledger.schedule(
        candidates, tokens=plan.tokens_each(), requests=rows, seconds_each=seconds_each
    )
    return [(turn.at, turn.target) for turn in found]


def _extended(times: list[float], rows: int) -> float:
    """When the last of `rows` is sent, by the pace of the later half of those that were played."""
    if rows <= len(times):
        return times[rows - 1]
    middle = len(times) // 2
    pace = (times[-1] - times[middle]) / max(1, len(times) - middle)
    return times[-1] + pace * (rows - len(times))

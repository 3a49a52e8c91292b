"""`freellm limits plan`: when so many requests would be done, and what it takes to have them done in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import UsageError
from freellm_cli.core.limits import CONCURRENT, COUNT_ONLY
from freellm_cli.core.needs import Needs
from freellm_cli.core.rotation import Candidate
from freellm_cli.services.pool import Pool, PoolTarget, meter_owner
from freellm_cli.services.results import Block, Cell, Facts, Line, Result, Table
from freellm_cli.services.spell import spell_seconds

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

MOST_REQUESTS = 20_000
MOST_KEYS = 64
MOST_FALLBACKS = 8
MODELS_EACH = 2
"""Models tried of each other provider."""
SECONDS_EACH = 2.0
"""How long a request is taken to last."""


class Question(NamedTuple):
    """`tokens`: of one request, prompt and answer together. `by`: wall time, None when nobody asks."""

    model: str
    requests: int
    tokens: int = 800
    by: float | None = None


class _Outcome(NamedTuple):
    """`finish`: wall time of the last request's start, None when `done` of them is all there will be.
    `unlimited`: targets among them of whose limits nothing is known, which leaves all of it open."""

    finish: float | None
    done: int
    by_target: dict[str, int]
    unlimited: tuple[str, ...] = ()

    def is_in_time(self, by: float) -> bool:
        return not self.unlimited and self.finish is not None and self.finish <= by


def plan_limits(runtime: Runtime, question: Question) -> Result:
    """Where a target of unknown limits would be asked, there is no forecast: `finish_in_s` and `in_time` of
    the data are None, and "unknown_limits" names it. Raises UsageError, and what `core.routing.resolve`
    raises."""
    if not 0 < question.requests <= MOST_REQUESTS:
        raise UsageError(
            f"--requests is a number from 1 to {MOST_REQUESTS:,}, and is needed",
            hint="for example `freellm limits plan --model auto --requests 500`",
        )
    if question.tokens < 1:
        raise UsageError(
            f"--tokens wants the tokens of one request, answer included, not {question.tokens}"
        )
    targets = list(Pool(runtime).plan(question.model, _needs(question)).targets)
    outcome = _play(runtime, [item.candidate for item in targets], question)
    now = runtime.clock.now()
    finish = None if outcome.unlimited else outcome.finish
    by = None if outcome.unlimited else question.by
    data = {
        "model": question.model,
        "requests": question.requests,
        "tokens_each": question.tokens,
        "possible": outcome.done,
        "finish_in_s": None if finish is None else round(finish - now, 1),
        "by_target": outcome.by_target,
        "unknown_limits": list(outcome.unlimited),
        "by_in_s": None if question.by is None else round(question.by - now, 1),
        "in_time": None if by is None else outcome.is_in_time(by),
    }
    blocks: list[Block] = [_facts(question, outcome, now)]
    rows = tuple((key, f"{amount:,}") for key, amount in outcome.by_target.items())
    blocks.append(Table(("target", "requests"), rows, empty="no target could take any"))
    if by is not None and not outcome.is_in_time(by):
        keys = _keys_needed(runtime, targets, question, by)
        fallbacks = _fallbacks(runtime, targets, question, by)
        data |= {"more_keys": keys, "fallbacks": fallbacks}
        blocks += _advice(keys, fallbacks, targets)
    return Result(data, tuple(blocks))


def parse_by(text: str, now: float) -> float:
    """The wall time of "2h", "90min", "18:00" (the next one), "2026-11-22 08:00". Raises UsageError."""
    from freellm_cli.core.retry_hints import parse_duration

    seconds = parse_duration(text)
    if seconds is not None:
        return now + seconds
    here = datetime.fromtimestamp(now).astimezone()
    try:
        if len(text) <= 5 and ":" in text:
            clock = datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - only the time of day
            then = here.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
            return (then if then > here else then + timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UsageError(f"{text!r} is no time", hint="say 2h, 18:00 or 2026-11-22T08:00") from None


def _needs(question: Question) -> Needs:
    return Needs(question.tokens, 0, frozenset({"chat"}))


def _play(runtime: Runtime, candidates: list[Candidate], question: Question) -> _Outcome:
    turns = runtime.ledger.schedule(
        candidates,
        tokens=question.tokens,
        requests=question.requests,
        seconds_each=SECONDS_EACH,
    )
    by_target: dict[str, int] = {}
    for turn in turns:
        by_target[turn.target] = by_target.get(turn.target, 0) + 1
    whole = len(turns) == question.requests
    unlimited = tuple(key for key in _unlimited(runtime, candidates) if key in by_target)
    return _Outcome(turns[-1].at if whole else None, len(turns), by_target, unlimited)


def _unlimited(runtime: Runtime, candidates: list[Candidate]) -> list[str]:
    """Targets with no limit over time, neither published, set nor learned."""
    learned = {
        item.limit.meter for item in runtime.ledger.learned() if item.limit.unit != CONCURRENT
    }
    return [
        item.key
        for item in candidates
        if not any(
            limit.meter in learned or (limit.amount != COUNT_ONLY and limit.unit != CONCURRENT)
            for limit in item.limits
        )
    ]


def _keys_needed(
    runtime: Runtime, targets: list[PoolTarget], question: Question, by: float
) -> int | None:
    """The fewest further accounts of the first target's kind that make it in time; None: no number does."""
    if not targets or targets[0].provider.limit_scope in ("provider", "address"):
        return None
    own = [item.candidate for item in targets]

    def enough(amount: int) -> bool:
        extra = [_imagined(targets[0], number) for number in range(amount)]
        return _play(runtime, own + extra, question).is_in_time(by)

    high = 1
    while not enough(high):
        high *= 2
        if high > MOST_KEYS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _imagined(target: PoolTarget, number: int) -> Candidate:
    """The same target with a key of an account that nobody has yet."""
    candidate, name = target.candidate, f"another-{number}"
    old = meter_owner(target.provider, candidate.credential, candidate.account)
    new = meter_owner(target.provider, name, name)
    return candidate._replace(
        key=f"{name}/{candidate.model_id}",
        credential=name,
        account=name,
        rest_keys=(),
        limits=tuple(
            limit._replace(meter=limit.meter.replace(f"{old}|", f"{new}|", 1))
            for limit in candidate.limits
        ),
    )


def _fallbacks(
    runtime: Runtime, targets: list[PoolTarget], question: Question, by: float
) -> list[str]:
    """Models of the user's other providers that, asked beside the first, make it in time."""
    asked = {item.provider.id for item in targets}
    own = [item.candidate for item in targets]
    pool = Pool(runtime)
    needs = _needs(question)
    found: list[str] = []
    usable = runtime.usable_providers()
    for provider in runtime.catalog.provider_ids():
        if provider in asked or provider not in usable or len(found) >= MOST_FALLBACKS:
            continue
        models = [item for item in runtime.catalog.models(provider) if item.status != "closed"]
        for model in sorted(models, key=lambda item: not item.recommended)[:MODELS_EACH]:
            extra = [item.candidate for item in pool.targets_of(model, needs)]
            if extra and _play(runtime, own + extra, question).is_in_time(by):
                found.append(model.id)
    return found


def _facts(question: Question, outcome: _Outcome, now: float) -> Facts:
    if outcome.unlimited:
        told = Cell(f"unknown: no limits are known of {', '.join(outcome.unlimited)}", "warn")
    elif outcome.finish is None:
        told = Cell(f"never: {outcome.done:,} of them is all these keys can do", "bad")
    else:
        at = datetime.fromtimestamp(outcome.finish).astimezone()
        told = Cell(f"in {spell_seconds(outcome.finish - now)} ({at:%a %Y-%m-%d %H:%M})", "good")
    rows: list[tuple[str, str | Cell]] = [
        ("requests", f"{question.requests:,} of about {question.tokens:,} tokens each"),
        ("all sent", told),
    ]
    if question.by is not None and not outcome.unlimited:
        in_time = outcome.is_in_time(question.by)
        rows.append(("in time", Cell("yes" if in_time else "no", "good" if in_time else "bad")))
    return Facts(tuple(rows))


def _advice(keys: int | None, fallbacks: list[str], targets: list[PoolTarget]) -> list[Block]:
    lines: list[Block] = []
    if keys is not None:
        more = f"{keys} more account{'s' if keys > 1 else ''}"
        lines.append(Line(f"in time with {more} of {targets[0].provider.title}"))
    if fallbacks:
        lines.append(Line(f"in time with a fallback to {' or '.join(fallbacks[:3])}"))
    return lines or [Line("no number of keys and no model that you can reach makes it in time")]

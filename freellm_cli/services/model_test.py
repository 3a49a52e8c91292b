"""`freellm models test`: how soon models begin to answer and how fast they go on, measured and kept."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.catalog import ModelSpec
from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import (
    AllLimited,
    CredentialRefused,
    FreellmError,
    NoCredential,
    UnknownName,
    UpstreamError,
)
from freellm_cli.core.limits import REQUESTS, TOKENS, Limit, is_long
from freellm_cli.core.needs import Needs
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.chat import ChatService
from freellm_cli.services.model_speeds import speeds_path
from freellm_cli.services.pool import Pool, PoolTarget
from freellm_cli.services.results import Cell, Line, Result, Table
from freellm_cli.storage.speed_file import Speed, SpeedBook, read_speeds, write_speeds

if TYPE_CHECKING:
    from freellm_cli.providers.registry import Catalog
    from freellm_cli.services.runtime import Runtime

QUESTION = "Describe a river from its spring to the sea, in about eighty words."
ANSWER_TOKENS = 160
TIMEOUT_S = 60.0
SHARE = 0.05
BAR = 20
UNLIMITED_TRIES = 3
_SHORTEST_S = 0.001
_NEEDS = Needs(prompt_tokens=40, answer_tokens=ANSWER_TOKENS, capabilities=frozenset({"chat"}))


class Measured(NamedTuple):
    """One model's outcome. `speed`: None with a `problem` that says why it was not measured."""

    model: str
    speed: Speed | None
    credential: str = ""
    problem: str = ""
    exit_code: int = 0


def measure_models(
    runtime: Runtime,
    names: list[str],
    *,
    share: float = SHARE,
    watch: Callable[[Measured], None] = lambda measured: None,
) -> Result:
    """Asks each model once and measures; `names`: ids or families, none: the recommended ones that a
    credential reaches. Of what a day allows at most `share` (0 to 1) is spent on this, all tests of the
    last 24 hours together.

    The data: {"models": [{"id", "first_token_s", "tokens_per_s", "tokens", "credential", "problem"}]}.
    Raises UnknownName, NoCredential, StoreError.
    """
    models = _chosen(runtime, names)
    path = speeds_path(runtime)
    found = []
    for model in models:
        book = read_speeds(path, runtime.clock.now())
        measured = _Test(runtime, model, book, share).run()
        found.append(measured)
        if measured.speed is not None:
            book.speeds[model.id] = measured.speed
        write_speeds(path, book)
        watch(measured)
    return _result(found)


def _chosen(runtime: Runtime, names: list[str]) -> list[ModelSpec]:
    catalog = runtime.catalog_with_discovered()
    usable = runtime.usable_providers()
    if not names:
        chosen = [
            model
            for model in catalog.models()
            if model.recommended
            and model.provider in usable
            and model.status != "closed"
            and "chat" in model.capabilities
        ]
        if not chosen:
            raise NoCredential(
                "no stored key reaches a recommended model", hint="freellm keys add gemini"
            )
        return chosen
    return list(
        {item.id: item for name in names for item in _named(catalog, name, usable)}.values()
    )


def _named(catalog: Catalog, name: str, usable: Collection[str]) -> list[ModelSpec]:
    model = catalog.model(name)
    if model is not None:
        return [model]
    found = [item for item in catalog.family(name) if item.provider in usable]
    if not found:
        provider, slash, rest = name.partition("/")
        if slash and provider in usable:
            return [catalog.spec_for_unknown(provider, rest)]
        nearest = catalog.nearest_models(name, 3)
        hint = f"did you mean {', '.join(nearest)}?" if nearest else "see `freellm models`"
        raise UnknownName(
            f"no model that your keys reach is called {name!r}", hint=hint, nearest=nearest
        )
    return found


class _Test:
    def __init__(self, runtime: Runtime, model: ModelSpec, book: SpeedBook, share: float) -> None:
        self._runtime = runtime
        self._model = model
        self._book = book
        self._share = share

    def run(self) -> Measured:
        targets = Pool(self._runtime).targets_of(self._model, _NEEDS)
        if not targets:
            return self._without("no enabled key reaches it", NoCredential.exit_code)
        allowed, why = self._allowed(targets)
        if allowed < 1:
            return self._without(why, AllLimited.exit_code)
        try:
            return self._ask(targets, allowed)
        except FreellmError as error:
            return self._without(error.message, error.exit_code)

    def _without(self, problem: str, exit_code: int) -> Measured:
        return Measured(self._model.id, None, "", problem, exit_code)

    def _allowed(self, targets: list[PoolTarget]) -> tuple[int, str]:
        """How many requests the share still allows today, whichever key takes them, and what limits it."""
        most, why = UNLIMITED_TRIES, ""
        for target in targets:
            for limit in target.candidate.limits:
                need = self._need(limit, target)
                if limit.amount < 0 or not need or not is_long(limit.window):
                    continue
                used = sum(
                    tokens if limit.unit == TOKENS else 1
                    for _, tokens in self._book.spent.get(limit.meter, ())
                )
                left = int((limit.amount * self._share - used) // need)
                if left < most:
                    most = left
                    why = (
                        f"{self._share:.0%} of its {limit.amount:,} {limit.unit} a day allow no "
                        f"{'further ' if used else ''}test now (more with --share)"
                    )
        return most, why

    @staticmethod
    def _need(limit: Limit, target: PoolTarget) -> int:
        if limit.unit == TOKENS:
            return _NEEDS.counted_tokens(target.counting)
        return 1 if limit.unit == REQUESTS else 0

    def _ask(self, targets: list[PoolTarget], allowed: int) -> Measured:
        """Only the tokens after the first count for the pace: the first one carries the waiting."""
        clock = self._runtime.clock
        request = ChatRequest(
            model=self._model.id,
            messages=[{"role": "user", "content": QUESTION}],
            params={"max_tokens": ANSWER_TOKENS},
            think="off",
        )
        sent = 0

        def before_send() -> None:
            nonlocal sent
            if sent >= allowed:
                raise UpstreamError("it failed, and its share of the day allows no other try")
            sent += 1
            self._count(targets)  # before it is sent: a crash must not make it forgotten

        options = CallOptions(timeout_s=TIMEOUT_S, face="test", before_send=before_send)
        answer = ChatService(self._runtime).ask(request, options)
        begun = clock.monotonic()
        try:
            pieces = sum(1 for delta in answer.deltas() if delta.has_content)
        finally:
            answer.close()
        lasted = clock.monotonic() - begun
        who, tokens = answer.answerer, answer.usage.completion
        pace = (tokens - 1) / lasted if pieces > 1 and lasted > _SHORTEST_S else None
        first = max(0.0, who.first_token_s - who.waited_s)
        if who.model_id != self._model.id:
            return self._without(f"{who.model_id} answered instead", CredentialRefused.exit_code)
        speed = Speed(
            round(first, 3), None if pace is None else round(pace, 1), tokens, clock.now()
        )
        return Measured(self._model.id, speed, who.credential)

    def _count(self, targets: list[PoolTarget]) -> None:
        """On every key's meters: which key takes the request is not known yet."""
        meters = {
            limit.meter: _NEEDS.counted_tokens(target.counting)
            for target in targets
            for limit in target.candidate.limits
            if is_long(limit.window)
        }
        for meter, tokens in meters.items():
            self._book.spent.setdefault(meter, []).append((self._runtime.clock.now(), tokens))
        write_speeds(speeds_path(self._runtime), self._book)


def _result(found: list[Measured]) -> Result:
    good = sorted(
        (item for item in found if item.speed is not None),
        key=lambda item: item.speed.first_token_s if item.speed else 0.0,
    )
    fastest = max(
        (item.speed.tokens_per_s or 0.0 for item in good if item.speed is not None), default=0.0
    )
    rows = tuple(_row(item, fastest) for item in good)
    problems = [item for item in found if item.speed is None]
    columns = ("model", "first token", "tokens/s", "", "key")
    blocks = (
        *((Table(columns, rows),) if rows else ()),
        *(Line(f"{item.model}: {item.problem}", "warn") for item in problems),
    )
    data = {"models": [_data(item) for item in (*good, *problems)]}
    return Result(data, blocks, exit_code=0 if good or not problems else problems[0].exit_code)


def _row(item: Measured, fastest: float) -> tuple[str | Cell, ...]:
    assert item.speed is not None
    pace = item.speed.tokens_per_s
    bar = "█" * max(1, round(BAR * pace / fastest)) if pace and fastest else ""
    return (
        Cell(item.model, "strong"),
        f"{item.speed.first_token_s:.2f} s",
        "in one piece" if pace is None else f"{pace:.0f}",
        Cell(bar, "good"),
        item.credential,
    )


def _data(item: Measured) -> dict[str, Any]:
    speed = item.speed
    return {
        "id": item.model,
        "first_token_s": speed.first_token_s if speed else None,
        "tokens_per_s": speed.tokens_per_s if speed else None,
        "tokens": speed.tokens if speed else None,
        "credential": item.credential or None,
        "problem": item.problem or None,
    }

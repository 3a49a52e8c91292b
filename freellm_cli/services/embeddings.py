"""Vectors for texts: one model, any of its credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.chat import Usage
from freellm_cli.core.errors import CallerGone, NoCredential, TransportFault, WrongModel
from freellm_cli.core.http import Headers
from freellm_cli.core.needs import NO_EMBEDDINGS, Needs
from freellm_cli.core.routing import VIRTUAL_NAMES
from freellm_cli.core.tokens import estimate_text
from freellm_cli.core.verdicts import Verdict, classify, transport_verdict
from freellm_cli.providers.base import AnswerFault, EmbeddingAnswer
from freellm_cli.services.answer import Answerer
from freellm_cli.services.attempt import verdict_on
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.outcome import consequences, final_error, outcome_of
from freellm_cli.services.pool import Plan, Pool, PoolTarget, tokens_to_reserve
from freellm_cli.services.story import Story
from freellm_cli.storage.ledger import Lease, Wait
from freellm_cli.transport.base import Cancel, Response

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger_reports import Trace

_NEEDED = frozenset({"embeddings"})
BODY_LIMIT = 64 << 20
_OFFERED = 4
_WAYS_IN = "`freellm keys add gemini` (or mistral, cohere, nvidia_nim) opens one that does"


class Embedded(NamedTuple):
    """`vectors` in the order of the texts. `answerer`: its `first_token_s` is when they were all there."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage
    answerer: Answerer


def embed(
    runtime: Runtime,
    model: str,
    texts: list[str],
    *,
    dimensions: int | None = None,
    options: CallOptions = CallOptions(face="embeddings"),  # noqa: B008
) -> Embedded:
    """Vectors of different models have nothing to do with each other, so every attempt asks the same one.

    `model`: "", "auto", "fast" or "smart" for the best embedding model that the credentials reach, the same
    one each time. Raises as `ChatService.ask`.
    """
    return _Embedding(runtime, model, texts, dimensions, options).run()


def embedding_plan(
    runtime: Runtime, model: str, texts: list[str], *, private: bool = False
) -> Plan:
    """Where these texts would go, nothing sent. Raises as `embed` does before it sends."""
    return _Embedding(runtime, model, texts, None, CallOptions(private=private)).plan


class _Embedding:
    def __init__(
        self,
        runtime: Runtime,
        model: str,
        texts: list[str],
        dimensions: int | None,
        options: CallOptions,
    ) -> None:
        self._runtime = runtime
        self._texts = texts
        self._dimensions = dimensions
        self._cancel = options.cancel or Cancel()
        self._options = options
        self._id = options.request_id or runtime.new_request_id()
        tokens = sum(map(estimate_text, texts))
        self._needs = Needs(tokens, 0, _NEEDED, options.private)
        self.plan = self._one_model(model)
        self._open = {item.candidate.key: item for item in self.plan.targets}
        self._verdicts: list[tuple[PoolTarget, Verdict]] = []
        self._excluded = list(self.plan.excluded)
        self._story = Story(runtime.clock, self._id, model, options.face)
        total = runtime.settings.timeouts.total if options.timeout_s is None else options.timeout_s
        self._ends = self._story.begun + total

    def _one_model(self, model: str) -> Plan:
        pool = Pool(self._runtime)
        if not model or (model in VIRTUAL_NAMES and model not in self._runtime.settings.aliases):
            plan = self._best(pool)
        else:
            plan = pool.plan(model, self._needs)
            if not plan.targets and any(item.reason == NO_EMBEDDINGS for item in plan.excluded):
                raise self._wrong(model)
        first = plan.targets[0].model.id if plan.targets else ""
        return plan._replace(targets=tuple(item for item in plan.targets if item.model.id == first))

    def _best(self, pool: Pool) -> Plan:
        """Of the first one in the catalog that a credential may ask; if none, the first, which says why."""
        found = None
        for model_id in self._reached():
            plan = pool.plan(model_id, self._needs)
            if plan.targets:
                return plan
            found = found or plan
        if found is None:
            raise NoCredential("no key of yours reaches a model for embeddings", hint=_WAYS_IN)
        return found

    def _reached(self) -> list[str]:
        """Embedding models of providers that a credential is for."""
        usable = self._runtime.usable_providers()
        return [
            spec.id
            for spec in self._runtime.catalog_with_discovered().models()
            if "embeddings" in spec.capabilities
            and spec.status != "closed"
            and spec.provider in usable
        ]

    def _wrong(self, model: str) -> WrongModel:
        reached = ", ".join(self._reached()[:_OFFERED])
        hint = f"these do: {reached}; `auto` is the first of them" if reached else _WAYS_IN
        return WrongModel(f"{model} makes no embeddings", hint=hint)

    def run(self) -> Embedded:
        try:
            return self._until_made()
        except BaseException as error:
            self._runtime.ledger.record_request(self._told(outcome_of(error)))
            raise

    def _told(self, outcome: str, made: Embedded | None = None) -> Trace:
        who, usage = (made.answerer, made.usage) if made is not None else (None, None)
        return self._story.told(outcome, self.plan.route, self._excluded, who, usage)

    def _check_caller(self) -> None:
        if self._cancel.cancelled:
            raise CallerGone("the caller has hung up")

    def _until_made(self) -> Embedded:
        while True:
            self._check_caller()
            if not self._open:
                raise final_error(self.plan, self._verdicts, self._excluded)
            lease = self._lease()
            try:
                found = self._ask(lease, self._open[lease.candidate.key])
            except WrongModel as error:
                raise self._wrong(self.plan.route.asked) from error
            if found is not None:
                return found

    def _lease(self) -> Lease:
        targets = list(self._open.values())
        clock = self._runtime.clock
        outcome = self._runtime.ledger.acquire_or_wait(
            [item.candidate for item in targets],
            tokens=tokens_to_reserve(targets, self._needs),
            request_id=self._id,
            deadline=clock.now() + max(0.0, self._ends - clock.monotonic()),
            lane=self._options.lane,
            wait_policy=self._runtime.settings.wait,
            reserve=self._options.reserve,
            abandoned=lambda: self._cancel.cancelled,
            on_wait=self._on_wait,
        )
        self._story.found_busy(
            outcome.passed_over if isinstance(outcome, Lease) else outcome.reasons
        )
        if isinstance(outcome, Lease):
            return outcome
        self._check_caller()
        raise final_error(self.plan, self._verdicts, self._excluded, refused=outcome)

    def _on_wait(self, found: Wait | None, waited_s: float) -> None:
        if found is not None:
            self._story.found_busy(found.reasons)
        if self._options.on_wait is not None:
            self._options.on_wait(found, waited_s)

    def _ask(self, lease: Lease, target: PoolTarget) -> Embedded | None:
        ledger = self._runtime.ledger
        begun = self._runtime.clock.monotonic()
        try:
            ended = self._send(lease, target)
            if ended.verdict is not None:
                self._check_caller()
        except BaseException:
            ledger.release(lease)
            raise
        made = self._made(ended.answer, target, begun) if ended.answer is not None else None
        with ledger.together():
            self._settle(lease, ended)
            consequences(self._runtime, target, ended.verdict, ended.headers, request_id=self._id)
            if made is not None:
                ledger.record_request(self._told("ok", made))
        if ended.verdict is not None:
            self._failed(target, ended.verdict, ended.status, begun)
        return made

    def _settle(self, lease: Lease, ended: _Ended) -> None:
        ledger = self._runtime.ledger
        if ended.at is None and not lease.sent:
            ledger.release(lease)
            return
        tokens = ended.answer.prompt_tokens if ended.answer is not None else None
        outcome = ended.verdict.kind if ended.verdict is not None else "ok"
        ledger.settle(lease, tokens=tokens or None, answered_at=ended.at, outcome=outcome)

    def _made(self, answer: EmbeddingAnswer, target: PoolTarget, begun: float) -> Embedded:
        who = self._story.answered(target, begun)
        counted = answer.prompt_tokens
        usage = Usage(counted or self._needs.prompt_tokens, estimated=not counted)
        return Embedded(answer.vectors, usage, who)

    def _failed(self, target: PoolTarget, verdict: Verdict, status: int, begun: float) -> None:
        """Raises what another target would not mend."""
        message = self._runtime.redactor.clean(verdict.message)
        self._story.tried(target.candidate.key, verdict.kind, message, begun, status)
        self._verdicts.append((target, verdict._replace(message=message)))
        if verdict.kind in ("bad_request", "context_too_long", "content_filtered"):
            raise final_error(self.plan, self._verdicts, self._excluded)
        del self._open[target.candidate.key]

    def _send(self, lease: Lease, target: PoolTarget) -> _Ended:
        """Raises RequestRefused."""
        runtime = self._runtime
        dialect = runtime.dialect(target.provider)
        call = dialect.embeddings(
            self._texts, target.target, target.credential.secret, dimensions=self._dimensions
        )

        def on_sent() -> None:
            if self._options.before_send is not None:
                self._options.before_send()
            if not runtime.ledger.mark_sent(lease):
                raise TransportFault("the lease has run out", fault="total_timeout", sent=False)

        try:
            response = runtime.transport.send(
                call, target.timeouts, on_sent=on_sent, cancel=self._cancel
            )
        except TransportFault as fault:
            return _Ended(None, verdict_on(fault))
        at = runtime.clock.now()
        self._cancel.attach(response.close)
        try:
            body = response.read(BODY_LIMIT)
        except TransportFault as fault:
            return _Ended(None, verdict_on(fault), response.headers, response.status, at)
        finally:
            self._cancel.attach(None)
            response.close()
        answer, verdict = _read(dialect.read_embeddings, response, body, target)
        return _Ended(answer, verdict, response.headers, response.status, at)


class _Ended(NamedTuple):
    """An attempt: either an answer or a verdict. `at`: wall time of the head, None when none came."""

    answer: EmbeddingAnswer | None
    verdict: Verdict | None
    headers: Headers = Headers([])
    status: int = 0
    at: float | None = None


def _read(
    read: Callable[[bytes], EmbeddingAnswer], response: Response, body: bytes, target: PoolTarget
) -> tuple[EmbeddingAnswer | None, Verdict | None]:
    if response.status == 200:
        try:
            return read(body), None
        except AnswerFault as fault:
            body = fault.body or body
    verdict = classify(
        provider=target.provider.id, status=response.status, headers=response.headers, body=body
    )
    if verdict.kind == "ok":
        verdict = transport_verdict("bad_http")._replace(message="no vectors in the answer")
    return None, verdict

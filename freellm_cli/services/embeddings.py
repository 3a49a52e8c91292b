"""Vectors for texts: one model, any of its credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import CallerGone, NoCredential, TransportFault, WrongModel
from freellm_cli.core.http import Headers
from freellm_cli.core.needs import NO_EMBEDDINGS, Needs
from freellm_cli.core.routing import VIRTUAL_NAMES
from freellm_cli.core.tokens import estimate_text
from freellm_cli.core.verdicts import Verdict, classify, transport_verdict
from freellm_cli.providers.base import AnswerFault, EmbeddingAnswer
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.outcome import consequences, final_error
from freellm_cli.services.pool import Plan, Pool, PoolTarget, tokens_to_reserve
from freellm_cli.storage.ledger import Lease
from freellm_cli.transport.base import Cancel

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

_NEEDED = frozenset({"embeddings"})
BODY_LIMIT = 64 << 20
_OFFERED = 4
_WAYS_IN = "`freellm keys add gemini` (or mistral, cohere, nvidia_nim) opens one that does"


class Embedded(NamedTuple):
    """`vectors` in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int
    model_id: str
    credential: str
    attempts: int


def embed(
    runtime: Runtime,
    model: str,
    texts: list[str],
    *,
    dimensions: int | None = None,
    options: CallOptions = CallOptions(),  # noqa: B008
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
        self._attempts = 0
        total = runtime.settings.timeouts.total if options.timeout_s is None else options.timeout_s
        self._ends = runtime.clock.monotonic() + total

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
        while True:
            if self._cancel.cancelled:
                raise CallerGone("the caller has hung up")
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
            on_wait=self._options.on_wait,
        )
        if isinstance(outcome, Lease):
            return outcome
        if self._cancel.cancelled:
            raise CallerGone("the caller has hung up")
        raise final_error(self.plan, self._verdicts, self._excluded, refused=outcome)

    def _ask(self, lease: Lease, target: PoolTarget) -> Embedded | None:
        ledger = self._runtime.ledger
        self._attempts += 1
        try:
            answer, headers, verdict, at = self._send(lease, target)
        except BaseException:
            ledger.release(lease)
            raise
        outcome = verdict.kind if verdict is not None else "ok"
        with ledger.together():
            if answer is None and at is None and not lease.sent:
                ledger.release(lease)
            else:
                tokens = answer.prompt_tokens if answer is not None else None
                ledger.settle(lease, tokens=tokens or None, answered_at=at, outcome=outcome)
            consequences(self._runtime, target, verdict, headers, request_id=self._id)
        if answer is not None:
            return Embedded(
                answer.vectors,
                answer.prompt_tokens or self._needs.prompt_tokens,
                target.model.id,
                target.credential.id,
                self._attempts,
            )
        assert verdict is not None
        clean = verdict._replace(message=self._runtime.redactor.clean(verdict.message))
        self._verdicts.append((target, clean))
        if verdict.kind in ("bad_request", "context_too_long", "content_filtered"):
            raise final_error(self.plan, self._verdicts, self._excluded)
        del self._open[target.candidate.key]
        return None

    def _send(
        self, lease: Lease, target: PoolTarget
    ) -> tuple[EmbeddingAnswer | None, Headers, Verdict | None, float | None]:
        """(answer, headers, what went wrong, when the head came). Raises RequestRefused."""
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
            failed = transport_verdict(fault.fault)._replace(message=fault.message)
            return None, Headers([]), failed, None
        at = runtime.clock.now()
        self._cancel.attach(response.close)
        try:
            body = response.read(BODY_LIMIT)
        except TransportFault as fault:
            failed = transport_verdict(fault.fault)._replace(message=fault.message)
            return None, response.headers, failed, at
        finally:
            self._cancel.attach(None)
            response.close()
        return (
            *_read(dialect.read_embeddings, response.status, response.headers, body, target),
            at,
        )


def _read(
    read: Callable[[bytes], EmbeddingAnswer],
    status: int,
    headers: Headers,
    body: bytes,
    target: PoolTarget,
) -> tuple[EmbeddingAnswer | None, Headers, Verdict | None]:
    if status == 200:
        try:
            return read(body), headers, None
        except AnswerFault as fault:
            body = fault.body or body
    verdict = classify(provider=target.provider.id, status=status, headers=headers, body=body)
    if verdict.kind == "ok":
        verdict = transport_verdict("bad_http")._replace(message="no vectors in the answer")
    return None, headers, verdict

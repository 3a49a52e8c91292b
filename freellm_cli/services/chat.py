"""The attempt loop: lease a target, ask it, judge, rest what must rest, move on; one answer in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.core.chat import ChatRequest, Usage
from freellm_cli.core.errors import CallerGone, NotServed, RequestRefused, TransportFault
from freellm_cli.core.http import Timeouts
from freellm_cli.core.needs import needs_of
from freellm_cli.core.retry import after_verdict, backoff_s
from freellm_cli.core.tokens import estimate_request
from freellm_cli.core.verdicts import Verdict
from freellm_cli.services.answer import Answer, Answerer
from freellm_cli.services.attempt import Failed, Opened, attempt
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.learning import LIMITED
from freellm_cli.services.outcome import (
    Given,
    consequences,
    falls_with,
    final_error,
    notices,
    other_address,
    outcome_of,
    settle_answer,
)
from freellm_cli.services.pool import Excluded, Plan, Pool, PoolTarget, tokens_to_reserve
from freellm_cli.services.story import Story
from freellm_cli.storage.ledger import Lease, Refused, Wait
from freellm_cli.transport.base import Cancel

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger_reports import Trace


class ChatService:
    """Asks for answers. One instance serves any number of threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._pool = Pool(runtime)

    def plan(self, request: ChatRequest, *, private: bool = False) -> Plan:
        """Where this request could go, nothing sent. Raises as `core.routing.resolve`."""
        needs = needs_of(request, prompt_tokens=estimate_request(request), private=private)
        return self._pool.plan(request.model, needs)

    def ask(self, request: ChatRequest, options: CallOptions = CallOptions()) -> Answer:  # noqa: B008
        """An answer whose first content is known good (or all of it, if `options.whole`).

        What none of its providers has goes to the alias "*", as every unknown name. Raises any FreellmError:
        UnknownName, NoCredential, ProviderClosed before anything is sent; AllLimited, CredentialRefused,
        UpstreamError, RequestRefused and their kinds after the last target has failed.
        """
        return _Call(self._runtime, self._pool, request, options).run()


class _Call:
    """One request, until it is answered or given up."""

    def __init__(
        self, runtime: Runtime, pool: Pool, request: ChatRequest, options: CallOptions
    ) -> None:
        self._runtime = runtime
        self._clock = runtime.clock
        self._request = request
        self._options = options
        self._id = options.request_id or runtime.new_request_id()
        tokens = estimate_request(request)
        self._needs = needs_of(request, prompt_tokens=tokens, private=options.private)
        self._pool = pool
        self._plan = pool.plan(request.model, self._needs)
        self._ledger = runtime.ledger
        self._settings = runtime.settings
        self._open = {item.candidate.key: item for item in self._plan.targets}
        self._later: dict[str, PoolTarget] = {}
        self._dropped: dict[str, frozenset[str]] = {}
        self._tries: dict[str, int] = {}
        self._request_faults = 0
        self._is_unknown = False
        self._notices: tuple[str, ...] = ()
        self._readdressed: set[str] = set()
        self._verdicts: list[tuple[PoolTarget, Verdict]] = []
        self._excluded = list(self._plan.excluded)
        self._story = Story(self._clock, self._id, request.model, options.face)
        total = runtime.settings.timeouts.total if options.timeout_s is None else options.timeout_s
        self._ends = self._story.begun + total

    def run(self) -> Answer:
        try:
            while True:
                self._check_caller()
                try:
                    self._reopen_if_empty()
                    lease = self._lease()
                except NotServed as error:
                    self._ask_for_unknown(error)
                    continue
                answer = self._ask(lease, self._open[lease.candidate.key])
                if answer is not None:
                    return answer
        except BaseException as error:
            self._ledger.record_request(self._told(outcome_of(error)))
            raise

    def _check_caller(self) -> None:
        if self._is_abandoned():
            raise CallerGone("the caller has hung up")

    def _is_abandoned(self) -> bool:
        return self._options.cancel is not None and self._options.cancel.cancelled

    def _left(self) -> float:
        return self._ends - self._clock.monotonic()

    def _reopen_if_empty(self) -> None:
        """Targets that failed for the moment get another try when nothing else is left."""
        if self._open:
            return
        tries = max((self._tries.get(key, 1) for key in self._later), default=1)
        pause = backoff_s(tries, self._runtime.rng.random())
        if not self._later or pause >= self._left():
            raise final_error(self._plan, self._verdicts, self._excluded)
        self._runtime.turns.leave()
        self._clock.sleep(pause)
        self._open, self._later = self._later, {}

    def _ask_for_unknown(self, error: NotServed) -> None:
        """Goes on with the alias "*", once. Raises `error` where that leads no further."""
        from freellm_cli.services.unknown_name import plan_for_unknown

        if self._is_unknown:
            raise error
        self._is_unknown = True
        asked, tried = self._request.model, {target.candidate.key for target, _ in self._verdicts}
        plan = plan_for_unknown(asked, self._needs, self._pool, self._settings, tried)
        if plan is None:
            raise error
        self._plan = plan
        self._verdicts = []  # what goes wrong from here on is told of those who are asked from here on
        self._excluded += plan.excluded
        self._open = {item.candidate.key: item for item in plan.targets}

    def _lease(self) -> Lease:
        """Waits for a lease on the best open target. Raises AllLimited or what went wrong before."""
        targets = list(self._open.values())
        outcome = self._ledger.acquire_or_wait(
            [item.candidate for item in targets],
            tokens=tokens_to_reserve(targets, self._needs),
            request_id=self._id,
            deadline=self._clock.now() + max(0.0, self._left()),
            lane=self._options.lane,
            sticky=(self._settings.sticky and self._options.conversation) or None,
            wait_policy=self._settings.wait,
            reserve=self._options.reserve,
            abandoned=self._is_abandoned,
            on_wait=self._on_wait,
        )
        self._story.found_busy(
            outcome.passed_over if isinstance(outcome, Lease) else outcome.reasons
        )
        if isinstance(outcome, Lease):
            return outcome
        self._check_caller()
        if self._asks_for_less(outcome):
            return self._lease()
        raise final_error(self._plan, self._verdicts, self._excluded, refused=outcome)

    def _asks_for_less(self, refused: Refused) -> bool:
        """Whether an answer that may not be as long as was asked for can be had instead of none."""
        from freellm_cli.services.shorter_answer import shorter_answer

        targets = self._open.values()
        reserve = self._options.reserve
        shorter = shorter_answer(self._request, self._needs, targets, refused, reserve=reserve)
        if shorter is None:
            return False
        self._request, self._needs, notice = shorter
        self._notices = (notice,)
        return True

    def _on_wait(self, found: Wait | None, waited_s: float) -> None:
        if found is not None:
            self._runtime.turns.leave()
            self._story.found_busy(found.reasons)
        if self._options.on_wait is not None:
            self._options.on_wait(found, waited_s)

    def _ask(self, lease: Lease, target: PoolTarget) -> Answer | None:
        key = lease.candidate.key
        self._tries[key] = self._tries.get(key, 0) + 1
        hedge = self._settings.hedge
        if hedge is not None and len(self._open) > 1:
            self._runtime.turns.leave()
            return self._ask_hedged(lease, target, hedge)
        begun = self._clock.monotonic()
        try:
            outcome = self._send(lease, target, self._options.cancel)
        except RequestRefused as refusal:
            self._cannot_say(lease, key, refusal)
            return None
        except BaseException:
            self._ledger.release(lease)
            raise
        return self._take(lease, target, outcome, begun)

    def _send(self, lease: Lease, target: PoolTarget, cancel: Cancel | None) -> Opened | Failed:
        """One attempt, not judged yet."""

        def on_sent() -> None:
            if self._options.before_send is not None:
                self._options.before_send()
            if not self._ledger.mark_sent(lease):
                raise TransportFault(
                    "connecting took longer than the lease lasts", fault="total_timeout", sent=False
                )

        def send(item: PoolTarget) -> Opened | Failed:
            usual = item.timeouts
            left = max(0.05, min(usual.total, self._left()))
            return attempt(
                item.without(self._dropped.get(item.candidate.key)),
                self._request,
                self._runtime.dialect(item.provider),
                self._runtime.transport,
                self._clock,
                timeouts=Timeouts(usual.connect, usual.first_token, usual.idle, left),
                whole=self._options.whole,
                on_sent=on_sent,
                cancel=cancel,
            )

        if target.credential.kind == "oauth":
            from freellm_cli.services.oauth_attempt import attempt_with_login

            self._runtime.turns.leave()
            return attempt_with_login(self._runtime, target, send, left_s=self._left())
        return send(target)

    def _cannot_say(self, lease: Lease, key: str, refusal: RequestRefused) -> None:
        """The target's dialect has no words for the request."""
        self._ledger.release(lease)
        self._exclude_target(key, refusal.message)
        if not self._open and not self._verdicts:
            raise refusal

    def _take(
        self, lease: Lease, target: PoolTarget, outcome: Opened | Failed, begun: float
    ) -> Answer | None:
        if isinstance(outcome, Opened):
            return self._answer(lease, target, outcome, begun)
        if self._is_abandoned():
            self._ledger.release(lease)
            self._check_caller()
        self._failed(lease, target, outcome, begun)
        return None

    def _ask_hedged(self, lease: Lease, target: PoolTarget, after_s: float) -> Answer | None:
        from freellm_cli.services.hedge import Hooks, Race

        hooks = Hooks(
            self._send, self._second, self._take, self._cannot_say, self._story.attempts.append
        )
        race = Race(self._ledger, self._clock, hooks)
        return race.run(lease, target, after_s, self._options.cancel)

    def _second(self, first: Lease, slack: float) -> tuple[Lease, PoolTarget] | None:
        others = [item for key, item in self._open.items() if key != first.candidate.key]
        found = self._ledger.acquire(
            [item.candidate for item in others],
            tokens=tokens_to_reserve(others, self._needs),
            request_id=self._id,
            deadline=self._clock.now() + max(0.0, self._left()),
            lane=self._options.lane,
            wait_policy="never",
            reserve=max(self._options.reserve, slack),
        )
        if not isinstance(found, Lease):
            return None
        key = found.candidate.key
        self._tries[key] = self._tries.get(key, 0) + 1
        return found, self._open[key]

    def _failed(self, lease: Lease, target: PoolTarget, failed: Failed, begun: float) -> None:
        verdict = failed.verdict
        key = lease.candidate.key
        with self._ledger.together():
            if failed.sent:
                self._ledger.settle(
                    lease, tokens=None, answered_at=failed.answered_at, outcome=verdict.kind
                )
            else:
                self._ledger.release(lease)
            consequences(
                self._runtime,
                target,
                verdict,
                failed.headers,
                request_id=self._id,
                opened=lease.opened,
                answered_at=failed.answered_at,
            )
        if target.provider.id == "openrouter" and verdict.kind in LIMITED:
            from freellm_cli.services.openrouter_quota import read_soon

            read_soon(self._runtime, target.credential, self._pool.quota_asked)
        message = self._runtime.redactor.clean(verdict.message)
        self._story.tried(key, verdict.kind, message, begun, failed.status)
        self._verdicts.append((target, verdict._replace(message=message)))
        self._move_on(target, verdict)

    def _move_on(self, target: PoolTarget, verdict: Verdict) -> None:
        key = target.candidate.key
        dropped = self._dropped.get(key, frozenset())
        if self._try_other_address(target, verdict):
            return
        move = after_verdict(
            verdict,
            dropped=dropped,
            request_faults=self._request_faults,
            tries=self._tries[key],
        )
        if verdict.kind in ("bad_request", "content_filtered"):
            self._request_faults += 0 if move.move == "same" else 1
        if move.move == "stop":
            raise final_error(self._plan, self._verdicts, self._excluded)
        if move.move == "same":
            self._dropped[key] = dropped | frozenset(move.drop)
            return
        for other_key, other in list(self._open.items()):
            if falls_with(other, target, move.exclude):
                del self._open[other_key]
                if move.repeatable:
                    self._later[other_key] = other

    def _try_other_address(self, target: PoolTarget, verdict: Verdict) -> bool:
        """A host that knows no such path: a base_url that a person typed may lack `/v1`, or have
        one too many. The other form is tried once, and the person told."""
        provider = target.provider.id
        other = other_address(self._runtime, target, verdict)
        if provider in self._readdressed or not other:
            return False
        self._readdressed.add(provider)
        self._runtime.notice(f"{provider} has no such path; trying base_url = {other!r}")
        for key, item in list(self._open.items()):
            if item.provider.id == provider:
                moved = item.target._replace(base_url=other)
                self._open[key] = item._replace(target=moved)
        return True

    def _exclude_target(self, key: str, reason: str) -> None:
        self._excluded.append(Excluded(key, reason))
        gone = self._open.get(key)
        for other_key, other in list(self._open.items()):
            if gone is not None and falls_with(other, gone, "model"):
                del self._open[other_key]

    def _answer(self, lease: Lease, target: PoolTarget, opened: Opened, begun: float) -> Answer:
        answerer = self._story.answered(target, begun)
        first_token_s = None if self._options.whole else answerer.first_token_s - answerer.waited_s
        self._ledger.prove(lease)

        def finish(outcome: str, usage: Usage, seconds: float) -> None:
            given = Given(lease, target, opened, usage, outcome, first_token_s)
            settle_answer(self._runtime, given, self._told(outcome, answerer, usage))

        return Answer(
            request_id=self._id,
            target=target,
            answerer=answerer,
            opened=opened,
            attempts=tuple(self._story.attempts),
            notices=(*notices(self._plan.route, target), *self._notices),
            prompt_tokens=self._needs.prompt_tokens,
            clock=self._clock,
            report_head=lambda at: self._ledger.answered(lease, at),
            finish=finish,
        )

    def _told(
        self, outcome: str, answerer: Answerer | None = None, usage: Usage | None = None
    ) -> Trace:
        return self._story.told(outcome, self._plan.route, self._excluded, answerer, usage)

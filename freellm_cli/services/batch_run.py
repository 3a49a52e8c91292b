"""One run of a batch: the threads that ask its rows, what becomes of each, and when it ends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    EXIT_UPSTREAM,
    AllLimited,
    CallerGone,
    ConfigError,
    CredentialRefused,
    FreellmError,
    RequestRefused,
    StoreError,
    UsageError,
)
from freellm_cli.core.faces.openai_embeddings import EmbeddingAsk
from freellm_cli.services.batch_answers import error_line, unknown_line
from freellm_cli.services.batch_ask import Asked, Asker
from freellm_cli.services.batch_file import Row, Survey, request_of, rows
from freellm_cli.services.batch_forecast import GUESSED_S, GroupPlan, forecast
from freellm_cli.services.batch_journal import DONE, SENT
from freellm_cli.services.batch_output import Output
from freellm_cli.services.batch_refusals import Refusals
from freellm_cli.services.batch_values import BatchOptions, Progress, Watch
from freellm_cli.services.batch_width import Width
from freellm_cli.services.results import Line, Result
from freellm_cli.services.spell import spell_seconds
from freellm_cli.services.wait_words import Wait, first_to_be_free
from freellm_cli.transport.base import Cancel

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

PASSES = 2
"""A row that a provider failed gets another chance at the end."""
ROW_FAULTS_IN_A_ROW = 12
"""So many failures without an answer between: something is wrong with more than a row."""
TICK_S = 0.1
FLUSH_S = 1.0
_REFORECAST_S = 20.0
_LONGEST_PAUSE_S = 3600.0


class BatchRun:
    """The threads of one run and what they share."""

    def __init__(
        self,
        runtime: Runtime,
        survey: Survey,
        groups: list[GroupPlan],
        width: Width,
        options: BatchOptions,
        output: Output,
        watch: Watch,
    ) -> None:
        """`options.reserve` is a number here."""
        self._survey = survey
        self._groups = groups
        self._width = width
        self._runtime = runtime
        self._clock = runtime.clock
        self._options = options
        self._output = output
        self._watch = watch
        self._asker = Asker(runtime, private=options.private, reserve=options.reserve or 0.0)
        self._changed = threading.Condition()
        self._reading = threading.Lock()
        self._rows = self._unanswered()
        self._threads: list[threading.Thread] = []
        self._unsent: dict[int, Cancel] = {}
        self._running: dict[int, Cancel] = {}
        self._pausing = 0
        self._stopping = threading.Event()
        self._ended = self._interrupted = False
        self._problem: BaseException | None = None
        self._pass = 1
        self._put_off = 0
        self._faults_in_a_row = 0
        self._fault_waited_for = ""
        self._refusals = Refusals(runtime, groups)
        self._resumed = output.states.done
        self._errors = 0
        self._by: Counter[str] = Counter()
        self._tokens = [0, 0]
        self._busy_s = 0.0
        self._begun = self._clock.monotonic()
        self._ends_at: float | None = None
        self._forecast_at = self._flushed_at = float("-inf")

    # the thread that was asked

    def run(self) -> Result:
        finished = False
        told_before = self._runtime.on_refusal
        self._runtime.on_refusal = self._refusals.note
        try:
            for number in range(1, PASSES + 1):
                self._pass = number
                self._rows, self._ended, put_off = self._unanswered(), False, self._put_off
                if number > 1 and not put_off:
                    break
                self._put_off = 0
                self._one_pass()
                if self._stopping.is_set():
                    break
            finished = self._output.states.done == len(self._survey.numbers)
        finally:
            self._runtime.on_refusal = told_before
            self._output.close(finished=finished)
        if self._problem is not None and not finished:
            raise self._explained(self._problem)
        return self._result(self._interrupted and not finished)

    def _one_pass(self) -> None:
        """Runs until its rows are through."""
        self._threads = []
        with self._changed:
            self._widen()
        while any(thread.is_alive() for thread in self._threads):
            try:
                with self._changed:
                    self._changed.wait(TICK_S)
                self._watch(self._progress())
                self._flush_now_and_then()
            except KeyboardInterrupt:
                self.stop(at_once=self._interrupted)
                self._interrupted = True

    def _flush_now_and_then(self) -> None:
        now = self._clock.monotonic()
        if now - self._flushed_at >= FLUSH_S:
            self._flushed_at = now
            self._output.flush()

    def stop(self, *, at_once: bool = False) -> None:
        """No further row is sent and no row again; those that were end in peace, unless `at_once`."""
        with self._changed:
            self._stopping.set()
            chosen = list((self._running if at_once else self._unsent).values())
            self._changed.notify_all()
        for cancel in chosen:
            cancel.cancel()
        self._runtime.ledger.wake_waiters()

    def _explained(self, problem: BaseException) -> BaseException:
        left = len(self._survey.numbers) - self._output.states.done
        if isinstance(problem, FreellmError) and self._options.out:
            problem.hint = "; ".join(
                filter(None, (problem.hint, f"{left} rows are left: go on with --resume"))
            )
        return problem

    # rows

    def _unanswered(self) -> Iterator[Row]:
        for row in rows(self._survey.path, self._survey.format):
            if self._output.states[row.number] != DONE:
                yield row

    def _next(self, slot: int) -> Row | None:
        """The next row for thread `slot`, None when it should end."""
        with self._changed:
            while slot >= self._width.now and not self._ended and not self._stopping.is_set():
                self._changed.wait(0.5)
        with self._reading:
            if self._ended or self._stopping.is_set():
                return None
            row = next(self._rows, None)
            if row is None:
                self._ended = True
        if row is None:
            with self._changed:
                self._changed.notify_all()
        return row

    def _widen(self) -> None:
        """Starts the threads that the width asks for. Under the lock."""
        while len(self._threads) < self._width.now and not self._ended:
            slot = len(self._threads)
            thread = threading.Thread(target=self._work, args=(slot,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self, slot: int) -> None:
        try:
            while (row := self._next(slot)) is not None:
                self._one(row)
        except BaseException as problem:  # noqa: BLE001 - told by the thread that was asked
            self._give_up(problem)

    def _give_up(self, problem: BaseException) -> None:
        if self._problem is None:
            self._problem = problem
        self.stop()

    def _one(self, row: Row) -> None:
        is_unknown = self._output.states[row.number] == SENT
        if is_unknown and self._pass == 1 and not self._options.retry_unknown:
            self._fault(row, unknown_line(row))
            return
        begun = self._clock.monotonic()
        cancel = Cancel()
        with self._changed:
            if self._stopping.is_set():
                return
            self._unsent[row.number] = self._running[row.number] = cancel
        waited = 0.0
        request_id = self._runtime.new_request_id()
        try:
            request = request_of(row, self._options.defaults)
            waited = self._ask_patiently(row, request, cancel, request_id)
        except CallerGone:
            return
        except FreellmError as error:
            self._failed(row, error, request_id)
        finally:
            with self._changed:
                busy = len(self._running)
                self._unsent.pop(row.number, None)
                self._running.pop(row.number, None)
                self._busy_s += max(0.0, self._clock.monotonic() - begun - waited)
                self._width.finished(waited, busy=busy)
                self._widen()
                self._changed.notify()

    def _ask_patiently(
        self, row: Row, request: ChatRequest | EmbeddingAsk, cancel: Cancel, request_id: str
    ) -> float:
        """Asks until the limits let it through; returns the seconds that it waited for them."""
        waited = 0.0
        while True:
            try:
                asked = self._asker.ask(
                    row, request, cancel, request_id, self._before_send(row), self._on_wait
                )
                self._answered(row, asked)
                return waited + asked.waited_s
            except AllLimited as refusal:
                if refusal.retry_after_s is None:
                    raise
                waited += self._pause(refusal.retry_after_s)

    def _pause(self, seconds: float) -> float:
        """Waits for a reset that lies beyond a request's own patience. Raises CallerGone when stopped."""
        self._check_keys()
        seconds = min(max(seconds, 0.05), _LONGEST_PAUSE_S)
        with self._changed:
            self._pausing += 1
        try:
            if self._stopping.wait(seconds):
                raise CallerGone("the batch was stopped")
        finally:
            with self._changed:
                self._pausing -= 1
        return seconds

    def _before_send(self, row: Row) -> Callable[[], None]:
        def before() -> None:
            with self._changed:
                self._check_stopping()
                if self._unsent.pop(row.number, None) is None:
                    return  # another target, or another try
            self._output.sent(row.number)

        return before

    def _on_wait(self, found: Wait | None, waited_s: float) -> None:
        if found is None:
            return
        self._check_stopping()
        self._check_keys()
        reason = first_to_be_free(found.reasons)
        if reason is not None:
            self._fault_waited_for = reason.fault

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise CallerGone("the batch was stopped")

    def _check_keys(self) -> None:
        """Before a wait, which would be for keys that are known to be refused when all are."""
        refused = self._refusals.of_all()
        if refused is not None:
            raise refused

    # what becomes of them

    def _answered(self, row: Row, asked: Asked) -> None:
        self._output.answered(row.number, asked.line)
        self._refusals.answered(asked.credential)
        with self._changed:
            self._faults_in_a_row = 0
            self._fault_waited_for = ""
            self._by[asked.model] += 1
            self._tokens[0] += asked.prompt_tokens
            self._tokens[1] += asked.completion_tokens

    def _failed(self, row: Row, error: FreellmError, request_id: str) -> None:
        """An error row, another chance later, or the end of the batch."""
        if isinstance(error, RequestRefused | UsageError):
            self._fault(row, error_line(row, error, request_id))
            return
        alone = len(self._groups) == 1 or self._refusals.of_all() is not None
        hopeless = alone and isinstance(error, ConfigError | CredentialRefused)
        if self._interrupted and not isinstance(error, StoreError):
            return  # left for --resume
        with self._changed:
            self._faults_in_a_row += 1
            many = self._faults_in_a_row >= max(ROW_FAULTS_IN_A_ROW, 2 * self._width.now)
        if hopeless or many or isinstance(error, StoreError):
            self._give_up(error)
        elif self._pass < PASSES and self._options.retry_unknown:
            with self._changed:
                self._put_off += 1
        else:
            self._fault(row, error_line(row, error, request_id))

    def _fault(self, row: Row, line: bytes) -> None:
        self._output.answered(row.number, line)
        with self._changed:
            self._errors += 1

    # what is told

    def _progress(self) -> Progress:
        total, done = len(self._survey.numbers), self._output.states.done
        now = self._clock.monotonic()
        if now - self._forecast_at > _REFORECAST_S and done < total:
            self._forecast_at = now
            self._ends_at = self._forecast(1 - done / total)
        return Progress(
            total,
            done,
            self._errors,
            len(self._running) - len(self._unsent),
            len(self._unsent),
            self._width.now,
            sum(self._tokens),
            None if self._fault_waited_for else self._ends_at,
            self._interrupted,
            self._fault_waited_for,
        )

    def _forecast(self, share_left: float) -> float | None:
        ended = self._output.states.done - self._resumed
        found = forecast(
            self._runtime,
            self._groups,
            share_left=share_left,
            reserve=self._options.reserve or 0.0,
            seconds_each=self._busy_s / ended if ended else GUESSED_S,
            width=self._width.now,
        )
        return found.ends_at

    def _result(self, interrupted: bool) -> Result:
        total, done = len(self._survey.numbers), self._output.states.done
        seconds = self._clock.monotonic() - self._begun
        answered = sum(self._by.values())
        data: dict[str, Any] = {
            "rows": total,
            "answered": answered,
            "errors": self._errors,
            "already_done": self._resumed,
            "left": total - done,
            "seconds": round(seconds, 3),
            "tokens": {"prompt": self._tokens[0], "completion": self._tokens[1]},
            "by_model": dict(self._by),
            "output": self._options.out,
            "already": False,
        }
        words = (
            f"{answered:,} row{'' if answered == 1 else 's'} answered in {spell_seconds(seconds)}"
        )
        if self._errors:
            words += f", {self._errors:,} errors"
        if interrupted:
            go_on = "go on with --resume" if self._options.out else "they are lost: there is no -o"
            words += f"; stopped with {total - done:,} rows left ({go_on})"
        return Result(
            data,
            (Line(words, "warn" if self._errors or interrupted else "good"),),
            exit_code=EXIT_INTERRUPTED if interrupted else self._exit_code(),
        )

    def _exit_code(self) -> int:
        if not self._errors:
            return EXIT_DONE
        return EXIT_UPSTREAM if self._by else EXIT_REFUSED

"""An answer on its way to a caller: its deltas, who gives it, and the settling of its lease."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from freellm_cli.core.chat import Completion, Delta, Usage
from freellm_cli.core.clock import Clock
from freellm_cli.core.errors import TransportFault, UpstreamError
from freellm_cli.providers.base import AnswerFault
from freellm_cli.services.attempt import Opened
from freellm_cli.services.pool import PoolTarget

# A stream longer than this tells the ledger early when its window began to slide.
EARLY_REPORT_S = 1.0


class Attempt(NamedTuple):
    """One line of a request's story, for `freellm why`."""

    target: str
    outcome: str
    """"ok" or a verdict's kind."""
    message: str
    seconds: float
    status: int = 0


class Answerer(NamedTuple):
    """Who answered: what faces show in `x-freellm-*` headers and the status line."""

    model_id: str
    credential: str
    attempts: int
    waited_s: float
    first_token_s: float


class Answer:
    """Iterate `deltas()` once, or take the `completion()`; always `close()`.

    `report_head(at)` and `finish(outcome, usage, seconds)` write to the ledger; they are called by this
    object only, `finish` exactly once, whatever happens.
    """

    def __init__(
        self,
        *,
        request_id: str,
        target: PoolTarget,
        answerer: Answerer,
        opened: Opened,
        attempts: tuple[Attempt, ...],
        notices: tuple[str, ...],
        prompt_tokens: int,
        clock: Clock,
        report_head: Callable[[float], None],
        finish: Callable[[str, Usage, float], None],
    ) -> None:
        self.request_id = request_id
        self.target = target
        self.answerer = answerer
        self.attempts = attempts
        self.notices = notices
        self._opened = opened
        self._prompt_tokens = prompt_tokens
        self._clock = clock
        self._report_head = report_head
        self._finish = finish
        self._assembler = opened.gathered
        self._begun = clock.monotonic()
        self._done = False
        self._used: Usage | None = None

    def deltas(self) -> Iterator[Delta]:
        """Every delta in order. Raises UpstreamError when the provider breaks off: never a false end."""
        for deltas in self.batches():
            yield from deltas

    def batches(self) -> Iterator[list[Delta]]:
        """The same, those together that came together. Iterate one of the two, once."""
        add = self._assembler.add
        now = self._clock.monotonic
        report_at = self._begun + EARLY_REPORT_S
        try:
            yield self._opened.first
            for deltas in self._opened.batches():
                if report_at and now() > report_at:
                    self._report_head(self._opened.answered_at)
                    report_at = 0.0
                for delta in deltas:
                    add(delta)
                yield deltas
        except (AnswerFault, TransportFault) as fault:
            self._settle("cut")
            raise UpstreamError(
                f"{self.answerer.model_id} broke off in mid-answer: {fault}",
                hint="ask again; the next target is tried first",
            ) from fault
        else:
            self._settle("ok")
        finally:
            self.close()

    def completion(self) -> Completion:
        """The whole answer. Consumes `deltas()` if nobody has."""
        if not self._done:
            for _ in self.batches():
                pass
        return self._assembler.completion(self.usage)

    @property
    def usage(self) -> Usage:
        """What the provider reported, or an estimate marked as one."""
        return self._used or self._used_so_far()

    def _used_so_far(self) -> Usage:
        reported = self._assembler.usage
        if reported is not None and (reported.prompt or reported.completion):
            return reported
        return Usage(
            prompt=self._prompt_tokens,
            completion=max(1, self._assembler.characters() // 4),
            estimated=True,
        )

    def text_so_far(self) -> str:
        """The text of all deltas that were read."""
        return self._assembler.completion().text

    def close(self) -> None:
        """Ends the upstream call if it still runs, and gives the lease back. Safe to repeat."""
        self._opened.response.close()
        if not self._done:
            self._settle("abandoned")

    def _settle(self, outcome: str) -> None:
        if self._done:
            return
        self._done = True
        self._used = self._used_so_far()
        self._finish(outcome, self._used, self._clock.monotonic() - self._begun)

"""The story of one request as it is written: what `freellm why` tells later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.services.answer import Answerer, Attempt

if TYPE_CHECKING:
    from freellm_cli.core.chat import Usage
    from freellm_cli.core.clock import Clock
    from freellm_cli.core.routing import Route
    from freellm_cli.services.pool import Excluded, PoolTarget
    from freellm_cli.storage.ledger_reports import Trace
    from freellm_cli.storage.ledger_values import Reason


class Story:
    """`begun`: steady time. `attempts`: in the order in which they ended."""

    def __init__(self, clock: Clock, request_id: str, asked: str, face: str) -> None:
        self.begun = clock.monotonic()
        self.attempts: list[Attempt] = []
        self._clock = clock
        self._id = request_id
        self._asked = asked
        self._face = face
        self._busy: dict[tuple[str, str], Reason] = {}

    def found_busy(self, reasons: tuple[Reason, ...]) -> None:
        """What kept targets from being asked at once."""
        self._busy |= {(item.target, item.why): item for item in reasons}

    def tried(self, target: str, outcome: str, message: str, begun: float, status: int) -> None:
        """An attempt has ended. `begun`: steady time; the others as in `Attempt`."""
        seconds = self._clock.monotonic() - begun
        self.attempts.append(Attempt(target, outcome, message, seconds, status))

    def answered(self, target: PoolTarget, begun: float) -> Answerer:
        """The attempt that began at `begun` gives the answer; its first word is there now."""
        now = self._clock.monotonic()
        self.attempts.append(Attempt(target.candidate.key, "ok", "", now - begun, 200))
        return Answerer(
            model_id=target.model.id,
            credential=target.credential.id,
            attempts=len(self.attempts),
            waited_s=begun - self.begun,
            first_token_s=now - self.begun,
        )

    def told(
        self,
        outcome: str,
        route: Route,
        excluded: list[Excluded],
        answerer: Answerer | None = None,
        usage: Usage | None = None,
    ) -> Trace:
        """All of it, at its end. `outcome`: "ok", "cut", "abandoned", or the slug of an error."""
        seconds = self._clock.monotonic() - self.begun
        return {
            "id": self._id,
            "at": self._clock.now() - seconds,
            "asked": self._asked,
            "face": self._face,
            "outcome": outcome,
            "seconds": round(seconds, 4),
            "route": [
                {"why": step.why, "models": [model.id for model in step.models]}
                for step in route.steps
            ],
            "candidates": [item._asdict() for item in self._busy.values()],
            "excluded": [item._asdict() for item in excluded],
            "attempts": [item._asdict() for item in self.attempts],
            "answerer": answerer._asdict() if answerer else None,
            "usage": usage._asdict() if usage else None,
        }

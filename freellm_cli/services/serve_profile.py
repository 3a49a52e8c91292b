"""What the server does for its clients beyond the protocol, by settings and `--profile`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import BadField
from freellm_cli.core.faces.base import Ask, ReplyStyle
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.core.request_params import without
from freellm_cli.core.settings import Settings

LANES = ("interactive", "batch")
LANE_HEADER = "x-freellm-lane"
# A game whose mod waits for ever (TALKER) gets its error before the player gives up.
GAME_DEADLINE_S = 60.0


class ServeProfile(NamedTuple):
    """`deadline_s`: until a client has an answer or an error; None: `timeouts.total`.

    `any_model`: a model that is unknown, closed or without a key is answered by `auto`: mods have their
    models written into them. `needs_words`: an answer without text or tool call is a failure. `forgives`: a
    field of the wrong kind is left out where the question is the same without it.
    """

    think: str = ""
    style: ReplyStyle = ReplyStyle()
    deadline_s: float | None = None
    any_model: bool = False
    needs_words: bool = False
    forgives: bool = False
    lane: str = "interactive"

    def lane_for(self, named: str) -> str:
        """The lane of a request whose client names one (the header `x-freellm-lane`), else the server's.
        Raises HttpRefusal for a name that no lane has."""
        if not named:
            return self.lane
        lane = named.strip().lower()
        if lane not in LANES:
            raise HttpRefusal(
                f"{LANE_HEADER}: there is no lane {named[:40]!r}",
                status=400,
                code="unknown_lane",
                hint=f"one of: {', '.join(LANES)}",
            )
        return lane

    def forgiven(self, fault: BadField, body: Any, parse: Callable[[Any], Ask]) -> Ask:
        """`parse(body)`, which has failed with `fault`, without the fields at fault. Raises BadField."""
        while self.forgives:
            body = without(body, fault.path)
            if body is None:
                break
            try:
                return parse(body)
            except BadField as next_fault:
                fault = next_fault
        raise fault

    def instead_of(self, asked: str) -> str:
        """The name to ask when `asked` led nowhere; "" when the client is to be told."""
        return "auto" if self.any_model and asked != "auto" else ""

    def shaped(self, request: ChatRequest) -> ChatRequest:
        """The request with the server's say on thinking: "off" overrules, a level fills in."""
        if self.think and (self.think == "off" or request.think is None):
            return request._replace(think=self.think)
        return request


def profile_of(settings: Settings) -> ServeProfile:
    serve = settings.serve
    if serve.profile == "game":
        return ServeProfile(
            think=serve.think or "off",
            style=ReplyStyle(reasoning=False, tidy=True),
            deadline_s=min(GAME_DEADLINE_S, settings.timeouts.total),
            any_model=True,
            needs_words=True,
            forgives=True,
            lane=serve.lane,
        )
    return ServeProfile(
        think=serve.think, style=ReplyStyle(reasoning=serve.think != "off"), lane=serve.lane
    )

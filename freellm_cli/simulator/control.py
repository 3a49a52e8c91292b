"""The simulator's remote control: `/_control` on its own port, for tests and tools in other processes.

Requests carry the token in `x-control-token`. `POST /_control/<verb>` takes the arguments of the method of
the same name as a JSON object; `GET /_control/counts` and `/_control/seen` give what was seen.

    fail      {"with_": "cut_midstream", "model": "gpt*", "times": 1, ...}
    reply     {"text": "...", ...}
    key       {"text": "k1", "account": "acme", "state": "bad", "limits": [["rpm", 10], ["rpd", 250]]}
    pot       {"scope": "account", "name": "acme", "limits": [["rpm", 10]]}; scopes: account, address,
              provider, each_key; a limit may name a pattern of models: ["rpm", 10, "small-*"]
    model     {"name": "m", "state": "missing", "context": 8000}
    heal, release, reset    {}
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

from freellm_cli.simulator.answers import Answer, render
from freellm_cli.simulator.wire import DONE, Connection, Request

if TYPE_CHECKING:
    from freellm_cli.simulator.accounts import Pot
    from freellm_cli.simulator.server import Simulator

_KEY_STATES = ("good", "bad", "suspended", "out_of_credit", "forbidden")
_MODEL_STATES = ("missing", "retired", "back")
_POTS = ("account", "address", "provider", "each_key")
_LIMITS = ("rpm", "tpm", "rpd", "tpd", "per_24h", "concurrent")


class Control:
    def __init__(self, simulator: Simulator, token: str) -> None:
        self._simulator = simulator
        self._token = token

    def serve(self, connection: Connection, request: Request) -> bool:
        """Answers one control request; False when the connection must not be used again."""
        answer = self._answer(request)
        rendered = render(answer, http10=request.http10, keep_alive=request.keep_alive)
        return connection.play(rendered.steps(), _unheeded) == DONE and rendered.keep_alive

    def _answer(self, request: Request) -> Answer:
        given = request.headers.get("x-control-token", "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return Answer(403, payload={"error": "x-control-token is wrong"})
        verb = request.path.removeprefix("/_control").strip("/")
        try:
            return Answer(payload=self._do(request.method, verb, json.loads(request.body or b"{}")))
        except (KeyError, TypeError, ValueError) as error:
            return Answer(400, payload={"error": str(error)})

    def _do(self, method: str, verb: str, given: dict[str, Any]) -> Any:
        simulator = self._simulator
        if method == "GET":
            if verb == "counts":
                return simulator.counts._asdict()
            if verb == "seen":
                return [seen.as_dict() for seen in simulator.seen]
        elif verb in ("fail", "reply"):
            getattr(simulator, verb)(**given)
            return {}
        elif verb in ("heal", "release", "reset"):
            getattr(simulator, verb)()
            return {}
        elif verb == "key":
            return self._key(**given)
        elif verb == "pot":
            return self._pot(**given)
        elif verb == "model":
            return self._model(**given)
        raise ValueError(f"no such control: {method} {verb}")

    def _key(
        self, text: str, account: str = "", state: str = "", limits: list[list[Any]] | None = None
    ) -> dict[str, Any]:
        key = self._simulator.key(text)
        if account:
            key.account(account)
        if state:
            getattr(key, _one_of(state, _KEY_STATES))()
        return self._limit(key, limits or [])

    def _pot(self, scope: str, limits: list[list[Any]], name: str | None = None) -> dict[str, Any]:
        open_pot = getattr(self._simulator, _one_of(scope, _POTS))
        return self._limit(open_pot() if name is None else open_pot(name), limits)

    def _limit(self, pot: Pot, limits: list[list[Any]]) -> dict[str, Any]:
        for name, amount, *model in limits:
            getattr(pot, _one_of(name, _LIMITS))(amount, model=model[0] if model else None)
        return {}

    def _model(
        self, name: str, provider: str | None = None, state: str = "", context: int = 0
    ) -> dict[str, Any]:
        model = self._simulator.model(name, provider)
        if state:
            getattr(model, _one_of(state, _MODEL_STATES))()
        if context:
            model.context(context)
        return {}


def _unheeded(end: str) -> None:
    """Nobody counts control requests."""


def _one_of(word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise ValueError(f"{word!r} is none of {', '.join(words)}")
    return word

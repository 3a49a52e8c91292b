"""A conversation: what was said so far, carried on by each exchange, kept when the person wants so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.chat import Message, Usage
from freellm_cli.core.errors import FreellmError, UnknownName

if TYPE_CHECKING:
    from freellm_cli.services.answer import Answerer
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.history import Head, History

OWN_PREFIX = "c_"
"""Ids that we make begin so; any other name is the person's."""


class Turn(NamedTuple):
    """`question` is what was typed, `content` what was sent: text or a list of parts (core.chat)."""

    question: str
    content: str | list[dict[str, Any]]
    answer: str
    model: str = ""


class Conversation:
    """`model` and `system` may be changed between two turns. `logged`: exchanges go to history.db."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        name: str = "",
        model: str = "",
        system: str | None = None,
        turns: list[Turn] | None = None,
        logged: bool = True,
    ) -> None:
        self.id = name or f"{OWN_PREFIX}{runtime.rng.getrandbits(40):010x}"
        self.model = model
        self.system = system
        self.turns = turns or []
        self.logged = logged
        self._runtime = runtime
        self._store: History | None = None

    def messages(self, content: str | list[dict[str, Any]]) -> list[Message]:
        """The whole conversation with a new question at its end."""
        messages: list[Message] = []
        if self.system is not None:
            messages.append({"role": "system", "content": self.system})
        for turn in self.turns:
            messages.append({"role": "user", "content": turn.content})
            messages.append({"role": "assistant", "content": turn.answer})
        messages.append({"role": "user", "content": content})
        return messages

    def add(self, turn: Turn, who: Answerer, usage: Usage, request_id: str) -> None:
        """Carries on by one exchange. What cannot be kept becomes a notice: the answer was given already."""
        self.turns.append(turn)
        if not self.logged:
            return
        from freellm_cli.storage.history import Exchange

        exchange = Exchange(
            turn.question,
            turn.content,
            turn.answer,
            who.model_id,
            who.credential,
            request_id,
            usage.prompt,
            usage.completion,
        )
        try:
            self._history().add(self.id, self.model, self.system, exchange)
        except FreellmError as error:
            self._runtime.notice(f"this exchange was not kept: {error.message}")

    def undo(self) -> Turn | None:
        """Takes the last exchange back, out of history.db too; None when there is none."""
        if not self.turns:
            return None
        if self.logged:
            try:
                self._history().drop_last_turn(self.id)
            except FreellmError as error:
                self._runtime.notice(f"it is still in the history: {error.message}")
        return self.turns.pop()

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _history(self) -> History:
        if self._store is None:
            self._store = open_history(self._runtime)
        return self._store


def open_history(runtime: Runtime) -> History:
    """The store of this person's conversations; nothing is opened yet."""
    from freellm_cli.storage.history import History
    from freellm_cli.storage.paths import history_file

    return History(
        history_file(runtime.paths), clock=runtime.clock, rng=runtime.rng, notice=runtime.notice
    )


def typed_lines_file(runtime: Runtime) -> str:
    """A private file for the lines that a person typed; "" when there can be none."""
    import os

    from freellm_cli.storage.files import make_private_folder
    from freellm_cli.storage.permissions import system_permissions

    path = os.path.join(runtime.paths.state, "typed_lines")
    try:
        make_private_folder(runtime.paths.state)
        if not os.path.exists(path):
            os.close(system_permissions().create(path))
    except OSError:
        return ""
    return path


def start(
    runtime: Runtime, *, name: str = "", latest: bool = False, logged: bool = True
) -> Conversation:
    """A conversation: the `latest`, the one called `name`, or a new one when neither is said.

    A name that nobody used yet begins a conversation of that name, with a notice. Raises UnknownName when
    there is no latest one, or none with such an id of ours, or several whose ids begin so.
    """
    logged = logged and runtime.settings.history
    if not name and not latest:
        return Conversation(runtime, logged=logged)
    history = open_history(runtime)
    try:
        head = _named(history, name) if name else _latest(history)
        if head is None:
            runtime.notice(f"a new conversation begins: {name}")
            return Conversation(runtime, name=name, logged=logged)
        turns = _turns(history, head.id)
    finally:
        history.close()
    return Conversation(
        runtime, name=head.id, model=head.model, system=head.system, turns=turns, logged=logged
    )


def find(history: History, name: str) -> Head:
    """The one conversation with this id or beginning of an id. Raises UnknownName."""
    heads = history.matching(name)
    if len(heads) > 1:
        nearest = tuple(head.id for head in heads)
        told = ", ".join(nearest[:5])
        raise UnknownName(f"{name!r} may be any of {told}", hint="say more of it", nearest=nearest)
    if not heads:
        raise UnknownName(f"no conversation is called {name!r}", hint="see `freellm history list`")
    return heads[0]


def _named(history: History, name: str) -> Head | None:
    if not name.startswith(OWN_PREFIX) and name not in {head.id for head in history.matching(name)}:
        return None  # only ids of ours are shortened: a name of one's own is taken at its word
    return find(history, name)


def _latest(history: History) -> Head:
    heads = history.heads(1)
    if not heads:
        raise UnknownName(
            "there is no conversation to continue",
            hint="ask without --continue; conversations are kept unless history = false",
        )
    return heads[0]


def _turns(history: History, name: str) -> list[Turn]:
    turns: list[Turn] = []
    question: tuple[str, Any] = ("", "")
    for message in history.messages(name):
        if message.role == "user":
            question = (message.text, message.content)
        else:
            turns.append(Turn(*question, message.text, message.model))
    return turns

"""`freellm chat` on a terminal without a prompt: a conversation, held until the person leaves."""

from __future__ import annotations

from typing import Any

from freellm_cli.cli.chat_face import begin, tells_waits
from freellm_cli.cli.chat_options import ChatOptions
from freellm_cli.cli.chat_print import status_line
from freellm_cli.cli.chat_question import load_template, request_params, variables, with_defaults
from freellm_cli.cli.face import DIM, Face
from freellm_cli.cli.session_input import make_reader
from freellm_cli.cli.session_output import make_printer
from freellm_cli.core.chat import ChatRequest, Usage
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.templates import fill
from freellm_cli.services.answer import Answer
from freellm_cli.services.attachments import Attachment, Content, content_of, load, summary
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.chat import ChatService
from freellm_cli.services.conversation import Conversation, Turn


def run_session(face: Face, options: ChatOptions) -> int:
    """Asks and answers until Ctrl-D or /exit. Raises FreellmError only for what is wrong at its beginning."""
    params: dict[str, Any] = request_params(options)
    if options.template:
        template = load_template(face, options)
        filled = fill(template, "", variables(options))
        system = filled.system if options.system is None else options.system
        options = with_defaults(template, options)._replace(system=system)
        params = {**template.options, **params}
    session = Session(face, options, params)
    session.attach(options.attach)
    try:
        return session.run()
    finally:
        session.conversation.close()


class Session:
    """The conversation, what the next question will carry, and what was used so far."""

    def __init__(self, face: Face, options: ChatOptions, params: dict[str, Any]) -> None:
        self.face = face
        self.options = options
        self.params = params
        self.think = options.think
        self.conversation = begin(face, options)
        self.attached: list[Attachment] = []
        self.used: dict[str, tuple[int, Usage]] = {}
        self._service = ChatService(face.runtime)
        self._printer = make_printer(face)
        self._last: tuple[str, Content] | None = None

    def run(self) -> int:
        first = self._first_target()
        reader = make_reader(self.face, kept=self.conversation.logged)
        self._greet(first)
        while True:
            try:
                line = reader.read()
            except EOFError:
                return 0
            except KeyboardInterrupt:
                self.say("Ctrl-D or /exit leaves")
                continue
            try:
                if self.take(line):
                    return 0
            except KeyboardInterrupt:
                self.say("stopped")
            except FreellmError as error:
                self.face.show_error(error)

    def take(self, line: str) -> bool:
        """One input of the person's: a command or a question. True when the session is over."""
        text = line.strip()
        if text.startswith("/") and not text.startswith("//"):
            from freellm_cli.cli.session_commands import obey

            return obey(self, text)
        if text.startswith("//"):
            text = text[1:]
        if text or self.attached:
            self._ask(summary(text, self.attached), content_of(text, self.attached))
            self.attached = []
        return False

    def attach(self, sources: tuple[str, ...]) -> None:
        """Puts files to the next question. Raises UsageError."""
        found = load(self.face.runtime, sources, bytes)
        self.attached += found
        for item in found:
            self.say(f"{item.name} goes with the next question ({item.mime}, {item.size:,} bytes)")

    def retry(self) -> bool:
        """Asks the last question anew, in place of its answer. False when there is none."""
        if self._last is None and self.conversation.turns:
            turn = self.conversation.turns[-1]
            self._last = (turn.question, turn.content)
        if self._last is None:
            return False
        turns = self.conversation.turns
        if turns and turns[-1].content is self._last[1]:
            self.conversation.undo()
        self._ask(*self._last)
        return True

    def begin_anew(self) -> None:
        """A new conversation with the same model and system prompt; the old one stays in the history."""
        old = self.conversation
        old.close()
        self.conversation = Conversation(
            self.face.runtime, model=old.model, system=old.system, logged=old.logged
        )
        self._last = None

    def undo(self) -> Turn | None:
        """Takes the last question and its answer back."""
        self._last = None
        return self.conversation.undo()

    def request(self, content: Content) -> ChatRequest:
        return ChatRequest(
            model=self.conversation.model,
            messages=self.conversation.messages(content),
            params=self.params,
            think=self.think,
        )

    def say(self, text: str) -> None:
        """A quiet line beside the conversation."""
        self.face.flush()
        self.face.err.write(self.face.styled(DIM, self.face.shown(text)) + "\n")
        self.face.err.flush()

    def _first_target(self) -> str:
        """The model that would answer now. Raises at once what would keep every question from an answer."""
        plan = self._service.plan(self.request("hello"), private=self.options.private)
        return plan.targets[0].model.id if plan.targets else ""

    def _greet(self, first: str) -> None:
        conversation = self.conversation
        if self.face.quiet:
            return
        if conversation.turns:
            title = conversation.turns[0].question.splitlines()[0][:60]
            self.say(f"going on with {conversation.id}: {title} ({len(conversation.turns)} turns)")
        asked = conversation.model or self.face.runtime.settings.default_model
        model = f"{asked}: {first}" if asked and first and asked != first else first or asked
        kept = "" if conversation.logged else " · nothing is kept"
        self.say(f"{model} · /help tells the commands, Ctrl-D leaves{kept}")

    def _ask(self, text: str, content: Content) -> None:
        self._last = (text, content)
        with self._printer.waiting() as show_wait:
            options = CallOptions(
                timeout_s=self.options.timeout,
                private=self.options.private,
                conversation=self.conversation.id,
                on_wait=tells_waits(self.face, show_wait),
            )
            answer = self._service.ask(self.request(content), options)
        stopped = False
        try:
            for notice in answer.notices:
                self.face.note(notice)
            self._printer.show(answer)
        except KeyboardInterrupt:
            stopped = True
        finally:
            answer.close()
        self._finish(text, content, answer, stopped)

    def _finish(self, text: str, content: Content, answer: Answer, stopped: bool) -> None:
        said = answer.completion().text
        if not self.face.quiet:
            self.say(status_line(answer) + (" · stopped" if stopped else ""))
        who, usage = answer.answerer, answer.usage
        count, before = self.used.get(who.model_id, (0, Usage()))
        total = Usage(before.prompt + usage.prompt, before.completion + usage.completion)
        self.used[who.model_id] = (count + 1, total)
        if said.strip():
            turn = Turn(text, content, said, who.model_id)
            self.conversation.add(turn, who, usage, answer.request_id)

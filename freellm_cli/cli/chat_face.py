"""`freellm chat`, one-shot and piping: a question in, the answer out as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freellm_cli.cli.chat_options import ChatOptions
from freellm_cli.cli.chat_print import print_status, print_stream, print_whole
from freellm_cli.cli.chat_question import Question, read_question, readable, require_names
from freellm_cli.cli.face import Face
from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import UsageError
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.chat import ChatService
from freellm_cli.services.conversation import Conversation, Turn, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from freellm_cli.services.wait_words import OnWait, Wait


def chat(face: Face, options: ChatOptions) -> int:
    """Asks and prints, or holds a conversation on the terminal. Raises any FreellmError."""
    options = readable(options)
    require_names(options)
    if options.param and not (options.template or options.save):
        raise UsageError("-p is for a template's variables", hint="name the template: -t NAME")
    if options.save:
        return _save_as_template(face, options)
    if _wants_session(face, options):
        from freellm_cli.cli import session

        return session.run_session(face, options)
    face.require_output()
    schema = _schema(options)
    question = read_question(face, options)
    conversation = begin(face, question.options)
    request = _request(conversation, question)
    call = _call(conversation, question.options, whole=_is_whole(face, question.options))
    call = call._replace(on_wait=tells_waits(face))
    try:
        if schema is not None:
            return _answer_as_json(face, question, conversation, request, call, schema)
        return _answer_as_text(face, question, conversation, request, call)
    finally:
        conversation.close()


def _answer_as_text(
    face: Face,
    question: Question,
    conversation: Conversation,
    request: ChatRequest,
    call: CallOptions,
) -> int:
    answer = ChatService(face.runtime).ask(request, call)
    try:
        for notice in answer.notices:
            face.note(notice)
        if call.whole:
            print_whole(face, question.options, answer, conversation)
        else:
            print_stream(face, answer)
    finally:
        answer.close()
    print_status(face, question.options, answer)
    face.flush()
    completion = answer.completion()
    turn = Turn(question.text, question.content, completion.text, answer.answerer.model_id)
    conversation.add(turn, answer.answerer, answer.usage, answer.request_id)
    return 0


def _save_as_template(face: Face, options: ChatOptions) -> int:
    from freellm_cli.cli.chat_question import request_params, variables
    from freellm_cli.cli.render import render
    from freellm_cli.services.templates import new_template

    prompt = " ".join(options.prompt) or None
    if prompt is None and options.system is None:
        raise UsageError(
            "--save was given neither a prompt nor a system prompt to keep",
            hint=f'try `freellm chat --save {options.save} "A haiku about {{input}}"`',
        )
    table = {
        "system": options.system,
        "prompt": prompt,
        "model": options.model,
        "think": options.think,
        "extract": options.extract,
        "options": request_params(options),
        "defaults": variables(options),
    }
    return render(face, new_template(face.runtime, options.save or "", table))


def begin(face: Face, options: ChatOptions) -> Conversation:
    """The conversation that the options name, with the model and system prompt that hold from now on."""
    if options.continue_ and options.conversation:
        raise UsageError("--continue and --conversation name two conversations", hint="say one")
    conversation = start(
        face.runtime,
        name=options.conversation or "",
        latest=options.continue_,
        logged=not options.no_log,
    )
    conversation.model = options.model or conversation.model
    if options.system is not None:
        conversation.system = options.system
    return conversation


def _wants_session(face: Face, options: ChatOptions) -> bool:
    if options.prompt or not face.is_terminal(face.stdin):
        return False
    if face.json or options.json_schema or not face.is_terminal(face.out):
        return False
    if not options.template:
        return True
    from freellm_cli.cli.chat_question import load_template

    return load_template(face, options).prompt is None


def _is_whole(face: Face, options: ChatOptions) -> bool:
    return face.json or options.extract or not options.stream or bool(options.json_schema)


def _schema(options: ChatOptions) -> Any:
    if not options.json_schema:
        return None
    if options.extract:
        raise UsageError("--extract takes a code block out, --json-schema a value", hint="say one")
    from freellm_cli.services.structured import read_schema_file

    return read_schema_file(options.json_schema)


def tells_waits(face: Face, show: Callable[[str], None] | None = None) -> OnWait | None:
    """Tells the person what a question waits for: with `show` again and again, or once on stderr. What
    that takes is imported by the first wait."""
    teller: OnWait | None = None

    def tell(words: str) -> None:
        face.note(f"{words}; Ctrl-C stops, --timeout shortens")

    def on_wait(found: Wait | None, waited_s: float) -> None:
        nonlocal teller
        if teller is None:
            from freellm_cli.services.wait_words import WaitTeller

            clock = face.runtime.clock
            teller = WaitTeller(clock, show or tell, counts_down=show is not None)
        teller(found, waited_s)

    return None if face.quiet else on_wait


def _request(conversation: Conversation, question: Question) -> ChatRequest:
    return ChatRequest(
        model=conversation.model,
        messages=conversation.messages(question.content),
        params=question.params,
        think=question.options.think,
        stream=question.options.stream,
    )


def _call(conversation: Conversation, options: ChatOptions, *, whole: bool) -> CallOptions:
    return CallOptions(
        timeout_s=options.timeout,
        whole=whole,
        private=options.private,
        conversation=conversation.id if conversation.logged or conversation.turns else "",
    )


def _answer_as_json(
    face: Face,
    question: Question,
    conversation: Conversation,
    request: ChatRequest,
    call: CallOptions,
    schema: Any,
) -> int:
    from freellm_cli.cli.chat_print import as_json
    from freellm_cli.services.structured import ask_for_json

    found = ask_for_json(ChatService(face.runtime), request, call, schema)
    for notice in found.answer.notices:
        face.note(notice)
    if found.repaired:
        face.note("the first answer did not fit the schema and was corrected")
    if face.json:
        face.print_json(
            {**as_json(found.answer, found.completion, conversation), "data": found.data}
        )
    else:
        face.print(face.shown_json(found.text))
    print_status(face, question.options, found.answer)
    face.flush()
    answer = found.answer
    turn = Turn(question.text, question.content, found.text, answer.answerer.model_id)
    conversation.add(turn, answer.answerer, answer.usage, answer.request_id)
    return 0

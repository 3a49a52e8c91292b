"""The commands of a conversation: what begins with a slash."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.chat import THINK_LEVELS
from freellm_cli.core.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from freellm_cli.cli.session import Session


class Command(NamedTuple):
    """`run(session, rest)` gives True when the session is over."""

    wants: str
    help: str
    run: Callable[[Session, str], bool | None]


def obey(session: Session, line: str) -> bool:
    """Runs `/name rest`. True when the session is over. Raises UnknownName for a command that is none."""
    name, _, rest = line.partition(" ")
    command = COMMANDS.get(_SHORT.get(name, name))
    if command is None:
        from difflib import get_close_matches

        nearest = tuple(get_close_matches(name, COMMANDS, 2))
        told = f"did you mean {nearest[0]}?" if nearest else "/help lists them"
        raise UnknownName(
            f"no command is called {name!r}",
            hint=f"{told}; begin with // to send a text that begins with a slash",
            nearest=nearest,
        )
    return bool(command.run(session, rest.strip()))


def _model(session: Session, rest: str) -> None:
    from freellm_cli.services.chat import ChatService
    from freellm_cli.services.outcome import final_error

    conversation = session.conversation
    if not rest:
        session.say(conversation.model or "the default model")
        return
    request = session.request("")._replace(model=rest)
    plan = ChatService(session.face.runtime).plan(request, private=session.options.private)
    if not plan.targets:
        raise final_error(plan, [], list(plan.excluded))
    conversation.model = rest
    first = plan.targets[0].model.id
    session.say(f"now asking {rest}" + ("" if first == rest else f": {first} first"))


def _system(session: Session, rest: str) -> None:
    if rest:
        session.conversation.system = None if rest == "off" else rest
    session.say(f"system: {session.conversation.system or 'none'}")


def _think(session: Session, rest: str) -> None:
    if rest and rest not in THINK_LEVELS:
        raise UsageError(f"/think takes {', '.join(THINK_LEVELS)}, not {rest!r}")
    session.think = rest or session.think
    session.say(f"think: {session.think or 'as the model likes'}")


def _attach(session: Session, rest: str) -> None:
    if not rest:
        names = ", ".join(item.name for item in session.attached)
        session.say(f"attached: {names or 'nothing'}; /attach FILE, an address, or clipboard")
        return
    session.attach(_sources(rest))


def _sources(rest: str) -> tuple[str, ...]:
    """One path with spaces, or several words as a shell reads them."""
    path = os.path.expanduser(rest)
    if os.path.exists(path):
        return (path,)
    from freellm_cli.core.shell_words import split_words

    try:
        words = split_words(rest, windows=os.name == "nt")
    except ValueError as error:
        raise UsageError(f"{rest} cannot be read: {error}") from error
    return tuple(os.path.expanduser(word) for word in words)


def _save(session: Session, rest: str) -> None:
    from freellm_cli.cli.new_file import write_new
    from freellm_cli.services.history import markdown_of

    conversation = session.conversation
    if not conversation.turns:
        raise UsageError("nothing was said yet")
    path = os.path.expanduser(rest) or f"{conversation.id}.md"
    turns = [(turn.question, turn.model, turn.answer) for turn in conversation.turns]
    title = " ".join(turns[0][0].split())[:60]
    write_new(path, markdown_of(title, conversation.system, turns))
    session.say(f"wrote {path}")


def _retry(session: Session, rest: str) -> None:
    if not session.retry():
        raise UsageError("nothing was asked yet")


def _undo(session: Session, rest: str) -> None:
    turn = session.undo()
    if turn is None:
        raise UsageError("nothing was said yet")
    session.say(f"taken back: {' '.join(turn.question.split())[:60]}")


def _copy(session: Session, rest: str) -> None:
    from freellm_cli.core.fences import first_fenced_block
    from freellm_cli.services.clipboard_text import by_terminal, copy_text

    if rest not in ("", "code"):
        raise UsageError(f"/copy takes code or nothing, not {rest!r}")
    turns = session.conversation.turns
    if not turns:
        raise UsageError("nothing was said yet")
    text = first_fenced_block(turns[-1].answer) if rest else turns[-1].answer
    face = session.face
    if copy_text(text, face.env):
        session.say(f"copied {len(text):,} characters")
        return
    sequence = by_terminal(text) if face.env.get("TERM") not in ("dumb", "unknown") else ""
    if not sequence:
        raise UsageError("there is no tool that copies", hint="install wl-clipboard, xclip or xsel")
    face.out.write(sequence)
    face.out.flush()
    session.say(f"gave {len(text):,} characters to the terminal, to be copied")


def _usage(session: Session, rest: str) -> None:
    from freellm_cli.cli.render import render_blocks
    from freellm_cli.services.results import Table

    rows = tuple(
        (model, str(count), f"{usage.prompt:,}", f"{usage.completion:,}")
        for model, (count, usage) in session.used.items()
    )
    columns = ("model", "answers", "prompt tokens", "answer tokens")
    render_blocks(session.face, [Table(columns, rows, empty="nothing was asked yet")])


def _limits(session: Session, rest: str) -> None:
    from freellm_cli.cli.render import render_blocks
    from freellm_cli.services.limits import show_limits

    render_blocks(session.face, show_limits(session.face.runtime, rest).blocks)


def _new(session: Session, rest: str) -> None:
    session.begin_anew()
    session.say("a new conversation")


def _help(session: Session, rest: str) -> None:
    from freellm_cli.cli.render import render_blocks
    from freellm_cli.services.results import Facts, Line

    rows = tuple((f"{name} {row.wants}".strip(), row.help) for name, row in COMMANDS.items())
    keys = "Alt-Enter or \\ before Enter: a new line · Ctrl-X Ctrl-E: write it in your editor"
    more = "Ctrl-R: search what was typed · Ctrl-C: stop the answer · Ctrl-D: leave"
    render_blocks(session.face, [Facts(rows), Line(keys, "dim"), Line(more, "dim")])


def _exit(session: Session, rest: str) -> bool:
    return True


COMMANDS: dict[str, Command] = {
    "/model": Command("[NAME]", "Ask another model from now on.", _model),
    "/system": Command("[TEXT]", "Set the system prompt; off takes it away.", _system),
    "/think": Command("[LEVEL]", "How much to reason first.", _think),
    "/attach": Command(
        "[FILE]", "Put a file to the next question; or an address, or clipboard.", _attach
    ),
    "/save": Command("[FILE]", "Write the conversation into a new Markdown file.", _save),
    "/copy": Command("[code]", "Copy the last answer, or the first code block of it.", _copy),
    "/retry": Command("", "Ask the last question anew.", _retry),
    "/undo": Command("", "Take the last question and its answer back.", _undo),
    "/new": Command("", "Begin a new conversation.", _new),
    "/usage": Command("", "Who answered here, and how many tokens it took.", _usage),
    "/limits": Command("[PROVIDER]", "What is used of every limit.", _limits),
    "/help": Command("", "This list.", _help),
    "/exit": Command("", "Leave.", _exit),
}
_SHORT = {"/quit": "/exit", "/q": "/exit", "/?": "/help"}

"""What the person types: with line editing, history and completion, or line by line on a dumb terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from freellm_cli.cli.face import Face
from freellm_cli.cli.plain_letters import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT, MORE = "> ", ". "
_MOST_NAMES = 200


class Reader(Protocol):
    def read(self) -> str:
        """One input, of one line or more. Raises EOFError to leave, KeyboardInterrupt to begin anew."""


def make_reader(face: Face, *, kept: bool) -> Reader:
    """`kept`: whether what is typed may be remembered for the next session."""
    if face.env.get("TERM") in ("dumb", "unknown"):
        return PlainReader(face)
    return EditingReader(face, kept)


class PlainReader:
    """A line at a time; one that ends in a backslash goes on."""

    def __init__(self, face: Face) -> None:
        self._face = face
        reconfigure = getattr(face.stdin, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="surrogateescape")

    def read(self) -> str:
        lines = [self._line(PROMPT)]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(self._line(MORE))
        return "\n".join(lines)

    def _line(self, prompt: str) -> str:
        self._face.out.write(prompt)
        self._face.out.flush()
        line = self._face.stdin.readline()
        if not line:
            self._face.out.write("\n")
            raise EOFError
        return as_text(line.rstrip("\r\n"))


class EditingReader:
    """Enter sends; Alt-Enter or a backslash before Enter begins a new line; pasted ones stay."""

    def __init__(self, face: Face, kept: bool) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.output import ColorDepth
        from prompt_toolkit.shortcuts import CompleteStyle

        colour = face.may_colour(face.out)
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            multiline=True,
            prompt_continuation=MORE,
            key_bindings=_keys(),
            completer=_completer(face),
            complete_while_typing=False,
            enable_open_in_editor=True,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            history=_history(face, kept),
            color_depth=None if colour else ColorDepth.DEPTH_1_BIT,
            input=_input(face),
            output=terminal_output(face),
        )

    def read(self) -> str:
        # Bytes that are no text in the terminal's encoding arrive as lone surrogates.
        return as_text(self._session.prompt()).encode("utf-8", "replace").decode("utf-8")


def _keys() -> Any:
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    @keys.add("c-j")  # what Enter was turned into while an answer came
    def send(event: Any) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("escape", "c-j")
    def new_line(event: Any) -> None:
        event.current_buffer.newline(copy_margin=False)

    return keys


def _completer(face: Face) -> Any:
    from prompt_toolkit.completion import Completer, Completion, PathCompleter
    from prompt_toolkit.document import Document

    from freellm_cli.cli.session_commands import COMMANDS
    from freellm_cli.core.chat import THINK_LEVELS

    paths = PathCompleter(expanduser=True)

    class CommandCompleter(Completer):
        def get_completions(self, document: Any, complete_event: Any) -> Iterator[Any]:
            text = document.text_before_cursor
            if not text.startswith("/") or "\n" in text:
                return
            word, space, rest = text.partition(" ")
            if word == "/attach" and space:
                yield from paths.get_completions(Document(rest), complete_event)
                return
            if not space:
                choices = list(COMMANDS)
            elif word == "/model":
                choices = _names(face, rest)
            else:
                choices = list(THINK_LEVELS) if word == "/think" else []
            typed = rest if space else word
            for choice in choices:
                if choice.startswith(typed):
                    yield Completion(choice, start_position=-len(typed))

    return CommandCompleter()


def _names(face: Face, typed: str) -> list[str]:
    """Aliases, families and models."""
    from freellm_cli.core.errors import FreellmError
    from freellm_cli.services.completion import complete

    try:
        return [name.text for name in complete(face.runtime, "names", typed)[:_MOST_NAMES]]
    except FreellmError:
        return []


def _history(face: Face, kept: bool) -> Any:
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    from freellm_cli.services.conversation import typed_lines_file

    path = typed_lines_file(face.runtime) if kept else ""
    return FileHistory(path) if path else InMemoryHistory()


def _input(face: Face) -> Any:
    from prompt_toolkit.input import create_input

    return create_input(face.stdin)


def terminal_output(face: Face) -> Any:
    """prompt_toolkit's hold on the terminal that answers go to."""
    if os.name == "nt":
        from prompt_toolkit.output import create_output

        return create_output(face.out)
    from prompt_toolkit.output.vt100 import Vt100_Output

    # Without asking where the cursor is: some terminals do not answer, others in the midst of the next input.
    output = Vt100_Output.from_pty(face.out, term=face.env.get("TERM"))
    output.enable_cpr = False
    return output

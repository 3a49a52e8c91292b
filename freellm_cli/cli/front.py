"""The way in: the short path for what is run a thousand times a day, Typer for everything else.

Typer costs 60 ms before a command begins, most of it for parsing what seldom needs more than a table. So
`chat` is parsed by `cli.quick_parse` from a table that `scripts/gen` compiles from the very Typer command;
whatever that parser is not sure of (a slip, `--help`, an abbreviation) goes to Typer. What completion scripts
ask while a person waits on the Tab key does not pass through Typer either.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from freellm_cli.cli.face import Face
from freellm_cli.cli.streams import standard_streams
from freellm_cli.core import errors


def run(argv: list[str]) -> int:
    """Runs one command line; returns the exit code. Never raises, never shows a traceback."""
    streams = standard_streams(os.environ, sys.stdin, sys.stdout, sys.stderr)
    sys.stdout = streams[1]  # where Typer itself writes its help
    face = Face(os.environ, *streams)
    return guarded(lambda: dispatch(argv, face), face)


def dispatch(
    argv: list[str], face: Face, programs: Callable[[], Sequence[str]] | None = None
) -> int:
    """Runs one command line with these streams. Raises FreellmError and what `guarded` handles.

    `programs`: what runs in this console; None asks Windows, where a double click is a command line too.
    """
    if not argv and (programs is not None or sys.platform == "win32"):
        from freellm_cli.cli import double_click

        if double_click.was_double_clicked(face, (programs or double_click.console_programs)()):
            from freellm_cli.cli.serve_face import serve

            return double_click.serve_and_show(face, lambda: serve(face, {}, show_page=True))
    if "chat" in argv[:6]:
        from freellm_cli.cli import quick_parse

        call = quick_parse.chat_call(argv)
        if call is not None:
            from freellm_cli.cli.chat_face import chat

            return chat(face.with_globals(call.globals), call.options)
    if argv[:1] == ["_complete"]:
        from freellm_cli.cli.complete import complete

        return complete(face, argv[1:])
    if argv == ["_serve"]:
        from freellm_cli.server.worker_process import run as serve_too

        return serve_too(face.env)
    from freellm_cli.cli.app import run_typer

    return run_typer(argv, face)


def guarded(work: Callable[[], int], face: Face) -> int:
    """The one place where errors become messages and exit codes."""
    try:
        code = work()
        face.flush()
    except errors.OutputFault as error:
        face.abandon_stdout()
        return face.show_error(error)
    except errors.FreellmError as error:
        return face.show_error(error)
    except KeyboardInterrupt:
        face.flush_quietly()
        face.err.write("\n" if face.is_terminal(face.err) else "")  # below the ^C
        face.note("interrupted")
        return errors.EXIT_INTERRUPTED
    except BrokenPipeError:
        face.abandon_stdout()
        return errors.EXIT_CLOSED_PIPE
    except UnicodeEncodeError as error:
        if "surrogates" not in error.reason:
            return face.show_crash(error)
        return face.show_error(_unreadable())
    except Exception as error:  # noqa: BLE001 - the last line of defence: a message instead of a traceback
        return face.show_crash(error)
    return code


def _unreadable() -> errors.UsageError:
    return errors.UsageError(
        "something on the command line is no text in this terminal's encoding",
        hint="set LC_ALL=C.UTF-8 (or PYTHONUTF8=1) and try again",
    )

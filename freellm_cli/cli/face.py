"""What the process has to talk with: its streams, its terminal, its options that every command knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from freellm_cli.cli import plain_letters
from freellm_cli.cli.streams import is_stand_in
from freellm_cli.core import errors

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

DIM, BOLD, RED, YELLOW, RESET = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"


class Face:
    """Answers and data go to `out`; progress, notices and errors to `err`."""

    def __init__(
        self, env: Mapping[str, str], stdin: TextIO, stdout: TextIO, stderr: TextIO
    ) -> None:
        self.env = env
        self.stdin, self.out, self.err = stdin, stdout, stderr
        self.options: dict[str, Any] = {}
        self._runtime: Runtime | None = None
        self._held: list[str] | None = None
        for stream in (stdout, stderr):
            reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors=plain_letters.register())

    def with_globals(self, options: Mapping[str, Any]) -> Face:
        """Takes over `config_dir`, `state_dir`, `json`, `verbose`, `quiet`, `no_color` where given."""
        self.options.update({name: value for name, value in options.items() if value})
        return self

    @property
    def runtime(self) -> Runtime:
        if self._runtime is None:
            from freellm_cli.services.runtime import Runtime

            self._runtime = Runtime(
                env=self.env,
                config_dir=self.options.get("config_dir"),
                state_dir=self.options.get("state_dir"),
                notice=self.note,
            )
        return self._runtime

    def renew_runtime(self) -> None:
        """The settings have changed: what comes next reads them."""
        self._runtime = self.runtime.renewed()

    @property
    def json(self) -> bool:
        return bool(self.options.get("json"))

    @property
    def quiet(self) -> bool:
        return bool(self.options.get("quiet"))

    @property
    def verbose(self) -> bool:
        return bool(self.options.get("verbose"))

    def is_terminal(self, stream: TextIO) -> bool:
        try:
            return stream.isatty()
        except ValueError:  # closed
            return False

    def may_colour(self, stream: TextIO) -> bool:
        if self.options.get("no_color") or self.env.get("NO_COLOR"):
            return False
        return self.is_terminal(stream) and self.env.get("TERM") != "dumb"

    def styled(self, style: str, text: str) -> str:
        """`text` for stderr, in `style` if that is a colour terminal."""
        return f"{style}{text}{RESET}" if self.may_colour(self.err) else text

    def note(self, text: str) -> None:
        """A line for the person, not for the pipe."""
        if self._held is not None:
            self._held.append(text)
        elif not self.quiet and text:
            self.out.flush()
            self.err.write(self.styled(DIM, f"freellm: {self.shown(text)}") + "\n")
            self.err.flush()

    def shown(self, text: str, stream: TextIO | None = None) -> str:
        """As it may stand on `stream` (None: stderr): it may hold the words of a provider."""
        if text.isprintable() or not self.is_terminal(stream or self.err):
            return text
        from freellm_cli.cli.terminal_text import harmless

        return harmless(text)

    def shown_json(self, text: str) -> str:
        """JSON as it may stand on stdout."""
        if text.isprintable() or not self.is_terminal(self.out):
            return text
        from freellm_cli.cli.terminal_text import harmless_json

        return harmless_json(text)

    def hold_notes(self) -> list[str]:
        """Something else owns the screen: notes go into the list that is returned, until `show_notes`."""
        self._held = []
        return self._held

    def show_notes(self) -> None:
        held, self._held = self._held or [], None
        for text in dict.fromkeys(held):
            self.note(text)

    def print(self, text: str) -> None:
        self.out.write(text + "\n")

    def print_json(self, data: object) -> None:
        import json

        whole = (getattr(self.out, "encoding", None) or "utf-8").lower().startswith("utf")
        self.print(self.shown_json(json.dumps(data, ensure_ascii=not whole, indent=2)))

    def show_error(self, error: errors.FreellmError) -> int:
        """What was refused, why, and what mends it; returns the exit code."""
        message, hint = self._clean(error.message), self._clean(error.hint)
        if self.json:
            self.print_json({"error": _error_json(error, message, hint)})
        self.flush_quietly()
        self.err.write(self.styled(RED, "error: ") + self.shown(message) + "\n")
        if hint:
            self.err.write(self.styled(DIM, "  → ") + self.shown(hint) + "\n")
        self.err.flush()
        return error.exit_code

    def show_crash(self, error: Exception) -> int:
        """A fault of ours: one line here, the traceback (without secrets) in a file of the state folder."""
        import traceback

        text = self._clean("".join(traceback.format_exception(error)))
        where = self.shown(self._write_crash(text))
        what = self.shown(self._clean(str(error))[:300])
        self.flush_quietly()
        self.err.write(
            f"{self.styled(RED, 'internal error: ')}{type(error).__name__}: {what}\n"
            f"  → this is a bug in freellm; please report it{where}\n"
        )
        return errors.EXIT_INTERNAL

    def _write_crash(self, text: str) -> str:
        try:
            from freellm_cli.services.crash_report import write_crash_report

            return f" with {write_crash_report(self.runtime, text)}"
        except Exception:  # noqa: BLE001 - the report must not hide the fault it reports
            return "" if not self.verbose else f"\n{text}"

    def _clean(self, text: str) -> str:
        """Without the secrets that are known here, and without what looks like one."""
        if not text:
            return text
        try:
            return self.runtime.redactor.clean(text)
        except Exception:  # noqa: BLE001 - what is broken is being reported: keys may be unreadable
            from freellm_cli.core.redaction import Redactor

            return Redactor(()).clean(text)

    def flush(self) -> None:
        self.out.flush()
        self.err.flush()

    def flush_quietly(self) -> None:
        """What was printed goes out if it can: something else is being told."""
        try:
            self.out.flush()
        except (BrokenPipeError, ValueError, errors.OutputFault):
            self.abandon_stdout()

    def require_output(self) -> None:
        """Raises OutputFault when the process was started without a standard output: nothing that costs
        quota should be asked for then."""
        if is_stand_in(self.out):
            raise errors.OutputFault(
                "the answer could not be written: standard output is closed",
                hint="send it somewhere (>/dev/null will do); nothing was asked",
            )

    def abandon_stdout(self) -> None:
        """Nobody takes it: whatever is still buffered goes nowhere, without a complaint at exit."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.out.fileno())
        except (OSError, ValueError):
            return


def _error_json(error: errors.FreellmError, message: str, hint: str) -> dict[str, object]:
    data: dict[str, object] = {
        "slug": error.slug,
        "message": message,
        "hint": hint,
        "exit_code": error.exit_code,
    }
    if isinstance(error, errors.AllLimited):
        data["retry_after_s"] = error.retry_after_s
    if isinstance(error, errors.UnknownName):
        data["nearest"] = list(error.nearest)
    return data

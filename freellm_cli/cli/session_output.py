"""How an answer comes on a terminal: Markdown, drawn as it streams; plain text where nothing can be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freellm_cli.cli.chat_print import print_stream
from freellm_cli.cli.face import Face
from freellm_cli.cli.terminal_text import harmless
from freellm_cli.core.fences import closes, opening_mark
from freellm_cli.services.answer import Answer

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.markdown import Markdown

_REDRAW_S = 0.08
# Lines of the screen that the unfinished end of an answer leaves free.
_MARGIN = 3


class PlainPrinter:
    """`waiting` gives what tells of a wait, None for a line on stderr; `show` prints the answer as it comes
    and raises UpstreamError when it breaks off."""

    def __init__(self, face: Face) -> None:
        self._face = face

    @contextmanager
    def waiting(self) -> Iterator[Callable[[str], None] | None]:
        yield None

    def show(self, answer: Answer) -> None:
        print_stream(self._face, answer)


class MarkdownPrinter:
    """Draws finished blocks once and for all; only the last, unfinished one is drawn again and again, so that
    an answer of any length costs no more than its text, and stays in the scroll-back."""

    def __init__(self, face: Face) -> None:
        from rich.console import Console

        self._face = face
        self._console = Console(
            file=face.out, no_color=not face.may_colour(face.out), highlight=False, emoji=False
        )

    @contextmanager
    def waiting(self) -> Iterator[Callable[[str], None] | None]:
        """A sign of life until the first token; beside it the seconds that a limit still takes."""
        from rich.text import Text

        spinner = "dots" if self._is_unicode() else "line"
        with self._console.status("", spinner=spinner) as status:
            yield lambda words: status.update(Text(f"{words}; Ctrl-C stops"))

    def show(self, answer: Answer) -> None:
        from rich.live import Live

        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            page = _Page(live, self._console)
            drawn = 0.0
            try:
                for delta in answer.deltas():
                    if delta.reasoning and not self._face.quiet:
                        page.think(harmless(delta.reasoning))
                    if delta.text:
                        page.add(harmless(delta.text))
                    for call in delta.tool_calls:
                        page.add(f"\n\n*calls {harmless(call.name)}*\n\n" if call.name else "")
                    now = self._face.runtime.clock.monotonic()
                    if now - drawn > _REDRAW_S:
                        page.draw()
                        drawn = now
            finally:
                page.finish()

    def _is_unicode(self) -> bool:
        return (self._console.encoding or "").lower().startswith("utf")


class _Page:
    """The answer so far: `thoughts`, blocks already printed, and the text of the last block."""

    def __init__(self, live: Live, console: Console) -> None:
        self._live = live
        self._console = console
        self._tail = ""
        self._thoughts = ""

    def think(self, text: str) -> None:
        self._thoughts += text

    def add(self, text: str) -> None:
        if text:
            self._end_thoughts()
            self._tail += text
            if "\n" in text:
                cut = finished_length(self._tail)
                if cut:
                    self._print(self._tail[:cut])
                    self._tail = self._tail[cut:]

    def draw(self) -> None:
        self._live.update(_End(self._thoughts or self._tail, bool(self._thoughts)), refresh=True)

    def finish(self) -> None:
        self._end_thoughts()
        if self._tail.strip():
            self._print(self._tail)
        self._tail = ""
        self._clear()

    def _end_thoughts(self) -> None:
        if self._thoughts.strip():
            from rich.text import Text

            self._clear()
            self._console.print(Text(self._thoughts.strip() + "\n", style="dim"))
        self._thoughts = ""

    def _print(self, text: str) -> None:
        self._clear()
        self._console.print(_markdown(text.strip("\n")))
        self._console.print()

    def _clear(self) -> None:
        self._live.update("", refresh=True)  # what is printed goes above what was drawn last


class _End:
    """As many of a text's last lines as the screen has room for."""

    def __init__(self, text: str, thoughts: bool) -> None:
        self._text = text
        self._thoughts = thoughts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment
        from rich.text import Text

        what = Text(self._text, style="dim") if self._thoughts else _markdown(self._text)
        lines = console.render_lines(what, options, pad=False)
        for line in lines[-max(1, console.size.height - _MARGIN) :]:
            yield from line
            yield Segment.line()


def make_printer(face: Face) -> PlainPrinter | MarkdownPrinter:
    if face.is_terminal(face.out) and face.env.get("TERM") not in ("dumb", "unknown"):
        return MarkdownPrinter(face)
    return PlainPrinter(face)


def finished_length(text: str) -> int:
    """How much of a Markdown text can be drawn for good: up to the last blank line that is outside of a
    fence and before a line that is not indented (which would belong to a list above it)."""
    cut = at = 0
    mark = ""
    blank = False
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if mark:
            mark = "" if closes(line, mark) else mark
        else:
            if blank and bare and not line[0].isspace():
                cut = at
            mark = opening_mark(line)
        blank = not bare and not mark
        at += len(line)
    return cut


def _markdown(text: str) -> Markdown:
    from rich.markdown import Markdown

    return Markdown(text, hyperlinks=False, code_theme="ansi_dark")

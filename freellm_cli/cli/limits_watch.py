"""`freellm limits --watch`: the pool as it changes, on a terminal that can be painted, else line by line."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import TYPE_CHECKING, Any

from freellm_cli.cli.face import Face
from freellm_cli.cli.limits_board import ASCII, Glyphs, Line, board, cut_to, tally
from freellm_cli.cli.render import render_blocks
from freellm_cli.cli.terminal_table import width_of
from freellm_cli.core.errors import UsageError
from freellm_cli.services.limits import show_limits
from freellm_cli.services.live_runtime import LiveRuntime
from freellm_cli.services.pool_picture import PoolPicture, Row
from freellm_cli.services.results import Cell

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    from freellm_cli.services.runtime import Runtime

SHORTEST_S = 0.2
LONGEST_S = 3600.0
_NO_KEY = "no key stored yet: `freellm setup` leads to a first one"
_STYLES = {
    "": "",
    "good": "ansigreen",
    "bad": "ansired",
    "warn": "ansiyellow",
    "dim": "ansibrightblack",
    "strong": "bold",
}


def watch_limits(face: Face, provider: str, interval_s: float) -> int:
    """Shows the limits until the person leaves; returns the exit code. Raises UsageError, UnknownName."""
    if not SHORTEST_S <= interval_s <= LONGEST_S:
        raise UsageError(
            f"an interval of {interval_s:g} s is none that is looked at",
            hint=f"--interval takes {SHORTEST_S:g} to {LONGEST_S:g} seconds",
        )
    if provider:
        face.runtime.catalog.provider(provider)
    if face.json or not face.is_terminal(face.out) or face.env.get("TERM") in ("dumb", "unknown"):
        return _report(face, provider, interval_s)
    return LiveBoard(face, provider, interval_s).run()


class Watched:
    """The rows of `provider` ("" for all), as of now, with settings and keys as they are in their files."""

    def __init__(self, face: Face, provider: str) -> None:
        self._live = LiveRuntime(face.runtime, face.note)
        self._picture = PoolPicture()
        self._provider = provider
        self.runtime: Runtime = face.runtime

    def rows(self) -> list[Row]:
        self.runtime = self._live.now()
        rows = self._picture.rows(self.runtime)
        return [row for row in rows if self._provider in ("", row["provider"])]


# In a pipe


def _report(face: Face, provider: str, interval_s: float) -> int:
    """What `freellm limits` prints, now and whenever it has changed; with `--json` on one line each time."""
    watched = Watched(face, provider)
    last: object = None
    while True:
        rows = watched.rows()
        state = _without_times(rows)
        if state != last:
            _print(face, watched.runtime, provider, is_first=last is None)
            last = state
        watched.runtime.clock.sleep(interval_s)


def _print(face: Face, runtime: Runtime, provider: str, *, is_first: bool) -> None:
    result, now = show_limits(runtime, provider), runtime.clock.now()
    if face.json:
        data = {"at": round(now, 3), **result.data}
        face.print(face.shown_json(json.dumps(data, ensure_ascii=False, separators=(",", ":"))))
    else:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        face.print(at if is_first else f"\n{at}")
        render_blocks(face, result.blocks)
    face.flush()


def _without_times(part: Any) -> Any:
    """The same picture but for when its windows reset: that alone is no change."""
    if isinstance(part, dict):
        return {name: _without_times(value) for name, value in part.items() if name != "resets_at"}
    return [_without_times(item) for item in part] if isinstance(part, list) else part


# On a terminal


class LiveBoard:
    """Paints the whole screen; only what has changed is sent to the terminal."""

    def __init__(self, face: Face, provider: str, interval_s: float) -> None:
        self._face = face
        self._interval_s = interval_s
        self._title = f"freellm limits {provider}".rstrip()
        self._watched = Watched(face, provider)
        self._glyphs = _glyphs_of(face)
        self._rows: list[Row] = []
        self._traffic = ""
        self._offset = self._height = 0
        self._notes: list[str] = []

    def run(self) -> int:
        """Until q, Ctrl-C or a signal to end; the terminal is as it was before then."""
        self._look()
        app = self._application()
        self._notes = self._face.hold_notes()
        try:
            app.run(pre_run=lambda: self._begin(app))
        finally:
            self._face.show_notes()
        return 0

    def _look(self) -> None:
        self._rows = self._watched.rows()
        ledger = self._watched.runtime.ledger
        counts = (
            (len(ledger.open_leases()), "under way"),
            (sum(ledger.waiting().values()), "waiting"),
        )
        self._traffic = ", ".join(f"{count} {what}" for count, what in counts if count)

    def _begin(self, app: Application[None]) -> None:
        import signal

        app.create_background_task(self._follow(app))
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is None or os.name == "nt":  # there a process is ended without being asked
                continue
            asyncio.get_running_loop().add_signal_handler(number, app.exit)

    async def _follow(self, app: Application[None]) -> None:
        try:
            while True:
                await asyncio.sleep(self._interval_s)
                self._look()
                app.invalidate()
        except Exception as error:  # noqa: BLE001 - told when the screen is the person's again
            app.exit(exception=error)

    # What is on the screen

    def _application(self) -> Application[None]:
        from prompt_toolkit.application import Application
        from prompt_toolkit.input import create_input
        from prompt_toolkit.layout import FormattedTextControl, HSplit, Layout, Window
        from prompt_toolkit.output import ColorDepth

        from freellm_cli.cli.session_input import terminal_output

        def window(text: Any, **more: Any) -> Window:
            control = FormattedTextControl(text, show_cursor=False)
            return Window(control, always_hide_cursor=True, **more)

        parts = [
            window(self._head, height=1),
            window("", height=1),
            window(self._board),
            window(self._foot, height=1),
        ]
        coloured = self._face.may_colour(self._face.out)
        typed = self._face.is_terminal(self._face.stdin)
        return Application(
            layout=Layout(HSplit(parts)),
            key_bindings=self._keys(),
            full_screen=True,
            erase_when_done=True,
            color_depth=None if coloured else ColorDepth.DEPTH_1_BIT,
            input=create_input(self._face.stdin) if typed else create_input(always_prefer_tty=True),
            output=terminal_output(self._face),
        )

    def _keys(self) -> KeyBindings:
        from prompt_toolkit.key_binding import KeyBindings

        keys = KeyBindings()
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -100_000, "end": 100_000}

        def leave(event: KeyPressEvent) -> None:
            event.app.exit()

        for name in ("q", "Q", "c-c", "c-d", "<sigint>"):
            keys.add(name)(leave)
        for name, lines in steps.items():
            keys.add(name)(lambda event, lines=lines: self._scroll(lines))
        for name, pages in {"pageup": -1, "pagedown": 1, " ": 1}.items():
            keys.add(name)(lambda event, pages=pages: self._scroll(pages * self._room()))
        if os.name != "nt":
            keys.add("c-z")(lambda event: event.app.suspend_to_background())
        return keys

    def _scroll(self, lines: int) -> None:
        self._offset += lines

    def _head(self) -> list[tuple[str, str]]:
        width = self._width()
        at = time.strftime("%H:%M:%S", time.localtime(self._watched.runtime.clock.now()))
        facts = [tally(self._rows), *([self._traffic] if self._traffic else [])]
        dot = f" {self._glyphs.dot} "
        for shown, clock in ((dot.join(facts), at), (facts[0], at), (facts[0], ""), ("", at)):
            left: Line = (Cell(self._title, "strong"), Cell(f"  {shown}".rstrip()))
            room = width - sum(width_of(cell.text) for cell in left) - len(clock)
            if room >= (2 if clock else 0):
                return _painted((*left, Cell(" " * room + clock, "dim")))
        return _painted(cut_to((Cell(self._title, "strong"),), width, self._glyphs.cut))

    def _board(self) -> list[tuple[str, str]]:
        now = self._watched.runtime.clock.now()
        lines = board(self._rows, now, self._width(), self._glyphs)
        if not lines:
            lines = [cut_to((Cell(_NO_KEY),), self._width(), self._glyphs.cut)]
        self._height = len(lines)
        self._offset = max(0, min(self._offset, len(lines) - self._room()))
        text: list[tuple[str, str]] = []
        for line in lines[self._offset : self._offset + self._room()]:
            text += [*_painted(line), ("", "\n")]
        return text[:-1]

    def _foot(self) -> list[tuple[str, str]]:
        told = "q leaves"
        if self._height > self._room():
            told += f" {self._glyphs.dot} up, down and space scroll"
        line = (Cell(self._notes[-1], "warn"),) if self._notes else (Cell(told, "dim"),)
        return _painted(cut_to(line, self._width(), self._glyphs.cut))

    def _width(self) -> int:
        return self._size().columns

    def _room(self) -> int:
        """Lines that the board may take: all but the head, the foot and a blank one."""
        return max(1, self._size().rows - 3)

    def _size(self) -> Size:
        from prompt_toolkit.application import get_app

        return get_app().output.get_size()


def _painted(line: Line) -> list[tuple[str, str]]:
    return [(_STYLES[cell.style], cell.text) for cell in line]


def _glyphs_of(face: Face) -> Glyphs:
    try:
        "".join(Glyphs()).encode(getattr(face.out, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return Glyphs()

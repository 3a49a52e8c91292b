"""The program on a pseudo-terminal, and what a person sees there: the lines of an emulated screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pexpect
import pyte

from tests.support.program import PROGRAM

PATIENCE_S = 20.0


class Screen:
    """`lines`: what is seen. `sent`: every byte that the program has written to the terminal."""

    def __init__(
        self,
        words: Sequence[str],
        env: Mapping[str, str],
        columns: int = 80,
        rows: int = 24,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.sent = b""
        self.child: Any = pexpect.spawn(
            program[0], [*program[1:], *words], env=dict(env), timeout=PATIENCE_S,
            dimensions=(rows, columns), use_poll=True,
        )  # fmt: skip

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def read(self, seconds: float) -> bytes:
        """What the program writes in this time."""
        until, got = time.monotonic() + seconds, b""
        while (left := until - time.monotonic()) > 0:
            try:
                some = self.child.read_nonblocking(65536, timeout=min(left, 0.2))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                break
            got += some
            self.sent += some
            self._stream.feed(some)
        return got

    def wait_for(self, seen: Callable[[], object]) -> None:
        """Until `seen()` holds of what is on the screen; fails with the screen when it never does."""
        until = time.monotonic() + PATIENCE_S
        while not seen():
            assert time.monotonic() < until, f"never seen; the screen is\n{self.text}"
            self.read(0.05)

    def see(self, text: str) -> str:
        """Waits for `text`; the line that holds it."""
        self.wait_for(lambda: text in self.text)
        return next(line for line in self.lines if text in line)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def send(self, keys: str) -> None:
        self.child.send(keys)

    def end(self) -> int:
        """Waits until the program has ended; its exit code, or minus the signal that ended it."""
        self.read(PATIENCE_S)
        self.child.close()
        code = self.child.exitstatus
        return int(code) if code is not None else -int(self.child.signalstatus or 0)

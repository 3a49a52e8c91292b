"""One line a request. A thread of its own writes, so that a full pipe or a slow disk stops nobody."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from freellm_cli.core.errors import BadField, ConfigError, FreellmError
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.server.gathering import Gathering

if TYPE_CHECKING:
    from freellm_cli.core.chat import Usage
    from freellm_cli.services.answer import Answerer
    from freellm_cli.services.wait_words import Wait

MOST_WAITING = 10_000
_SHOWN_CONTENT = 2_000
_SHOWN_PATH = 500
_SHOWN_MESSAGE = 200
_SHOWN_QUOTE = 40
_A_WAIT_MS = 100.0
"""What is shorter is no wait that anybody feels."""


class Entry:
    """What is known of one request when it is over. Times in milliseconds."""

    __slots__ = (
        "answered", "asked", "attempts", "completion_tokens", "content", "credential", "dialect",
        "error", "face", "first_ms", "message", "method", "ms", "path", "prompt_tokens", "request_id",
        "status", "stream", "waited_ms",
    )  # fmt: skip

    def __init__(self, method: str, path: str, request_id: str) -> None:
        self.method = method
        self.path = path
        self.request_id = request_id
        self.dialect = ""
        self.face = ""
        """In which words a model was asked; "" when none was."""
        self.status = 0
        """499 when the client left first."""
        self.stream = False
        self.asked = ""
        self.answered = ""
        self.credential = ""
        self.attempts = 0
        self.waited_ms = 0.0
        """For a limit."""
        self.first_ms: float | None = None
        self.ms = 0.0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.error = ""
        self.message = ""
        """Of the error: our own words of it."""
        self.content: tuple[str, str] | None = None
        """Question and answer, only with `--log-content`."""

    def on_wait(self, found: Wait | None, waited_s: float) -> None:
        """An `OnWait`: counts each wait when it is over."""
        if found is None:
            self.waited_ms += waited_s * 1000

    def answered_by(self, who: Answerer, usage: Usage) -> None:
        self.answered, self.credential, self.attempts = who.model_id, who.credential, who.attempts
        self.prompt_tokens, self.completion_tokens = usage.prompt, usage.completion

    def words_of_others(self) -> tuple[str, ...]:
        """All that a client or a provider has written of it: only there can a key stand."""
        return (
            self.method, self.path, self.asked, self.answered, self.credential, self.error,
            self.message, *(self.content or ()),
        )  # fmt: skip

    def values(self) -> list[Any]:
        """For another process: `of` makes the same of them."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def of(cls, values: list[Any]) -> Entry:
        entry = cls("", "", "")
        for name, value in zip(cls.__slots__, values, strict=True):
            setattr(entry, name, value)
        return entry

    def as_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            name: getattr(self, name) for name in self.__slots__ if name != "content"
        }
        data["ms"], data["waited_ms"] = round(self.ms, 1), round(self.waited_ms, 1)
        if self.first_ms is not None:
            data["first_ms"] = round(self.first_ms, 1)
        if self.content is not None:
            data["question"], data["answer"] = self.content
        return data

    def as_line(self) -> str:
        path = self.path
        if len(path) > _SHOWN_PATH:
            path = path[:_SHOWN_PATH] + "…"
        parts = [f"{self.method} {path} {self.status or '-'}"]
        if self.asked or self.answered:
            who = f"{self.asked or '(default)'} -> {self.answered or '-'}"
            parts.append(f"{who} {self.credential}".rstrip())
        if self.attempts > 1:
            parts.append(f"{self.attempts} attempts")
        if self.waited_ms >= _A_WAIT_MS:
            parts.append(f"waited {_seconds(self.waited_ms)} for a limit")
        times = f"{self.ms:.0f} ms"
        if self.first_ms is not None:
            times = f"first {self.first_ms:.0f} ms, {times}"
        parts.append(times)
        if self.completion_tokens:
            parts.append(f"{self.prompt_tokens}+{self.completion_tokens} tokens")
        if self.error:
            parts.append(f"{self.error}: {self.message}" if self.message else self.error)
        parts.append(self.request_id)
        line = _plain(" · ".join(parts))
        if self.content is not None:
            for mark, text in zip("?!", self.content, strict=True):
                line += f"\n    {mark} {text[:_SHOWN_CONTENT]!r}"
        return line


class EntryLog(Protocol):
    """Where entries go."""

    def start(self) -> None: ...

    def add(self, entry: Entry) -> None:
        """Takes it over; must be quick."""

    def stop(self) -> None:
        """Hands on what waits."""


def cause_of(error: FreellmError, message: str) -> str:
    """What the log says of `error`, whose `message` is clean of secrets: our own words. What providers said
    stands behind them and may quote the question; what a client wrote is cut."""
    if not isinstance(error, BadField | HttpRefusal | ConfigError):
        message = message.partition(": ")[0].partition(" (")[0]
    import re

    message = re.sub(rf"(['\"])(.{{{_SHOWN_QUOTE}}})[^'\"]+\1", r"\1\2…\1", message)
    return message if len(message) <= _SHOWN_MESSAGE else message[:_SHOWN_MESSAGE] + "…"


def _seconds(ms: float) -> str:
    return f"{ms / 1000:.0f} s" if ms >= 9_950 else f"{ms / 1000:.1f} s"


def _plain(text: str) -> str:
    """A client's path or model name must neither drive the terminal nor begin a line of its own."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _json_line(data: dict[str, Any]) -> str:
    """Readable, but all in ASCII where a character could drive a terminal that the log is shown on."""
    text = json.dumps(data, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(data)


class AccessLog:
    """`write(text)` takes whole lines; it may block."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        as_json: bool = False,
        clean: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._clean = clean
        self._lines: deque[tuple[float, Entry]] = deque()
        self._foreign: set[str] = set()
        self._lost = 0
        self._gathering = Gathering("access-log", self._hand_on)

    def start(self) -> None:
        self._gathering.start()

    def add(self, entry: Entry) -> None:
        if len(self._lines) >= MOST_WAITING:
            self._lost += 1
            return
        self._lines.append((time.time(), entry))
        self._gathering.ring()

    def stop(self) -> None:
        """Writes what waits, unless nobody reads it."""
        self._gathering.stop()

    def _hand_on(self) -> None:
        text = "".join(self._taken())
        if text:
            try:
                self._write(self._cleaned(text))
            except (OSError, ValueError):  # nobody reads it any more
                self._lines.clear()

    def _cleaned(self, text: str) -> str:
        """The same few words stand in many lines: to look through those is a small part of the work."""
        foreign = "\n".join(self._foreign)
        self._foreign.clear()
        return text if self._clean(foreign) == foreign else self._clean(text)

    def _taken(self) -> list[str]:
        lines = []
        while self._lines:
            at, entry = self._lines.popleft()
            self._foreign.update(entry.words_of_others())
            lines.append(self._line(at, entry) + "\n")
        if self._lost:
            lines.append(self._lost_line() + "\n")
            self._lost = 0
        return lines

    def _line(self, at: float, entry: Entry) -> str:
        if self._as_json:
            return _json_line({"at": round(at, 3), **entry.as_json()})
        return f"{time.strftime('%H:%M:%S', time.localtime(at))} {entry.as_line()}"

    def _lost_line(self) -> str:
        if self._as_json:
            return _json_line({"at": round(time.time(), 3), "lost_lines": self._lost})
        return f"… {self._lost} lines were lost: the log was not read fast enough"

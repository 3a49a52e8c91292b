"""Answers dressed as a server's settings say, before any dialect sees them."""

from __future__ import annotations

from freellm_cli.core.chat import Completion, Delta, Usage
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.base import FaceWriter, ReplyStyle

_FENCE = "```"
_LONGEST_LANGUAGE = 40


def tidy_text(text: str) -> str:
    """An answer as a game can speak it: no white space around it, no code fence about all of it."""
    tidy = TidyText()
    return tidy.feed(text) + tidy.close()


class TidyText:
    """`tidy_text` for text that comes in pieces: holds back what may turn out to be the edge."""

    __slots__ = ("_begun", "_fenced", "_held", "_spoken")

    def __init__(self) -> None:
        self._held = ""
        self._begun = False
        self._fenced = False
        self._spoken = False

    def feed(self, text: str) -> str:
        text = self._held + text
        if not self._begun:
            text = self._beginning(text)
        end = _edge(text) if self._begun else 0
        said, self._held = text[:end], text[end:]
        if self._fenced and _FENCE in said:
            # The fence was about a part of the answer only.
            self._fenced = False
            before, _, after = said.partition(_FENCE)
            said = before + after if before or self._spoken else after.lstrip()
        self._spoken = self._spoken or bool(said)
        return said

    def close(self) -> str:
        """What is still to be said: the held end without its white space and its fence."""
        held, self._held = self._held, ""
        if not self._begun and not self._fenced and held.startswith(_FENCE):
            self._fenced = True
            held = _behind_opening(held)
        self._begun = True
        held = held.rstrip()
        if self._fenced:
            held = held.removesuffix(_FENCE).rstrip()
        return held

    def _beginning(self, text: str) -> str:
        """`text` without white space and an opening fence, as far as it is known what it begins with."""
        text = text.lstrip()
        if not self._fenced:
            if _may_open(text):
                return text
            if text.startswith(_FENCE):
                self._fenced = True
                text = _behind_opening(text)
        self._begun = bool(text)
        return text


def _edge(text: str) -> int:
    """Where the white space and back quotes at the end of `text` begin."""
    end = len(text)
    while end and (text[end - 1] == "`" or text[end - 1].isspace()):
        end -= 1
    return end


def _may_open(text: str) -> bool:
    """True while `text` could become a line that opens a fence."""
    if not text.startswith(_FENCE):
        return _FENCE.startswith(text)
    first = text[len(_FENCE) :]
    return "\n" not in first and _is_language(first)


def _behind_opening(text: str) -> str:
    """`text` behind its opening fence: the rest of that line names a language, or is said."""
    first, line_end, rest = text[len(_FENCE) :].partition("\n")
    return (rest if line_end and _is_language(first) else first + line_end + rest).lstrip()


def _is_language(text: str) -> bool:
    return len(text) < _LONGEST_LANGUAGE and " " not in text.strip()


class DressedWriter:
    """Any dialect's writer behind a `ReplyStyle`."""

    def __init__(self, writer: FaceWriter, style: ReplyStyle) -> None:
        self.content_type = writer.content_type
        self._writer = writer
        self._reasoning = style.reasoning
        self._tidy = TidyText() if style.tidy else None

    def start(self) -> bytes:
        return self._writer.start()

    def delta(self, delta: Delta) -> bytes:
        if not self._reasoning:
            delta = _without_thoughts(delta)
        if self._tidy is None:
            return self._writer.delta(delta)
        text = self._tidy.feed(delta.text) if delta.text else ""
        if delta.tool_calls or delta.images:
            text += self._tidy.close()
        return self._writer.delta(delta._replace(text=text))

    def finish(self, usage: Usage) -> bytes:
        held = self._tidy.close() if self._tidy else ""
        last = self._writer.delta(Delta(text=held)) if held else b""
        return last + self._writer.finish(usage)

    def error(self, error: FreellmError) -> bytes:
        return self._writer.error(error)

    def keep_alive(self) -> bytes:
        return self._writer.keep_alive()

    def whole(self, completion: Completion) -> bytes:
        if not self._reasoning:
            extra = _other_extra(completion.extra)
            completion = completion._replace(reasoning="", extra=extra)
        if self._tidy is not None:
            completion = completion._replace(text=tidy_text(completion.text))
        return self._writer.whole(completion)


def _without_thoughts(delta: Delta) -> Delta:
    if not delta.reasoning and not delta.extra:
        return delta
    return delta._replace(reasoning="", extra=_other_extra(delta.extra))


def _other_extra(extra: dict[str, object] | None) -> dict[str, object] | None:
    if not extra:
        return None
    return {key: value for key, value in extra.items() if key != "reasoning_details"} or None
